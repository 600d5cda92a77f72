import { RegoNumber, numberFromBigInt } from '@edict/rego/values';
import { jsonText } from './json-text.ts';
import { setMember } from './plain-object.ts';
import type { CompiledAnnotation, MergeValue } from './compiled-snapshot.ts';
import type { PlainObject } from './plain-object.ts';

/**
 * One annotation on its way through merging. `value` is a Rego value, except that integers written natively stay
 * `bigint` where they are elements of the annotation's own array: only there does `union` tell them from JSON numbers.
 */
export interface Annotation {
  readonly value: unknown;
  /** `''` where none is given. */
  readonly merge: string;
}

/** Annotations while they are being merged, by name. */
export type AnnotationMap = Map<string, Annotation>;

/** One entity's annotations, ready to merge. */
export interface EntityAnnotations {
  readonly entries: ReadonlyMap<string, Annotation>;
  /** Whether any array has native integers among its elements. */
  readonly hasNative: boolean;
  /** Whether any value holds what JSON cannot. */
  readonly hasUnencodable: boolean;
}

/** What merging may still touch; shared by all merges of one decision. */
export interface MergeBudget {
  remaining: number;
}

/** Merging touched more values than it may. */
export class MergeLimitError extends Error {
  override readonly name = 'MergeLimitError';
  readonly code = 'MergeLimit';
  constructor() {
    super('merging the annotations of this request exceeds the limit on merge steps');
  }
}

/** An annotation holds what JSON cannot: `.inf`, `.nan`, or a map whose keys are not strings. */
export class UnencodableAnnotationError extends Error {
  override readonly name = 'UnencodableAnnotationError';
  readonly code = 'UnencodableAnnotation';
  constructor(annotation: string) {
    super(`annotation '${annotation}' holds a value that JSON cannot express`);
  }
}

/** Makes compiled annotations ready to merge; `undefined` when there are none. */
export function loadAnnotations(annotations: readonly CompiledAnnotation[]): EntityAnnotations | undefined {
  if (annotations.length === 0) return undefined;
  const entries = new Map<string, Annotation>();
  let hasNative = false;
  let hasUnencodable = false;
  for (const { name, value, merge } of annotations) {
    let loaded: unknown;
    if (isMergeArray(value)) {
      hasNative ||= value.some((element) => typeof element === 'bigint');
      loaded = value.map((element) => (typeof element === 'bigint' ? element : regoValue(element)));
    } else loaded = regoValue(value);
    hasUnencodable ||= holdsUnencodable(loaded);
    entries.set(name, { value: loaded, merge });
  }
  return { entries, hasNative, hasUnencodable };
}

/**
 * Merges one entity's annotations below what is already in `result`, in place. For a name on both sides the higher
 * side's strategy counts, else the lower's, else `deep`; the entry keeps the higher side's own strategy, even if it has
 * none, so that a strategy stated by the lower side only is used once.
 * @throws MergeLimitError
 */
export function mergeBelow(result: AnnotationMap, lower: ReadonlyMap<string, Annotation>, budget: MergeBudget): void {
  spend(budget, lower.size);
  for (const [name, annotation] of lower) {
    const higher = result.get(name);
    if (higher === undefined) {
      result.set(name, annotation);
      continue;
    }
    const strategy = higher.merge === '' ? annotation.merge : higher.merge;
    result.set(name, { value: combine(annotation.value, higher.value, strategy, budget), merge: higher.merge });
  }
}

/**
 * Combines two values of one annotation. Values of different kinds (array, object, scalar) do not combine: the higher
 * one stays. Unknown strategies, and `''`, mean `deep`.
 * @throws MergeLimitError
 */
export function combine(lower: unknown, higher: unknown, strategy: string, budget: MergeBudget): unknown {
  if (isArray(lower)) return isArray(higher) ? combineArrays(lower, higher, strategy, budget) : higher;
  if (isObject(lower)) return isObject(higher) ? combineObjects(lower, higher, strategy, budget) : higher;
  if (isArray(higher) || isObject(higher)) return higher;
  return strategy === 'prepend' ? lower : higher;
}

/**
 * The merged annotations as policies see them. `checks` says what the merged entities may have brought in.
 * @throws UnencodableAnnotationError
 */
export function finishAnnotations(
  merged: AnnotationMap,
  checks: Pick<EntityAnnotations, 'hasNative' | 'hasUnencodable'>,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, { value }] of merged) {
    if (checks.hasUnencodable && holdsUnencodable(value)) throw new UnencodableAnnotationError(name);
    setMember(result, name, checks.hasNative && isArray(value) ? value.map(regoElement) : value);
  }
  return result;
}

function regoElement(element: unknown): unknown {
  return typeof element === 'bigint' ? numberFromBigInt(element) : element;
}

function regoValue(value: MergeValue): unknown {
  if (typeof value === 'bigint') return numberFromBigInt(value);
  if (isMergeArray(value)) return value.map(regoValue);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) setMember(result, key, regoValue(member));
  return result;
}

function holdsUnencodable(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (isArray(value)) return value.some(holdsUnencodable);
  return isObject(value) && Object.values(value).some(holdsUnencodable);
}

function combineArrays(
  lower: readonly unknown[],
  higher: readonly unknown[],
  strategy: string,
  budget: MergeBudget,
): readonly unknown[] {
  if (strategy === 'replace') return higher;
  spend(budget, lower.length + higher.length);
  if (strategy === 'prepend') return [...lower, ...higher];
  return strategy === 'union' ? distinct([...higher, ...lower], budget) : [...higher, ...lower];
}

function combineObjects(lower: PlainObject, higher: PlainObject, strategy: string, budget: MergeBudget): PlainObject {
  if (strategy === 'replace') return higher;
  const lowerKeys = Object.keys(lower);
  spend(budget, lowerKeys.length + Object.keys(higher).length);
  if (strategy === 'append') return { ...lower, ...higher };
  if (strategy === 'prepend') return { ...higher, ...lower };
  const result: Record<string, unknown> = { ...higher };
  for (const key of lowerKeys) {
    const below = lower[key];
    setMember(result, key, Object.hasOwn(higher, key) ? combine(below, higher[key], 'deep', budget) : below);
  }
  return result;
}

/** Keeps the first of equal elements. JSON numbers and native integers are never equal, except inside containers. */
function distinct(values: readonly unknown[], budget: MergeBudget): readonly unknown[] {
  const seen = new Set<unknown>();
  return values.filter((value) => {
    const key = distinctKey(value, budget);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function distinctKey(value: unknown, budget: MergeBudget): unknown {
  if (typeof value === 'string') return `s${value}`;
  if (typeof value === 'bigint') return `j${String(value)}`;
  if (value instanceof RegoNumber) return Number(value.text);
  if (typeof value !== 'object' || value === null) return value;
  const text = jsonText(value, 'exact');
  spend(budget, text.length >> 3);
  return `j${text}`;
}

function spend(budget: MergeBudget, steps: number): void {
  budget.remaining -= steps;
  if (budget.remaining < 0) throw new MergeLimitError();
}

function isMergeArray(value: MergeValue): value is readonly MergeValue[] {
  return Array.isArray(value);
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RegoNumber);
}

import { isDeepStrictEqual } from 'node:util';
import { kindByName, type ApiObject, type PolicyRevisionStatus } from '@edict/crds';
import type { KindName } from '../store.ts';

/** An object of any kind, where the rules are the same for all. */
export type AnyObject = ApiObject<unknown, unknown>;

const IMMUTABLE: ReadonlySet<string> = new Set<KindName>(['PolicyBundle', 'PolicyRevision']);

/** Why the apiserver would refuse to replace `before` by `after`; undefined when it would not. The CRDs say the same in CEL. */
export function transitionProblem(before: AnyObject, after: AnyObject): string | undefined {
  if (IMMUTABLE.has(before.kind) && !isDeepStrictEqual(before.spec, after.spec)) {
    return `spec: a ${before.kind} is immutable`;
  }
  return undefined;
}

/** The same for a status: a decision never changes once it is written. */
export function statusTransitionProblem(before: AnyObject, after: AnyObject): string | undefined {
  const definition = kindByName(after.kind);
  if (definition !== undefined && after.status !== undefined) {
    const parsed = definition.status.safeParse(after.status);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `status.${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
    }
  }
  if (before.kind !== 'PolicyRevision') return undefined;
  const later = (after.status as PolicyRevisionStatus | undefined)?.waves ?? [];
  for (const wave of (before.status as PolicyRevisionStatus | undefined)?.waves ?? []) {
    if (wave.decision === undefined) continue;
    const now = later.find(({ index }) => index === wave.index)?.decision;
    if (now !== wave.decision) return `status.waves[${wave.index}].decision: a decision never changes`;
  }
  return undefined;
}

/** What the status of a new object is. */
export function initialStatus(kind: string): unknown {
  return kindByName(kind)?.statusDefault;
}

type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Server-side apply for one field manager: sets what `applied` names and removes what `previous` (the manager's last
 * application) named and `applied` does not. Lists are atomic, as ours are in the CRDs.
 */
export function applyFields(current: unknown, previous: unknown, applied: unknown): unknown {
  if (!isTree(applied)) return applied;
  const base: Record<string, unknown> = isTree(current) ? { ...current } : {};
  if (isTree(previous)) {
    for (const [key, value] of Object.entries(previous)) {
      if (Object.hasOwn(applied, key)) continue;
      const rest = isTree(value) ? applyFields(base[key], value, {}) : undefined;
      if (rest === undefined || (isTree(rest) && Object.keys(rest).length === 0)) Reflect.deleteProperty(base, key);
      else base[key] = rest;
    }
  }
  for (const [key, value] of Object.entries(applied)) {
    base[key] = applyFields(base[key], isTree(previous) ? previous[key] : undefined, value);
  }
  return base;
}

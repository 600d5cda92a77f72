import type { EvaluationErrorCode, EvaluateOptions, Outcome } from '../api.ts';
import type { Location } from '../diagnostics.ts';
import type { Builtin, BuiltinContext, BuiltinErrorCode } from './builtins/builtin.ts';
import { keysOf, valuesOf } from './documents.ts';
import { isObject } from './value.ts';
import type { Value } from './value.ts';

/** Loop turns and calls that one evaluation may take unless it says otherwise. */
export const DEFAULT_MAX_STEPS = 10_000_000;

/** A place in a policy that an error can point at. */
export interface Site {
  readonly message: string;
  readonly location: Location;
}

/** Ends an evaluation. */
export class EvaluationFailure extends Error {
  override readonly name = 'EvaluationFailure';
  readonly code: EvaluationErrorCode;
  readonly location: Location | undefined;

  constructor(code: EvaluationErrorCode, message: string, location?: Location) {
    super(message);
    this.code = code;
    this.location = location;
  }
}

interface BuiltinFailure {
  readonly code: BuiltinErrorCode;
  readonly message: () => string;
  site: Site | undefined;
}

/** What time it is and where random bytes come from, for one evaluation. */
export interface Surroundings {
  readonly nowNs: () => bigint;
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * One evaluation as generated code and built-ins see it. Generated code calls `at` behind a call that gave nothing, so
 * that the failure which the built-in may have recorded learns its place; calls that succeed pay nothing.
 */
export class Evaluation implements BuiltinContext {
  #cache: Map<string, unknown> | undefined = undefined;
  readonly #sites: readonly Site[];
  readonly #failures: BuiltinFailure[] | undefined;
  readonly #surroundings: Surroundings;
  readonly #sorted: WeakMap<object, SortedMembers>;
  #now: bigint | undefined;

  constructor(
    sites: readonly Site[],
    options: EvaluateOptions,
    surroundings: Surroundings,
    sorted: WeakMap<object, SortedMembers>,
  ) {
    this.#sites = sites;
    this.#failures = options.strictBuiltinErrors === true ? [] : undefined;
    this.#surroundings = surroundings;
    this.#sorted = sorted;
    this.#now = options.nowNs;
  }

  get cache(): Map<string, unknown> {
    return (this.#cache ??= new Map());
  }

  nowNs(): bigint {
    return (this.#now ??= this.#surroundings.nowNs());
  }

  randomBytes(count: number): Uint8Array {
    return this.#surroundings.randomBytes(count);
  }

  fail(code: BuiltinErrorCode, message: () => string): undefined {
    this.#failures?.push({ code, message, site: undefined });
    return undefined;
  }

  /** Tells the failures that have no place yet where they happened. */
  at(site: number): void {
    if (this.#failures === undefined) return;
    for (let index = this.#failures.length - 1; index >= 0; index--) {
      const failure = this.#failures[index];
      if (failure === undefined || failure.site !== undefined) return;
      failure.site = this.#sites[site];
    }
  }

  /** The first failure of a built-in, if failures count. */
  firstFailure(): Extract<Outcome, { readonly kind: 'error' }> | undefined {
    const [first] = this.#failures ?? [];
    if (first === undefined) return undefined;
    const name = first.site === undefined ? '' : `${first.site.message}: `;
    const outcome = { kind: 'error', code: first.code, message: name + first.message() } as const;
    return first.site === undefined ? outcome : { ...outcome, location: first.site.location };
  }

  /** {@link valuesOf}, kept for objects of the base documents, which never change. */
  dataValues(value: Value): readonly Value[] {
    if (Array.isArray(value)) return value as readonly Value[];
    return this.#sortedMembers(value)?.values ?? valuesOf(value);
  }

  /** {@link keysOf}, kept likewise. */
  dataKeys(value: Value): readonly Value[] | undefined {
    if (Array.isArray(value)) return undefined;
    return this.#sortedMembers(value)?.keys ?? keysOf(value);
  }

  #sortedMembers(value: Value): SortedMembers | undefined {
    if (value === undefined || !isObject(value)) return undefined;
    let members = this.#sorted.get(value);
    if (members === undefined) {
      members = { keys: keysOf(value) ?? [], values: valuesOf(value) };
      this.#sorted.set(value, members);
    }
    return members;
  }
}

/** The members of an object in Rego order. */
export interface SortedMembers {
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** Looks a built-in up; throws for names that no built-in has, which the compiler lets nobody call. */
export const findBuiltin = (builtins: ReadonlyMap<string, Builtin>, name: string): Builtin['evaluate'] => {
  const builtin = builtins.get(name);
  if (builtin !== undefined) return builtin.evaluate;
  return () => {
    throw new EvaluationFailure('eval_internal_error', `unsupported built-in: ${name}`);
  };
};

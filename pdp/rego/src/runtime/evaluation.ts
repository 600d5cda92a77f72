import type { EvaluationErrorCode, EvaluateOptions, Outcome } from '../api.ts';
import type { Location } from '../diagnostics.ts';
import type { Builtin, BuiltinContext, BuiltinErrorCode } from './builtins/builtin.ts';
import { indexMembers, keysOf, valuesOf, type MemberIndex } from './documents.ts';
import { isObject } from './value.ts';
import type { Value } from './value.ts';

/** Loop turns and calls that one evaluation may take unless it says otherwise. */
export const DEFAULT_MAX_STEPS = 10_000_000;

/** Milliseconds that one evaluation may take unless it says otherwise. */
export const DEFAULT_MAX_MS = 10_000;

/** Steps between two looks at the clock. */
export const STEPS_PER_LOOK = 8_192;

/** What an evaluation that says nothing runs under. */
export const usualOptions: EvaluateOptions = {};

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

/** What time it is and where random bytes come from. */
export interface Surroundings {
  readonly nowNs: () => bigint;
  /** Milliseconds since whenever: never goes back. */
  readonly elapsedMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * What generated code and built-ins see of an evaluation. One object serves all evaluations of an instance, one after
 * the other; `begin` starts each. Generated code calls `at` behind a call that gave nothing, so that the failure which
 * the built-in may have recorded learns its place; calls that succeed pay nothing.
 */
export class Evaluation implements BuiltinContext {
  /** Takes steps off the budget; throws where there are none left. Given by the code that counts them. */
  spend: (steps: number) => void = () => undefined;
  sites: readonly Site[] = [];
  #cache: Map<string, unknown> | undefined = undefined;
  #failures: BuiltinFailure[] | undefined = undefined;
  #now: bigint | undefined = undefined;
  /** Steps beyond those that generated code has been given. */
  #reserve = 0;
  #steps = 0;
  #maxMs = DEFAULT_MAX_MS;
  #startMs: number | undefined = undefined;
  readonly #surroundings: Surroundings;
  readonly #sorted = new WeakMap<object, SortedMembers>();
  readonly #indexes = new WeakMap<object, Map<readonly Value[], MemberIndex | undefined>>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Forgets the evaluation before, and gives the steps that the new one may take before it asks for `more`. */
  begin(options: EvaluateOptions): number {
    this.#cache = undefined;
    this.#startMs = undefined;
    if (options === usualOptions) {
      this.#failures = undefined;
      this.#now = undefined;
      this.#maxMs = DEFAULT_MAX_MS;
      this.#reserve = DEFAULT_MAX_STEPS - STEPS_PER_LOOK;
      return STEPS_PER_LOOK;
    }
    this.#failures = options.strictBuiltinErrors === true ? [] : undefined;
    this.#now = options.nowNs;
    this.#maxMs = options.maxMs ?? DEFAULT_MAX_MS;
    const most = options.maxSteps ?? DEFAULT_MAX_STEPS;
    const steps = options.budget === undefined ? most : Math.min(most, Math.max(0, options.budget.remaining));
    const first = Math.min(steps, STEPS_PER_LOOK);
    this.#steps = steps;
    this.#reserve = steps - first;
    return first;
  }

  /** Steps that the evaluation has taken, if `left` is what remains of those given out. */
  used(left: number): number {
    return Math.min(this.#steps, this.#steps - this.#reserve - left);
  }

  /** The next steps; `left` is negative: those taken beyond what was given out. Throws when a budget has run out. */
  more(left: number): number {
    const reserve = this.#reserve + left;
    if (reserve < 0) {
      this.#reserve = 0;
      throw new EvaluationFailure('eval_cancel_error', 'the evaluation took more steps than it may');
    }
    const now = this.#surroundings.elapsedMs();
    this.#startMs ??= now;
    if (now - this.#startMs > this.#maxMs) {
      throw new EvaluationFailure('eval_cancel_error', 'the evaluation took longer than it may');
    }
    const next = Math.min(reserve, STEPS_PER_LOOK);
    this.#reserve = reserve - next;
    return next;
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
      failure.site = this.sites[site];
    }
  }

  /** The first failure of a built-in, if failures count. */
  firstFailure(): Extract<Outcome, { readonly kind: 'error' }> | undefined {
    if (this.#failures === undefined) return undefined;
    const [first] = this.#failures;
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

  /** The index of a base document's members by what stands at `path`; `values` are those of {@link dataValues}. */
  dataIndex(document: Value, values: readonly Value[], path: readonly Value[]): MemberIndex | undefined {
    if (typeof document !== 'object' || document === null) return undefined;
    let known = this.#indexes.get(document);
    if (known === undefined) {
      known = new Map();
      this.#indexes.set(document, known);
    }
    // Paths are constants of the program, one for each text.
    let index = known.get(path);
    if (index === undefined && !known.has(path)) {
      index = indexMembers(values, path);
      known.set(path, index);
    }
    return index;
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

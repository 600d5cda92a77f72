import type { EvaluationErrorCode, EvaluateOptions, Outcome, StepBudget } from '../api.ts';
import type { Location } from '../diagnostics.ts';
import type { NetworkSession } from '../network/session.ts';
import type { Builtin, BuiltinContext, BuiltinErrorCode } from './builtins/builtin.ts';
import { chargeWork } from './builtins/work.ts';
import { indexMembers, keysOf, SMALL_COLLECTION, valuesOf, type MemberIndex } from './documents.ts';
import { Sites, type Site } from './sites.ts';
import { isObject, keyOf } from './value.ts';
import { MemoKeys } from './memo-keys.ts';
import { boundVisits, freeVisits } from './visits.ts';
import type { Value } from './value.ts';
import type { TraceListener } from '../trace/listener.ts';

/** Loop turns and calls that one evaluation may take unless it says otherwise. */
export const DEFAULT_MAX_STEPS = 10_000_000;

/** Milliseconds that one evaluation may take unless it says otherwise. */
export const DEFAULT_MAX_MS = 10_000;

/** Steps between two looks at the clock. */
export const STEPS_PER_LOOK = 8_192;

/** Members of composite values that may be compared or written for one step. */
const VISITS_PER_STEP = 4;

/** Visits between two looks at the steps; the first are free. */
const VISITS_PER_RENEWAL = 4_096;

/** What an evaluation that says nothing runs under. */
export const usualOptions: EvaluateOptions = {};

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
  /** Takes the messages of `trace` and `print`. Default: nobody does. */
  readonly note?: NonNullable<BuiltinContext['note']>;
  /** Takes the names of the cases that test rules come to. Default: nobody does. */
  readonly testCase?: NonNullable<BuiltinContext['testCase']>;
  /** Takes what an instrumented program tells. Default: nobody does. */
  readonly trace?: TraceListener;
}

/**
 * What generated code and built-ins see of an evaluation. One object serves all evaluations of an instance, one after
 * the other; `begin` starts each. Generated code calls `at` behind a call that gave nothing, so that the failure which
 * the built-in may have recorded learns its place; calls that succeed pay nothing.
 */
export class Evaluation implements BuiltinContext {
  /** Takes steps off the budget; throws where there are none left. Given by the code that counts them. */
  spend: (steps: number) => void = () => undefined;
  sites = new Sites([], []);
  readonly note?: NonNullable<BuiltinContext['note']>;
  readonly testCase?: NonNullable<BuiltinContext['testCase']>;
  network: NetworkSession | undefined = undefined;
  #cache: Map<string, unknown> | undefined = undefined;
  #failures: BuiltinFailure[] | undefined = undefined;
  #now: bigint | undefined = undefined;
  readonly #moreVisits = (): number => {
    this.spend(VISITS_PER_RENEWAL / VISITS_PER_STEP);
    return VISITS_PER_RENEWAL;
  };
  /** Steps beyond those that generated code has been given. */
  #reserve = 0;
  #steps = 0;
  #maxMs = DEFAULT_MAX_MS;
  #startMs: number | undefined = undefined;
  /** Milliseconds taken before this evaluation that count as its own. */
  #earlierMs = 0;
  readonly #surroundings: Surroundings;
  /** Collections of this evaluation that loops with an equation have gone through, by the path of the equation. */
  #joins: Map<readonly Value[], Map<object, Join>> | undefined = undefined;
  readonly #memoKeys = new MemoKeys();
  readonly #sorted = new WeakMap<object, SortedMembers>();
  readonly #indexes = new WeakMap<object, Map<readonly Value[], MemberIndex | undefined>>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    if (surroundings.note !== undefined) this.note = surroundings.note;
    if (surroundings.testCase !== undefined) this.testCase = surroundings.testCase;
  }

  /** Forgets the evaluation before, and gives the steps that the new one may take before it asks for `more`. */
  begin(options: EvaluateOptions): number {
    boundVisits(VISITS_PER_RENEWAL, this.#moreVisits);
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
    const budget = options.network === undefined ? options.budget : this.#enter(options.network, options, most);
    const steps = budget === undefined ? most : Math.min(most, Math.max(0, budget.remaining));
    const first = Math.min(steps, STEPS_PER_LOOK);
    this.#steps = steps;
    this.#reserve = steps - first;
    return first;
  }

  /** What earlier attempts have found out, drawn and used up holds in this one. Gives the steps that they share. */
  #enter(session: NetworkSession, { budget }: EvaluateOptions, maxSteps: number): StepBudget {
    this.network = session;
    session.failures = [];
    this.#cache = session.cache;
    this.#now ??= session.nowNs ??= this.#surroundings.nowNs();
    this.#earlierMs = session.evaluatedMs;
    return budget ?? (session.budget ??= { remaining: maxSteps });
  }

  /** Ends an evaluation that had a session; `left` is what remains of the steps given out. */
  leave(session: NetworkSession, { budget }: EvaluateOptions, left: number): void {
    if (budget === undefined && session.budget !== undefined) session.budget.remaining -= this.used(left);
    session.evaluatedMs = this.#elapsedMs();
    this.network = undefined;
    this.#earlierMs = 0;
  }

  /** Whether the first failure of a built-in counts: then the order of all that is computed shows. */
  get isStrict(): boolean {
    return this.#failures !== undefined;
  }

  #elapsedMs(): number {
    return this.#earlierMs + (this.#startMs === undefined ? 0 : this.#surroundings.elapsedMs() - this.#startMs);
  }

  /** Lets go of what the evaluation had of its input. */
  forget(): void {
    this.#joins = undefined;
    this.#memoKeys.forget();
    freeVisits();
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
    if (now - this.#startMs + this.#earlierMs > this.#maxMs) {
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
      failure.site = this.sites.at(site);
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

  /** What the result of a function is kept by in this evaluation: see {@link MemoKeys}. */
  memoKey(value: Value): unknown {
    return typeof value === 'string' ? keyOf(value) : this.#memoKeys.keyOf(value);
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
    if (values.length < SMALL_COLLECTION || typeof document !== 'object' || document === null) return undefined;
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

  /**
   * The index of any collection's members by what stands at `path`, once this evaluation has gone through the collection
   * so often that making one pays. `values` are always in the same order.
   */
  joinIndex(collection: Value, values: readonly Value[], path: readonly Value[]): MemberIndex | undefined {
    if (values.length < SMALL_COLLECTION || typeof collection !== 'object' || collection === null) return undefined;
    this.#joins ??= new Map();
    let joins = this.#joins.get(path);
    if (joins === undefined) {
      joins = new Map();
      this.#joins.set(path, joins);
    }
    const join = joins.get(collection);
    if (join === undefined) {
      joins.set(collection, { turns: 1, index: undefined });
      return undefined;
    }
    if (join.turns < (values.length < LARGE_COLLECTION ? TURNS_BEFORE_JOIN : TURNS_BEFORE_LARGE_JOIN)) join.turns++;
    else if (join.index === undefined) {
      this.spend(values.length);
      join.index = indexMembers(values, path) ?? NO_MEMBERS;
    }
    return join.index;
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

/** How often a loop with an equation goes through a collection before it gets an index: making one takes about as long. */
const TURNS_BEFORE_JOIN = 16;

/** Going through large collections costs steps, of which there may be few. */
const TURNS_BEFORE_LARGE_JOIN = 3;
const LARGE_COLLECTION = 1_000;

/** The index of a collection none of whose members has the part that is asked for. */
const NO_MEMBERS: MemberIndex = new Map();

interface Join {
  turns: number;
  index: MemberIndex | undefined;
}

/** The members of an object in Rego order. */
export interface SortedMembers {
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** Looks a built-in up, which then counts its steps; throws for names that no built-in has, which the compiler lets nobody call. */
export const findBuiltin = (builtins: ReadonlyMap<string, Builtin>, name: string): Builtin['evaluate'] => {
  const builtin = builtins.get(name);
  if (builtin !== undefined) return chargeWork(builtin);
  return () => {
    throw new EvaluationFailure('eval_internal_error', `unsupported built-in: ${name}`);
  };
};

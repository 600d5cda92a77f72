import type { EvaluateOptions, Instance, InstanceOptions, Outcome, Program } from './api.ts';
import { builtins, type Builtin } from './runtime/builtins/registry.ts';
import { splitPart } from './runtime/builtins/strings.ts';
import { spendWork } from './runtime/builtins/work.ts';
import { admits, admitsKey } from './runtime/admission.ts';
import * as documents from './runtime/documents.ts';
import { Evaluation, EvaluationFailure, findBuiltin, usualOptions } from './runtime/evaluation.ts';
import type { Surroundings } from './runtime/evaluation.ts';
import { Sites, type Site } from './runtime/sites.ts';
import { checkOutput } from './runtime/output.ts';
import { numberFromText } from './runtime/number.ts';
import { Parts } from './runtime/parts.ts';
import type { TraceListener } from './trace/listener.ts';
import { buildObject, compare, equals, getIndex, RegoSet } from './runtime/value.ts';
import type { Value } from './runtime/value.ts';

/** What the code of a program returns when it is given its runtime. */
interface Machine {
  readonly sites: Sites;
  /** Each evaluates one document, with so many steps to begin with. */
  readonly entrypoints: ReadonlyMap<string, (input: Value, data: Value, steps: number) => Value>;
  /** Forgets input and data; needed only where an entry point threw. */
  readonly end: () => void;
  /** What is left of the steps given out. */
  readonly left: () => number;
  readonly spend: (steps: number) => void;
}

/** The clock and the random source of the machine that runs this. */
export const platform: Surroundings = {
  nowNs: () => BigInt(Date.now()) * 1_000_000n,
  elapsedMs: () => performance.now(),
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

/** Binds a program to base documents. Throws only if `program` was not made by `compile`. */
export const instantiate = (program: Program, options: InstanceOptions = {}): Instance => {
  const runner = new Runner(program, options);
  return {
    evaluate: (entrypoint, input, how = usualOptions) => {
      const value = runner.run(entrypoint, input, how);
      if (runner.failure !== undefined) return runner.failure;
      return value === undefined ? { kind: 'undefined' } : { kind: 'value', value };
    },
  };
};

/** The kind of an {@link Outcome} that is an error. */
export type Failure = Extract<Outcome, { readonly kind: 'error' }>;

/** Evaluates the entry points of a program. */
export class Runner {
  /** Why the last run failed. Under strict built-in errors a run may fail and give a value all the same. */
  failure: Failure | undefined = undefined;
  readonly #data: Value;
  readonly #machine: Machine;
  readonly #evaluation: Evaluation;

  constructor(
    program: Program,
    options: InstanceOptions,
    available: ReadonlyMap<string, Builtin> = builtins,
    surroundings: Surroundings = platform,
  ) {
    this.#data = options.data ?? {};
    this.#evaluation = new Evaluation(surroundings);
    this.#machine = load(program, this.#data, available, this.#evaluation, surroundings.trace ?? ignore);
    this.#evaluation.sites = this.#machine.sites;
    this.#evaluation.spend = this.#machine.spend;
  }

  /** The value of an entry point; see also `failure`. */
  run(entrypoint: string, input: Value, how: EvaluateOptions): Value {
    const machine = this.#machine;
    const enter = machine.entrypoints.get(entrypoint);
    if (enter === undefined) {
      this.failure = { kind: 'error', code: 'eval_internal_error', message: `not an entry point: ${entrypoint}` };
      return undefined;
    }
    const evaluation = this.#evaluation;
    let value: Value;
    let failure: Failure | undefined;
    try {
      value = enter(input, this.#data, evaluation.begin(how));
      if (typeof value === 'object' || typeof value === 'string') checkOutput(value, how);
    } catch (error) {
      machine.end();
      value = undefined;
      failure = failureOf(error, machine.sites);
    }
    if (how.budget !== undefined) how.budget.remaining -= evaluation.used(machine.left());
    if (evaluation.network !== undefined) evaluation.leave(evaluation.network, how, machine.left());
    // OPA reports the first failure of a built-in even over a conflict; a budget that ran out stays what it is.
    if (how.strictBuiltinErrors === true && (failure === undefined || failure.code === 'eval_conflict_error')) {
      failure = evaluation.firstFailure() ?? failure;
    }
    this.failure = failure;
    return value;
  }
}

const ignore: TraceListener = () => undefined;

const load = (
  program: Program,
  data: Value,
  available: ReadonlyMap<string, Builtin>,
  context: Evaluation,
  trace: TraceListener,
): Machine => {
  const runtime = {
    ...documents,
    // Which failure of a built-in is the first depends on the order.
    anyKeysOf: (value: Value) => (context.isStrict ? documents.keysOf(value) : documents.anyKeysOf(value)),
    anyValuesOf: (value: Value) => (context.isStrict ? documents.valuesOf(value) : documents.anyValuesOf(value)),
    admits,
    admitsKey,
    U: Symbol('not evaluated'),
    data,
    context,
    trace,
    compare,
    equals,
    getIndex,
    keyOf: (value: Value) => context.memoKey(value),
    newObject: buildObject,
    newParts: () => new Parts(),
    newSet: (members?: readonly Value[]) => new RegoSet(members),
    object: buildObject,
    set: (members: readonly Value[]) => new RegoSet(members),
    splitPart,
    isMember: (value: Value, collection: Value) => {
      if (Array.isArray(collection)) spendWork(context, collection.length);
      return documents.isMember(value, collection);
    },
    number: numberFromText,
    builtin: (name: string) => findBuiltin(available, name),
    sites: (texts: readonly string[], numbers: readonly number[]) => new Sites(texts, numbers),
    conflict: (site: Site) => new EvaluationFailure('eval_conflict_error', site.message, site.location),
  };
  // The only use of `new Function` in the product: `program.code` is made by `generateProgram`, which puts no text of a
  // policy into it but JSON literals.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above
  const start = new Function('rt', program.code) as (rt: typeof runtime) => Machine;
  return start(runtime);
};

const failureOf = (error: unknown, sites: Sites): Failure => {
  if (error instanceof EvaluationFailure) {
    const outcome = { kind: 'error', code: error.code, message: error.message } as const;
    return error.location === undefined ? outcome : { ...outcome, location: error.location };
  }
  if (error instanceof documents.KeyConflict) {
    const site = sites.at(error.site);
    const outcome = { kind: 'error', code: 'eval_conflict_error', message: error.message } as const;
    return site === undefined ? outcome : { ...outcome, location: site.location };
  }
  if (error instanceof RangeError) {
    // The call stack, or an array or string beyond what the engine holds.
    return { kind: 'error', code: 'eval_cancel_error', message: `the evaluation goes too deep: ${error.message}` };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'error', code: 'eval_internal_error', message };
};

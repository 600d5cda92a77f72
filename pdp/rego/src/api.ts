import type { Diagnostic, Location } from './diagnostics.ts';
import type { RegoVersion } from './ast.ts';
import type { NetworkSession } from './network/session.ts';
import type { Value } from './runtime/value.ts';

/** One Rego source file. `name` appears in diagnostics and must be unique among the modules of one program. */
export interface RegoModule {
  readonly name: string;
  readonly source: string;
}

export interface CompileOptions {
  /** Language of modules that do not say `import rego.v1`. Default `v1`. */
  readonly regoVersion?: RegoVersion;
  /** Rules that callers may ask for, as slash paths below `data`: `authz/allow`. */
  readonly entrypoints: readonly string[];
  /** Built-ins that count as unknown: `http.send`. Default none. */
  readonly unsafeBuiltins?: readonly string[];
  /**
   * What becomes of calls of `print`: `erase` leaves them out; `keep` checks that their arguments are declared, and hands
   * the text to whoever listens to the evaluation. A print never decides anything. Default `erase`.
   */
  readonly print?: 'erase' | 'keep';
  /**
   * Also refuses what is legal and most likely a mistake: assignments, arguments and imports without use, and in v0
   * what v1 forbids anyway (imports that take each other's names, rules and variables called `input` or `data`, deprecated
   * built-ins). Default false.
   */
  readonly strict?: boolean;
  /**
   * Whether annotations (`# METADATA`) count: then one that is malformed or misplaced is an error, and the types of
   * documents are those of the `schemas` that annotations hold or name. Default false, as for OPA's bundles.
   */
  readonly annotations?: boolean;
  /**
   * JSON schemas. The one without a name (`path: []`) is that of the input for all modules; annotations name the others as
   * `schema.<part>.<part>`. References in a schema must stay within it. Default: annotations may name any, and none counts.
   */
  readonly schemas?: readonly SchemaDocument[];
  /** Also make every package and every rule an entry point; see `Program.documents`. Default false. */
  readonly documents?: boolean;
}

/** A JSON schema with its name. */
export interface SchemaDocument {
  /** Parts of its name below `schema`. */
  readonly path: readonly string[];
  readonly schema: Value;
}

/** A place below `data`: one at which rules define a document or a function, or a package (or a part of its name). */
export type DocumentPlace =
  | {
      readonly path: readonly string[];
      readonly kind: 'package' | 'rule';
      /** The entry point that evaluates it: a package together with the base documents at its place. */
      readonly entrypoint: string;
    }
  | { readonly path: readonly string[]; readonly kind: 'function' };

/**
 * A compiled program: plain data that survives `structuredClone`, so that a worker thread can compile it and
 * another thread can instantiate it. `code` is the body of a function whose only free name is its runtime argument.
 */
export interface Program {
  readonly format: 1;
  readonly code: string;
  readonly entrypoints: readonly string[];
  /** Names of the built-ins that the code can call. */
  readonly builtins: readonly string[];
  /** With `CompileOptions.documents`: every place that packages and rules make. */
  readonly documents?: readonly DocumentPlace[];
}

export type CompileResult =
  | { readonly ok: true; readonly program: Program }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface InstanceOptions {
  /** Base documents; read once, never mutated. Default `{}`. */
  readonly data?: Value;
}

export interface EvaluateOptions {
  /** Fail with the first built-in error instead of treating it as undefined. Default false. */
  readonly strictBuiltinErrors?: boolean;
  /** What `time.now_ns` answers for the whole evaluation, in ns since the epoch. Default: the clock, read once on first use. */
  readonly nowNs?: bigint;
  /** Loop turns and calls that one evaluation may take. Default 10,000,000. */
  readonly maxSteps?: number;
  /**
   * Milliseconds that one evaluation may take. Looked at every few thousand steps, counted from the first look on.
   * Default 10,000.
   */
  readonly maxMs?: number;
  /** Values and characters that the answer may hold, counted as JSON writes them. Default 16,777,216. */
  readonly maxOutput?: number;
  /** Arrays, objects and sets that may stand inside of each other in the answer. Default 2,000. */
  readonly maxDepth?: number;
  /** Steps that several evaluations share: each takes at most what remains, and takes off what it used. */
  readonly budget?: StepBudget;
  /**
   * What `http.send` and `net.lookup_ip_addr` ask. An answer that is not there yet ends the evaluation with
   * `eval_cancel_error`, and the session `isWaiting`: see `evaluateWithNetwork`. Default: these built-ins fail.
   */
  readonly network?: NetworkSession;
}

/** Steps left for several evaluations, such as those of one decision. */
export interface StepBudget {
  remaining: number;
}

/** OPA's codes for evaluations that fail. */
export type EvaluationErrorCode =
  'eval_conflict_error' | 'eval_builtin_error' | 'eval_type_error' | 'eval_cancel_error' | 'eval_internal_error';

export type Outcome =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'undefined' }
  | {
      readonly kind: 'error';
      readonly code: EvaluationErrorCode;
      readonly message: string;
      readonly location?: Location;
    };

/**
 * A program bound to its data. Reusable: one evaluation shares nothing with the next. Evaluations are synchronous, and
 * no built-in calls back, so two of one instance never overlap.
 */
export interface Instance {
  /**
   * Evaluates one entry point. Never throws for anything that a policy or an input can cause: such failures are
   * `kind: 'error'`. `input` is read, never changed; `undefined` means that there is no input document.
   */
  readonly evaluate: (entrypoint: string, input: Value, options?: EvaluateOptions) => Outcome;
}

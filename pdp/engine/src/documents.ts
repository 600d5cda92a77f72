import type { EvaluateOptions, Outcome, Value } from '@edict/rego';

/**
 * The Rego documents of a set: the libraries and the data of its domains as one tree, which OPA calls `data`. Bound to the
 * thread that loaded it.
 */
export interface Documents {
  /**
   * The value of `data` at `path` (its parts, none for the whole of `data`), base and virtual documents merged. Where
   * nothing is, the outcome is `undefined`. Never throws for anything that a policy, a path or an input can cause.
   */
  readonly evaluate: (path: readonly string[], input: Value, options?: EvaluateOptions) => Outcome;
  /** Whether rules define the document at `path`, or one around it, even if it is undefined for the input at hand. */
  readonly isDefined: (path: readonly string[]) => boolean;
  /** False where an equal input may give another answer: the clock, random values, the network. */
  readonly deterministic: boolean;
  /** True where evaluating may need `EvaluateOptions.network`. */
  readonly usesNetwork: boolean;
}

import type { NetworkSession } from '../../network/session.ts';
import type { Value } from '../value.ts';

/** The codes that a built-in fails with: a bad operand type, or anything else. */
export type BuiltinErrorCode = 'eval_builtin_error' | 'eval_type_error';

/** What one evaluation gives to the built-ins that it calls. */
export interface BuiltinContext {
  /**
   * Records that the call failed and gives `undefined`, which the built-in returns. `message` is called only if somebody
   * wants the text; it comes without the built-in's name in front.
   */
  readonly fail: (code: BuiltinErrorCode, message: () => string) => undefined;
  /** Nanoseconds since the epoch: the same for the whole evaluation. */
  readonly nowNs: () => bigint;
  /** `count` random bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Results that have to stay the same within one evaluation; keys start with the built-in's name. */
  readonly cache: Map<string, unknown>;
  /**
   * Takes steps off the evaluation's budget, and throws where there are none left: for loops whose turns grow faster
   * than what a policy or an input has in it.
   */
  readonly spend?: (steps: number) => void;
  /** Takes the messages of `trace` and `print`, if somebody listens. */
  readonly note?: (message: string, from: 'trace' | 'print') => void;
  /** Takes the names of a case that a test rule has come to, if somebody listens. */
  readonly testCase?: (names: readonly Value[]) => void;
  /** What asks the network; without it nobody may. */
  readonly network?: NetworkSession | undefined;
  /** What `opa.runtime` answers. Default: an empty object. */
  readonly runtime?: Value;
}

/** A built-in as the evaluator calls it. `undefined` means: no result; a failure was recorded by `ctx.fail` first. */
export interface Builtin {
  readonly name: string;
  readonly evaluate: (ctx: BuiltinContext, ...args: readonly Value[]) => Value | undefined;
}

/** One family of built-ins: names and what they do. */
export type BuiltinFamily = Readonly<Record<string, Builtin['evaluate']>>;

import type { EvaluateOptions, Program } from './api.ts';
import { platform, Runner, type Failure } from './instantiate.ts';
import { builtins } from './runtime/builtins/registry.ts';
import type { Surroundings } from './runtime/evaluation.ts';
import type { Value } from './runtime/value.ts';

/** What may listen to an evaluation. */
export type Listeners = Pick<Surroundings, 'note' | 'testCase' | 'trace'>;

export type { Failure };

/** What an entry point gave. Under strict built-in errors there may be a value beside the failure. */
export interface RunResult {
  readonly value: Value;
  readonly failure: Failure | undefined;
}

/**
 * Binds a program of a workspace to base documents and listeners. What comes back evaluates one entry point; it never
 * throws for anything that a policy or an input can cause. Throws only if `program` was not made by the compiler.
 */
export const bindProgram = (
  program: Program,
  data: Value,
  listeners: Listeners = {},
): ((entrypoint: string, input: Value, how: EvaluateOptions) => RunResult) => {
  const runner = new Runner(program, { data }, builtins, { ...platform, ...listeners });
  return (entrypoint, input, how) => {
    const value = runner.run(entrypoint, input, how);
    return { value, failure: runner.failure };
  };
};

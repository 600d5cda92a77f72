import type { Builtin, BuiltinFamily } from './builtin.ts';

export type { Builtin, BuiltinContext, BuiltinErrorCode } from './builtin.ts';

const families: readonly BuiltinFamily[] = [];

/** Every built-in that can be called at run time, by name. */
export const builtins: ReadonlyMap<string, Builtin> = new Map(
  families.flatMap((family) =>
    Object.entries(family).map(([name, evaluate]): [string, Builtin] => [name, { name, evaluate }]),
  ),
);

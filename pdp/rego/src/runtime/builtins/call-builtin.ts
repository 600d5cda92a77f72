import type { Value } from '../value.ts';
import type { BuiltinContext } from './builtin.ts';
import { builtins } from './registry.ts';

/** What a test sees of a call: its value (undefined for none), or the failure as OPA words it. */
export type CallResult = { readonly value: Value | undefined } | { readonly error: string };

/** Calls a built-in outside of any evaluation, with the clock at 2023-11-14T22:13:20Z and bytes that count up. For tests. */
export function callBuiltin(name: string, ...args: readonly Value[]): CallResult {
  let error: string | undefined;
  let next = 0;
  const ctx: BuiltinContext = {
    fail: (code, message) => {
      error ??= `${code}: ${message()}`;
      return undefined;
    },
    nowNs: () => 1_700_000_000_000_000_000n,
    randomBytes: (count) => Uint8Array.from({ length: count }, () => next++ & 0xff),
    cache: new Map(),
  };
  const builtin = builtins.get(name);
  if (builtin === undefined) throw new Error(`no built-in ${name}`);
  const value = builtin.evaluate(ctx, ...args);
  return error === undefined ? { value } : { error };
}

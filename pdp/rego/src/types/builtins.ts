import { builtinDeclarations } from '../runtime/builtins/declarations.ts';
import type { BuiltinDeclaration } from '../runtime/builtins/declarations.ts';
import { parseSignature } from './signature.ts';
import type { Signature } from './signature.ts';

/** A built-in with its signature read. */
export interface Builtin extends BuiltinDeclaration {
  readonly type: Signature;
  /** It has no result, so that a call of it can only stand alone. */
  readonly void: boolean;
  readonly arity: number;
}

const cache = new Map<string, Builtin>();

/** What is known of a built-in, by its dotted name; undefined where there is none. Signatures are read on first use. */
export const declaration = (name: string): Builtin | undefined => {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const declared = builtinDeclarations.get(name);
  if (declared === undefined) return undefined;
  const type = parseSignature(declared.signature);
  const builtin = { ...declared, type, void: type.result === undefined, arity: type.args.length };
  cache.set(name, builtin);
  return builtin;
};

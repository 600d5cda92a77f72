import { ANY, BOOLEAN, NULL, NUMBER, STRING, stringKey } from './type.ts';
import type { FunctionType, Type } from './type.ts';

/** The type of a built-in. */
export type Signature = FunctionType;

/** A signature that is not in the notation: a mistake in our own tables, not in a policy. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
  readonly code = 'InvalidSignature';
}

const SCALARS: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['null', NULL],
  ['boolean', BOOLEAN],
  ['number', NUMBER],
  ['string', STRING],
]);

/**
 * Reads the notation of OPA's documentation: `(string, any<array[string], set[string]>) => string`. `array<a, b>` is a
 * tuple, `object<k: t>[any: any]` has known and other keys, `any...` stands for any number of arguments, and the
 * result `???` for none. Throws `SignatureError` for anything else.
 */
export const parseSignature = (text: string): Signature => {
  const tokens = text.match(/\.\.\.|=>|\?\?\?|[\w$]+|[^\s]/g) ?? [];
  let at = 0;
  const fail = (): never => {
    throw new SignatureError(`signature ${JSON.stringify(text)} is malformed at token ${at + 1}`);
  };
  const accept = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at++;
    return true;
  };
  const expect = (token: string): void => {
    if (!accept(token)) fail();
  };
  const word = (): string => tokens[at++] ?? fail();

  const list = (end: string): Type[] => {
    const types: Type[] = [];
    while (!accept(end)) {
      if (types.length > 0) expect(',');
      types.push(type());
    }
    return types;
  };

  const properties = (): ReadonlyMap<string, Type> => {
    const entries: [string, Type][] = [];
    if (!accept('<')) return new Map();
    while (!accept('>')) {
      if (entries.length > 0) expect(',');
      const key = word();
      expect(':');
      entries.push([stringKey(key), type()]);
    }
    return new Map(entries);
  };

  const objectType = (): Type => {
    const known = properties();
    if (!accept('[')) return { kind: 'object', properties: known, rest: undefined };
    const key = type();
    expect(':');
    const value = type();
    expect(']');
    return { kind: 'object', properties: known, rest: { key, value } };
  };

  const type = (): Type => {
    const name = word();
    const scalar = SCALARS.get(name);
    if (scalar !== undefined) return scalar;
    switch (name) {
      case 'any':
        return accept('<') ? { kind: 'any', of: list('>') } : ANY;
      case 'array': {
        const items = accept('<') ? list('>') : [];
        if (!accept('[')) return { kind: 'array', items, rest: undefined };
        const rest = type();
        expect(']');
        return { kind: 'array', items, rest };
      }
      case 'set': {
        expect('[');
        const of = type();
        expect(']');
        return { kind: 'set', of };
      }
      case 'object':
        return objectType();
      default:
        return fail();
    }
  };

  expect('(');
  const args: Type[] = [];
  let variadic: Type | undefined;
  while (!accept(')')) {
    if (args.length > 0) expect(',');
    const arg = type();
    if (accept('...')) variadic = arg;
    else args.push(arg);
  }
  expect('=>');
  const result = accept('???') ? undefined : type();
  if (at !== tokens.length) fail();
  return { kind: 'function', args, variadic, result };
};

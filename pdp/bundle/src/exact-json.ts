import type { JsonValue } from './read/object-node.ts';

/** ECMAScript 2026, which the compiler's libraries do not declare yet. */
const json = JSON as unknown as {
  readonly parse: (
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ) => unknown;
  readonly rawJSON: (text: string) => unknown;
};

/** Only text with so many digits on end can hold an integer that a double does not. */
const MANY_DIGITS = /[0-9]{16}/;
const INTEGER = /^-?[0-9]+$/;

/**
 * Parses JSON; integers that a `number` does not hold exactly are `bigint`, so that no digit is lost.
 * @throws SyntaxError
 */
export function parseExactJson(text: string): JsonValue {
  if (!MANY_DIGITS.test(text)) return JSON.parse(text) as JsonValue;
  return json.parse(text, (_key, value, { source }) => {
    const isInexact = typeof value === 'number' && !Number.isSafeInteger(value) && INTEGER.test(source ?? '');
    return isInexact ? BigInt(source ?? '') : value;
  }) as JsonValue;
}

/** Prints what {@link parseExactJson} gives, `bigint` in all its digits. The order of members stays. */
export function printExactJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'bigint' ? json.rawJSON(String(member)) : member,
  );
}

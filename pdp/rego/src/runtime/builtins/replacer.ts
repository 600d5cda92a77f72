import type { BuiltinContext } from './builtin.ts';
import { builtinError } from './operands.ts';

/** Longest string that a built-in makes, in UTF-16 units. */
export const MAX_STRING_LENGTH = 64 * 1024 * 1024;

/**
 * Replaces in one pass from left to right, without overlaps; where several old strings match, the first listed wins.
 * An empty old string matches before every code point and at the end. Fails when the result would be too long.
 */
export function replaceAllPairs(
  ctx: BuiltinContext,
  text: string,
  pairs: readonly (readonly [string, string])[],
): string | undefined {
  const only = pairs.length === 1 ? pairs[0] : undefined;
  if (only !== undefined && only[0] !== '') return replaceOne(ctx, text, only[0], only[1]);
  const empty = pairs.find(([old]) => old === '')?.[1];
  const byFirstUnit = new Map<number, (readonly [string, string])[]>();
  for (const pair of pairs) {
    if (pair[0] === '') continue;
    const list = byFirstUnit.get(pair[0].charCodeAt(0));
    if (list === undefined) byFirstUnit.set(pair[0].charCodeAt(0), [pair]);
    else list.push(pair);
  }
  const emptyRank = pairs.findIndex(([old]) => old === '');
  let result = '';
  let previousEmpty = false;
  let index = 0;
  while (index <= text.length) {
    const candidates = byFirstUnit.get(text.charCodeAt(index));
    let match = candidates?.find(([old]) => text.startsWith(old, index));
    // The empty string stands first only where it is listed first; right after itself it does not match again.
    if (empty !== undefined && !previousEmpty && (match === undefined || pairs.indexOf(match) > emptyRank)) {
      match = ['', empty];
    }
    if (match === undefined) {
      const code = text.codePointAt(index);
      if (code !== undefined) result += String.fromCodePoint(code);
      index += code !== undefined && code > 0xffff ? 2 : 1;
      previousEmpty = false;
    } else {
      result += match[1];
      index += match[0].length;
      previousEmpty = match[0] === '';
    }
    if (result.length > MAX_STRING_LENGTH) return tooLong(ctx);
  }
  return result;
}

function replaceOne(ctx: BuiltinContext, text: string, old: string, replacement: string): string | undefined {
  if (replacement.length <= old.length) return text.replaceAll(old, () => replacement);
  const parts = text.split(old);
  if (text.length + (parts.length - 1) * (replacement.length - old.length) > MAX_STRING_LENGTH) return tooLong(ctx);
  return parts.length === 1 ? text : parts.join(replacement);
}

function tooLong(ctx: BuiltinContext): undefined {
  return builtinError(ctx, `result is longer than ${String(MAX_STRING_LENGTH)} characters`);
}

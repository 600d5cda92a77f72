import { RE2JS, RE2JSException } from 're2js';
import { toRe2jsDialect } from './selector-dialect.ts';
import { compileSegments } from './selector-segments.ts';

/** A compiled selector, or why Go's regexp package would not take it. */
export type Selector =
  | { readonly ok: true; readonly expression: string; readonly test: (text: string) => boolean }
  | { readonly ok: false; readonly error: string };

/** Longest selector that is compiled; the schema allows as much. */
export const SELECTOR_MAX_LENGTH = 4096;

/**
 * Anchors a selector as the reference does: `^` before and `$` behind, unless they are there as characters. Nothing is
 * grouped and escapes do not count, so `a|b` matches everything that starts with `a` or ends with `b`.
 */
export function anchorSelector(text: string): string {
  const head = text.startsWith('^') ? text : `^${text}`;
  return head.endsWith('$') ? head : `${head}$`;
}

/**
 * Compiles a selector of an operation, resource or mapper: a Go RE2 expression, anchored, that is searched for in linear
 * time. Never throws.
 */
export function compileSelector(text: string): Selector {
  if (text.length > SELECTOR_MAX_LENGTH) {
    return { ok: false, error: `longer than ${String(SELECTOR_MAX_LENGTH)} characters` };
  }
  const expression = anchorSelector(text);
  // Most selectors are text with `.*` in it, which every engine takes: those need no automaton.
  const segments = compileSegments(expression);
  if (segments !== undefined) return { ok: true, expression, test: segments };
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(toRe2jsDialect(expression));
  } catch (error) {
    if (error instanceof RE2JSException) return { ok: false, error: error.message };
    if (error instanceof RangeError) return { ok: false, error: 'nested too deeply' };
    throw error;
  }
  return { ok: true, expression, test: (subject) => compiled.test(subject.toWellFormed()) };
}

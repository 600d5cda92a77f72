import type { Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { compileGlob, type GlobMatcher } from './glob-matcher.ts';
import { parseGlob, quoteGlob } from './glob-syntax.ts';
import { builtinError, elementError, typeError } from './operands.ts';
import { spendWork } from './work.ts';

/** How many compiled globs a process keeps (twice as many for a short time). */
export const GLOB_CACHE_SIZE = 1_000;

/** Longest glob, in UTF-16 units: longer ones would make matching slow. */
export const MAX_GLOB_LENGTH = 65_536;

/** Globs with delimiters. */
export const globs: BuiltinFamily = {
  'glob.match': (ctx, pattern, delimiters, text) => {
    if (typeof pattern !== 'string') return typeError(ctx, 1, pattern, 'string');
    if (delimiters !== null && !Array.isArray(delimiters)) return typeError(ctx, 2, delimiters, 'array', 'null');
    if (typeof text !== 'string') {
      return separatorsOf(ctx, delimiters) === undefined ? undefined : typeError(ctx, 3, text, 'string');
    }
    spendWork(ctx, text.length);
    return findMatcher(ctx, pattern, delimiters as readonly Value[] | null)?.(text);
  },
  'glob.quote_meta': (ctx, text) => (typeof text === 'string' ? quoteGlob(text) : typeError(ctx, 1, text, 'string')),
};

interface Compiled {
  readonly delimiters: readonly Value[] | null;
  readonly matcher: GlobMatcher;
}

const cache = new BoundedCache<string, readonly Compiled[]>(GLOB_CACHE_SIZE);

/** Most delimiter lists kept for one pattern. */
const VARIANTS = 4;

function findMatcher(
  ctx: BuiltinContext,
  pattern: string,
  delimiters: readonly Value[] | null,
): GlobMatcher | undefined {
  const variants = cache.get(pattern);
  if (variants !== undefined) {
    for (const variant of variants) if (sameDelimiters(variant.delimiters, delimiters)) return variant.matcher;
  }
  const separators = separatorsOf(ctx, delimiters);
  if (separators === undefined) return undefined;
  if (pattern.length > MAX_GLOB_LENGTH) {
    return builtinError(ctx, `glob is longer than ${String(MAX_GLOB_LENGTH)} characters`);
  }
  const parsed = parseGlob(pattern);
  if (!parsed.ok) return builtinError(ctx, parsed.message);
  const matcher = compileGlob(parsed.nodes, separators);
  cache.set(pattern, [{ delimiters, matcher }, ...(variants ?? []).slice(0, VARIANTS - 1)]);
  return matcher;
}

function sameDelimiters(a: readonly Value[] | null, b: readonly Value[] | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** The delimiters as code points: none for null, the dot for an empty list. */
function separatorsOf(ctx: BuiltinContext, delimiters: readonly Value[] | null): readonly number[] | undefined {
  if (delimiters === null) return [];
  if (delimiters.length === 0) return [0x2e];
  const points: number[] = [];
  for (const delimiter of delimiters) {
    if (typeof delimiter !== 'string') return elementError(ctx, 2, delimiters, delimiter, 'string');
    const point = delimiter.codePointAt(0);
    if (point === undefined || String.fromCodePoint(point) !== delimiter) {
      return elementError(ctx, 2, delimiters, delimiter, 'rune');
    }
    points.push(point);
  }
  return points;
}

import { isNumber, numberText } from '../number.ts';
import { compareStrings, entriesOf, type Value } from '../value.ts';
import { countCodePoints } from './aggregates.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { lowerCase, upperCase } from './letter-case.ts';
import {
  builtinError,
  elementError,
  elementsOf,
  integerOperand,
  objectOperand,
  operandError,
  stringsOperand,
  typeError,
} from './operands.ts';
import { replaceAllPairs } from './replacer.ts';
import { truncateToBigInt } from './truncate.ts';
import { spendWork } from './work.ts';

/** Built-ins on strings. Positions and lengths count code points. */
export const strings: BuiltinFamily = {
  startswith: (ctx, text, prefix) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    return typeof prefix === 'string' ? text.startsWith(prefix) : typeError(ctx, 2, prefix, 'string');
  },
  endswith: (ctx, text, suffix) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    return typeof suffix === 'string' ? text.endsWith(suffix) : typeError(ctx, 2, suffix, 'string');
  },
  contains: (ctx, text, part) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    return typeof part === 'string' ? text.includes(part) : typeError(ctx, 2, part, 'string');
  },
  lower: (ctx, text) => (typeof text === 'string' ? lowerCase(text) : typeError(ctx, 1, text, 'string')),
  upper: (ctx, text) => (typeof text === 'string' ? upperCase(text) : typeError(ctx, 1, text, 'string')),
  split: (ctx, text, delimiter) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof delimiter !== 'string') return typeError(ctx, 2, delimiter, 'string');
    spendWork(ctx, text.length);
    return splitText(text, delimiter);
  },
  'strings.split_n': (ctx, text, delimiter, count) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof delimiter !== 'string') return typeError(ctx, 2, delimiter, 'string');
    const n = integerOperand(ctx, count, 3);
    if (n === undefined) return undefined;
    const parts = splitText(text, delimiter);
    return n >= 0 ? parts.slice(0, n) : parts.slice(Math.max(parts.length + n, 0));
  },
  concat: (ctx, separator, parts) => {
    if (typeof separator !== 'string') return typeError(ctx, 1, separator, 'string');
    const texts = stringsOperand(ctx, parts, 2, 'set', 'array');
    const joined = texts?.join(separator);
    if (joined !== undefined) spendWork(ctx, joined.length);
    return joined;
  },
  indexof: (ctx, text, part) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof part !== 'string') return typeError(ctx, 2, part, 'string');
    if (part === '') return builtinError(ctx, 'empty search character');
    const index = text.indexOf(part);
    return index <= 0 ? index : countCodePoints(text.slice(0, index));
  },
  indexof_n: (ctx, text, part) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof part !== 'string') return typeError(ctx, 2, part, 'string');
    if (part === '') return builtinError(ctx, 'empty search character');
    return findAll(text, part);
  },
  substring: (ctx, text, offset, length) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const start = integerOperand(ctx, offset, 2);
    if (start === undefined) return undefined;
    const count = integerOperand(ctx, length, 3);
    if (count === undefined) return undefined;
    return start < 0 ? builtinError(ctx, 'negative offset') : sliceCodePoints(text, start, count);
  },
  replace: (ctx, text, old, replacement) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof old !== 'string') return typeError(ctx, 2, old, 'string');
    if (typeof replacement !== 'string') return typeError(ctx, 3, replacement, 'string');
    return replaceAllPairs(ctx, text, [[old, replacement]]);
  },
  'strings.replace_n': (ctx, patterns, text) => {
    const object = objectOperand(ctx, patterns, 1);
    if (object === undefined) return undefined;
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    const pairs: (readonly [string, string])[] = [];
    for (const [old, replacement] of entriesOf(object)) {
      if (typeof old !== 'string') return operandError(ctx, 1, 'non-string key found in pattern object');
      if (typeof replacement !== 'string') return operandError(ctx, 1, 'non-string value found in pattern object');
      pairs.push([old, replacement]);
    }
    return replaceAllPairs(ctx, text, pairs);
  },
  trim: (ctx, text, cutset) => trimWith(ctx, text, cutset, (s, set) => trimStart(trimEnd(s, set), set)),
  trim_left: (ctx, text, cutset) => trimWith(ctx, text, cutset, trimStart),
  trim_right: (ctx, text, cutset) => trimWith(ctx, text, cutset, trimEnd),
  trim_prefix: (ctx, text, prefix) =>
    trimWith(ctx, text, prefix, (s, part) => (s.startsWith(part) ? s.slice(part.length) : s)),
  trim_suffix: (ctx, text, suffix) =>
    trimWith(ctx, text, suffix, (s, part) => (s.endsWith(part) ? s.slice(0, s.length - part.length) : s)),
  trim_space: (ctx, text) =>
    typeof text === 'string'
      ? text.replace(LEADING_SPACE, '').replace(TRAILING_SPACE, '')
      : typeError(ctx, 1, text, 'string'),
  'strings.reverse': (ctx, text) =>
    typeof text === 'string' ? Array.from(text).reverse().join('') : typeError(ctx, 1, text, 'string'),
  'strings.count': (ctx, text, part) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof part !== 'string') return typeError(ctx, 2, part, 'string');
    return part === '' ? countCodePoints(text) + 1 : text.split(part).length - 1;
  },
  'strings.any_prefix_match': (ctx, texts, bases) => anyMatch(ctx, texts, bases, (text, base) => text.startsWith(base)),
  'strings.any_suffix_match': (ctx, texts, bases) => anyMatch(ctx, texts, bases, (text, base) => text.endsWith(base)),
  format_int: (ctx, number, base) => {
    if (!isNumber(number)) return typeError(ctx, 1, number, 'number');
    if (!isNumber(base)) return typeError(ctx, 2, base, 'number');
    const radix = BASES.get(numberText(base));
    if (radix === undefined) return operandError(ctx, 2, 'must be one of {2, 8, 10, 16}');
    if (typeof number === 'number' && Number.isInteger(number)) return number.toString(radix);
    return truncateToBigInt(number).toString(radix);
  },
};

const BASES: ReadonlyMap<string, number> = new Map([
  ['2', 2],
  ['8', 8],
  ['10', 10],
  ['16', 16],
]);

// Go's unicode.IsSpace: unlike JS it takes U+0085 and not U+FEFF.
const LEADING_SPACE = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const TRAILING_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;

/** Splits as Go does: an empty delimiter splits between code points. */
export function splitText(text: string, delimiter: string): readonly string[] {
  if (delimiter === '') return Array.from(text);
  // A loop: the built-in `split` is slow on short texts.
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf(delimiter); at >= 0; at = text.indexOf(delimiter, from)) {
    parts.push(text.slice(from, at));
    from = at + delimiter.length;
  }
  parts.push(from === 0 ? text : text.slice(from));
  return parts;
}

/** One part of what {@link splitText} gives for a delimiter that is not empty; undefined if there are fewer. */
export function splitPart(ctx: BuiltinContext, text: string, delimiter: string, index: number): string | undefined {
  spendWork(ctx, text.length);
  let from = 0;
  for (let part = 0; part < index; part++) {
    const at = text.indexOf(delimiter, from);
    if (at < 0) return undefined;
    from = at + delimiter.length;
  }
  const end = text.indexOf(delimiter, from);
  return end < 0 ? (from === 0 ? text : text.slice(from)) : text.slice(from, end);
}

/** `length` code points from `start` on; all that follow if `length` is negative. */
function sliceCodePoints(text: string, start: number, length: number): string {
  const units = text.length;
  if (countCodePoints(text) === units) return length < 0 ? text.slice(start) : text.slice(start, start + length);
  const points = Array.from(text);
  return points.slice(start, length < 0 ? points.length : start + length).join('');
}

function findAll(text: string, part: string): readonly Value[] {
  const found: number[] = [];
  let points = 0;
  let counted = 0;
  for (let index = text.indexOf(part); index >= 0; index = text.indexOf(part, index + 1)) {
    points += countCodePoints(text.slice(counted, index));
    counted = index;
    found.push(points);
  }
  return found;
}

function trimWith(
  ctx: BuiltinContext,
  text: Value,
  cut: Value,
  operation: (text: string, cut: string) => string,
): Value | undefined {
  if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
  return typeof cut === 'string' ? operation(text, cut) : typeError(ctx, 2, cut, 'string');
}

function trimStart(text: string, cutset: string): string {
  let start = 0;
  while (start < text.length) {
    const char = String.fromCodePoint(text.codePointAt(start) ?? 0);
    if (!cutset.includes(char)) break;
    start += char.length;
  }
  return start === 0 ? text : text.slice(start);
}

function trimEnd(text: string, cutset: string): string {
  let end = text.length;
  while (end > 0) {
    const isPair = end > 1 && (text.codePointAt(end - 2) ?? 0) > 0xffff;
    const char = text.slice(end - (isPair ? 2 : 1), end);
    if (!cutset.includes(char)) break;
    end -= char.length;
  }
  return end === text.length ? text : text.slice(0, end);
}

/** Above this many comparisons, the texts are sorted and each base is looked up. */
const LINEAR_AFFIX_COMPARISONS = 64;

function anyMatch(
  ctx: BuiltinContext,
  texts: Value,
  bases: Value,
  matches: (text: string, base: string) => boolean,
): Value | undefined {
  const list = typeof texts === 'string' ? [texts] : stringsOperand(ctx, texts, 1, 'string', 'set', 'array');
  if (list === undefined) return undefined;
  if (typeof bases === 'string') return list.some((text) => matches(text, bases));
  const wanted = elementsOf(bases);
  if (wanted === undefined) return typeError(ctx, 2, bases, 'string', 'set', 'array');
  for (const base of wanted) if (typeof base !== 'string') return elementError(ctx, 2, bases, base, 'string');
  const affixes = wanted as readonly string[];
  if (list.length === 1 || list.length * affixes.length <= LINEAR_AFFIX_COMPARISONS) {
    return list.some((text) => affixes.some((affix) => matches(text, affix)));
  }
  const isPrefix = matches('ab', 'a');
  return anyPrefix(isPrefix ? list : list.map(reverseUnits), isPrefix ? affixes : affixes.map(reverseUnits));
}

/** Texts that share a prefix stand together after it when sorted: one binary search per prefix. */
function anyPrefix(texts: readonly string[], prefixes: readonly string[]): boolean {
  const sorted = texts.toSorted(compareStrings);
  return prefixes.some((prefix) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareStrings(sorted[middle] ?? '', prefix) < 0) low = middle + 1;
      else high = middle;
    }
    return sorted[low]?.startsWith(prefix) === true;
  });
}

function reverseUnits(text: string): string {
  return text.split('').reverse().join('');
}

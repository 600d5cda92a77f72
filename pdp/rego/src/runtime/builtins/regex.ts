import { RE2JS, RE2JSSyntaxException, type Matcher } from 're2js';
import type { Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { intersectsGlobs } from './glob-intersection.ts';
import { builtinError, integerOperand, typeError } from './operands.ts';
import { compileNative, compileNativeSearch, compilePrefix, type TextTest } from './native-regex.ts';
import { MAX_STRING_LENGTH } from './replacer.ts';
import { quoteText } from './text.ts';
import { utf8Length } from './utf8.ts';
import { spendWork } from './work.ts';

/** How many compiled regular expressions a process keeps (twice as many for a short time). */
export const REGEX_CACHE_SIZE = 1_000;

/** Regular expressions in RE2's syntax; matching takes linear time. */
export const regex: BuiltinFamily = {
  'regex.match': (ctx, pattern, text) => matchText(ctx, pattern, text),
  re_match: (ctx, pattern, text) => matchText(ctx, pattern, text),
  'regex.is_valid': (_ctx, pattern) => typeof pattern === 'string' && compileRegex(pattern).ok,
  'regex.split': (ctx, pattern, text) => {
    if (typeof pattern !== 'string') return typeError(ctx, 1, pattern, 'string');
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    const compiled = findRegex(ctx, pattern);
    return compiled === undefined ? undefined : split(compiled, pattern, text);
  },
  'regex.find_n': (ctx, pattern, text, count) => {
    if (typeof pattern !== 'string') return typeError(ctx, 1, pattern, 'string');
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    const limit = integerOperand(ctx, count, 3);
    const compiled = limit === undefined ? undefined : findRegex(ctx, pattern);
    if (limit === undefined || compiled === undefined) return undefined;
    return findAll(compiled, text, limit, (start, end) => text.slice(start, end));
  },
  'regex.find_all_string_submatch_n': (ctx, pattern, text, count) => {
    if (typeof pattern !== 'string') return typeError(ctx, 1, pattern, 'string');
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    const limit = integerOperand(ctx, count, 3);
    const compiled = limit === undefined ? undefined : findRegex(ctx, pattern);
    if (limit === undefined || compiled === undefined) return undefined;
    return findWithGroups(compiled, text, limit, (matcher) => groupsOf(matcher));
  },
  'regex.replace': (ctx, text, pattern, replacement) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (typeof pattern !== 'string') return typeError(ctx, 2, pattern, 'string');
    if (typeof replacement !== 'string') return typeError(ctx, 3, replacement, 'string');
    const compiled = findRegex(ctx, pattern);
    return compiled === undefined ? undefined : replace(ctx, compiled, text, replacement);
  },
  'regex.template_match': (ctx, template, text, start, end) => {
    if (typeof template !== 'string') return typeError(ctx, 1, template, 'string');
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    if (typeof start !== 'string') return typeError(ctx, 3, start, 'string');
    if (typeof end !== 'string') return typeError(ctx, 4, end, 'string');
    // Go counts bytes, and reports the first length for both.
    const length = utf8Length(start);
    if (length !== 1) {
      return builtinError(ctx, `start delimiter has to be exactly one character long but is ${String(length)} long`);
    }
    if (utf8Length(end) !== 1) {
      return builtinError(ctx, `end delimiter has to be exactly one character long but is ${String(length)} long`);
    }
    const pattern = expandTemplate(ctx, template, start, end);
    return pattern === undefined ? undefined : findRegex(ctx, pattern)?.test(text);
  },
  'regex.globs_match': (ctx, a, b) => {
    if (typeof a !== 'string') return typeError(ctx, 1, a, 'string');
    if (typeof b !== 'string') return typeError(ctx, 2, b, 'string');
    const answer = intersectsGlobs(a, b);
    return typeof answer === 'string' ? builtinError(ctx, answer) : answer;
  },
};

interface Regex {
  readonly ok: true;
  readonly re2: RE2JS;
  /** Tells whether the text has a match. */
  readonly test: TextTest;
  /** Finds matches without their groups: a native one (`g`) where that is the same. Made on first use. */
  readonly search: () => RegExp | undefined;
}

interface BadRegex {
  readonly ok: false;
  readonly message: string;
}

const cache = new BoundedCache<string, Regex | BadRegex>(REGEX_CACHE_SIZE);

/** Compiles a pattern, or gives Go's message for what is wrong with it. Kept in a bounded cache. */
export function compileRegex(pattern: string): Regex | BadRegex {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  const compiled = compileFresh(pattern);
  cache.set(pattern, compiled);
  return compiled;
}

function compileFresh(pattern: string): Regex | BadRegex {
  try {
    const re2 = RE2JS.compile(pattern);
    return { ok: true, re2, test: compileNative(pattern) ?? testBehindPrefix(pattern, re2), search: searchOf(pattern) };
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const { message } = error;
    return { ok: false, message: message.endsWith('at end of expression') ? `${message}: \`\`` : message };
  }
}

function searchOf(pattern: string): () => RegExp | undefined {
  let search: RegExp | null | undefined = null;
  return () => (search === null ? (search = compileNativeSearch(pattern)) : search);
}

function testBehindPrefix(pattern: string, re2: RE2JS): TextTest {
  const canMatch = compilePrefix(pattern);
  return canMatch === undefined ? (text) => re2.test(text) : (text) => canMatch(text) && re2.test(text);
}

function findRegex(ctx: BuiltinContext, pattern: string): Regex | undefined {
  const compiled = compileRegex(pattern);
  return compiled.ok ? compiled : builtinError(ctx, compiled.message);
}

function matchText(ctx: BuiltinContext, pattern: Value, text: Value): Value | undefined {
  if (typeof pattern !== 'string') return typeError(ctx, 1, pattern, 'string');
  if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
  spendWork(ctx, text.length);
  return findRegex(ctx, pattern)?.test(text);
}

/** Successive matches, at most `limit` of them unless it is negative; an empty match right after a match is none. */
function findAll<T>(compiled: Regex, text: string, limit: number, take: (start: number, end: number) => T): T[] {
  const search = compiled.search();
  if (search === undefined) {
    return findWithGroups(compiled, text, limit, (matcher) => take(matcher.start(), matcher.end()));
  }
  return successive(text, limit, (from, add) => {
    search.lastIndex = from;
    const match = search.exec(text);
    if (match === null) return undefined;
    const end = match.index + match[0].length;
    add(match.index, end, () => take(match.index, end));
    return end;
  });
}

/** {@link findAll} where the groups of matches are wanted. */
function findWithGroups<T>({ re2 }: Regex, text: string, limit: number, take: (matcher: Matcher) => T): T[] {
  const matcher = re2.matcher(text);
  return successive(text, limit, (from, add) => {
    if (!matcher.find(from)) return undefined;
    add(matcher.start(), matcher.end(), () => take(matcher));
    return matcher.end();
  });
}

/** Goes through a text: `next` adds the first match from a place on and gives its end, or undefined if there is none. */
function successive<T>(
  text: string,
  limit: number,
  next: (from: number, add: (start: number, end: number, take: () => T) => void) => number | undefined,
): T[] {
  const found: T[] = [];
  let previousEnd = -1;
  const add = (start: number, end: number, take: () => T): void => {
    if (end > start || start !== previousEnd) found.push(take());
  };
  for (let from = 0; from <= text.length && (limit < 0 || found.length < limit);) {
    const end = next(from, add);
    if (end === undefined) break;
    previousEnd = end;
    from = end > from ? end : from + ((text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
  }
  return found;
}

function groupsOf(matcher: Matcher): readonly string[] {
  return Array.from({ length: matcher.groupCount() + 1 }, (_unused, group) => matcher.group(group) ?? '');
}

function split(compiled: Regex, pattern: string, text: string): readonly string[] {
  if (pattern.length > 0 && text === '') return [''];
  const parts: string[] = [];
  let begin = 0;
  let end = 0;
  for (const [start, stop] of findAll(compiled, text, -1, (start, end) => [start, end] as const)) {
    end = start;
    if (stop !== 0) parts.push(text.slice(begin, end));
    begin = stop;
  }
  if (end !== text.length) parts.push(text.slice(begin));
  return parts;
}

function replace(ctx: BuiltinContext, compiled: Regex, text: string, replacement: string): string | undefined {
  const pieces = parseReplacement(replacement);
  const names = compiled.re2.namedGroups();
  let result = '';
  let from = 0;
  const isPlain = pieces.every((piece) => piece.kind === 'text');
  const expansions = isPlain
    ? findAll(compiled, text, -1, (start, end) => ({ start, end, groups: [] as readonly string[] }))
    : findWithGroups(compiled, text, -1, (matcher) => ({
        start: matcher.start(),
        end: matcher.end(),
        groups: groupsOf(matcher),
      }));
  for (const { start, end, groups } of expansions) {
    result += text.slice(from, start);
    from = end;
    for (const piece of pieces) {
      if (piece.kind === 'text') result += piece.text;
      else {
        const group = /^\d+$/.test(piece.name) ? Number(piece.name) : names[piece.name];
        result += group === undefined ? '' : (groups[group] ?? '');
      }
    }
    if (result.length > MAX_STRING_LENGTH) {
      return builtinError(ctx, `result is longer than ${String(MAX_STRING_LENGTH)} characters`);
    }
  }
  return result + text.slice(from);
}

type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'group'; readonly name: string };

/** Reads Go's templates: `$1`, `${1}`, `$name`, `${name}`, `$$`; a name takes as many letters as it can. */
function parseReplacement(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = template;
  for (;;) {
    const dollar = rest.indexOf('$');
    if (dollar < 0) break;
    if (dollar > 0) pieces.push({ kind: 'text', text: rest.slice(0, dollar) });
    rest = rest.slice(dollar + 1);
    const name = /^(?:([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/u.exec(rest);
    if (rest.startsWith('$')) {
      pieces.push({ kind: 'text', text: '$' });
      rest = rest.slice(1);
    } else if (name === null) pieces.push({ kind: 'text', text: '$' });
    else {
      pieces.push({ kind: 'group', name: name[1] ?? name[2] ?? '' });
      rest = rest.slice(name[0].length);
    }
  }
  if (rest !== '') pieces.push({ kind: 'text', text: rest });
  return pieces;
}

/** The regular expression of a template such as `urn:<[a-z]+>:x`: what stands between delimiters is one already. */
function expandTemplate(ctx: BuiltinContext, template: string, start: string, end: string): string | undefined {
  const unbalanced = (): undefined => builtinError(ctx, `unbalanced braces in ${quoteText(template)}`);
  let pattern = '^';
  let level = 0;
  let from = 0;
  for (let index = 0; index < template.length; index++) {
    const char = template[index];
    if (char === start) {
      level++;
      if (level > 1) continue;
      pattern += RE2JS.quote(template.slice(from, index));
      from = index + 1;
    } else if (char === end) {
      level--;
      if (level < 0) return unbalanced();
      if (level > 0) continue;
      const inner = template.slice(from, index);
      const checked = compileRegex(`^${inner}$`);
      if (!checked.ok) return builtinError(ctx, checked.message);
      pattern += `(${inner})`;
      from = index + 1;
    }
  }
  return level === 0 ? `${pattern}${RE2JS.quote(template.slice(from))}$` : unbalanced();
}

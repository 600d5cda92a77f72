import { isLinear, isNullable, longestMatch } from './regex-choices.ts';
import { BEYOND_ASCII, parseSet, parseSubset, someNode, type RegexNode } from './regex-subset.ts';

/** Tells whether a text has a match. */
export type TextTest = (text: string) => boolean;

/** Longest match of a pattern that may start anywhere in a text: the native engine tries it from every character. */
const MAX_FLOATING_LENGTH = 100;

/**
 * Translates a regular expression to the native engine, which is many times faster than re2js, where that is provably
 * the same and takes time in proportion to the text; undefined for all others. Patterns that start anywhere must be of
 * bounded length; those with `^` may have loops, in which the next character has to say which way to go.
 */
export function compileNative(pattern: string): TextTest | undefined {
  const literal = compileLiteral(pattern);
  if (literal !== undefined) return literal;
  const anchored = pattern.startsWith('^');
  const parsed = parseSubset(anchored ? pattern.slice(1) : pattern);
  // `^a|b` has an anchor in one branch only.
  if (parsed === undefined || (anchored && parsed.kind === 'choice')) return undefined;
  const node = anchored ? parsed : withoutEdges(parsed);
  if (!anchored && (longestMatch(node) > MAX_FLOATING_LENGTH || isMisread(node))) return undefined;
  if (!isLinear(node)) return undefined;
  const regexp = new RegExp((anchored ? '^' : '') + sourceOf(node), 'u');
  return (text) => regexp.test(text);
}

/**
 * Translates a regular expression to the native engine for finding all matches and where they are, as far as these are
 * the same and take time in proportion to the text; undefined for all others. A pattern that starts anywhere has to know
 * after few characters whether it matches: only its end may be a loop. Groups are not kept.
 */
export function compileNativeSearch(pattern: string): RegExp | undefined {
  const anchored = pattern.startsWith('^');
  const node = parseSubset(anchored ? pattern.slice(1) : pattern);
  if (node === undefined || (anchored && node.kind === 'choice')) return undefined;
  // The same texts match where a loop takes little, but not the same parts of them.
  if (someNode(node, (inner) => inner.kind === 'repeat' && inner.lazy)) return undefined;
  if (!anchored && (longestMatch(withoutLastLoop(node)) > MAX_FLOATING_LENGTH || isMisread(node))) return undefined;
  if (!isLinear(node)) return undefined;
  return new RegExp((anchored ? '^' : '') + sourceOf(node), 'gu');
}

/** What has to match in front of a loop over single characters at the end; the turns that the loop must take count. */
function withoutLastLoop(node: RegexNode): RegexNode {
  const items = node.kind === 'sequence' ? node.items : [node];
  const last = items.at(-1);
  if (last?.kind !== 'repeat' || last.item.kind !== 'set' || last.max !== Infinity) return node;
  return { kind: 'sequence', items: [...items.slice(0, -1), { ...last, max: Math.max(last.min, 1) }] };
}

/** A pattern that starts anywhere, without the repetition at its start and end that a match can do without. */
function withoutEdges(node: RegexNode): RegexNode {
  if (node.kind !== 'sequence') return node;
  const items = [...node.items];
  while (items[0] !== undefined && isOptional(items[0])) items.shift();
  for (let last = items.at(-1); last !== undefined && isOptional(last); last = items.at(-1)) items.pop();
  return { kind: 'sequence', items };
}

/**
 * True for patterns such as `.$`: V8 looks for those that end at the end of the text so many UTF-16 units in front of it as
 * they have characters, and misses `😀`.
 */
const isMisread = (node: RegexNode): boolean =>
  someNode(node, ({ kind }) => kind === 'end') &&
  someNode(node, (inner) => inner.kind === 'set' && inner.set.bits >= BEYOND_ASCII);

const isOptional = (node: RegexNode): boolean => node.kind === 'repeat' && isNullable(node);

function sourceOf(node: RegexNode): string {
  switch (node.kind) {
    case 'set':
      return node.set.source;
    case 'end':
      return '$';
    case 'sequence':
      return node.items.map((item) => (item.kind === 'choice' ? `(?:${sourceOf(item)})` : sourceOf(item))).join('');
    case 'choice':
      return node.branches.map(sourceOf).join('|');
    case 'repeat': {
      const { item, min, max } = node;
      const body = item.kind === 'set' ? sourceOf(item) : `(?:${sourceOf(item)})`;
      return `${body}{${String(min)},${max === Infinity ? '' : String(max)}}`;
    }
    default:
      return node satisfies never;
  }
}

/**
 * A test that every text with a match passes, for patterns that start with `^` and plain items: most texts that do not
 * match fail it, and it costs little. Undefined where there is nothing to test.
 */
export function compilePrefix(pattern: string): TextTest | undefined {
  // An alternative might do without the prefix.
  if (!pattern.startsWith('^') || pattern.includes('|')) return undefined;
  let source = '';
  for (let at = 1; at < pattern.length;) {
    const parsed = pattern[at] === '$' ? undefined : parseSet(pattern, at);
    const mark = parsed === undefined ? undefined : pattern[parsed.end];
    // What may be left out or repeated ends the prefix.
    if (parsed === undefined || (mark !== undefined && '*+?{'.includes(mark))) break;
    source += parsed.set.source;
    at = parsed.end;
  }
  if (source === '') return undefined;
  const regexp = new RegExp(`^${source}`, 'u');
  return (text) => regexp.test(text);
}

const PLAIN = /^[^\\^$.|?*+()[\]{}]*$/;

/** Plain text with or without anchors needs no engine. */
function compileLiteral(pattern: string): TextTest | undefined {
  const atStart = pattern.startsWith('^');
  const atEnd = pattern.endsWith('$');
  const text = pattern.slice(atStart ? 1 : 0, atEnd ? -1 : undefined);
  if (!PLAIN.test(text)) return undefined;
  if (atStart && atEnd) return (input) => input === text;
  if (atStart) return (input) => input.startsWith(text);
  return atEnd ? (input) => input.endsWith(text) : (input) => input.includes(text);
}

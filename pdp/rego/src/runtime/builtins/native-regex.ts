/** Tells whether a text has a match. */
export type TextTest = (text: string) => boolean;

/** A set of ASCII characters, and whether characters beyond ASCII belong to it. */
interface CharSet {
  readonly source: string;
  readonly has: (code: number) => boolean;
}

interface Item {
  readonly set: CharSet;
  readonly quantifier: '' | '*' | '+' | '?';
}

/**
 * Translates a regular expression to the native engine, which is many times faster than re2js, where that is provably
 * the same and linear; undefined for all others. The subset: anchored at the start, a sequence of characters, `.`,
 * classes and escapes with `*`, `+`, `?`, and no groups or alternatives. Whatever can give back characters (a
 * quantified item) must be followed by an item that has none of its characters, so that giving back fails at once;
 * only the last quantified item is free of this.
 */
export function compileNative(pattern: string): TextTest | undefined {
  const literal = compileLiteral(pattern);
  if (literal !== undefined) return literal;
  if (!pattern.startsWith('^')) return undefined;
  const anchored = pattern.endsWith('$') && !pattern.endsWith('\\$');
  const items = parseItems(pattern.slice(1, anchored ? -1 : undefined));
  if (items === undefined || !isDeterministic(items)) return undefined;
  const source = items.map(({ set, quantifier }) => set.source + quantifier).join('');
  const regexp = new RegExp(`^${source}${anchored ? '$' : ''}`, 'u');
  return (text) => regexp.test(text);
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

function isDeterministic(items: readonly Item[]): boolean {
  const last = items.findLastIndex((item) => item.quantifier !== '');
  return items.every((item, index) => {
    if (item.quantifier === '' || index === last) return true;
    const next = items[index + 1];
    if (next === undefined || next.quantifier === '*' || next.quantifier === '?') return false;
    for (let code = 0; code <= 128; code++) if (item.set.has(code) && next.set.has(code)) return false;
    return true;
  });
}

const DIGIT = (code: number): boolean => code >= 48 && code <= 57;
const WORD = (code: number): boolean =>
  DIGIT(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const SPACE = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 12 || code === 13;

const ESCAPES: ReadonlyMap<string, CharSet> = new Map([
  ['d', { source: '[0-9]', has: DIGIT }],
  ['D', { source: '[^0-9]', has: (code: number) => !DIGIT(code) }],
  ['w', { source: '[0-9A-Za-z_]', has: WORD }],
  ['W', { source: '[^0-9A-Za-z_]', has: (code: number) => !WORD(code) }],
  ['s', { source: '[\\t\\n\\f\\r ]', has: SPACE }],
  ['S', { source: '[^\\t\\n\\f\\r ]', has: (code: number) => !SPACE(code) }],
]);

function parseItems(body: string): readonly Item[] | undefined {
  const items: Item[] = [];
  let at = 0;
  while (at < body.length) {
    const parsed = parseSet(body, at);
    if (parsed === undefined) return undefined;
    at = parsed.end;
    const mark = body[at];
    let quantifier: Item['quantifier'] = '';
    if (mark === '*' || mark === '+' || mark === '?') {
      quantifier = mark;
      at++;
    }
    const following = body[at];
    // Lazy and counted repetition is left to re2js.
    if (quantifier !== '' && (following === '?' || following === '+' || following === '*')) return undefined;
    if (following === '{') return undefined;
    items.push({ set: parsed.set, quantifier });
  }
  return items;
}

interface ParsedSet {
  readonly set: CharSet;
  readonly end: number;
}

function parseSet(body: string, at: number): ParsedSet | undefined {
  const char = body[at] ?? '';
  const code = char.charCodeAt(0);
  if (code > 127 || '^$|?*+(){}]'.includes(char)) return undefined;
  if (char === '.') return { set: { source: '[^\\n]', has: (other) => other !== 10 }, end: at + 1 };
  if (char === '[') return parseClass(body, at + 1);
  if (char !== '\\') return { set: single(code), end: at + 1 };
  const escaped = body[at + 1] ?? '';
  const known = ESCAPES.get(escaped);
  if (known !== undefined) return { set: known, end: at + 2 };
  return /^[!-/:-@[-`{-~]$/.test(escaped) ? { set: single(escaped.charCodeAt(0)), end: at + 2 } : undefined;
}

function single(code: number): CharSet {
  return { source: `\\u{${code.toString(16)}}`, has: (other) => other === code };
}

/** Simple classes: ASCII characters, ranges and \d \w \s. */
function parseClass(body: string, start: number): ParsedSet | undefined {
  const end = body.indexOf(']', start + 1);
  const inner = end < 0 ? '' : body.slice(start, end);
  const match = /^(\^?)((?:[\w /:@.,;=#%&!~"'<>+*?$|(){}-]|\\[dws./-])+)$/.exec(inner);
  if (match === null) return undefined;
  const negated = match[1] === '^';
  const parts: ((code: number) => boolean)[] = [];
  let source = '';
  const tokens = [...(match[2] ?? '').matchAll(/(\\?.)(?:-(\\?.))?/gs)];
  for (const [index, [whole, from = '', to]] of tokens.entries()) {
    const low = classCode(from);
    const high = to === undefined ? low : classCode(to);
    const named = ESCAPES.get(from.length === 2 ? from.slice(1) : '');
    if (named !== undefined && to === undefined) {
      parts.push(named.has);
      source += named.source.slice(1, -1);
    } else if (low === undefined || high === undefined || low > high) return undefined;
    // A hyphen between others might be meant as a range.
    else if (whole === '-' && index > 0 && index < tokens.length - 1) return undefined;
    else {
      parts.push((code) => code >= low && code <= high);
      source += `\\u{${low.toString(16)}}-\\u{${high.toString(16)}}`;
    }
  }
  const has = (code: number): boolean => parts.some((part) => part(code)) !== negated;
  return { set: { source: `[${negated ? '^' : ''}${source}]`, has }, end: end + 1 };
}

function classCode(token: string): number | undefined {
  if (token.length === 1) return token.charCodeAt(0);
  return /^\\[./-]$/.test(token) ? token.charCodeAt(1) : undefined;
}

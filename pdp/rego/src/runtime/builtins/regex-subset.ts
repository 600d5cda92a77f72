/** A set of characters: ASCII ones by their code, all beyond ASCII as one more. */
export interface CharSet {
  /** As the native engine writes it. */
  readonly source: string;
  /** Bit n stands for the character n; bit 128 for all characters beyond ASCII. */
  readonly bits: bigint;
}

/** A regular expression of the subset that the native engine and RE2 read alike. */
export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  /** The end of the text. */
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly branches: readonly RegexNode[] }
  /** `max` is Infinity where there is no limit. A lazy one takes as little as it can. */
  | {
      readonly kind: 'repeat';
      readonly item: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    };

/** The bit of all characters beyond ASCII: the highest. */
export const BEYOND_ASCII = 1n << 128n;

/** Tells whether an expression or any inside of it is of some kind. */
export function someNode(node: RegexNode, is: (node: RegexNode) => boolean): boolean {
  if (is(node)) return true;
  switch (node.kind) {
    case 'set':
    case 'end':
      return false;
    case 'sequence':
      return node.items.some((item) => someNode(item, is));
    case 'choice':
      return node.branches.some((branch) => someNode(branch, is));
    case 'repeat':
      return someNode(node.item, is);
    default:
      return node satisfies never;
  }
}

/** RE2 takes no larger counts. */
const MAX_COUNT = 1_000;

/** How deep groups of the subset may nest. */
const MAX_GROUPS = 50;

/**
 * Reads a pattern of the subset: ASCII characters, `.`, simple classes, escapes, groups (whose captures do not matter),
 * alternatives, repetition, and `$`. Undefined for all others, wrong ones included.
 */
export function parseSubset(pattern: string): RegexNode | undefined {
  const reader = new SubsetReader(pattern);
  const node = reader.choice(0);
  return node !== undefined && reader.isAtEnd ? node : undefined;
}

class SubsetReader {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#pattern.length;
  }

  choice(depth: number): RegexNode | undefined {
    const branches: RegexNode[] = [];
    for (;;) {
      const branch = this.#sequence(depth);
      if (branch === undefined) return undefined;
      branches.push(branch);
      if (this.#pattern[this.#at] !== '|') break;
      this.#at++;
    }
    const [only] = branches;
    return branches.length === 1 ? only : { kind: 'choice', branches };
  }

  #sequence(depth: number): RegexNode | undefined {
    const items: RegexNode[] = [];
    for (;;) {
      const char = this.#pattern[this.#at];
      if (char === undefined || char === '|' || char === ')') return { kind: 'sequence', items };
      const item = this.#item(char, depth);
      const repeated = item === undefined ? undefined : this.#repeated(item);
      if (repeated === undefined) return undefined;
      items.push(repeated);
    }
  }

  #item(char: string, depth: number): RegexNode | undefined {
    if (char === '$') {
      this.#at++;
      return { kind: 'end' };
    }
    if (char === '(') return depth < MAX_GROUPS ? this.#group(depth) : undefined;
    const parsed = parseSet(this.#pattern, this.#at);
    if (parsed === undefined) return undefined;
    this.#at = parsed.end;
    return { kind: 'set', set: parsed.set };
  }

  #group(depth: number): RegexNode | undefined {
    GROUP.lastIndex = this.#at;
    const open = GROUP.exec(this.#pattern)?.[0];
    if (open === undefined) return undefined;
    this.#at += open.length;
    const inner = this.choice(depth + 1);
    if (inner === undefined || this.#pattern[this.#at] !== ')') return undefined;
    this.#at++;
    return inner;
  }

  /** The item with the repetition behind it. */
  #repeated(item: RegexNode): RegexNode | undefined {
    const char = this.#pattern[this.#at];
    if (char === undefined || !'*+?{'.includes(char)) return item;
    QUANTIFIER.lastIndex = this.#at;
    const match = QUANTIFIER.exec(this.#pattern);
    if (match === null) return undefined;
    const [whole, mark, from, comma, to] = match;
    this.#at += whole.length;
    const next = this.#pattern[this.#at];
    // RE2 refuses repetition of what is repeated, and the native engine that of the end.
    if (item.kind === 'end' || (next !== undefined && '*+?{'.includes(next))) return undefined;
    const min = from === undefined ? (mark === '+' ? 1 : 0) : Number(from);
    const most = comma === undefined ? min : to === undefined || to === '' ? Infinity : Number(to);
    const max = from === undefined ? (mark === '?' ? 1 : Infinity) : most;
    if (min > max || min > MAX_COUNT || (max !== Infinity && max > MAX_COUNT)) return undefined;
    return { kind: 'repeat', item, min, max, lazy: whole.length > 1 && whole.endsWith('?') };
  }
}

const GROUP = /\((?:\?:|\?P?<[A-Za-z_][A-Za-z0-9_]*>|(?!\?))/y;
const QUANTIFIER = /(?:([*+?])|\{(\d{1,4})(?:(,)(\d{0,4}))?\})\??/y;

const bitsWhere = (has: (code: number) => boolean): bigint => {
  let bits = 0n;
  for (let code = 0; code <= 128; code++) if (has(code)) bits |= 1n << BigInt(code);
  return bits;
};

const setWhere = (source: string, has: (code: number) => boolean): CharSet => ({ source, bits: bitsWhere(has) });

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isWord = (code: number): boolean =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 12 || code === 13;

const ESCAPES: ReadonlyMap<string, CharSet> = new Map([
  ['d', setWhere('[0-9]', isDigit)],
  ['D', setWhere('[^0-9]', (code) => !isDigit(code))],
  ['w', setWhere('[0-9A-Za-z_]', isWord)],
  ['W', setWhere('[^0-9A-Za-z_]', (code) => !isWord(code))],
  ['s', setWhere('[\\t\\n\\f\\r ]', isSpace)],
  ['S', setWhere('[^\\t\\n\\f\\r ]', (code) => !isSpace(code))],
]);

const DOT = setWhere('[^\\n]', (code) => code !== 10);

/** A set and the index behind its text. */
interface ParsedSet {
  readonly set: CharSet;
  readonly end: number;
}

/** Reads one character, class or escape of the subset. */
export function parseSet(pattern: string, at: number): ParsedSet | undefined {
  const char = pattern[at] ?? '';
  const code = char.charCodeAt(0);
  if (!(code <= 127) || '^$|?*+(){}]'.includes(char)) return undefined;
  if (char === '.') return { set: DOT, end: at + 1 };
  if (char === '[') return parseClass(pattern, at + 1);
  if (char !== '\\') return { set: single(code), end: at + 1 };
  const escaped = pattern[at + 1] ?? '';
  const known = ESCAPES.get(escaped);
  if (known !== undefined) return { set: known, end: at + 2 };
  return /^[!-/:-@[-`{-~]$/.test(escaped) ? { set: single(escaped.charCodeAt(0)), end: at + 2 } : undefined;
}

function single(code: number): CharSet {
  return { source: `\\u{${code.toString(16)}}`, bits: 1n << BigInt(code) };
}

/** Simple classes: ASCII characters, ranges and \d \w \s. */
function parseClass(pattern: string, start: number): ParsedSet | undefined {
  const end = pattern.indexOf(']', start + 1);
  const inner = end < 0 ? '' : pattern.slice(start, end);
  const match = /^(\^?)((?:[\w /:@.,;=#%&!~"'<>+*?$|(){}-]|\\[dws./-])+)$/.exec(inner);
  if (match === null) return undefined;
  const negated = match[1] === '^';
  const parts: CharSet[] = [];
  const tokens = [...(match[2] ?? '').matchAll(/(\\?.)(?:-(\\?.))?/gs)];
  for (const [index, [whole, from = '', to]] of tokens.entries()) {
    const low = classCode(from);
    const high = to === undefined ? low : classCode(to);
    const named = ESCAPES.get(from.length === 2 ? from.slice(1) : '');
    if (named !== undefined && to === undefined) parts.push({ ...named, source: named.source.slice(1, -1) });
    else if (low === undefined || high === undefined || low > high) return undefined;
    // A hyphen between others might be meant as a range.
    else if (whole === '-' && index > 0 && index < tokens.length - 1) return undefined;
    else {
      const source = `\\u{${low.toString(16)}}-\\u{${high.toString(16)}}`;
      parts.push(setWhere(source, (code) => code >= low && code <= high));
    }
  }
  const bits = parts.reduce((all, part) => all | part.bits, 0n);
  const source = `[${negated ? '^' : ''}${parts.map((part) => part.source).join('')}]`;
  return { set: { source, bits: negated ? ALL_CHARACTERS & ~bits : bits }, end: end + 1 };
}

const ALL_CHARACTERS = (1n << 129n) - 1n;

function classCode(token: string): number | undefined {
  if (token.length === 1) return token.charCodeAt(0);
  return /^\\[./-]$/.test(token) ? token.charCodeAt(1) : undefined;
}

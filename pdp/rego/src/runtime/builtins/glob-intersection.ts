/** One element of the small regular expressions that `regex.globs_match` compares. */
interface Token {
  /** The code points it takes; undefined for any. */
  readonly points: ReadonlySet<number> | undefined;
  readonly isSet: boolean;
  flag: '' | '+' | '*';
}

type Tokens = readonly Token[];

/**
 * Tells whether some text that is not empty matches both expressions, which consist of characters, `.`, sets `[a-z]`
 * and the flags `+` and `*`. A string is the message for a malformed one. Follows
 * github.com/yashtewari/glob-intersection, which OPA uses, where that library is inexact too.
 */
export function intersectsGlobs(a: string, b: string): boolean | string {
  const left = new Tokenizer(a).read();
  if (typeof left === 'string') return left;
  const right = new Tokenizer(b).read();
  if (typeof right === 'string') return right;
  const trimmed = trim(simplify(left), simplify(right));
  return trimmed !== undefined && new Intersection(trimmed[0], trimmed[1]).normal(0, 0, false);
}

function matches(a: Token, b: Token): boolean {
  if (a.points === undefined || b.points === undefined) return true;
  for (const point of a.points) if (b.points.has(point)) return true;
  return false;
}

function sameToken(a: Token, b: Token): boolean {
  if (a.isSet !== b.isSet || a.points?.size !== b.points?.size) return false;
  if (a.points === undefined || b.points === undefined) return a.points === b.points;
  return a.points.isSubsetOf(b.points);
}

/** Joins neighbours that repeat the same thing: t+t* is t+. */
function simplify(tokens: readonly Token[]): Tokens {
  const result: Token[] = [];
  for (const token of tokens) {
    const latest = result.at(-1);
    if (latest !== undefined && token.flag !== '' && latest.flag !== '' && sameToken(token, latest)) {
      latest.flag = token.flag === '+' || latest.flag === '+' ? '+' : '*';
    } else result.push(token);
  }
  return result;
}

/** Takes off what both begin and end with, all but one token each; undefined if that differs already. */
function trim(a: Tokens, b: Tokens): readonly [Tokens, Tokens] | undefined {
  let start = 0;
  for (; start < a.length && start < b.length; start++) {
    const left = a[start];
    const right = b[start];
    if (left?.flag !== '' || right?.flag !== '') break;
    if (!matches(left, right)) return undefined;
  }
  if (start > 0) start--;
  let endA = a.length - 1;
  let endB = b.length - 1;
  for (; endA >= start && endB >= start; endA--, endB--) {
    const left = a[endA];
    const right = b[endB];
    if (left?.flag !== '' || right?.flag !== '') break;
    if (!matches(left, right)) return undefined;
  }
  if (endA < a.length - 1) {
    endA++;
    endB++;
  }
  return [a.slice(start, endA + 1), b.slice(start, endB + 1)];
}

/** The search, with every answer kept: there are only so many pairs of places to be at. */
class Intersection {
  readonly #sides: readonly [Tokens, Tokens];
  readonly #known = new Map<string, boolean>();

  constructor(a: Tokens, b: Tokens) {
    this.#sides = [a, b];
  }

  /** Both from places `i` and `j` on; `swapped` exchanges the sides. */
  normal(i: number, j: number, swapped: boolean): boolean {
    return this.#once(`n${String(i)},${String(j)},${String(swapped)}`, () => {
      const [a, b] = this.#oriented(swapped);
      let x = i;
      let y = j;
      for (; x < a.length && y < b.length; x++, y++) {
        const left = a[x];
        const right = b[y];
        if (left === undefined || right === undefined) break;
        if (left.flag !== '') return this.#repeated(x, y, swapped, left.flag);
        if (right.flag !== '') return this.#repeated(y, x, !swapped, right.flag);
        if (!matches(left, right)) return false;
      }
      return x === a.length && y === b.length;
    });
  }

  #repeated(i: number, j: number, swapped: boolean, flag: '+' | '*'): boolean {
    return flag === '+' ? this.#plus(i, j, swapped) : this.#star(i, j, swapped);
  }

  #plus(i: number, j: number, swapped: boolean): boolean {
    const [a, b] = this.#oriented(swapped);
    const token = a[i];
    const other = b[j];
    if (token === undefined || other === undefined || !matches(token, other)) return false;
    if (this.#star(i, j + 1, swapped)) return true;
    return other.flag !== '' && this.normal(i + 1, j, swapped);
  }

  #star(i: number, j: number, swapped: boolean): boolean {
    return this.#once(`s${String(i)},${String(j)},${String(swapped)}`, () => {
      const [a, b] = this.#oriented(swapped);
      const token = a[i];
      if (token === undefined) return false;
      const next = a[i + 1];
      for (let at = j; at < b.length; at++) {
        const other = b[at];
        if (other === undefined) break;
        if (next !== undefined && matches(other, next) && this.normal(i + 1, at, swapped)) return true;
        if (!matches(other, token)) return false;
      }
      return next === undefined;
    });
  }

  #oriented(swapped: boolean): readonly [Tokens, Tokens] {
    const [a, b] = this.#sides;
    return swapped ? [b, a] : [a, b];
  }

  #once(key: string, compute: () => boolean): boolean {
    let answer = this.#known.get(key);
    if (answer === undefined) {
      answer = compute();
      this.#known.set(key, answer);
    }
    return answer;
  }
}

/** Largest set `[a-z]` that is spelled out. */
const MAX_SET_SIZE = 0x11_0000;

class Tokenizer {
  readonly #text: string;
  readonly #chars: readonly string[];
  #at = 0;
  #problem = '';

  constructor(text: string) {
    this.#text = text;
    this.#chars = Array.from(text);
  }

  read(): readonly Token[] | string {
    const tokens: Token[] = [];
    while (this.#at < this.#chars.length) {
      const token = this.#token();
      if (token === undefined) return this.#problem;
      tokens.push(token);
    }
    return tokens;
  }

  #token(): Token | undefined {
    const char = this.#char();
    if (char === undefined) return undefined;
    let token: Token | undefined;
    if (char.escaped || !'.[]+*'.includes(char.char)) token = tokenOf([char.char]);
    else if (char.char === '.') token = { points: undefined, isSet: false, flag: '' };
    else if (char.char === '[') token = this.#set();
    else if (char.char === ']') return this.#fail("set-close ']' with no preceding '['");
    else return this.#fail(`flag '${char.char}' must be preceded by a non-flag`);
    if (token === undefined) return undefined;
    const flag = this.#chars[this.#at];
    if (flag === '+' || flag === '*') {
      token.flag = flag;
      this.#at++;
    } else if (flag === '\\' && this.#at === this.#chars.length - 1) {
      return this.#fail('input ends with a \\ (escape) character');
    }
    return token;
  }

  #set(): Token | undefined {
    const points = new Set<number>();
    let previous: number | undefined;
    while (this.#at < this.#chars.length) {
      const char = this.#char();
      if (char === undefined) return undefined;
      const point = char.char.codePointAt(0) ?? 0;
      if (!char.escaped && char.char === ']') return { points, isSet: true, flag: '' };
      if (char.escaped || char.char !== '-') {
        points.add(point);
        previous = point;
        continue;
      }
      if (previous === undefined) return this.#fail("range character '-' must be preceded by a Unicode character");
      if (this.#at >= this.#chars.length - 1) {
        return this.#fail("range character '-' must be followed by a Unicode character");
      }
      if (!this.#range(previous, points)) return undefined;
      previous = undefined;
    }
    return this.#fail('found [ without matching ]');
  }

  #range(from: number, points: Set<number>): boolean {
    const last = this.#char();
    if (last === undefined) return false;
    if (!last.escaped && (last.char === ']' || last.char === '-')) {
      this.#fail("range character '-' cannot be followed by a special symbol");
      return false;
    }
    const to = last.char.codePointAt(0) ?? 0;
    if (to < from) {
      this.#fail(`range is out of order: '${last.char}' comes before '${String.fromCodePoint(from)}' in Unicode`);
      return false;
    }
    for (let point = from; point <= to && points.size < MAX_SET_SIZE; point++) points.add(point);
    return true;
  }

  #char(): { readonly char: string; readonly escaped: boolean } | undefined {
    const char = this.#chars[this.#at] ?? '';
    if (char !== '\\') {
      this.#at++;
      return { char, escaped: false };
    }
    const escaped = this.#chars[this.#at + 1];
    if (escaped === undefined) return this.#fail('input ends with a \\ (escape) character');
    this.#at += 2;
    return { char: escaped, escaped: true };
  }

  #fail(problem: string): undefined {
    this.#problem = `input:${this.#text}, pos:${String(this.#at)}, ${problem}: the input provided is invalid`;
    return undefined;
  }
}

function tokenOf(chars: readonly string[]): Token {
  return { points: new Set(chars.map((char) => char.codePointAt(0) ?? 0)), isSet: false, flag: '' };
}

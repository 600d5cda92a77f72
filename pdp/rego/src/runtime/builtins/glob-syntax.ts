/** One piece of a glob. Characters are code points. */
export type GlobNode =
  | { readonly kind: 'text'; readonly text: string }
  /** `*`: any run of characters that are no separators. */
  | { readonly kind: 'star' }
  /** `**`: any run of characters. */
  | { readonly kind: 'super' }
  /** `?`: one character that is no separator. */
  | { readonly kind: 'single' }
  /** `[a-z]`, `[abc]`, `[!abc]`: one character; separators are no exception. */
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: 'alternatives'; readonly branches: readonly (readonly GlobNode[])[] };

/** What parsing a glob gives: its pieces, or Go's message for what is wrong. */
export type GlobParse =
  { readonly ok: true; readonly nodes: readonly GlobNode[] } | { readonly ok: false; readonly message: string };

/** Parses the syntax of github.com/gobwas/glob v1: `*`, `**`, `?`, `[..]`, `{a,b}` and `\` to escape. */
export function parseGlob(pattern: string): GlobParse {
  const parser = new GlobParser(pattern);
  const nodes = parser.sequence(0);
  if (nodes === undefined) return { ok: false, message: parser.message };
  return { ok: true, nodes };
}

/** Escapes every character that a glob gives a meaning to. */
export function quoteGlob(text: string): string {
  return text.replace(/[*?\\[\]{}]/g, '\\$&');
}

class GlobParser {
  readonly #chars: readonly string[];
  #at = 0;
  message = '';

  constructor(pattern: string) {
    this.#chars = Array.from(pattern);
  }

  /** Reads up to the end, or inside of braces up to the `,` or `}` that ends the branch. */
  sequence(depth: number): GlobNode[] | undefined {
    const nodes: GlobNode[] = [];
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined) return depth === 0 ? nodes : this.#fail('unclosed `{`');
      if (depth > 0 && (char === ',' || char === '}')) return nodes;
      const node = this.#node(char, depth);
      if (node === undefined) return undefined;
      nodes.push(node);
    }
  }

  #node(char: string, depth: number): GlobNode | undefined {
    switch (char) {
      case '{':
        return this.#alternatives(depth);
      case '[':
        this.#at++;
        return this.#class();
      case '?':
        this.#at++;
        return { kind: 'single' };
      case '*':
        this.#at++;
        if (this.#chars[this.#at] !== '*') return { kind: 'star' };
        this.#at++;
        return { kind: 'super' };
      default: {
        const text = this.#text(depth > 0 ? '?*[{},' : '?*[{');
        return text === undefined ? undefined : { kind: 'text', text };
      }
    }
  }

  #alternatives(depth: number): GlobNode | undefined {
    const branches: GlobNode[][] = [];
    do {
      this.#at++;
      const branch = this.sequence(depth + 1);
      if (branch === undefined) return undefined;
      branches.push(branch);
    } while (this.#chars[this.#at] === ',');
    this.#at++;
    return { kind: 'alternatives', branches };
  }

  #class(): GlobNode | undefined {
    let negated = false;
    if (this.#chars[this.#at] === '!') {
      negated = true;
      this.#at++;
    }
    const first = this.#chars[this.#at];
    if (first === undefined) return this.#fail('unexpected end of input');
    if (this.#chars[this.#at + 1] === '-') return this.#range(negated, first);
    const text = this.#text(']');
    if (text === undefined) return undefined;
    if (this.#chars[this.#at] === undefined) return this.#fail('unexpected end of input');
    this.#at++;
    if (text === '') return this.#fail('could not parse range');
    const points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
    return { kind: 'class', negated, ranges: points.map((point) => [point, point] as const) };
  }

  #range(negated: boolean, first: string): GlobNode | undefined {
    const last = this.#chars[this.#at + 2];
    this.#at = Math.min(this.#at + 3, this.#chars.length);
    if (last === undefined || this.#at >= this.#chars.length) return this.#fail('unexpected end of input');
    this.#at++;
    if (this.#chars[this.#at - 1] !== ']') return this.#fail('expected close range character');
    const low = first.codePointAt(0) ?? 0;
    const high = last.codePointAt(0) ?? 0;
    if (high < low) return this.#fail('range hi character is less than lo');
    return { kind: 'class', negated, ranges: [[low, high]] };
  }

  /** Reads literal characters up to one of the breakers, taking `\` as an escape. */
  #text(breakers: string): string | undefined {
    let text = '';
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined || breakers.includes(char)) return text;
      this.#at++;
      if (char === '\\') {
        const escaped = this.#chars[this.#at];
        if (escaped === undefined) return this.#fail('trailing backslash');
        this.#at++;
        text += escaped;
      } else text += char;
    }
  }

  #fail(reason: string): undefined {
    const offset = new TextEncoder().encode(this.#chars.slice(0, this.#at).join('')).length;
    this.message = `glob: syntax error at ${String(offset)}: ${reason}`;
    return undefined;
  }
}

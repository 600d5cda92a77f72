/**
 * Rego's tokens. Scanning is on demand: imports switch keywords on, and template strings resume in the middle of a
 * token, so that a token list made beforehand would be wrong.
 */

/** What a token is. The value is the word that diagnostics use for it (`unexpected eof token`). */
export type TokenKind =
  | 'illegal'
  | 'eof'
  | 'whitespace'
  | 'identifier'
  | 'comment'
  | 'number'
  | 'string'
  | 'template-string-part'
  | 'template-string-end'
  | 'raw-template-string-part'
  | 'raw-template-string-end'
  | Keyword
  | '['
  | ']'
  | '{'
  | '}'
  | '('
  | ')'
  | ','
  | ':'
  | '.'
  | ';'
  | Operator;

/** `and-keyword` and `or-keyword` are the words; `and` and `or` are the operators `&` and `|`, named after their built-ins. */
export type Keyword =
  | 'package'
  | 'import'
  | 'as'
  | 'default'
  | 'else'
  | 'not'
  | 'some'
  | 'with'
  | 'null'
  | 'true'
  | 'false'
  | 'in'
  | 'every'
  | 'contains'
  | 'if'
  | 'and-keyword'
  | 'or-keyword';

/** Operators, by the name of the built-in that they call. */
export type Operator =
  | 'plus'
  | 'minus'
  | 'mul'
  | 'div'
  | 'rem'
  | 'and'
  | 'or'
  | 'eq'
  | 'equal'
  | 'assign'
  | 'neq'
  | 'gt'
  | 'lt'
  | 'gte'
  | 'lte';

/** Words that are keywords in every version of the language. */
export const BASE_KEYWORDS: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ['package', 'package'],
  ['import', 'import'],
  ['as', 'as'],
  ['default', 'default'],
  ['else', 'else'],
  ['not', 'not'],
  ['some', 'some'],
  ['with', 'with'],
  ['null', 'null'],
  ['true', 'true'],
  ['false', 'false'],
]);

/** What `import rego.v1` adds to v0. */
export const V1_KEYWORDS: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ['in', 'in'],
  ['every', 'every'],
  ['contains', 'contains'],
  ['if', 'if'],
]);

/** What `import rego.v2` adds to v1. */
export const V2_KEYWORDS: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ['not', 'not'],
  ['and', 'and-keyword'],
  ['or', 'or-keyword'],
]);

/** Where the scanner stands. Plain numbers, so that a parser can go back by restoring a copy. */
export interface ScanPosition {
  /** Index of the next UTF-16 unit. */
  pos: number;
  /** Counts from 1. */
  row: number;
  /** Index of the first unit of the row. */
  lineStart: number;
  /** Surrogate pairs on this row so far: they are one column each. */
  astral: number;
}

/** One token; the scanner overwrites it with the next. */
export interface Token {
  kind: TokenKind;
  /** The token's text; for template string parts with `\{` unescaped. Empty for punctuation. */
  text: string;
  start: number;
  end: number;
  row: number;
  col: number;
}

/** How the scanner is to go on: at an ordinary token, or in a template string behind the `}` of an expression. */
export type ScanMode = 'token' | 'template' | 'raw-template';

const CODE = {
  tab: 9,
  newline: 10,
  return: 13,
  space: 32,
  quote: 34,
  zero: 48,
  nine: 57,
  backslash: 92,
  underscore: 95,
  backtick: 96,
  brace: 123,
  nbsp: 0xa0,
  bom: 0xfeff,
} as const;

const EOF = -1;

const PUNCTUATION: ReadonlyMap<number, TokenKind> = new Map<number, TokenKind>(
  (
    [
      ['[', '['],
      [']', ']'],
      ['{', '{'],
      ['}', '}'],
      ['(', '('],
      [')', ')'],
      [',', ','],
      [';', ';'],
      ['.', '.'],
      ['+', 'plus'],
      ['-', 'minus'],
      ['*', 'mul'],
      ['/', 'div'],
      ['%', 'rem'],
      ['&', 'and'],
      ['|', 'or'],
    ] as const
  ).map(([text, kind]) => [text.charCodeAt(0), kind]),
);

/** Characters that a `=` may follow: the token without, and with it. */
const BEFORE_EQUALS: ReadonlyMap<number, readonly [TokenKind, TokenKind]> = new Map<number, [TokenKind, TokenKind]>([
  [58, [':', 'assign']],
  [60, ['lt', 'lte']],
  [61, ['eq', 'equal']],
  [62, ['gt', 'gte']],
  [33, ['illegal', 'neq']],
]);

const isDecimal = (code: number): boolean => code >= CODE.zero && code <= CODE.nine;

const isLetter = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === CODE.underscore;

const UNICODE_DIGIT = /^\p{Nd}$/u;

/** A scanner over one source text. `keywords` may grow while it runs. */
export class Lexer {
  readonly source: string;
  readonly at: ScanPosition = { pos: 0, row: 1, lineStart: 0, astral: 0 };
  /** The last token that `scan` found. */
  readonly token: Token = { kind: 'eof', text: '', start: 0, end: 0, row: 1, col: 0 };
  /** Problems in the last token, in the order found; it is `illegal` then. */
  problems: string[] = [];
  readonly #keywords: Map<string, Keyword>;
  /** Every word so far: the same word is the same string, however often it occurs. */
  readonly #words = new Map<string, string>();
  /** True while keywords beyond the basic ones are read as identifiers, as in the path of an import. */
  onlyBaseKeywords = false;

  constructor(source: string, keywords: Iterable<readonly [string, Keyword]>) {
    this.source = source;
    this.#keywords = new Map([...BASE_KEYWORDS, ...keywords]);
    if (source.charCodeAt(0) === CODE.bom) this.at.pos = 1;
  }

  /** Switches a keyword on. `every` brings `in` with it. */
  addKeyword(word: string, kind: Keyword): void {
    this.#keywords.set(word, kind);
    if (kind === 'every') this.#keywords.set('in', 'in');
  }

  /** Runs something while some words are keywords that may not be otherwise. */
  withKeywords<T>(words: readonly Keyword[], run: () => T): T {
    const added = words.filter((word) => !this.#keywords.has(word));
    for (const word of added) this.#keywords.set(word, word);
    const result = run();
    for (const word of added) this.#keywords.delete(word);
    return result;
  }

  isKeyword(word: string): boolean {
    return this.keyword(word) !== undefined;
  }

  /** The keyword that a word is here, or undefined. */
  keyword(word: string): Keyword | undefined {
    if (this.onlyBaseKeywords && (V1_KEYWORDS.has(word) || V2_KEYWORDS.has(word))) return undefined;
    return this.#keywords.get(word);
  }

  /** Reads the next token into `token`. At the end of the text that is `eof`, again and again. */
  scan(mode: ScanMode = 'token'): void {
    const { token, at } = this;
    if (this.problems.length > 0) this.problems = [];
    this.#place(token);
    token.text = '';
    if (mode === 'template') this.#scanTemplate(at.pos - 1);
    else if (mode === 'raw-template') this.#scanRawTemplate(at.pos - 1);
    else this.#scanToken();
    token.end = at.pos;
  }

  /** Rows and columns as OPA counts them: a line feed belongs to the row it starts, the end of the text to the last character. */
  #place(token: Token): void {
    const { at } = this;
    token.start = at.pos;
    const code = this.#code();
    if (code === CODE.newline) {
      token.row = at.row + 1;
      token.col = 0;
    } else {
      token.row = at.row;
      token.col = at.pos - at.lineStart - at.astral + (code === EOF ? 0 : 1);
    }
  }

  #code(): number {
    return this.at.pos < this.source.length ? this.source.charCodeAt(this.at.pos) : EOF;
  }

  /** Steps over one character, keeping count of rows and columns. At the end of the text it stays. */
  #next(): void {
    const { at, source } = this;
    if (at.pos >= source.length) return;
    const code = source.charCodeAt(at.pos);
    at.pos++;
    if (code === CODE.newline) {
      at.row++;
      at.lineStart = at.pos;
      at.astral = 0;
    } else if (code === 0) {
      this.problems.push('illegal null character');
    } else if (code >= 0xd800 && code <= 0xdfff) {
      const low = at.pos < source.length ? source.charCodeAt(at.pos) : EOF;
      if (code < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
        at.pos++;
        at.astral++;
      } else {
        this.problems.push('illegal utf-8 character');
      }
    } else if (code === CODE.bom) {
      this.problems.push('illegal byte-order mark');
    }
  }

  #scanToken(): void {
    const { token, at, source } = this;
    const code = this.#code();
    if (code === CODE.space || code === CODE.newline || code === CODE.tab || code === CODE.return) {
      token.kind = 'whitespace';
      token.text = code === CODE.newline ? '\n' : ' ';
      this.#next();
    } else if (isLetter(code)) {
      const start = at.pos;
      this.#skipWord();
      token.text = this.#word(source.slice(start, at.pos));
      token.kind = this.keyword(token.text) ?? 'identifier';
    } else if (isDecimal(code)) {
      const start = at.pos;
      this.#skipNumber();
      token.text = source.slice(start, at.pos);
      token.kind = 'number';
    } else {
      this.#next();
      this.#scanSymbol(code);
    }
  }

  #scanSymbol(code: number): void {
    const { token, at, source } = this;
    const punctuation = PUNCTUATION.get(code);
    if (punctuation !== undefined) {
      token.kind = punctuation;
      return;
    }
    const pair = BEFORE_EQUALS.get(code);
    if (pair !== undefined) {
      const equals = this.#code() === 61;
      if (equals) this.#next();
      token.kind = equals ? pair[1] : pair[0];
      if (token.kind === 'illegal') this.problems.push('illegal ! character');
      return;
    }
    token.kind = 'illegal';
    switch (code) {
      case EOF:
        token.kind = 'eof';
        break;
      case 35: {
        const start = at.pos - 1;
        while (this.#code() !== CODE.newline && this.#code() !== EOF) this.#next();
        token.kind = 'comment';
        token.text = source.slice(start, at.pos).replace(/\r+$/, '');
        break;
      }
      case CODE.quote:
        this.#scanString(at.pos - 1);
        break;
      case CODE.backtick:
        this.#scanRawString(at.pos - 1);
        break;
      case CODE.nbsp:
        this.problems.push('illegal non-breaking space character, use a regular space instead');
        break;
      case 36:
        if (this.#code() === CODE.backtick) {
          this.#next();
          this.#scanRawTemplate(at.pos - 1);
        } else if (this.#code() === CODE.quote) {
          this.#next();
          this.#scanTemplate(at.pos - 1);
        } else {
          this.problems.push('illegal $ character');
        }
        break;
      default:
    }
  }

  #word(text: string): string {
    const known = this.#words.get(text);
    if (known !== undefined) return known;
    this.#words.set(text, text);
    return text;
  }

  #skipWord(): void {
    const { at, source } = this;
    for (;;) {
      const code = this.#code();
      if (isLetter(code) || isDecimal(code)) at.pos++;
      else if (code >= 0x80 && UNICODE_DIGIT.test(String.fromCodePoint(source.codePointAt(at.pos) ?? 0))) this.#next();
      else return;
    }
  }

  #skipDigits(): boolean {
    const start = this.at.pos;
    while (isDecimal(this.#code())) this.at.pos++;
    return this.at.pos > start;
  }

  #skipNumber(): void {
    const { at } = this;
    this.#skipDigits();
    if (this.#code() === 46) {
      at.pos++;
      if (!this.#skipDigits()) this.problems.push('expected fraction');
    }
    const exponent = this.#code();
    if (exponent === 101 || exponent === 69) {
      at.pos++;
      const sign = this.#code();
      if (sign === 43 || sign === 45) at.pos++;
      if (!this.#skipDigits()) this.problems.push('expected exponent');
    }
    if (isLetter(this.#code())) {
      this.problems.push('illegal number format');
      this.#skipWord();
    }
  }

  /** Behind a backslash. `extra` is a character that may be escaped beside JSON's. */
  #skipEscape(extra: number): void {
    const code = this.#code();
    if (code === 117) {
      for (let i = 0; i < 5; i++) this.#next();
    } else if (code === extra || (code !== EOF && '\\"/bfnrt'.includes(String.fromCharCode(code)))) {
      this.#next();
    } else {
      this.problems.push('illegal escape sequence');
    }
  }

  #scanString(start: number): void {
    this.token.kind = 'string';
    for (;;) {
      const code = this.#code();
      if (code === CODE.newline || code === EOF) {
        this.problems.push('non-terminated string');
        break;
      }
      this.#next();
      if (code === CODE.quote) break;
      if (code === CODE.backslash) this.#skipEscape(CODE.quote);
    }
    this.token.text = this.source.slice(start, this.at.pos);
  }

  #scanRawString(start: number): void {
    this.token.kind = 'string';
    for (;;) {
      const code = this.#code();
      this.#next();
      if (code === CODE.backtick) break;
      if (code === EOF) {
        this.problems.push('non-terminated string');
        break;
      }
    }
    this.token.text = this.source.slice(start, this.at.pos);
  }

  #scanTemplate(start: number): void {
    const { token, source, at } = this;
    token.kind = 'template-string-part';
    const escapes: number[] = [];
    for (;;) {
      const code = this.#code();
      if (code === CODE.newline || code === EOF) {
        this.problems.push('non-terminated string');
        break;
      }
      this.#next();
      if (code === CODE.quote) {
        token.kind = 'template-string-end';
        break;
      }
      if (code === CODE.brace) break;
      if (code === CODE.backslash) {
        if (this.#code() === CODE.brace) escapes.push(at.pos - 1);
        this.#skipEscape(CODE.brace);
      }
    }
    token.text = without(source, start, at.pos, escapes);
  }

  #scanRawTemplate(start: number): void {
    const { token, source, at } = this;
    token.kind = 'raw-template-string-part';
    const escapes: number[] = [];
    for (;;) {
      const code = this.#code();
      if (code === EOF) {
        this.problems.push('non-terminated string');
        break;
      }
      this.#next();
      if (code === CODE.backtick) {
        token.kind = 'raw-template-string-end';
        break;
      }
      if (code === CODE.brace) break;
      if (code === CODE.backslash && this.#code() === CODE.brace) {
        escapes.push(at.pos - 1);
        this.#next();
      }
    }
    token.text = without(source, start, at.pos, escapes);
  }
}

/** The text between two places without the characters at the given indexes. */
const without = (source: string, start: number, end: number, drop: readonly number[]): string => {
  let text = '';
  let from = start;
  for (const index of drop) {
    text += source.slice(from, index);
    from = index + 1;
  }
  return text + source.slice(from, end);
};

/** Kinds of tokens, as messages name them. */
export type GraphqlTokenKind =
  | '<EOF>'
  | '<Invalid>'
  | '!'
  | '$'
  | '&'
  | '('
  | ')'
  | '...'
  | ':'
  | '='
  | '@'
  | '['
  | ']'
  | '{'
  | '}'
  | '|'
  | 'Name'
  | 'Int'
  | 'Float'
  | 'String'
  | 'BlockString'
  | 'Comment';

/** A place in GraphQL text; lines and columns count from 1, columns count code points. */
export interface GraphqlPosition {
  readonly line: number;
  readonly column: number;
}

/** One token. An invalid one says why. */
export interface GraphqlToken {
  readonly kind: GraphqlTokenKind;
  readonly value: string;
  readonly position: GraphqlPosition;
  readonly problem?: string;
}

const PUNCTUATION = '!$&()=:@[]{}|';
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '/': '/',
  '\\': '\\',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Cuts GraphQL text into tokens, comments included, as the Go library gqlparser does. */
export class GraphqlLexer {
  readonly #chars: readonly string[];
  #at = 0;
  #start = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#chars = Array.from(text);
  }

  next(): GraphqlToken {
    this.#skipSpace();
    this.#start = this.#at;
    const char = this.#chars[this.#at];
    if (char === undefined) return this.#token('<EOF>', '');
    if (PUNCTUATION.includes(char)) {
      this.#at++;
      return this.#token(char as GraphqlTokenKind, '');
    }
    if (char === '.' && this.#peek(1) === '.' && this.#peek(2) === '.') {
      this.#at += 3;
      return this.#token('...', '');
    }
    if (char === '#') return this.#while('Comment', (each) => each > '\u001f' || each === '\t');
    if (/[_A-Za-z]/.test(char)) return this.#while('Name', (each) => /^[_0-9A-Za-z]$/.test(each));
    if (/[-0-9]/.test(char)) return this.#number();
    if (char === '"') return this.#peek(1) === '"' && this.#peek(2) === '"' ? this.#block() : this.#string();
    if (char < ' ') return this.#invalid(`Cannot contain the invalid character "\\u${hex4(char)}"`);
    if (char === "'") {
      return this.#invalid(`Unexpected single quote character ('), did you mean to use a double quote (")?`);
    }
    return this.#invalid(`Cannot parse the unexpected character "${char}".`);
  }

  #peek(offset: number): string {
    return this.#chars[this.#at + offset] ?? '';
  }

  #token(kind: GraphqlTokenKind, value: string): GraphqlToken {
    return { kind, value, position: { line: this.#line, column: this.#start - this.#lineStart + 1 } };
  }

  #invalid(problem: string): GraphqlToken {
    const position = { line: this.#line, column: this.#at - this.#lineStart + 1 };
    // Nothing follows an invalid token: the parser stops at it.
    return { kind: '<Invalid>', value: '', position, problem };
  }

  #while(kind: GraphqlTokenKind, belongs: (char: string) => boolean): GraphqlToken {
    while (this.#at < this.#chars.length && (this.#at === this.#start || belongs(this.#peek(0)))) this.#at++;
    return this.#token(kind, this.#chars.slice(this.#start, this.#at).join(''));
  }

  #skipSpace(): void {
    for (;;) {
      const char = this.#peek(0);
      if (char === '\t' || char === ' ' || char === ',' || char === '\ufeff') this.#at++;
      else if (char === '\n' || char === '\r') {
        this.#at++;
        this.#line++;
        this.#lineStart = this.#at;
        if (char === '\r' && this.#peek(0) === '\n') this.#at++;
      } else return;
    }
  }

  #digits(): number {
    const start = this.#at;
    while (/^[0-9]$/.test(this.#peek(0))) this.#at++;
    return this.#at - start;
  }

  #number(): GraphqlToken {
    const next = (): string => (this.#peek(0) === '' ? '<EOF>' : `"${this.#peek(0)}"`);
    const expected = (): GraphqlToken => this.#invalid(`Invalid number, expected digit but got: ${next()}.`);
    let kind: GraphqlTokenKind = 'Int';
    if (this.#peek(0) === '-') this.#at++;
    if (this.#peek(0) === '0') {
      this.#at++;
      if (/^[0-9]$/.test(this.#peek(0))) return this.#invalid(`Invalid number, unexpected digit after 0: ${next()}.`);
    } else if (this.#digits() === 0) return expected();
    if (this.#peek(0) === '.') {
      kind = 'Float';
      this.#at++;
      if (this.#digits() === 0) return expected();
    }
    if (/^[eE]$/.test(this.#peek(0))) {
      kind = 'Float';
      this.#at++;
      if (/^[-+]$/.test(this.#peek(0))) this.#at++;
      if (this.#digits() === 0) return expected();
    }
    return this.#token(kind, this.#chars.slice(this.#start, this.#at).join(''));
  }

  #string(): GraphqlToken {
    this.#at++;
    this.#start++;
    let value = '';
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined || char === '\n' || char === '\r') return this.#invalid('Unterminated string.');
      if (char < ' ' && char !== '\t') return this.#invalid(`Invalid character within String: "\\u${hex4(char)}".`);
      if (char === '"') {
        const token = this.#token('String', value);
        this.#at++;
        return token;
      }
      if (char !== '\\') {
        value += char;
        this.#at++;
        continue;
      }
      const escape = this.#peek(1);
      const known = ESCAPES[escape];
      const code = this.#chars.slice(this.#at + 2, this.#at + 6).join('');
      if (known !== undefined) {
        value += known;
        this.#at += 2;
      } else if (escape === 'u' && /^[0-9a-fA-F]{4}$/.test(code)) {
        value += String.fromCharCode(Number.parseInt(code, 16));
        this.#at += 6;
      } else {
        this.#at++;
        const shown = escape === 'u' ? `u${code}` : escape;
        return this.#invalid(
          escape === '' ? 'Invalid character escape sequence.' : `Invalid character escape sequence: \\${shown}.`,
        );
      }
    }
  }

  #block(): GraphqlToken {
    this.#at += 3;
    this.#start += 3;
    let value = '';
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined) return this.#invalid('Unterminated string.');
      if (char === '"') {
        let quotes = 1;
        while (this.#peek(quotes) === '"') quotes++;
        if (quotes >= 3) {
          const token = this.#token('BlockString', blockValue(value + '"'.repeat(quotes - 3)));
          this.#at += quotes;
          return token;
        }
      }
      if (char < ' ' && !'\t\n\r'.includes(char)) {
        return this.#invalid(`Invalid character within String: "\\u${hex4(char)}".`);
      }
      if (char === '\\' && this.#peek(1) === '"' && this.#peek(2) === '"' && this.#peek(3) === '"') {
        value += '"""';
        this.#at += 4;
        continue;
      }
      this.#at++;
      if (char !== '\n' && char !== '\r') value += char;
      else {
        if (char === '\r' && this.#peek(0) === '\n') this.#at++;
        value += '\n';
        this.#line++;
        this.#lineStart = this.#at;
      }
    }
  }
}

function hex4(char: string): string {
  return char.charCodeAt(0).toString(16).padStart(4, '0');
}

/** Takes off the indentation that all lines but the first have in common, and blank lines around. */
function blockValue(raw: string): string {
  const lines = raw.split('\n');
  const isBlank = (line: string): boolean => /^[ \t]*$/.test(line);
  const indents = lines
    .slice(1)
    .filter((line) => !isBlank(line))
    .map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0);
  const common = indents.length === 0 ? 0 : Math.min(...indents);
  const trimmed = lines.map((line, index) => (index === 0 ? line : line.slice(common)));
  while (trimmed.length > 0 && isBlank(trimmed[0] ?? '')) trimmed.shift();
  while (trimmed.length > 0 && isBlank(trimmed.at(-1) ?? '')) trimmed.pop();
  return trimmed.join('\n');
}

import type { Body, Expr, RegoVersion, Term, With } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { MAX_NESTING } from '../limits.ts';
import { BASE_KEYWORDS, Lexer, V1_KEYWORDS } from '../lexer.ts';
import type { Keyword, ScanMode, TokenKind } from '../lexer.ts';

/** A point to go back to. Opaque to callers. */
export interface Snapshot {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly row: number;
  readonly col: number;
  readonly pos: number;
  readonly scanRow: number;
  readonly lineStart: number;
  readonly astral: number;
  readonly lastEnd: number;
  readonly skippedNewline: boolean;
  readonly comments: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly hints: readonly string[];
}

/** Productions that need each other across files; the parser gets them when it is made, so that the files form no cycle. */
export interface Grammar {
  readonly parseBody: (p: Parser, end: TokenKind) => Expr[] | undefined;
  readonly parseLiteral: (p: Parser) => Expr | undefined;
}

interface CachedTerm {
  readonly term: Term | undefined;
  readonly after: Snapshot;
  /** Problems that the term itself has. */
  readonly problems: readonly Diagnostic[];
}

/** The word for a token in messages: `&` and the keyword `and` are both "and". */
export const tokenWord = (kind: TokenKind): string =>
  kind === 'and-keyword' ? 'and' : kind === 'or-keyword' ? 'or' : kind;

const KEYWORD_KINDS: ReadonlySet<TokenKind> = new Set<TokenKind>([
  ...BASE_KEYWORDS.values(),
  ...V1_KEYWORDS.values(),
  'and-keyword',
  'or-keyword',
]);

/**
 * The state of one parse: the current token, the problems so far, and ways back. Productions report problems here and
 * answer `undefined`; they never throw.
 */
export class Parser {
  readonly file: string;
  readonly version: RegoVersion;
  readonly grammar: Grammar;
  readonly lexer: Lexer;
  kind: TokenKind = 'eof';
  text = '';
  /** Where the token starts and ends, in UTF-16 units. */
  start = 0;
  end = 0;
  row = 1;
  col = 0;
  /** Where the last token before this one ended, white space apart. */
  lastEnd = 0;
  /** A line feed stands between the last token and this one. */
  skippedNewline = false;
  /** Comments read so far. */
  comments = 0;
  /** Every comment, if they are kept (by default where a text may hold annotations), by where it starts; not taken back when the parser goes back. */
  readonly commentTexts = new Map<number, { readonly text: string; readonly location: Location }>();
  readonly #keepsComments: boolean;
  /** Improved `not` is on. */
  notBodies = false;
  /** Replaced, never changed in place, so that snapshots can share it. */
  diagnostics: readonly Diagnostic[] = [];
  #hints: readonly string[] = [];
  #wildcards = 0;
  #depth = 0;
  /** The place that was asked for last: several nodes start at one token, or cover the same text. */
  #here: Location | undefined = undefined;
  #since: Location | undefined = undefined;
  readonly #operators = new Map<string, readonly string[]>();
  /** Terms already parsed, by where they start: trying several productions at one place must not cost exponential time. */
  #cache = new Map<number, CachedTerm>();

  constructor(
    source: string,
    file: string,
    version: RegoVersion,
    keywords: Iterable<readonly [string, Keyword]>,
    grammar: Grammar,
    keepsComments = source.includes('METADATA'),
  ) {
    this.file = file;
    this.version = version;
    this.grammar = grammar;
    this.lexer = new Lexer(source, keywords);
    this.#keepsComments = keepsComments;
  }

  /** Whether the current token is of a kind. A method, for the compiler takes a property to stay what it was. */
  is(kind: TokenKind): boolean {
    return this.kind === kind;
  }

  /** The kind of the current token: `kind` for `switch`es behind which it is another. */
  now(): TokenKind {
    return this.kind;
  }

  get source(): string {
    return this.lexer.source;
  }

  /** Steps to the next token that is neither white space nor a comment. */
  scan(): void {
    this.scanIn('token', true);
  }

  /** Steps to the next token, white space included, comments not. */
  scanWhitespace(): void {
    this.scanIn('token', false);
  }

  scanIn(mode: ScanMode, skipWhitespace: boolean): void {
    if (this.kind !== 'whitespace') {
      this.lastEnd = this.end;
      this.skippedNewline = false;
    }
    const { lexer } = this;
    const { token } = lexer;
    for (;;) {
      lexer.scan(mode);
      this.kind = token.kind;
      this.text = token.text;
      this.start = token.start;
      this.end = token.end;
      this.row = token.row;
      this.col = token.col;
      if (lexer.problems.length > 0) {
        for (const problem of lexer.problems) this.error(this.here(), problem);
        this.kind = 'illegal';
        return;
      }
      if (token.kind === 'whitespace') {
        if (token.text === '\n') this.skippedNewline = true;
        if (!skipWhitespace) return;
      } else if (token.kind === 'comment') {
        this.comments++;
        if (this.#keepsComments) this.commentTexts.set(this.start, { text: this.text, location: this.here() });
      } else {
        return;
      }
    }
  }

  /** The current token's place. */
  here(): Location {
    const last = this.#here;
    if (last !== undefined && last.start === this.start && last.end === this.end && last.row === this.row) return last;
    const { file, row, col, start, end } = this;
    return (this.#here = { file, row, col, start, end });
  }

  /** A place that starts where another does, and ends where the last token did. */
  since(start: Location): Location {
    return this.#until(start, Math.max(start.start, this.lastEnd));
  }

  /** A place that starts where another does, and ends with the current token. */
  including(start: Location): Location {
    return this.#until(start, this.end);
  }

  #until(from: Location, end: number): Location {
    if (from.end === end) return from;
    const last = this.#since;
    if (last !== undefined && last.start === from.start && last.end === end && last.row === from.row) return last;
    const { file, row, col, start } = from;
    return (this.#since = { file, row, col, start, end });
  }

  /** The parts of an operator's name; the same list for the same name. */
  operator(parts: readonly string[]): readonly string[] {
    const key = parts.length === 1 ? (parts[0] ?? '') : parts.join('\u0000');
    const known = this.#operators.get(key);
    if (known !== undefined) return known;
    this.#operators.set(key, parts);
    return parts;
  }

  save(): Snapshot {
    const { at } = this.lexer;
    return {
      kind: this.kind,
      text: this.text,
      start: this.start,
      end: this.end,
      row: this.row,
      col: this.col,
      pos: at.pos,
      scanRow: at.row,
      lineStart: at.lineStart,
      astral: at.astral,
      lastEnd: this.lastEnd,
      skippedNewline: this.skippedNewline,
      comments: this.comments,
      diagnostics: this.diagnostics,
      hints: this.#hints,
    };
  }

  restore(to: Snapshot): void {
    const { at } = this.lexer;
    this.kind = to.kind;
    this.text = to.text;
    this.start = to.start;
    this.end = to.end;
    this.row = to.row;
    this.col = to.col;
    at.pos = to.pos;
    at.row = to.scanRow;
    at.lineStart = to.lineStart;
    at.astral = to.astral;
    this.lastEnd = to.lastEnd;
    this.skippedNewline = to.skippedNewline;
    this.comments = to.comments;
    this.diagnostics = to.diagnostics;
    this.#hints = to.hints;
  }

  /** The kind of the token behind the current one; the parser stays where it is. */
  peek(skipWhitespace: boolean): TokenKind {
    const before = this.save();
    this.scanIn('token', skipWhitespace);
    const { kind } = this;
    this.restore(before);
    return kind;
  }

  /**
   * Parses a term, or takes the result of an earlier try at the same token: the parser is then where it was after that
   * one, with that one's problems added to the present ones.
   */
  memoized(parse: () => Term | undefined): Term | undefined {
    // A keyword that was turned into an identifier is another start than the keyword.
    const key = this.start * 2 + (this.kind === 'identifier' ? 1 : 0);
    const { diagnostics } = this;
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.restore(cached.after);
      this.diagnostics = cached.problems.length === 0 ? diagnostics : [...diagnostics, ...cached.problems];
      return cached.term;
    }
    const term = parse();
    const problems = this.diagnostics === diagnostics ? [] : this.diagnostics.slice(diagnostics.length);
    this.#cache.set(key, { term, after: this.save(), problems });
    return term;
  }

  /** Forgets cached terms. Needed between statements, where an import may have changed what words mean. */
  clearCache(): void {
    if (this.#cache.size > 0) this.#cache = new Map();
  }

  /** Parses something with a cache of its own: used where words temporarily mean something else. */
  withOwnCache<T>(parse: () => T): T {
    const outer = this.#cache;
    this.#cache = new Map();
    const result = parse();
    this.#cache = outer;
    return result;
  }

  /** Goes one level down; false (and a problem) when that would be too deep. Pair each true with `leave`. */
  enter(): boolean {
    if (this.#depth >= MAX_NESTING) {
      this.error(this.here(), `nested more than ${MAX_NESTING} levels deep`);
      return false;
    }
    this.#depth++;
    return true;
  }

  leave(): void {
    this.#depth--;
  }

  /** How many more levels there are. */
  get depthLeft(): number {
    return MAX_NESTING - this.#depth;
  }

  /** A name for a `_`. Never given twice, even when the parser goes back. */
  wildcard(): string {
    return `$${this.#wildcards++}`;
  }

  /** Adds a remark to the next problem. */
  hint(text: string): void {
    this.#hints = [...this.#hints, text];
  }

  get hinted(): boolean {
    return this.#hints.length > 0;
  }

  error(location: Location, message: string): void {
    const hints = this.#hints;
    const suffix = hints.length === 0 ? '' : ` (hint${hints.length > 1 ? 's' : ''}: ${hints.join(', ')})`;
    this.diagnostics = [...this.diagnostics, { code: 'rego_parse_error', message: message + suffix, location }];
    this.#hints = [];
  }

  /** Reports that the current token cannot stand here. */
  illegal(note = ''): void {
    if (this.kind === 'illegal') {
      this.error(this.here(), 'illegal token');
      return;
    }
    const type = KEYWORD_KINDS.has(this.kind) ? 'keyword' : 'token';
    this.error(this.here(), `unexpected ${tokenWord(this.kind)} ${type}${note === '' ? '' : `: ${note}`}`);
  }

  /** Whether the current token is a keyword that may name a part of a reference (`input.not`, `if.x`). */
  isRefKeyword(kind: TokenKind = this.kind): boolean {
    const word = tokenWord(kind);
    return BASE_KEYWORDS.has(word) || (this.version === 'v1' && V1_KEYWORDS.has(word)) || this.lexer.isKeyword(word);
  }

  /** Turns a keyword that starts a reference (`not.x`, `if["y"]`) into an identifier, and says whether it did. */
  keywordStartsRef(): boolean {
    if (!this.isRefKeyword()) return false;
    const next = this.peek(false);
    if (next !== '.' && next !== '[') return false;
    this.kind = 'identifier';
    return true;
  }

  /** `and` or `or` are keywords here. */
  get logical(): boolean {
    return this.lexer.isKeyword('and') || this.lexer.isKeyword('or');
  }
}

/** What literals without `with` have. */
export const NO_WITHS: readonly With[] = [];

/** The same list in no more memory than it needs: lists that grew keep room for more. */
export const fitted = <T>(list: readonly T[]): T[] => list.slice();

/** A body of one expression that is true: what a rule without a body means. */
export const trueBody = (location: Location): Body => [
  {
    kind: 'expr',
    term: { kind: 'boolean', value: true, location },
    negated: false,
    with: NO_WITHS,
    location,
    generated: true,
  },
];

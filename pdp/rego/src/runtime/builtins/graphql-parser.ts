import type { Value } from '../value.ts';
import { GraphqlLexer, type GraphqlPosition, type GraphqlToken, type GraphqlTokenKind } from './graphql-lexer.ts';
import { makeNode, VALUE_KINDS, type GraphqlNode, type ValueKind } from './graphql-node.ts';
import { quoteText } from './text.ts';

/** What is wrong with GraphQL text, in the words of gqlparser, and where. */
export class GraphqlProblem extends Error {
  override readonly name = 'GraphqlProblem';
  readonly position: GraphqlPosition | undefined;

  constructor(message: string, position: GraphqlPosition | undefined) {
    super(message);
    this.position = position;
  }
}

/** Deepest nesting of selections, values and types. */
export const MAX_GRAPHQL_DEPTH = 500;

/** Reading tokens, and the parts that queries and schemas share. Methods throw a GraphqlProblem. */
export class GraphqlParser {
  readonly #lexer: GraphqlLexer;
  #peeked: GraphqlToken | undefined = undefined;
  #comments: readonly GraphqlNode[] = [];
  #depth = 0;
  /** The token read last. */
  previous: GraphqlToken | undefined = undefined;

  constructor(text: string) {
    this.#lexer = new GraphqlLexer(text);
  }

  /** The comments that stand before the next token. */
  get comment(): GraphqlNode | undefined {
    return this.#peeked === undefined || this.#comments.length === 0 ? undefined : { List: this.#comments };
  }

  peek(): GraphqlToken {
    if (this.#peeked !== undefined) return this.#peeked;
    const comments: GraphqlNode[] = [];
    let token = this.#lexer.next();
    for (; token.kind === 'Comment'; token = this.#lexer.next()) {
      comments.push(makeNode(token.position, { Value: token.value }));
    }
    this.#comments = comments;
    this.#peeked = token;
    return token;
  }

  next(): GraphqlToken {
    const token = this.peek();
    if (token.problem !== undefined) throw new GraphqlProblem(token.problem, token.position);
    this.#peeked = undefined;
    this.previous = token;
    return token;
  }

  skip(kind: GraphqlTokenKind): boolean {
    if (this.peek().kind !== kind) return false;
    this.next();
    return true;
  }

  /** Whether the next token is this word. */
  isWord(word: string): boolean {
    const token = this.peek();
    return token.kind === 'Name' && token.value === word;
  }

  expect(kind: GraphqlTokenKind): GraphqlToken {
    const token = this.peek();
    if (token.kind === kind) return this.next();
    throw new GraphqlProblem(`Expected ${kind}, found ${token.kind}`, token.position);
  }

  /** Reads a word, and gives the comments before it. */
  expectWord(word: string): GraphqlNode | undefined {
    const token = this.peek();
    const { comment } = this;
    if (!this.isWord(word)) {
      throw new GraphqlProblem(`Expected ${quoteText(word)}, found ${describe(token)}`, token.position);
    }
    this.next();
    return comment;
  }

  unexpected(token = this.peek()): GraphqlProblem {
    return new GraphqlProblem(`Unexpected ${describe(token)}`, token.position);
  }

  name(): string {
    return this.expect('Name').value;
  }

  /** Reads a bracketed list of at least one thing, if the bracket is there; gives the comments before its end. */
  some(open: GraphqlTokenKind, close: GraphqlTokenKind, read: () => void): GraphqlNode | undefined {
    if (!this.skip(open)) return undefined;
    if (this.peek().kind === close) {
      throw new GraphqlProblem(`expected at least one definition, found ${close}`, this.peek().position);
    }
    while (this.peek().kind !== close) read();
    const { comment } = this;
    this.next();
    return comment;
  }

  /** Runs a nested reading; too deep nesting is a problem. */
  nested<T>(read: () => T): T {
    if (++this.#depth > MAX_GRAPHQL_DEPTH)
      throw new GraphqlProblem('document is nested too deeply', this.peek().position);
    const result = read();
    this.#depth--;
    return result;
  }

  directives(isConst: boolean): readonly GraphqlNode[] {
    const directives: GraphqlNode[] = [];
    while (this.skip('@')) {
      const { position } = this.peek();
      const name = this.name();
      directives.push(makeNode(position, { Name: name, Arguments: this.arguments(isConst), Location: '' }));
    }
    return directives;
  }

  arguments(isConst: boolean): readonly GraphqlNode[] {
    const list: GraphqlNode[] = [];
    this.some('(', ')', () => list.push(this.#pair(isConst)));
    return list;
  }

  /** `name: value`, as arguments and input fields have it. */
  #pair(isConst: boolean): GraphqlNode {
    const { position } = this.peek();
    const { comment } = this;
    const name = this.name();
    this.expect(':');
    return makeNode(position, { Name: name, Value: this.value(isConst), Comment: comment });
  }

  value(isConst: boolean): GraphqlNode {
    return this.nested(() => this.#value(isConst));
  }

  #value(isConst: boolean): GraphqlNode {
    const token = this.peek();
    const { comment } = this;
    switch (token.kind) {
      case '[': {
        this.next();
        const children: GraphqlNode[] = [];
        while (this.peek().kind !== ']') {
          const value = this.value(isConst);
          children.push(makeNode(token.position, { Name: '', Value: value }));
        }
        this.next();
        return valueNode(token.position, 'List', '', children, comment);
      }
      case '{': {
        this.next();
        const children: GraphqlNode[] = [];
        while (this.peek().kind !== '}') children.push(this.#pair(isConst));
        this.next();
        return valueNode(token.position, 'Object', '', children, comment);
      }
      case '$':
        if (isConst) throw this.unexpected();
        this.next();
        return valueNode(token.position, 'Variable', this.name(), [], undefined);
      case 'Int':
      case 'Float':
      case 'String':
      case 'BlockString':
      case 'Name':
        this.next();
        return valueNode(token.position, scalarKind(token), token.value, [], undefined);
      default:
        throw this.unexpected();
    }
  }

  type(): GraphqlNode {
    return this.nested(() => {
      const isList = this.skip('[');
      const { position } = this.peek();
      let element: GraphqlNode | undefined;
      let name = '';
      if (isList) {
        element = this.type();
        this.expect(']');
      } else name = this.name();
      return makeNode(position, { NamedType: name, Elem: element, NonNull: this.skip('!') });
    });
  }
}

function describe(token: GraphqlToken): string {
  return token.value === '' ? token.kind : `${token.kind} ${quoteText(token.value)}`;
}

function scalarKind(token: GraphqlToken): ValueKind {
  if (token.kind === 'BlockString') return 'Block';
  if (token.kind !== 'Name') return token.kind as 'Int' | 'Float' | 'String';
  if (token.value === 'true' || token.value === 'false') return 'Boolean';
  return token.value === 'null' ? 'Null' : 'Enum';
}

function valueNode(
  position: GraphqlPosition,
  kind: ValueKind,
  raw: string,
  children: readonly GraphqlNode[],
  comment: GraphqlNode | undefined,
): GraphqlNode {
  const members: Record<string, Value | undefined> = {
    Raw: raw,
    Children: children,
    Kind: VALUE_KINDS.indexOf(kind),
    Comment: comment,
    ExpectedTypeHasDefault: false,
  };
  return makeNode(position, members);
}

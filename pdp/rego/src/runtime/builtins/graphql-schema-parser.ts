import type { Value } from '../value.ts';
import type { GraphqlPosition } from './graphql-lexer.ts';
import { makeNode, type GraphqlNode } from './graphql-node.ts';
import { GraphqlParser } from './graphql-parser.ts';

/** Parses a type system document. Throws a GraphqlProblem. */
export function parseGraphqlSchema(text: string, isBuiltIn = false): GraphqlNode {
  return new SchemaParser(text, isBuiltIn).parse();
}

const KINDS: Readonly<Record<string, string>> = {
  scalar: 'SCALAR',
  type: 'OBJECT',
  interface: 'INTERFACE',
  union: 'UNION',
  enum: 'ENUM',
  input: 'INPUT_OBJECT',
};

const LOCATIONS: ReadonlySet<string> = new Set([
  'QUERY',
  'MUTATION',
  'SUBSCRIPTION',
  'FIELD',
  'FRAGMENT_DEFINITION',
  'FRAGMENT_SPREAD',
  'INLINE_FRAGMENT',
  'VARIABLE_DEFINITION',
  'SCHEMA',
  'SCALAR',
  'OBJECT',
  'FIELD_DEFINITION',
  'ARGUMENT_DEFINITION',
  'INTERFACE',
  'UNION',
  'ENUM',
  'ENUM_VALUE',
  'INPUT_OBJECT',
  'INPUT_FIELD_DEFINITION',
]);

interface Description {
  readonly text: string;
  readonly comment: GraphqlNode | undefined;
}

const NO_DESCRIPTION: Description = { text: '', comment: undefined };

class SchemaParser {
  readonly #parser: GraphqlParser;
  readonly #isBuiltIn: boolean;
  readonly #document = {
    Schema: [] as GraphqlNode[],
    SchemaExtension: [] as GraphqlNode[],
    Directives: [] as GraphqlNode[],
    Definitions: [] as GraphqlNode[],
    Extensions: [] as GraphqlNode[],
  };

  constructor(text: string, isBuiltIn: boolean) {
    this.#parser = new GraphqlParser(text);
    this.#isBuiltIn = isBuiltIn;
  }

  parse(): GraphqlNode {
    const parser = this.#parser;
    const { position } = parser.peek();
    while (parser.peek().kind !== '<EOF>') this.#definition();
    return makeNode(position, { ...this.#document, Comment: parser.comment });
  }

  #definition(): void {
    const parser = this.#parser;
    const description = this.#description();
    const token = parser.peek();
    if (token.kind !== 'Name') throw parser.unexpected();
    if (KINDS[token.value] !== undefined) {
      const comment = parser.expectWord(token.value);
      this.#document.Definitions.push(this.#type(token.value, description, comment, false));
    } else if (token.value === 'schema') {
      const comment = parser.expectWord('schema');
      this.#document.Schema.push(this.#schema(description, comment));
    } else if (token.value === 'directive') this.#document.Directives.push(this.#directive(description));
    else if (token.value === 'extend') {
      if (description.text !== '') throw parser.unexpected(parser.previous);
      this.#extension();
    } else throw parser.unexpected();
  }

  #description(): Description {
    const parser = this.#parser;
    const { kind } = parser.peek();
    if (kind !== 'String' && kind !== 'BlockString') return NO_DESCRIPTION;
    const { comment } = parser;
    return { text: parser.next().value, comment };
  }

  #extension(): void {
    const parser = this.#parser;
    const comment = parser.expectWord('extend');
    const { value } = parser.peek();
    if (value === 'schema') {
      parser.next();
      const extension = this.#schema(NO_DESCRIPTION, comment);
      if (extension['Directives'] === undefined && extension['OperationTypes'] === undefined) throw parser.unexpected();
      this.#document.SchemaExtension.push(extension);
      return;
    }
    if (KINDS[value] === undefined) throw parser.unexpected();
    parser.next();
    const extension = this.#type(value, NO_DESCRIPTION, comment, true);
    const added = ['Interfaces', 'Directives', 'Fields', 'Types', 'EnumValues'];
    if (added.every((member) => extension[member] === undefined)) throw parser.unexpected();
    this.#document.Extensions.push(extension);
  }

  #schema(description: Description, comment: GraphqlNode | undefined): GraphqlNode {
    const parser = this.#parser;
    const { position } = parser.peek();
    const directives = parser.directives(true);
    const types: GraphqlNode[] = [];
    const end = parser.some('{', '}', () => {
      const { position: at } = parser.peek();
      const { comment: above } = parser;
      const token = parser.next();
      if (!/^(?:query|mutation|subscription)$/.test(token.value)) throw parser.unexpected(token);
      parser.expect(':');
      types.push(makeNode(at, { Operation: token.value, Type: parser.name(), Comment: above }));
    });
    return makeNode(position, {
      Description: description.text,
      Directives: directives,
      OperationTypes: types,
      BeforeDescriptionComment: description.comment,
      AfterDescriptionComment: comment,
      EndOfDefinitionComment: end,
    });
  }

  #type(word: string, description: Description, comment: GraphqlNode | undefined, isExtension: boolean): GraphqlNode {
    const parser = this.#parser;
    const { position } = parser.peek();
    const name = parser.name();
    // Extensions of interfaces implement nothing, in gqlparser.
    const mayImplement = word === 'type' || (word === 'interface' && !isExtension);
    const members: Record<string, Value | undefined> = {
      Kind: KINDS[word],
      Description: description.text,
      Name: name,
      Interfaces: mayImplement ? this.#interfaces() : [],
      Directives: parser.directives(true),
      BuiltIn: this.#isBuiltIn,
      BeforeDescriptionComment: description.comment,
      AfterDescriptionComment: comment,
    };
    const list: GraphqlNode[] = [];
    if (word === 'union') members['Types'] = this.#unionTypes();
    else if (word === 'enum') {
      members['EndOfDefinitionComment'] = parser.some('{', '}', () => list.push(this.#enumValue()));
      members['EnumValues'] = list;
    } else if (word !== 'scalar') {
      const isInput = word === 'input';
      members['EndOfDefinitionComment'] = parser.some('{', '}', () =>
        list.push(isInput ? this.#input() : this.#field()),
      );
      members['Fields'] = list;
    }
    return makeNode(position, members);
  }

  #interfaces(): readonly string[] {
    const parser = this.#parser;
    if (!parser.isWord('implements')) return [];
    parser.next();
    parser.skip('&');
    const names = [parser.name()];
    while (parser.skip('&')) names.push(parser.name());
    return names;
  }

  #unionTypes(): readonly string[] {
    const parser = this.#parser;
    if (!parser.skip('=')) return [];
    parser.skip('|');
    const names = [parser.name()];
    while (parser.skip('|')) names.push(parser.name());
    return names;
  }

  /** What fields, inputs, arguments and enum values begin with. */
  #head(): { readonly position: GraphqlPosition; readonly members: Readonly<Record<string, Value | undefined>> } {
    const parser = this.#parser;
    const description = this.#description();
    const { position } = parser.peek();
    const { comment } = parser;
    return {
      position,
      members: {
        Description: description.text,
        Name: parser.name(),
        BeforeDescriptionComment: description.text === '' ? undefined : description.comment,
        AfterDescriptionComment: comment,
      },
    };
  }

  #field(): GraphqlNode {
    const parser = this.#parser;
    const { position, members } = this.#head();
    const list: GraphqlNode[] = [];
    parser.some('(', ')', () => list.push(this.#input()));
    parser.expect(':');
    const type = parser.type();
    return makeNode(position, { ...members, Arguments: list, Type: type, Directives: parser.directives(true) });
  }

  #input(): GraphqlNode {
    const parser = this.#parser;
    const { position, members } = this.#head();
    parser.expect(':');
    const type = parser.type();
    const fallback = parser.skip('=') ? parser.value(true) : undefined;
    return makeNode(position, { ...members, DefaultValue: fallback, Type: type, Directives: parser.directives(true) });
  }

  #enumValue(): GraphqlNode {
    const { position, members } = this.#head();
    return makeNode(position, { ...members, Directives: this.#parser.directives(true) });
  }

  #directive(description: Description): GraphqlNode {
    const parser = this.#parser;
    const comment = parser.expectWord('directive');
    parser.expect('@');
    const { position } = parser.peek();
    const name = parser.name();
    const list: GraphqlNode[] = [];
    parser.some('(', ')', () => list.push(this.#input()));
    const isRepeatable = parser.isWord('repeatable');
    if (isRepeatable) parser.next();
    parser.expectWord('on');
    parser.skip('|');
    const locations = [this.#location()];
    while (parser.skip('|')) locations.push(this.#location());
    return makeNode(position, {
      Description: description.text,
      Name: name,
      Arguments: list,
      Locations: locations,
      IsRepeatable: isRepeatable,
      BeforeDescriptionComment: description.comment,
      AfterDescriptionComment: comment,
    });
  }

  #location(): string {
    const token = this.#parser.expect('Name');
    if (!LOCATIONS.has(token.value)) throw this.#parser.unexpected(token);
    return token.value;
  }
}

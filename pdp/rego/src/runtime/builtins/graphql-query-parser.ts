import { makeNode, type GraphqlNode } from './graphql-node.ts';
import { GraphqlParser, GraphqlProblem } from './graphql-parser.ts';

/** Parses an executable document: operations and fragments. Throws a GraphqlProblem. */
export function parseGraphqlQuery(text: string): GraphqlNode {
  const parser = new GraphqlParser(text);
  const operations: GraphqlNode[] = [];
  const fragments: GraphqlNode[] = [];
  const { position } = parser.peek();
  for (let token = parser.peek(); token.kind !== '<EOF>'; token = parser.peek()) {
    if (token.kind === '{' || (token.kind === 'Name' && /^(?:query|mutation|subscription)$/.test(token.value))) {
      operations.push(parseOperation(parser));
    } else if (parser.isWord('fragment')) fragments.push(parseFragmentDefinition(parser));
    else throw parser.unexpected();
  }
  return makeNode(position, { Operations: operations, Fragments: fragments });
}

function parseOperation(parser: GraphqlParser): GraphqlNode {
  const { kind, position } = parser.peek();
  const { comment } = parser;
  if (kind === '{') {
    // gqlparser forgets the comment of the short form.
    return makeNode(position, { Operation: 'query', Name: '', SelectionSet: parseSelections(parser) });
  }
  const operation = parser.name();
  const name = parser.peek().kind === 'Name' ? parser.name() : '';
  return makeNode(position, {
    Operation: operation,
    Name: name,
    VariableDefinitions: parseVariables(parser),
    Directives: parser.directives(false),
    SelectionSet: parseSelections(parser),
    Comment: comment,
  });
}

function parseVariables(parser: GraphqlParser): readonly GraphqlNode[] {
  const variables: GraphqlNode[] = [];
  parser.some('(', ')', () => {
    const { position } = parser.peek();
    const { comment } = parser;
    parser.expect('$');
    const name = parser.name();
    parser.expect(':');
    const type = parser.type();
    const fallback = parser.skip('=') ? parser.value(true) : undefined;
    variables.push(
      makeNode(position, {
        Variable: name,
        Type: type,
        DefaultValue: fallback,
        Directives: parser.directives(false),
        Comment: comment,
        Used: false,
      }),
    );
  });
  return variables;
}

function parseSelections(parser: GraphqlParser): readonly GraphqlNode[] {
  const token = parser.peek();
  if (token.kind !== '{') throw new GraphqlProblem(`Expected {, found ${token.kind}`, token.position);
  const selections: GraphqlNode[] = [];
  parser.nested(() =>
    parser.some('{', '}', () => {
      selections.push(parser.peek().kind === '...' ? parseSpread(parser) : parseField(parser));
    }),
  );
  return selections;
}

function parseField(parser: GraphqlParser): GraphqlNode {
  const { position } = parser.peek();
  const { comment } = parser;
  const alias = parser.name();
  const name = parser.skip(':') ? parser.name() : alias;
  const fieldArguments = parser.arguments(false);
  const directives = parser.directives(false);
  return makeNode(position, {
    Alias: alias,
    Name: name,
    Arguments: fieldArguments,
    Directives: directives,
    SelectionSet: parser.peek().kind === '{' ? parseSelections(parser) : [],
    Comment: comment,
  });
}

function parseSpread(parser: GraphqlParser): GraphqlNode {
  parser.peek();
  const { comment } = parser;
  parser.expect('...');
  const { kind, value, position } = parser.peek();
  if (kind === 'Name' && value !== 'on') {
    const name = parser.name();
    return makeNode(position, { Name: name, Directives: parser.directives(false), Comment: comment });
  }
  const condition = parser.skip('Name') ? parser.name() : '';
  return makeNode(position, {
    TypeCondition: condition,
    Directives: parser.directives(false),
    SelectionSet: parseSelections(parser),
    Comment: comment,
  });
}

function parseFragmentDefinition(parser: GraphqlParser): GraphqlNode {
  const { position } = parser.peek();
  const comment = parser.expectWord('fragment');
  if (parser.isWord('on')) throw parser.unexpected();
  const name = parser.name();
  const variables = parseVariables(parser);
  parser.expectWord('on');
  const condition = parser.name();
  return makeNode(position, {
    Name: name,
    VariableDefinition: variables,
    TypeCondition: condition,
    Directives: parser.directives(false),
    SelectionSet: parseSelections(parser),
    Comment: comment,
  });
}

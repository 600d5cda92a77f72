import { describe, expect, test } from '@jest/globals';
import { getIndex, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';
import { MAX_GRAPHQL_DEPTH } from './graphql-parser.ts';

const SCHEMA = `
  type Query { order(id: ID!): Order orders(first: Int = 10): [Order!]! }
  type Order implements Node { id: ID! total: Float buyer: Person }
  type Person implements Node { id: ID! name: String @deprecated }
  interface Node { id: ID! }
  type Mutation { cancel(id: ID!, reason: Reason!): Order }
  enum Reason { LATE BROKEN }
`;

const isValid = (query: string): unknown => callBuiltin('graphql.is_valid', query, SCHEMA);

describe('queries', () => {
  test.each([
    '{ order(id: "1") { id total buyer { name } } }',
    '{ orders { id } }',
    'query Q($id: ID!, $all: Boolean = false) { order(id: $id) { ...parts @include(if: $all) } } fragment parts on Order { total }',
    'mutation { cancel(id: "1", reason: LATE) { id } }',
    '{ order(id: 1) { ... on Node { id } __typename } }',
    '{ __schema { types { name } } }',
  ])('%s is valid', (query) => {
    expect(isValid(query)).toEqual({ value: true });
  });

  test.each([
    ['an unknown field', '{ order(id: "1") { price } }'],
    ['an argument that is missing', '{ order { id } }'],
    ['an argument that is unknown', '{ orders(last: 1) { id } }'],
    ['no selection of an object', '{ order(id: "1") }'],
    ['a selection of a scalar', '{ order(id: "1") { id { x } } }'],
    ['a variable that is not declared', '{ order(id: $id) { id } }'],
    ['a variable that is not used', 'query Q($id: ID!) { orders { id } }'],
    ['a variable of a wrong type', 'query Q($id: Int!) { order(id: $id) { id } }'],
    ['an unknown enum value', 'mutation { cancel(id: "1", reason: EARLY) { id } }'],
    ['a fragment that is not used', '{ orders { id } } fragment parts on Order { total }'],
    ['fragments in a circle', '{ orders { ...a } } fragment a on Order { ...b } fragment b on Order { ...a }'],
    ['fields that differ under one name', '{ orders { x: id x: total } }'],
    ['an unknown directive', '{ orders { id @skipp(if: true) } }'],
    ['an anonymous operation next to another', '{ orders { id } } query Q { orders { id } }'],
  ])('%s is not valid', (_name, query) => {
    expect(isValid(query)).toEqual({ value: false });
  });
});

test('graphql.parse_query gives the document with the names of gqlparser', () => {
  expect(callBuiltin('graphql.parse_query', 'query Q { a: b(c: 1) { d } }')).toEqual({
    value: {
      Operations: [
        expect.objectContaining({
          Name: 'Q',
          Operation: 'query',
          SelectionSet: [
            {
              Alias: 'a',
              Name: 'b',
              Arguments: [{ Name: 'c', Value: { Kind: 1, Raw: '1', ExpectedTypeHasDefault: false } }],
              SelectionSet: [{ Alias: 'd', Name: 'd' }],
            },
          ],
        }),
      ],
    },
  });
});

test('errors name the line and the column', () => {
  expect(callBuiltin('graphql.parse_query', '{\n  a(')).toEqual({
    error: expect.stringMatching(/^eval_builtin_error: .*2:/),
  });
});

test('documents can be given as the data that they were parsed to', () => {
  const query = callBuiltin('graphql.parse_query', '{ orders { id } }');
  const schema = callBuiltin('graphql.parse_schema', SCHEMA);
  if (!('value' in query) || !('value' in schema)) throw new Error('not parsed');
  expect(callBuiltin('graphql.is_valid', query.value ?? null, schema.value ?? null)).toEqual({ value: true });
});

test('graphql.parse_and_verify gives both documents, or nothing of them', () => {
  const good = callBuiltin('graphql.parse_and_verify', '{ orders { id } }', SCHEMA);
  const value: Value | undefined = 'value' in good ? good.value : undefined;
  expect([0, 1, 2].map((index) => typeof getIndex(value ?? null, index))).toEqual(['boolean', 'object', 'object']);
  expect(callBuiltin('graphql.parse_and_verify', '{ x }', SCHEMA)).toEqual({ value: [false, {}, {}] });
});

describe('schemas', () => {
  test.each([
    ['an unknown type', 'type Query { a: Missing }'],
    ['a type that is there twice', 'type Query { a: Int } type Query { b: Int }'],
    ['an interface that is not met', 'interface I { a: Int } type Query implements I { b: Int }'],
    ['an enum without values', 'type Query { a: E } enum E'],
    ['an unknown directive', 'type Query { a: Int @nope }'],
  ])('%s is not valid', (_name, schema) => {
    expect(callBuiltin('graphql.schema_is_valid', schema)).toEqual({ value: false });
  });
});

test('nesting is bounded', () => {
  const deep = MAX_GRAPHQL_DEPTH + 1;
  expect(callBuiltin('graphql.parse_query', '{a'.repeat(deep) + '}'.repeat(deep))).toEqual({
    error: expect.stringContaining('nested too deeply'),
  });
  expect(callBuiltin('graphql.parse_query', `{ a(b: ${'['.repeat(deep)}${']'.repeat(deep)}) }`)).toEqual({
    error: expect.stringContaining('nested too deeply'),
  });
});

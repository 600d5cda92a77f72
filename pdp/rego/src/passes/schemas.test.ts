import { expect, test } from '@jest/globals';
import type { SchemaDocument } from '../api.ts';
import { diagnose } from './index.ts';

const REQUEST = {
  type: 'object',
  properties: {
    user: { type: 'string' },
    count: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
    either: {
      anyOf: [
        { type: 'object', properties: { a: { type: 'string' } } },
        { type: 'object', properties: { b: { type: 'number' } } },
      ],
    },
  },
};
const TREE = {
  $ref: '#/definitions/node',
  definitions: {
    node: { type: 'object', properties: { size: { type: 'number' }, next: { $ref: '#/definitions/node' } } },
  },
};
const SCHEMAS: readonly SchemaDocument[] = [
  { path: ['request'], schema: REQUEST },
  { path: ['lib', 'tree'], schema: TREE },
  { path: ['wrong'], schema: { type: 'nothing' } },
  { path: ['both'], schema: { allOf: [{ properties: { a: { type: 'string' } } }, { properties: { b: {} } }] } },
  { path: ['clash'], schema: { allOf: [{ type: 'string' }, { type: 'number' }] } },
  { path: ['old'], schema: { type: ['null', 'object'], properties: { a: { type: 'string' } } } },
];

/** `row code: message`, first lines only. */
const problemsOf = (source: string, schemas: readonly SchemaDocument[] | undefined = SCHEMAS): readonly string[] =>
  diagnose([{ name: 'm.rego', source }], 'v1', { annotations: true, schemas }).diagnostics.map(
    ({ code, message, location }) => `${location.row} ${code}: ${message.split('\n')[0] ?? ''}`,
  );

const annotated = (block: string, body: string): string => {
  const lines = block.split('\n').map((line) => `# ${line}`);
  return ['package a.b', '# METADATA', ...lines, body].join('\n');
};

test.each([
  ['a member that there is', 'input: schema.request', 'p := input.user', []],
  ['no such member', 'input: schema.request', 'p := input.name', ['4 rego_type_error: undefined ref: input.name']],
  [
    'a comparison with another type',
    'input: schema.request',
    'p if input.count == "x"',
    ['4 rego_type_error: match error'],
  ],
  [
    'an operand of another type',
    'input: schema.request',
    'p := upper(input.tags)',
    ['4 rego_type_error: upper: invalid argument(s)'],
  ],
  ['a member of one alternative', 'input: schema.request', 'p := input.either.b', []],
  [
    'a member of no alternative',
    'input: schema.request',
    'p := input.either.c',
    ['4 rego_type_error: undefined ref: input.either.c'],
  ],
  [
    'a schema that refers to itself',
    'input: schema.lib.tree',
    'p := input.next.next.none',
    ['4 rego_type_error: undefined ref: input.next.next.none'],
  ],
  ['all of several schemas', 'input: schema.both', 'p := input.a\nq := input.b', []],
  ['none of several schemas', 'input: schema.both', 'p := input.c', ['4 rego_type_error: undefined ref: input.c']],
  [
    'schemas that exclude each other',
    'input: schema.clash',
    'p := 1',
    ['4 rego_type_error: type checking: unable to merge these schemas: type mismatch: string and number'],
  ],
  ['a type beside null', 'input: schema.old', 'p := input.b', ['4 rego_type_error: undefined ref: input.b']],
  [
    'a document below the input',
    'input.tree: schema.lib.tree',
    'p := input.tree.none\nq := input.other',
    ['4 rego_type_error: undefined ref: input.tree.none'],
  ],
  [
    'a base document',
    'data.x.y: schema.request',
    'p := data.x.y.none\nq := data.x.z',
    ['4 rego_type_error: undefined ref: data.x.y.none'],
  ],
  [
    'a schema in the annotation',
    'input: {type: object, properties: {a: {}}}',
    'p := input.b',
    ['4 rego_type_error: undefined ref: input.b'],
  ],
  ['a schema that there is not', 'input: schema.none', 'p := 1', ['4 rego_type_error: undefined schema: schema.none']],
  [
    'a schema that is none',
    'input: schema.wrong',
    'p := 1',
    [
      '4 rego_type_error: unable to compile the schema: has a primitive type that is NOT VALID -- given: /nothing/ Expected valid values are:[array boolean integer number null object string]',
    ],
  ],
  ['another rule than the one described', 'input: schema.request', 'p := 1\nq := input.none', []],
  [
    'a path that is not constant',
    'input[x].y: schema.request',
    'p := 1',
    ['4 rego_type_error: error getting key from value: the path is not constant'],
  ],
])('an annotation with a schema: %s', (_name, schema, body, expected) => {
  expect(
    problemsOf(
      annotated(`schemas: [{"${schema.split(': ')[0] ?? ''}": ${schema.slice(schema.indexOf(': ') + 2)}}]`, body),
    ),
  ).toEqual(expected);
});

test('what annotations name does not count where no schemas are given, and what they hold does', () => {
  const named = annotated('schemas: [{input: schema.request}]', 'p := input.none');
  expect(diagnose([{ name: 'm.rego', source: named }], 'v1', { annotations: true }).diagnostics).toEqual([]);
  const held = annotated('schemas: [{input: {type: object, properties: {a: {}}}}]', 'p := input.b');
  expect(problemsOf(held, [])).toHaveLength(1);
  expect(diagnose([{ name: 'm.rego', source: held }], 'v1').diagnostics).toEqual([]);
});

test('a schema without a name is that of the input in all modules', () => {
  const schemas = [{ path: [], schema: REQUEST }];
  expect(problemsOf('package a\np := input.name', schemas)).toEqual(['2 rego_type_error: undefined ref: input.name']);
  expect(problemsOf('package a\np := input.user', schemas)).toEqual([]);
  expect(problemsOf('package a\np := 1', [{ path: [], schema: 7 }])).toHaveLength(1);
});

test('the narrowest annotation counts: rule, document, package, packages around', () => {
  const source = (scope: string): string =>
    `# METADATA\n# scope: ${scope}\n# schemas: [{input: schema.request}]\npackage a\np := input.x\n` +
    '# METADATA\n# schemas: [{input: {type: object, properties: {x: {}}}}]\nq := input.x';
  expect(problemsOf(source('package'))).toEqual(['5 rego_type_error: undefined ref: input.x']);
  expect(problemsOf(source('subpackages'))).toEqual(['5 rego_type_error: undefined ref: input.x']);
});

test.each([
  [
    'schemas that are no list',
    'schemas: {input: schema.request}',
    ['3 rego_parse_error: yaml: line 1: expected a list'],
  ],
  ['a schema for nothing', 'schemas: [{}]', ['2 rego_parse_error: invalid document reference']],
  ['a name that is no schema', 'schemas: [{input: data.x}]', ['2 rego_parse_error: invalid schema reference']],
  [
    'a schema of another kind',
    'schemas: [{input: 1}]',
    ['2 rego_parse_error: invalid schema declaration for path "input"'],
  ],
  ['a title that is no text', 'title: [a]', ['3 rego_parse_error: yaml: line 1: expected a string']],
  ['an entry point that is a text', 'entrypoint: "true"', ['3 rego_parse_error: yaml: line 1: expected true or false']],
  ['an entry point as old YAML has it', 'entrypoint: yes', []],
  [
    'an author without a name',
    'authors: [""]',
    ['2 rego_parse_error: invalid author definition "": author is an empty string'],
  ],
  [
    'a resource without a reference',
    'related_resources: [{}]',
    ["2 rego_parse_error: invalid related-resource definition {}: 'ref' value required in object"],
  ],
  ['a key that is no text inside of a value', 'custom: {a: {1: 2}}', ['2 rego_parse_error: invalid map key type(s)']],
  ['a key that is no text', 'custom: {1: 2}', []],
  ['an alias of nothing', 'custom: {a: *x}', ["3 rego_parse_error: yaml: unknown anchor 'x' referenced"]],
  ['a second document', 'title: a\n---\ntitle: [', []],
  [
    'a mask that is no reference',
    'compile: {mask_rule: "1"}',
    ['2 rego_parse_error: invalid mask_rule annotation "1"'],
  ],
  [
    'an entry point of one rule',
    'scope: rule\nentrypoint: true',
    ["2 rego_parse_error: annotation entrypoint applied to non-document or package scope 'rule'"],
  ],
])('%s', (_name, block, expected) => {
  const source = annotated(block, 'p := 1');
  expect(problemsOf(source)).toEqual(expected);
  expect(diagnose([{ name: 'm.rego', source }], 'v1').diagnostics).toEqual([]);
});

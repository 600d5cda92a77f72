import { expect, test } from '@jest/globals';
import type { Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

const bare: Value = [{ generated: true, index: 0, terms: { type: 'boolean', value: true } }];

test('rego.parse_module gives the syntax tree as data', () => {
  expect(
    callBuiltin('rego.parse_module', 'x.rego', 'package a.b\nimport data.c as d\np contains 1 if x > "y"'),
  ).toEqual({
    value: {
      package: {
        path: [
          { type: 'var', value: 'data' },
          { type: 'string', value: 'a' },
          { type: 'string', value: 'b' },
        ],
      },
      imports: [
        {
          path: {
            type: 'ref',
            value: [
              { type: 'var', value: 'data' },
              { type: 'string', value: 'c' },
            ],
          },
          alias: 'd',
        },
      ],
      rules: [
        {
          head: { name: 'p', ref: [{ type: 'var', value: 'p' }], key: { type: 'number', value: 1 } },
          body: [
            {
              index: 0,
              terms: [
                { type: 'ref', value: [{ type: 'var', value: 'gt' }] },
                { type: 'var', value: 'x' },
                { type: 'string', value: 'y' },
              ],
            },
          ],
        },
      ],
    },
  });
});

test.each<[string, Value]>([
  ['p := 1', { name: 'p', ref: [{ type: 'var', value: 'p' }], value: { type: 'number', value: 1 }, assign: true }],
  [
    'p[1] = 2',
    {
      name: 'p',
      key: { type: 'number', value: 1 },
      ref: [
        { type: 'var', value: 'p' },
        { type: 'number', value: 1 },
      ],
      value: { type: 'number', value: 2 },
    },
  ],
  [
    'f(_) := null',
    {
      name: 'f',
      ref: [{ type: 'var', value: 'f' }],
      args: [{ type: 'var', value: '$0' }],
      value: { type: 'null', value: {} },
      assign: true,
    },
  ],
])('the head of %s', (rule, head) => {
  expect(callBuiltin('rego.parse_module', 'x.rego', `package a\n${rule}`)).toEqual({
    value: {
      package: {
        path: [
          { type: 'var', value: 'data' },
          { type: 'string', value: 'a' },
        ],
      },
      rules: [{ head, body: bare }],
    },
  });
});

test('rego.parse_module tells what is wrong and where', () => {
  expect(callBuiltin('rego.parse_module', 'x.rego', 'package a\np if {')).toEqual({
    error: expect.stringMatching(/^eval_builtin_error: 1 error occurred: x\.rego:2: rego_parse_error: /),
  });
  expect(callBuiltin('rego.parse_module', 'x.rego', '')).toEqual({
    error: 'eval_builtin_error: x.rego:0: rego_parse_error: empty module',
  });
});

test('rego.parse_module gives comments with their places', () => {
  const source = '# first é\r\npackage a # behind\n\n  #indented\n#\np if {\n\ttrue # end \t\n}';
  const { value } = callBuiltin('rego.parse_module', 'x.rego', source) as {
    readonly value: { readonly comments: Value };
  };
  const comment = (text: string, row: number, col: number): Value => ({
    Text: Buffer.from(text).toString('base64'),
    Location: { file: 'x.rego', row, col },
  });
  expect(value.comments).toEqual([
    comment(' first é', 1, 1),
    comment(' behind', 2, 11),
    comment('indented', 4, 3),
    comment('', 5, 1),
    comment(' end \t', 7, 7),
  ]);
  expect(callBuiltin('rego.parse_module', 'x', 'package b')).not.toHaveProperty('value.comments');
});

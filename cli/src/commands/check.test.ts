import { expect, test } from '@jest/globals';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

const FILES = {
  'good/a.rego': 'package a\n\np if data.b.q\n',
  'good/b.rego': 'package b\n\nq if input.x\n',
  'good/data.json': 'not read',
  'bad/a.rego': 'package a\n\np if {\n\tx > 1\n\ty == 2\n}\n\nq if count(1)\n',
  'syntax.rego': 'package s\n\np if {\n',
  'inside.rego': 'package s\n\np if {\n\t\t"ü" == 1 ] 2\n}\n',
  'strict.rego': 'package s\n\np if {\n\tx := 1\n\tinput.y\n}\n',
  'old.rego': 'package o\n\np { input.x }\n',
};

test.each([
  ['a folder of policies that fit together', ['good'], 0, ''],
  [
    'all problems of one kind',
    ['bad'],
    1,
    '2 errors occurred:\nbad/a.rego:4:2: rego_unsafe_var_error: var x is unsafe\nbad/a.rego:5:2: rego_unsafe_var_error: var y is unsafe\n',
  ],
  [
    'as many problems as asked for',
    ['-m', '1', 'bad'],
    1,
    '2 errors occurred:\nbad/a.rego:4:2: rego_unsafe_var_error: var x is unsafe\nand 1 more\n',
  ],
  [
    'a text that ends early',
    ['syntax.rego'],
    1,
    '1 error occurred: syntax.rego:4:0: rego_parse_error: unexpected eof token\n\tp if {\n\t     ^\n',
  ],
  [
    'a text with something odd in it',
    ['inside.rego'],
    1,
    '1 error occurred: inside.rego:4:12: rego_parse_error: unexpected ] token: expected \\n or ; or }\n\t"ü" == 1 ] 2\n\t         ^\n',
  ],
  ['a missing file', ['none'], 1, '1 error occurred: none: no such file or directory\n'],
  ['what is only unwise', ['strict.rego'], 0, ''],
  [
    'what is only unwise, strictly',
    ['--strict', 'strict.rego'],
    1,
    '1 error occurred: strict.rego:4:2: rego_compile_error: assigned var x unused\n',
  ],
  ['the old language', ['--v0-compatible', 'old.rego'], 0, ''],
  ['folders without what is to be ignored', ['--ignore', 'a.rego', 'bad', 'good'], 0, ''],
])('checks %s', async (_what, args, code, expected) => {
  await using folder = await temporaryFolder(FILES);
  const named = args.map((arg) =>
    /^(good|bad|none|\w+\.rego)$/.test(arg) && arg !== 'a.rego' ? folder.path(arg) : arg,
  );
  const outcome = await runEdict(['check', ...named]);
  expect({ ...outcome, stderr: outcome.stderr.replaceAll(`${folder.path('')}/`, '') }).toEqual({
    code,
    stdout: '',
    stderr: expected,
  });
});

const ANNOTATED = `package a

# METADATA
# schemas: [{input.tree: schema.lib.tree}]
p := input.tree.none
`;

test.each([
  ['without schemas, what annotations name does not count', 'named.rego', [], 0, ''],
  [
    'what annotations name',
    'named.rego',
    ['--schema', 'schemas'],
    1,
    'named.rego:5:6: rego_type_error: undefined ref: input.tree.none',
  ],
  [
    'what the input is',
    'plain.rego',
    ['-s', 'schemas/lib/tree.json'],
    1,
    'plain.rego:3:6: rego_type_error: undefined ref: input.none',
  ],
  [
    'a schema that there is not',
    'named.rego',
    ['--schema', 'empty'],
    1,
    'named.rego:5:1: rego_type_error: undefined schema: schema.lib.tree',
  ],
  [
    'a misplaced annotation',
    'misplaced.rego',
    [],
    1,
    "rego_parse_error: annotation scope 'package' must be applied to package (have rule)",
  ],
  ['a schema that is no JSON', 'plain.rego', ['-s', 'plain.rego'], 1, 'plain.rego:1:1: '],
])('schemas: %s', async (_what, policy, args, code, message) => {
  await using folder = await temporaryFolder({
    'named.rego': ANNOTATED,
    'plain.rego': 'package b\n\np := input.none\n',
    'misplaced.rego': 'package c\n\n# METADATA\n# scope: package\np := 1\n',
    'schemas/lib/tree.json': '{"type": "object", "properties": {"size": {"type": "number"}}}',
    'empty/other.json': '{}',
  });
  const named = args.map((arg) => (arg.startsWith('-') ? arg : folder.path(arg)));
  const outcome = await runEdict(['check', ...named, folder.path(policy)]);
  expect(outcome.code).toBe(code);
  expect(outcome.stderr).toContain(message);
  const evaluated = await runEdict(['eval', ...named, '-d', folder.path(policy), '-f', 'raw', '1']);
  expect(evaluated).toMatchObject({ code: code === 0 ? 0 : 2, stderr: outcome.stderr });
});

test('a query is checked against the schema of the input, too', async () => {
  await using folder = await temporaryFolder({
    's.json': '{"type": "object", "properties": {"a": {"type": "string"}}}',
  });
  const args = ['eval', '-f', 'raw', '--schema', folder.path('s.json')];
  expect((await runEdict([...args, 'input.b'])).stderr).toContain('query:1:1: rego_type_error: undefined ref: input.b');
  expect((await runEdict([...args, 'input.a'])).code).toBe(0);
});

test('problems as JSON have OPA’s form', async () => {
  await using folder = await temporaryFolder(FILES);
  const { code, stdout, stderr } = await runEdict(['check', '-f', 'json', '-m', '1', folder.path('bad')]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(JSON.parse(stderr)).toEqual({
    errors: [
      {
        message: 'var x is unsafe',
        code: 'rego_unsafe_var_error',
        location: { file: folder.path('bad/a.rego'), row: 4, col: 2 },
      },
    ],
  });
});

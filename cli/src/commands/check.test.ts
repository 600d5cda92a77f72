import { expect, test } from '@jest/globals';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

const FILES = {
  'good/a.rego': 'package a\n\np if data.b.q\n',
  'good/b.rego': 'package b\n\nq if input.x\n',
  'good/data.json': 'not read',
  'bad/a.rego': 'package a\n\np if {\n\tx > 1\n\ty == 2\n}\n\nq if count(1)\n',
  'syntax.rego': 'package s\n\np if {\n',
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
    '1 error occurred: syntax.rego:4:0: rego_parse_error: unexpected eof token\n',
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

import { gzipSync } from 'node:zlib';
import { writeFile } from 'node:fs/promises';
import { renderBundle } from '@edict/bundle';
import { expect, test } from '@jest/globals';
import { loadDomainFiles } from '../domain-files.ts';
import { runEdict, temporaryFolder, type TemporaryFolder } from '../testing/run-edict.ts';
import { runProcess } from '../testing/run-process.ts';
import { aDomainFile } from '../testing/rego-files.ts';

const POLICY = `package door

default open := false

open if {
	some key in input.keys
	print("key", key)
	data.locks[key].fits
	not broken
}

broken if input.state == "broken"

size := 10 / input.by
`;

const FILES = {
  'policies/door.rego': POLICY,
  'policies/locks/data.json': '{"brass": {"fits": true}, "iron": {"fits": false}}',
  'policies/notes.txt': 'not for the policy',
  'input.json': '{"keys": ["iron", "brass"], "state": "fine"}',
};

const folderOf = async (files: Readonly<Record<string, string>> = FILES): Promise<TemporaryFolder> =>
  await temporaryFolder(files);

test.each([
  [
    'json',
    '{\n  "result": [\n    {\n      "expressions": [\n        {\n          "value": [\n            1,\n            2.50\n          ],\n          "text": "[1, 2.50]",\n          "location": {\n            "row": 1,\n            "col": 1\n          }\n        }\n      ]\n    }\n  ]\n}\n',
  ],
  ['values', '[\n  [\n    1,\n    2.50\n  ]\n]\n'],
  ['bindings', '{}\n'],
  ['pretty', '[\n  1,\n  2.50\n]\n'],
  ['raw', '[1,2.50]\n'],
  ['discard', '{\n  "result": "discarded"\n}\n'],
])('a value as %s', async (format, expected) => {
  expect(await runEdict(['eval', '-f', format, '[1, 2.50]'])).toEqual({ code: 0, stdout: expected, stderr: '' });
});

test.each([
  ['variables are columns', 'x := 1; y := "s"', '┌───┬─────┐\n│ x │  y  │\n├───┼─────┤\n│ 1 │ "s" │\n└───┴─────┘\n'],
  ['what holds is no column beside variables', 'x = [3, 4][_]; x > 3', '┌───┐\n│ x │\n├───┤\n│ 4 │\n└───┘\n'],
  [
    'values are columns',
    '1 + 1; "a"',
    '┌───────┬─────┐\n│ 1 + 1 │ "a" │\n├───────┼─────┤\n│ 2     │ "a" │\n└───────┴─────┘\n',
  ],
  ['one expression alone is a value also where it is false', '1 == 2', 'false\n'],
  ['one of several has to hold', '1 == 2; x := 1', 'undefined\n'],
  ['nothing is undefined', 'data.none', 'undefined\n'],
  ['a set is an array', '{2, 1}', '[\n  1,\n  2\n]\n'],
])('pretty: %s', async (_what, query, expected) => {
  expect((await runEdict(['eval', '-f', 'pretty', query])).stdout).toBe(expected);
});

test('policies, data below the folders that it lies in, and input come from files; print goes to standard error', async () => {
  await using folder = await folderOf();
  const args = ['eval', '-d', folder.path('policies'), '-i', folder.path('input.json'), '-f', 'raw'];
  expect(await runEdict([...args, 'data.door.open'])).toEqual({
    code: 0,
    stdout: 'true\n',
    stderr: 'key iron\nkey brass\n',
  });
  expect((await runEdict([...args, 'data.locks.iron.fits'])).stdout).toBe('false\n');
});

test.each([
  ['--stdin-input', ['-I', 'input.by'], '{"by": 3}', '3\n'],
  ['--stdin', ['--stdin'], 'x := 7', 'true\n'],
])('%s reads standard input', async (_what, args, stdin, expected) => {
  expect(await runEdict(['eval', '-f', 'raw', ...args], { stdin })).toMatchObject({ code: 0, stdout: expected });
});

test('--package and --import make names short', async () => {
  await using folder = await folderOf();
  const args = ['eval', '-f', 'raw', '-d', folder.path('policies'), '-i', folder.path('input.json')];
  expect((await runEdict([...args, '--package', 'door', 'open'])).stdout).toBe('true\n');
  expect((await runEdict([...args, '--import', 'data.locks as l', 'l.brass.fits'])).stdout).toBe('true\n');
  expect((await runEdict([...args, '--import', 'future.keywords.or', 'input.none or input.state'])).stdout).toBe(
    'true\n',
  );
});

test('a prefix says where the data of a file goes', async () => {
  await using folder = await folderOf({ 'x.yaml': 'a: [1, 2]\n' });
  expect((await runEdict(['eval', '-f', 'raw', '-d', `some.place:${folder.path('x.yaml')}`, 'data'])).stdout).toBe(
    '{"some":{"place":{"a":[1,2]}}}\n',
  );
});

test('a bundle is an archive or a folder, and says the language of its policies', async () => {
  await using folder = await folderOf({
    'b/.manifest': '{"roots": ["old", "x"], "rego_version": 0}',
    'b/p.rego': 'package old\n\np { data.x.y == 1 }\n',
    'b/x/data.json': '{"y": 1}',
    'b/x/other.json': '{"y": 2}',
  });
  expect((await runEdict(['eval', '-f', 'raw', '-b', folder.path('b'), 'data.old.p'])).stdout).toBe('true\n');
  const outside = await folderOf({ 'b/.manifest': '{"roots": ["x"]}', 'b/z/data.json': '{"y": 1}' });
  const refused = await runEdict(['eval', '-f', 'raw', '-b', outside.path('b'), 'data']);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain("the manifest's roots [x] do not permit data at /z");
  await outside[Symbol.asyncDispose]();
});

test.each([
  ['a result', ['eval', '1'], 0],
  ['an unwanted result', ['eval', '--fail-defined', '1'], 1],
  ['an error', ['eval', 'x > 1'], 2],
])('a process ends with the code for %s', async (_what, args, code) => {
  expect((await runProcess(args, '.')).code).toBe(code);
});

test('a PolicyDomain is evaluated as the bundle that it renders to', async () => {
  await using folder = await folderOf({ 'domain.yaml': aDomainFile });
  const { domains } = await loadDomainFiles([folder.path('domain.yaml')]);
  const [only] = domains;
  if (only === undefined) throw new Error('no domain');
  await writeFile(folder.path('bundle.tar.gz'), renderBundle(only.domain).gzip);
  const query = 'x := data.edict.shop.policies[mrn].authz.allow';
  const input = folder.path('input.json');
  await writeFile(input, '{"operation": "shop:buy"}');
  const answers = await Promise.all(
    [
      ['--domain', folder.path('domain.yaml')],
      ['-b', folder.path('bundle.tar.gz')],
    ].map(async (source) => {
      const { stdout, stderr, code } = await runEdict(['eval', '-f', 'bindings', '-i', input, ...source, query]);
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
      return stdout;
    }),
  );
  expect(answers[0]).toBe(answers[1]);
  expect(JSON.parse(answers[0] ?? '')).toEqual({ mrn: 'mrn:iam:policy:buyers', x: true });
});

test.each([
  ['a result', ['--fail', '1'], 0],
  ['no result, where that fails', ['--fail', 'data.none'], 1],
  ['no result', ['data.none'], 0],
  ['a result, where that fails', ['--fail-defined', '1'], 1],
  ['a query that is no query', ['x :='], 2],
  ['a query that is not safe', ['x > 1'], 2],
  ['a type error of the query', ['count(1)'], 2],
  ['an error of a built-in', ['1 / 0'], 0],
  ['an error of a built-in, where that counts', ['--strict-builtin-errors', '1 / 0'], 2],
  ['partial evaluation', ['-p', 'data.x'], 1],
  ['no query', [], 1],
  ['two sources of input', ['-I', '-i', 'x.json', '1'], 1],
])('exit code of %s', async (_what, args, code) => {
  expect((await runEdict(['eval', '-f', 'raw', ...args])).code).toBe(code);
});

test.each([
  ['a missing file', ['-d', 'none.rego', '1'], 'none.rego: no such file or directory'],
  ['a missing input', ['-i', 'none.json', '1'], 'none.json: no such file or directory'],
  ['a missing bundle', ['-b', 'none', '1'], 'none: no such file or directory'],
  ['JSON that ends early', ['-d', 'short.json', '1'], 'short.json:3:1: unexpected end of JSON input'],
  ['input that is no JSON', ['-i', 'wrong.json', '1'], 'wrong.json:2:8: '],
  ['YAML that is none', ['-d', 'wrong.yaml', '1'], 'wrong.yaml:1:4: '],
  ['data that is no object', ['-d', 'list.json', '1'], 'list.json: the document must be an object'],
  [
    'data that says two things',
    ['-d', 'a.json', '-d', 'b.json', '1'],
    'b.json: merge error: conflicting values at data.k.l, also defined in a.json',
  ],
  ['a policy that does not parse', ['-d', 'wrong.rego', '1'], 'wrong.rego:3:10: rego_parse_error: '],
  ['a policy that is not safe', ['-d', 'unsafe.rego', '1'], 'unsafe.rego:3:8: rego_unsafe_var_error: var x is unsafe'],
  ['a bundle that is cut off', ['-b', 'cut.tar.gz', '1'], 'cut.tar.gz: no bundle: '],
  ['a bundle that is none', ['-b', 'list.json', '1'], 'list.json: no bundle: '],
  ['a file of another kind', ['-d', 'notes.txt', '1'], 'notes.txt: the file is no .rego, .json, .yaml or .tar.gz'],
  ['a query with a mistake', ['x := 1; y :='], 'query:1:12: rego_parse_error: '],
  ['a query on several lines', ['x := 1\nz > x'], 'query:2:1: rego_unsafe_var_error: var z is unsafe'],
  ['an import that is none', ['--import', 'data.a; 1', '1'], 'the package or an import of the query'],
  ['a conflict', ['-d', 'conflict.rego', 'data.c.p'], 'conflict.rego:5:1: eval_conflict_error: '],
  [
    'too little time',
    ['--timeout', '20ms', 'count([1 | numbers.range(1, 20000)[_]; numbers.range(1, 20000)[_]])'],
    'eval_cancel_error: ',
  ],
])('%s is named with its place', async (_what, args, message) => {
  await using folder = await folderOf({
    'short.json': '{\n  "a": 1,\n',
    'wrong.json': '{\n  "a": x\n}\n',
    'wrong.yaml': 'a: 1\n  b: [\n',
    'list.json': '[1]',
    'a.json': '{"k": {"l": 1}}',
    'b.json': '{"k": {"l": 2}}',
    'wrong.rego': 'package w\n\np if { x y }\n',
    'unsafe.rego': 'package u\n\np if { x > 1 }\n',
    'conflict.rego': 'package c\n\np := 1\n\np := 2 if input.none == 1\n\np := 3\n'.replace(
      'p := 2 if input.none == 1',
      'p := 2',
    ),
    'notes.txt': 'text',
  });
  await writeFile(folder.path('cut.tar.gz'), gzipSync(Buffer.alloc(4096)).subarray(0, 20));
  const named = args.map((arg) => (/^[a-z]+(\.tar)?(\.[a-z]+)?$/.test(arg) ? folder.path(arg) : arg));
  const { code, stdout, stderr } = await runEdict(['eval', '-f', 'pretty', ...named]);
  expect(stdout).toBe('');
  expect(stderr.replaceAll(`${folder.path('')}/`, '')).toContain(message);
  expect(code).toBe(2);
});

test('errors are JSON where the result would be', async () => {
  const { code, stdout, stderr } = await runEdict(['eval', 'x > 1']);
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    errors: [{ message: 'var x is unsafe', code: 'rego_unsafe_var_error', location: { file: '', row: 1, col: 1 } }],
  });
});

test('--why shows which rules and literals decided, with what they saw', async () => {
  await using folder = await folderOf({ ...FILES, 'input.json': '{"keys": ["brass"], "state": "broken"}' });
  const { code, stdout } = await runProcess(
    ['eval', '-d', 'policies', '-i', 'input.json', '-f', 'pretty', '--why', 'data.door.open'],
    folder.path('.'),
  );
  expect(code).toBe(0);
  expect(stdout).toBe(`query data.door.open: 1 row
  ✓ 1: data.door.open
    door.open at policies/door.rego:5:1: undefined
      ✓ 6: some key in input.keys   [key = "brass"]
      ✓ 7: print("key", key)   [key = "brass"]
      ✓ 8: data.locks[key].fits   [key = "brass"]
      ✗ 9: not broken
        door.broken at policies/door.rego:12:1: true
          ✓ 12: input.state == "broken"   [input.state = "broken"]
    default door.open at policies/door.rego:3:1: false
false
`);
});

test('--explain lists events as OPA does', async () => {
  await using folder = await folderOf({ 'p.rego': 'package p\n\nq if {\n\tinput.a == 1\n\tinput.b == 2\n}\n' });
  const args = ['eval', '-d', 'p.rego', '-I', '-f', 'pretty', '--var-values', '--explain'];
  const { stdout } = await runProcess([...args, 'fails', 'data.p.q'], folder.path('.'), '{"a": 1, "b": 3}');
  expect(stdout).toBe(`query:1      Enter data.p.q
p.rego:3     | Enter data.p.q
p.rego:5     | | Fail input.b == 2
query:1      | Fail data.p.q
undefined
`);
  const json = await runProcess(
    ['eval', '-d', 'p.rego', '-I', '--explain', 'full', 'data.p.q'],
    folder.path('.'),
    '{"a": 1}',
  );
  const { explanation } = JSON.parse(json.stdout) as { readonly explanation: readonly { readonly op: string }[] };
  expect(explanation.map(({ op }) => op)).toEqual(['Enter', 'Eval', 'Enter', 'Eval', 'Eval', 'Fail', 'Fail']);
});

test('--metrics, --profile and --coverage come beside the result', async () => {
  await using folder = await folderOf();
  const args = ['eval', '-d', folder.path('policies'), '-i', folder.path('input.json'), 'data.door.open'];
  const { stdout } = await runEdict([...args, '--profile', '--coverage']);
  const report = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  expect(Object.keys(report)).toEqual(['result', 'metrics', 'profile', 'coverage']);
  expect(Object.keys(report['metrics'] as object)).toEqual([
    'timer_rego_load_files_ns',
    'timer_rego_module_compile_ns',
    'timer_rego_query_compile_ns',
    'timer_rego_query_eval_ns',
  ]);
  expect(report['coverage']).toMatchObject({ covered_lines: 6, not_covered_lines: 2, coverage: 75 });
  const pretty = await runEdict([...args, '--coverage', '-f', 'pretty']);
  expect(pretty.stdout).toContain('75.00    │ 3, 14');
});

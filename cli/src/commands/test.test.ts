import { writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';
import { runProcess, startEdict } from '../testing/run-process.ts';

const FILES = {
  'gate.rego': `package gate

default allow := false

allow if {
	input.user in data.users
	input.age >= 18
}

shout := upper(input.word)
`,
  'users.json': '{"users": ["ann", "bob"]}',
};

const PASSING = `package gate_test

import data.gate

test_adult_is_let_in if gate.allow with input as {"user": "ann", "age": 20}

test_child_is_not if not gate.allow with input as {"user": "ann", "age": 9}
`;

const MIXED = `${PASSING}
test_stranger if {
	print("asking for", "eve")
	gate.allow with input as {"user": "eve", "age": 30}
}

todo_test_later if false

test_shout[note] if {
	some note, case in {
		"small": {"word": "a", "want": "A"},
		"wrong": {"word": "b", "want": "C"},
		"none": {"word": 1, "want": "D"},
	}
	got := gate.shout with input as {"word": case.word}
	got == case.want
}

test_conflict if conflicted

conflicted := 1

conflicted := 2
`;

const results = (text: string): string => text.replaceAll(/\(\d+\.\d+ms\)/g, '(TIME)');

test('tests that pass say only how many they are', async () => {
  await using folder = await temporaryFolder({ ...FILES, 'gate_test.rego': PASSING });
  expect(await runEdict(['test', folder.path('.')])).toEqual({ code: 0, stdout: 'PASS: 2/2\n', stderr: '' });
});

test('a failure shows the literal, the cases that failed, and what was printed', async () => {
  await using folder = await temporaryFolder({ ...FILES, 'gate_test.rego': MIXED });
  const { code, stdout } = await runProcess(['test', '.'], folder.path('.'));
  expect(code).toBe(2);
  expect(results(stdout)).toBe(`gate_test.rego:9:
data.gate_test.test_stranger: FAIL (TIME)
  ✗ 11: gate.allow with input as {"user": "eve", "age": 30}

  asking for eve

gate_test.rego:14:
data.gate_test.todo_test_later: SKIPPED
gate_test.rego:16:
data.gate_test.test_shout: FAIL (TIME)
  none: FAIL
    ✗ 22: got := gate.shout with input as {"word": case.word}   [case = {"want":"D","word":1}, {"word": case.word} = {"word":1}, case.word = 1]
  wrong: FAIL
    ✗ 23: got == case.want   [got = "B", case = {"want":"C","word":"b"}, case.want = "C"]
gate_test.rego:26:
data.gate_test.test_conflict: ERROR (TIME)
  gate_test.rego:30:1: eval_conflict_error: rule data.gate_test.conflicted produced conflicting values
--------------------------------------------------------------------------------
PASS: 3/8
FAIL: 3/8
SKIPPED: 1/8
ERROR: 1/8
`);
});

test('--verbose shows what led to each result', async () => {
  await using folder = await temporaryFolder({ ...FILES, 'gate_test.rego': PASSING });
  const { stdout } = await runEdict(['test', '-v', '--run', 'child', folder.path('.')]);
  expect(results(stdout).replaceAll(`${folder.path('')}/`, '')).toBe(`gate_test.rego:7:
data.gate_test.test_child_is_not: PASS (TIME)
  ✓ 7: not gate.allow with input as {"user": "ann", "age": 9}
    gate.allow at gate.rego:5:1: undefined
      ✓ 6: input.user in data.users   [input.user = "ann"]
      ✗ 7: input.age >= 18   [input.age = 9]
    default gate.allow at gate.rego:3:1: false
--------------------------------------------------------------------------------
PASS: 1/1
`);
});

test('results as JSON have OPA’s form', async () => {
  await using folder = await temporaryFolder({ ...FILES, 'gate_test.rego': MIXED });
  const { code, stdout } = await runEdict(['test', '-f', 'json', folder.path('.')]);
  expect(code).toBe(2);
  const file = folder.path('gate_test.rego');
  const at = (row: number, col = 1): unknown => ({ file, row, col });
  const duration: unknown = expect.any(Number);
  const own = { package: 'data.gate_test', duration };
  expect(JSON.parse(stdout)).toEqual([
    { ...own, location: at(5), name: 'test_adult_is_let_in' },
    { ...own, location: at(7), name: 'test_child_is_not' },
    {
      ...own,
      location: at(9),
      name: 'test_stranger',
      fail: true,
      output: Buffer.from('asking for eve\n').toString('base64'),
      failed_at: { text: 'gate.allow with input as {"user": "eve", "age": 30}', location: at(11, 2) },
    },
    { ...own, location: at(14), name: 'todo_test_later', skip: true },
    {
      ...own,
      location: at(16),
      name: 'test_shout',
      fail: true,
      sub_results: {
        none: { name: 'none', fail: true },
        small: { name: 'small' },
        wrong: { name: 'wrong', fail: true },
      },
    },
    {
      ...own,
      location: at(26),
      name: 'test_conflict',
      error: {
        code: 'eval_conflict_error',
        message: 'rule data.gate_test.conflicted produced conflicting values',
        location: at(30),
      },
    },
  ]);
});

test('coverage is reported where the tests pass, and may be demanded', async () => {
  await using folder = await temporaryFolder({ ...FILES, 'gate_test.rego': PASSING });
  const json = await runEdict(['test', '-c', '-f', 'json', folder.path('.')]);
  const report = JSON.parse(json.stdout) as {
    readonly coverage: number;
    readonly files: Readonly<Record<string, unknown>>;
  };
  expect(report.files[folder.path('gate.rego')]).toMatchObject({
    covered_lines: 4,
    not_covered_lines: 1,
    coverage: 80,
  });
  expect(report.coverage).toBe(85.71);
  const pretty = await runEdict(['test', '--threshold', '90', folder.path('.')]);
  expect(pretty.code).toBe(2);
  expect(pretty.stdout).toContain('│ Overall');
  expect(pretty.stderr).toBe('Code coverage threshold not met: got 85.71 instead of 90.00 (1 line not covered)\n');
  expect((await runEdict(['test', '--threshold', '80', folder.path('.')])).code).toBe(0);
});

test.each([
  ['a policy that does not compile', { 'a_test.rego': 'package a\n\ntest_x if y\n' }, [], 1],
  ['no tests', FILES, [], 0],
  ['no tests, where that counts', FILES, ['--fail-on-empty'], 1],
  ['a filter that no test passes', { ...FILES, 'gate_test.rego': PASSING }, ['--run', 'none', '--fail-on-empty'], 1],
  ['a skipped test', { 'a_test.rego': 'package a\n\ntodo_test_x if false\n' }, [], 2],
  ['a skipped test, where that is fine', { 'a_test.rego': 'package a\n\ntodo_test_x if false\n' }, ['-z'], 0],
  ['a test whose value is false', { 'a_test.rego': 'package a\n\ntest_x := false\n' }, [], 2],
  ['several turns', { 'a_test.rego': 'package a\n\ntest_x := true\n' }, ['--count', '3'], 0],
  [
    'a test that takes too long',
    { 'a_test.rego': 'package a\n\ntest_x if count([1 | numbers.range(1, 9000)[_]; numbers.range(1, 9000)[_]]) > 0\n' },
    ['--timeout', '20ms'],
    2,
  ],
])('exit code of %s', async (_what, files, args, code) => {
  await using folder = await temporaryFolder(files);
  expect((await runEdict(['test', ...args, folder.path('.')])).code).toBe(code);
});

test('a second test of one name is a test of its own', async () => {
  await using folder = await temporaryFolder({ 'a_test.rego': 'package a\n\ntest_x := true\n\ntest_x := false\n' });
  const { stdout } = await runEdict(['test', folder.path('.')]);
  expect(stdout).toContain('data.a.test_x#01: FAIL');
  expect(stdout).toContain('PASS: 1/2\nFAIL: 1/2\n');
});

test('the subcommands stay what they are', async () => {
  const { code, stderr } = await runEdict(['test', 'decisions', '-b', 'none.yaml', '-i', 'none.yaml']);
  expect(code).toBe(1);
  expect(stderr).toBe('error: cannot read none.yaml: no such file or directory\n');
});

test('--watch runs the tests again when a file changes, and ends when it is interrupted', async () => {
  await using folder = await temporaryFolder({ ...FILES, 'gate_test.rego': PASSING });
  const child = startEdict(['test', '--watch', '.'], folder.path('.'));
  let output = '';
  let told = (): void => undefined;
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString('utf8');
    told();
  });
  const seen = async (wanted: string): Promise<void> => {
    while (!output.includes(wanted)) {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
    output = output.slice(output.indexOf(wanted) + wanted.length);
  };
  try {
    await seen('PASS: 2/2\n');
    await seen('Watching for changes ...\n');
    await writeFile(folder.path('gate_test.rego'), `${PASSING}\ntest_new := false\n`);
    await seen('FAIL: 1/3\n');
    await seen('Watching for changes ...\n');
    await writeFile(folder.path('gate_test.rego'), 'package gate_test\n\ntest_broken if {\n');
    await seen('Watching for changes ...\n');
    await writeFile(folder.path('gate_test.rego'), PASSING);
    await seen('PASS: 2/2\n');
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});

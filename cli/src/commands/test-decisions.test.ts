import { expect, test } from '@jest/globals';
import { domainYaml } from '../testing/domains.ts';
import { runEdict, temporaryFolder, type Outcome } from '../testing/run-edict.ts';

const SUITE = `tests:
  - name: ann-buys
    porc: {principal: {sub: ann}, operation: "shop:buy", resource: "mrn:shop:1"}
    result: {allow: true}
  - name: bob-buys
    porc: {principal: {sub: bob}, operation: "shop:buy", resource: "mrn:shop:1"}
    result: {allow: true}
  - name: no-result-means-deny
    porc: {}
`;

async function runSuite(suite: string, ...args: readonly string[]): Promise<Outcome> {
  await using folder = await temporaryFolder({ 'domain.yaml': domainYaml(), 'suite.yaml': suite });
  return await runEdict([
    'test',
    'decisions',
    '-b',
    folder.path('domain.yaml'),
    '-i',
    folder.path('suite.yaml'),
    ...args,
  ]);
}

test('a failing test is told with what was expected, and the exit code is 1', async () => {
  expect(await runSuite(SUITE)).toEqual({
    code: 1,
    stdout:
      'ann-buys: PASS\nbob-buys: FAIL (expected allow=true, got allow=false)\nno-result-means-deny: PASS\n\n2/3 tests passed\n',
    stderr: '',
  });
});

test('JSON counts and lists the tests', async () => {
  const { code, stdout } = await runSuite(SUITE, '-o', 'json');
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    passed: 2,
    failed: 1,
    tests: [{ status: 'PASS' }, { status: 'FAIL' }, { status: 'PASS' }],
  });
});

test('only the tests that are asked for run', async () => {
  expect(await runSuite(SUITE, '--test', 'ann-*', '--test', '*deny')).toMatchObject({
    code: 0,
    stdout: 'ann-buys: PASS\nno-result-means-deny: PASS\n\n2/2 tests passed\n',
  });
});

test.each([
  ['a suite without tests', 'tests: []', 'no tests found in test suite'],
  ['an empty file', '', 'no tests found in test suite'],
  ['YAML that does not parse', 'tests: [\n  {a: b\n', /suite\.yaml:\d+:\d+: not valid YAML/],
  ['tests that are no list', 'tests: 3', 'is not a test suite'],
  ['a result that is no boolean', 'tests: [{name: a, porc: {}, result: {allow: maybe}}]', 'is not a test suite'],
])('%s is an error', async (_what, suite, message) => {
  const { code, stdout, stderr } = await runSuite(suite);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
});

test.each([
  ['without a porc', 'tests: [{name: a, result: {allow: false}}]', 'a: ERROR (the test has no porc)'],
  ['whose porc is no object', 'tests: [{name: a, porc: [1]}]', 'a: ERROR (PORC must be an object)'],
])('a test %s is an error of that test, not a pass', async (_what, suite, line) => {
  const { code, stdout } = await runSuite(suite);
  expect(code).toBe(1);
  expect(stdout).toBe(`${line}\n\n0/1 tests passed\n`);
});

test('patterns that match nothing are an error: a typing mistake must not look like success', async () => {
  expect(await runSuite(SUITE, '--test', 'zzz')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'error: no tests match the specified patterns\n',
  });
});

test('a suite that is not there is named', async () => {
  const { code, stderr } = await runEdict(['test', 'decisions', '-b', 'x.yaml', '-i', 'no/such.yaml']);
  expect(code).toBe(1);
  expect(stderr).toBe('error: cannot read no/such.yaml: no such file or directory\n');
});

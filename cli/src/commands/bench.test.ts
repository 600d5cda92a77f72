import { expect, test } from '@jest/globals';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

const SHORT = ['--duration', '50ms'];

test('a benchmark says how long one evaluation takes, and how it varies', async () => {
  const { code, stdout } = await runEdict(['bench', ...SHORT, 'x := 1 + 1']);
  expect(code).toBe(0);
  const names = [...stdout.matchAll(/^│ (\S+) +│ +\d+ │$/gm)].map(([, name]) => name);
  expect(names.slice(0, 4)).toEqual(['samples', 'ns/op', 'B/op', 'histogram_timer_rego_query_eval_ns_75%']);
  expect(names).toHaveLength(15);
});

test('several measurements in the form that Go’s tools read', async () => {
  const { stdout } = await runEdict(['bench', ...SHORT, '-f', 'gobench', '--count', '2', '--no-metrics', 'x := 1']);
  expect(stdout).toMatch(/^(BenchmarkEdictEval\t *\d+\t *\d+ ns\/op\t *\d+ B\/op\n){2}$/);
});

test('JSON has the members of Go’s result', async () => {
  const { stdout } = await runEdict(['bench', ...SHORT, '-f', 'json', '--no-benchmem', 'x := 1']);
  const report = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  expect(Object.keys(report)).toEqual(['N', 'T', 'Bytes', 'Extra']);
  expect(report['N']).toBeGreaterThan(0);
});

test.each([
  ['an undefined result', ['data.none'], 1, '1 error occurred: undefined result\n'],
  ['an undefined result that is fine', ['--no-fail', '--no-metrics', 'data.none'], 0, ''],
  [
    'a query that does not parse',
    ['1 +'],
    1,
    '1 error occurred: query:1:3: rego_parse_error: unexpected eof token\n\t1 +\n\t  ^\n',
  ],
  ['an error while evaluating', ['-d', 'conflict.rego', 'data.c.p'], 1, 'eval_conflict_error'],
])('%s', async (_what, args, code, message) => {
  await using folder = await temporaryFolder({ 'conflict.rego': 'package c\n\np := 1\n\np := 2\n' });
  const named = args.map((arg) => (arg.endsWith('.rego') ? folder.path(arg) : arg));
  const outcome = await runEdict(['bench', ...SHORT, ...named]);
  expect(outcome.code).toBe(code);
  expect(outcome.stderr).toContain(message);
});

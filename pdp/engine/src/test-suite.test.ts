import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { digestOf } from '@edict/bundle';
import { aDomain, anOperation, simplePolicies } from './domain-builder.ts';
import { runTestSuites } from './run-test-suites.ts';
import { testSnapshot } from './test-snapshot.ts';
import { parseTestSuite, renderTestSuite, TEST_CASES_MAX, TEST_SUITE_MAX_BYTES, type TestSuite } from './test-suite.ts';

const domains = [
  aDomain({
    policies: simplePolicies,
    operations: [anOperation('op:public', 'one'), anOperation('op:closed', 'minus')],
  }),
];
const subject = { snapshot: testSnapshot(domains), domains: () => domains };
const ask = (name: string, operation: string, allow: boolean) => ({ name, porc: { operation }, allow });
const suite: TestSuite = { name: 'shop', cases: [ask('open', 'op:public', true), ask('shut', 'op:closed', false)] };
const many = (count: number): TestSuite => ({
  name: 'many',
  cases: Array.from({ length: count }, (_, index) => ask(`case ${index}`, 'op:public', true)),
});

test('a suite is read as it was rendered, and equal suites have one digest', () => {
  const rendered = renderTestSuite(suite);
  expect(parseTestSuite(rendered.gzip, rendered.digest)).toStrictEqual(suite);
  const reordered = { name: 'shop', cases: suite.cases.map(({ name, porc, allow }) => ({ allow, porc, name })) };
  expect(renderTestSuite(reordered).digest).toBe(rendered.digest);
});

const bytesOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
test.each<[string, unknown, string]>([
  ['of another format', { format: 2, name: 'a', cases: [] }, 'bad-suite'],
  ['with a case that expects nothing', { format: 1, name: 'a', cases: [{ name: 'x', porc: {} }] }, 'bad-suite'],
  ['with a case that asks nothing', { format: 1, name: 'a', cases: [{ name: 'x', allow: true }] }, 'bad-suite'],
  ['without JSON', '{', 'bad-suite'],
  ['that inflates without end', ' '.repeat(TEST_SUITE_MAX_BYTES + 1), 'too-large'],
])('refuses a suite %s', (_name, value, code) => {
  const bytes = bytesOf(value);
  expect(() => parseTestSuite(gzipSync(bytes), digestOf(bytes))).toThrow(expect.objectContaining({ code }));
});

test('refuses bytes that are not those of the digest, or no gzip', () => {
  const { gzip } = renderTestSuite(suite);
  expect(() => parseTestSuite(gzip, digestOf('other'))).toThrow(expect.objectContaining({ code: 'digest-mismatch' }));
  expect(() => parseTestSuite(Buffer.from('x'), digestOf('x'))).toThrow(expect.objectContaining({ code: 'bad-gzip' }));
});

test('refuses to render more cases than a suite may have', () => {
  expect(() => renderTestSuite(many(TEST_CASES_MAX + 1))).toThrow(expect.objectContaining({ code: 'too-many' }));
});

test('counts what passes and names the first case that does not', () => {
  expect(runTestSuites(subject, [suite])).toStrictEqual({ passed: 2, failed: 0 });
  const wrong = { name: 'wrong', cases: [ask('shut', 'op:closed', true), ask('open', 'op:public', false)] };
  const failure = 'suite wrong, case shut: expected allow=true, got allow=false';
  expect(runTestSuites(subject, [suite, wrong])).toStrictEqual({ passed: 2, failed: 2, failure });
});

test('a question that is no request fails', () => {
  const { failed, failure } = runTestSuites(subject, [
    { name: 'odd', cases: [{ name: 'list', porc: [], allow: false }] },
  ]);
  expect(failed).toBe(1);
  expect(failure).toMatch(/^suite odd, case list: /);
});

test('too many cases together fail without being run', () => {
  const outcome = runTestSuites(subject, [many(TEST_CASES_MAX), many(1)]);
  expect(outcome).toMatchObject({ passed: 0, failed: TEST_CASES_MAX + 1 });
});

test('what the time does not suffice for has failed', () => {
  let now = 0;
  const nowMs = () => (now += 10);
  expect(runTestSuites(subject, [many(5)], { timeoutMs: 25, nowMs })).toStrictEqual({
    passed: 2,
    failed: 3,
    failure: 'suite many, case case 2: the tests took longer than 25 ms',
  });
});

import { expect, test } from '@jest/globals';
import type { DomainModel } from '@edict/bundle';
import { aDomain, aPolicy } from './domain-builder.ts';
import { runTestSuites, type TestLimits, type TestOutcome } from './run-test-suites.ts';
import { testSnapshot } from './test-snapshot.ts';
import { parseTestSuite, renderTestSuite, TEST_MODULES_MAX, type TestModule, type TestSuite } from './test-suite.ts';

const clerk = 'mrn:policy:clerk';
const domains: readonly DomainModel[] = [
  aDomain({
    name: 'orders',
    policies: [aPolicy(clerk, 'default allow = false\n\nallow { data.desk.open }', ['mrn:library:desk'])],
    libraries: [aPolicy('mrn:library:desk', 'package desk\n\nopen { input.hour < 18 }', ['stock/mrn:library:stock'])],
    data: '{"limit":5}',
  }),
  aDomain({
    name: 'stock',
    policies: [aPolicy('mrn:policy:keeper', 'default allow = true')],
    libraries: [aPolicy('mrn:library:stock', 'package stock\n\nleft = data.count')],
    data: '{"count":3}',
  }),
];

function outcomeOf(modules: readonly TestModule[], about: Partial<TestSuite> = {}, limits?: TestLimits): TestOutcome {
  const suite: TestSuite = { name: 'desk', cases: [], modules, ...about };
  return runTestSuites({ snapshot: testSnapshot(domains), domains: () => domains }, [suite], limits);
}
const module = (body: string, policy?: string): TestModule => ({
  name: 'desk_test.rego',
  rego: `package desk_test\n\n${body}\n`,
  ...(policy === undefined ? {} : { policy }),
});

test.each<[string, TestModule, Partial<TestSuite>]>([
  [
    'the libraries of its domain',
    module('test_open { data.desk.open with input as {"hour": 9} }'),
    { domain: 'orders' },
  ],
  ["its domain's data", module('test_limit { data.limit == 5 }'), { domain: 'orders' }],
  ['no data of other domains', module('test_count { not data.count }'), { domain: 'orders' }],
  [
    'libraries of other domains that its own depend on',
    module('test_left { not data.stock.left }'),
    { domain: 'orders' },
  ],
  ['all libraries and data of a set', module('test_all { data.stock.left == 3; data.limit == 5 }'), {}],
  [
    'a policy with its libraries',
    module('test_clerk { data.authz.allow with input as {"hour": 9} }', clerk),
    { domain: 'orders' },
  ],
  ['a policy without data, as it is asked', module('test_data { not data.limit }', clerk), {}],
  ['a policy of a domain that is named', module('test_k { data.authz.allow }', 'stock/mrn:policy:keeper'), {}],
])('a module sees %s', (_what, one, about) => {
  expect(outcomeOf([one], about)).toStrictEqual({ passed: 1, failed: 0 });
});

test.each<[string, readonly TestModule[], Partial<TestSuite>, string]>([
  [
    'a test that is not true, by module, line and rule',
    [module('test_a { true }\n\ntest_late { data.desk.open with input as {"hour": 20} }')],
    { domain: 'orders' },
    'suite desk, desk_test.rego:5, test data.desk_test.test_late: it is not true',
  ],
  [
    'a case by its name',
    [module('import rego.v1\n\ntest_h[h] if { some h in [9, 20]; data.desk.open with input as {"hour": h} }')],
    {},
    'suite desk, desk_test.rego:5, test data.desk_test.test_h: case 20 is not true',
  ],
  [
    'an evaluation that fails, with its place',
    [module('r = 1 { true }\n\nr = 2 { true }\n\ntest_r { r == 1 }')],
    {},
    'suite desk, desk_test.rego:7, test data.desk_test.test_r: desk_test.rego:5:1: eval_conflict_error: ',
  ],
  [
    'what does not compile, with its place',
    [module('test_x { missing(1) }')],
    {},
    'suite desk: desk_test.rego:3:10: rego_type_error: ',
  ],
  ['text that is no Rego', [{ name: 'a.rego', rego: 'package' }], {}, 'suite desk: a.rego:1:'],
  ['a call of the network', [module('test_x { http.send({"method": "get", "url": "http://a"}) }')], {}, 'http.send'],
  ['a policy that is not there', [module('test_x { true }', 'mrn:nobody')], {}, 'no domain has the policy mrn:nobody'],
  ['a domain that is not there', [module('test_x { true }')], { domain: 'gone' }, 'the domain gone is not there'],
  ['modules without a test', [module('todo_test_x { true }')], {}, 'none of its Rego modules has a rule whose name'],
])('names %s', (_what, modules, about, failure) => {
  const outcome = outcomeOf(modules, about);
  expect(outcome.failure).toContain(failure);
  expect(outcome.failed).toBe(1);
});

const long = `test_long {
  count([1 | a := numbers.range(1, 2000)[_]; b := numbers.range(1, 2000)[_]; a * b > 0]) == 0
}`;

test('steps are bounded for all tests together', () => {
  const twice = [module(long), { name: 'other.rego', rego: `package other\n\n${long}` }];
  const { failed, failure } = outcomeOf(twice, {}, { maxSteps: 10_000 });
  expect(failed).toBe(2);
  expect(failure).toMatch(/^suite desk, desk_test\.rego:3, test data\.desk_test\.test_long: .*eval_cancel_error/);
});

test('what the time does not suffice for has failed, named', () => {
  let now = 0;
  const nowMs = () => (now += 10);
  const { passed, failed, failure } = outcomeOf(
    [module('test_a { true }\n\ntest_b { true }')],
    {},
    { timeoutMs: 15, nowMs },
  );
  expect({ passed, failed }).toStrictEqual({ passed: 1, failed: 1 });
  expect(failure).toBe('suite desk, desk_test.rego:5, test data.desk_test.test_b: the tests took longer than 15 ms');
});

test('a suite with modules is read as it was rendered, and one without keeps its bytes', () => {
  const suite: TestSuite = { name: 'desk', cases: [], modules: [module('test_x { true }', clerk)], domain: 'orders' };
  const { gzip, digest } = renderTestSuite(suite);
  expect(parseTestSuite(gzip, digest)).toStrictEqual(suite);
  const plain = { name: 'desk', cases: [{ name: 'a', porc: {}, allow: false }] };
  expect(renderTestSuite(plain).digest).toBe('sha256:bea5b655f71abbaf5ac4c0216689c4095061c9db8250c3202b6dc8db7160e357');
});

test('refuses to render more modules than a suite may have', () => {
  const modules = Array.from({ length: TEST_MODULES_MAX + 1 }, () => module('test_x { true }'));
  expect(() => renderTestSuite({ name: 'many', cases: [], modules })).toThrow(
    expect.objectContaining({ code: 'too-many' }),
  );
});

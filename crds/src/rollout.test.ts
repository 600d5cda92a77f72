import { expect, test } from '@jest/globals';
import { PolicySetSpec } from './policy-set.ts';
import { PolicyTestSuiteSpec } from './policy-test-suite.ts';
import { shareBasisPoints } from './rollout.ts';

test('a set that says nothing is rolled out to everyone at once', () => {
  const { rollout, consistency } = PolicySetSpec.parse({});
  expect(rollout).toStrictEqual({
    requirePrepared: '100%',
    maxLaggards: '0%',
    progressDeadline: '60s',
    approval: 'None',
    autoRollback: true,
  });
  expect(consistency).toStrictEqual({ mode: 'Standard' });
});

test.each([
  ['5%', 500],
  ['0.25%', 25],
  ['100%', 10_000],
])('%s is %i ten thousandths', (text, points) => {
  expect(shareBasisPoints(text)).toBe(points);
});

test.each<[string, object, string]>([
  ['a wave for two', { waves: [{ principals: '5%', all: true }] }, 'names one of'],
  ['a wave for nobody', { waves: [{}] }, 'names one of'],
  ['a wave after everyone', { waves: [{ all: true }, { all: true }] }, 'only the last'],
  ['shares that fall', { waves: [{ principals: '5%' }, { nodes: {} }, { principals: '4%' }] }, 'rise'],
  ['a share of nobody', { waves: [{ principals: '0%' }] }, 'rise'],
  ['too many waves', { waves: Array.from({ length: 17 }, () => ({ nodes: {} })) }, '16'],
  ['a query without a limit', { analysis: { prometheus: { url: 'http://p', query: 'up' } } }, 'max or min'],
  ['a query of another scheme', { analysis: { prometheus: { url: 'file:///x', query: 'up', max: 1 } } }, 'pattern'],
])('refuses %s', (_name, rollout, message) => {
  const result = PolicySetSpec.safeParse({ rollout });
  expect(result.error?.issues.map((issue) => issue.message).join()).toContain(message);
});

test.each([['4s'], ['61m']])('refuses a lease of %s', (lease) => {
  expect(PolicySetSpec.safeParse({ consistency: { mode: 'Strict', lease } }).success).toBe(false);
});

const module = { name: 'a_test.rego', rego: 'package a_test' };
test.each<[string, object, boolean]>([
  ['modules alone', { modules: [module] }, true],
  ['modules for a policy', { modules: [{ ...module, policy: 'mrn:policy:clerk' }] }, true],
  ['nothing', {}, false],
  ['an empty list of each', { tests: [], modules: [] }, false],
  ['two modules of one name', { modules: [module, module] }, false],
  ['too many modules', { modules: Array.from({ length: 101 }, (_, n) => ({ ...module, name: `${n}.rego` })) }, false],
  ['an empty module', { modules: [{ ...module, rego: '' }] }, false],
])('a suite with %s', (_name, held, isGood) => {
  expect(PolicyTestSuiteSpec.safeParse({ set: 'till', ...held }).success).toBe(isGood);
});

test.each<[string, object, boolean]>([
  ['a set', { set: 'till' }, true],
  ['a domain', { domain: 'orders' }, true],
  ['both', { set: 'till', domain: 'orders' }, false],
  ['neither', {}, false],
])('a suite about %s', (_name, about, isGood) => {
  const tests = [{ name: 'a', porc: {} }];
  expect(PolicyTestSuiteSpec.safeParse({ ...about, tests }).success).toBe(isGood);
});

import { expect, test } from '@jest/globals';
import { validateObject } from './validate.ts';
import { Serving, servingFeatures } from './serving.ts';

test('an empty block is a block with its defaults, and an absent one stays absent', () => {
  expect(Serving.parse({})).toStrictEqual({});
  expect(Serving.parse({ documents: {}, opa: {}, authzen: {}, envoy: {}, instance: {} })).toStrictEqual({
    documents: { policies: [] },
    opa: { defaultDecision: 'system/main' },
    authzen: { evaluation: 'Porc', rule: 'authzen/allow', candidates: {} },
    envoy: { result: 'Mapper', rule: 'envoy/authz/allow', unreadable: 'Deny' },
    instance: { names: [], load: 'Ahead', grace: '5m', labels: {}, limits: {}, decisionCache: { entries: 0 } },
  });
});

test.each<[string, object, string]>([
  ['the OPA API', { opa: {} }, 'spec.serving.opa: opa answers from documents'],
  ['AuthZEN by a rule', { authzen: { evaluation: 'Rule' } }, 'spec.serving.authzen: authzen.evaluation Rule'],
  [
    'candidates of searches',
    { authzen: { candidates: { subject: 'a/b' } } },
    'spec.serving.authzen: authzen.candidates',
  ],
  ['Envoy by a rule', { envoy: { result: 'Rule' } }, 'spec.serving.envoy: envoy.result Rule'],
])('%s without documents is refused, and the message says what to set', (_name, serving, message) => {
  const set = (spec: object) => ({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicySet',
    metadata: { name: 's' },
    spec: { serving: spec },
  });
  const refused = validateObject(set(serving));
  expect(refused.ok ? [] : refused.problems).toStrictEqual([expect.stringContaining(message)]);
  expect(refused.ok ? [] : refused.problems).toStrictEqual([expect.stringContaining('set documents too')]);
  expect(validateObject(set({ ...serving, documents: {} })).ok).toBe(true);
});

test.each(['', '/a', 'a/', 'a//b'])('%p is no path of a rule', (rule) => {
  expect(Serving.safeParse({ documents: {}, envoy: { result: 'Rule', rule } }).success).toBe(false);
});

test('the features are the blocks that are set', () => {
  expect(servingFeatures(undefined)).toStrictEqual([]);
  expect(servingFeatures(Serving.parse({ documents: {}, envoy: {} }))).toStrictEqual(['documents', 'envoy']);
});

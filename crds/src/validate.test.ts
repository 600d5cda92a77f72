import { expect, test } from '@jest/globals';
import { API_VERSION } from './object.ts';
import { validateObject } from './validate.ts';

const domain = (over: Record<string, unknown> = {}) => ({
  apiVersion: API_VERSION,
  kind: 'PolicyDomain',
  metadata: { name: 'payments' },
  spec: {},
  ...over,
});

test('defaults are filled in as the apiserver does', () => {
  const result = validateObject({ ...domain({ kind: 'PolicySet' }) });
  expect(result).toMatchObject({
    ok: true,
    object: { spec: { minReady: 1, paused: false, rollout: { requirePrepared: '100%', progressDeadline: '60s' } } },
  });
});

test.each([
  ['an unknown apiVersion', domain({ apiVersion: 'edict.dev/v9' }), /apiVersion: "edict.dev\/v9" is not served/],
  ['an unknown kind', domain({ kind: 'Pod' }), /kind: "Pod" is not a kind/],
  ['no spec', domain({ spec: undefined }), /^spec: /],
  ['a role that is a string', domain({ spec: { roles: ['x'] } }), /^spec\.roles\[0\]: /],
  ['rego that is a number', domain({ spec: { policies: [{ mrn: 'a', rego: 5 }] } }), /^spec\.policies\[0\]\.rego: /],
  ['no name', domain({ metadata: {} }), /^metadata\.name: /],
  ['a list', [], /expected object/],
])('%s is refused with its place', (_name, input, message) => {
  const result = validateObject(input);
  expect(result.ok).toBe(false);
  expect(result.ok ? '' : result.problems[0]).toMatch(message);
});

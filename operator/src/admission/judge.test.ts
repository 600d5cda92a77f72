import { expect, test } from '@jest/globals';
import { API_VERSION, type PolicyDomain } from '@edict/crds';
import { createInlineChecker } from '../compile/inline-checker.ts';
import { AdmissionRequest } from './admission-review.ts';
import { judge, type JudgeDeps } from './judge.ts';

const OPERATOR = 'system:serviceaccount:edict-system:edict-operator';
const ALLOW = 'package authz\n\ndefault allow = false\n';

const aDomain = (name: string, spec: object, metadata: object = {}): PolicyDomain => ({
  apiVersion: API_VERSION,
  kind: 'PolicyDomain',
  metadata: { name, namespace: 'shop', ...metadata },
  spec,
});
const deps = (domains: readonly PolicyDomain[] = []): JudgeDeps => ({
  checker: createInlineChecker(),
  domainsOf: () => domains,
  setsOf: () => [],
  suitesOf: () => [],
  operatorUser: OPERATOR,
  maxDomainBytes: 1_048_576,
});
const request = (over: object): AdmissionRequest =>
  AdmissionRequest.parse({
    uid: 'u',
    kind: { group: 'edict.dev', version: 'v1beta1', kind: 'PolicyDomain' },
    namespace: 'shop',
    operation: 'CREATE',
    userInfo: { username: 'ann' },
    ...over,
  });
const policy = (rego: string) => ({ policies: [{ mrn: 'mrn:p', rego }] });

test('a valid domain is let in', async () => {
  const verdict = await judge(request({ object: aDomain('a', policy(ALLOW)) }), deps());
  expect(verdict.allowed).toBe(true);
});

test.each([
  ['broken Rego names the policy, row and column', policy('package authz\n\nallow = {'), 422, /mrn:p.*rego 3:/s],
  ['an unknown policy names the role', { roles: [{ mrn: 'mrn:r', policy: 'mrn:nope' }] }, 422, /role mrn:r.*mrn:nope/],
  ['an unknown domain names it', { policies: [{ mrn: 'p', rego: ALLOW, dependencies: ['other/lib'] }] }, 422, /other/],
  [
    'a cycle of libraries',
    {
      'policy-libraries': [
        { mrn: 'a', rego: 'package a\n', dependencies: ['b'] },
        { mrn: 'b', rego: 'package b\n', dependencies: ['a'] },
      ],
    },
    422,
    /circle/,
  ],
  ['a selector that is no regular expression', { operations: [{ selector: ['('], policy: '' }] }, 422, /selector/],
  ['a wrong type names the path', { roles: 'x' }, 422, /spec\.roles/],
  ['two MiB', policy(`package authz\n# ${'x'.repeat(2_097_152)}`), 413, /bytes/],
])('%s', async (_name, spec, code, message) => {
  const verdict = await judge(request({ object: aDomain('a', spec) }), deps());
  expect(verdict).toMatchObject({ allowed: false, code });
  expect(verdict.allowed ? '' : verdict.message).toMatch(message);
});

test('a domain that is being deleted may be changed, whatever is wrong with it', async () => {
  const object = aDomain('a', policy('package'), { deletionTimestamp: '2026-01-01T00:00:00Z' });
  expect(await judge(request({ operation: 'UPDATE', object }), deps())).toStrictEqual({ allowed: true });
});

test('metadata of a domain that came in while nobody looked may change, its broken policy may not stay in an edit', async () => {
  const oldObject = aDomain('a', policy('package'));
  const object = aDomain('a', policy('package'), { finalizers: ['edict.dev/withdraw'] });
  expect(await judge(request({ operation: 'UPDATE', object, oldObject }), deps())).toStrictEqual({ allowed: true });
  const edited = aDomain('a', policy('package authz\n\nallow = {'));
  expect(await judge(request({ operation: 'UPDATE', object: edited, oldObject }), deps())).toMatchObject({ code: 422 });
});

test('an edit that breaks a domain that refers to it is refused by both names; one that was broken before is not counted', async () => {
  const accepted = (status: string) => ({
    status: {
      conditions: [
        { type: 'Accepted', status, observedGeneration: 1, lastTransitionTime: '', reason: '', message: '' },
      ],
    },
  });
  const dependent = aDomain(
    'user',
    { policies: [{ mrn: 'mrn:p', rego: ALLOW, dependencies: ['lib/mrn:l'] }] },
    { generation: 1 },
  );
  const oldObject = aDomain('lib', { 'policy-libraries': [{ mrn: 'mrn:l', rego: 'package l\n' }] });
  const object = aDomain('lib', { 'policy-libraries': [{ mrn: 'mrn:other', rego: 'package l\n' }] });
  const edit = request({ operation: 'UPDATE', object, oldObject });
  const verdict = await judge(edit, deps([oldObject, { ...dependent, ...accepted('True') } as PolicyDomain]));
  expect(verdict).toMatchObject({ allowed: false, code: 409 });
  expect(verdict.allowed ? '' : verdict.message).toMatch(/user.*lib.*mrn:l/s);
  expect(await judge(edit, deps([oldObject, { ...dependent, ...accepted('False') } as PolicyDomain]))).toMatchObject({
    allowed: true,
  });
});

const user = aDomain('user', { policies: [{ mrn: 'p', rego: ALLOW, dependencies: ['lib/mrn:l'] }] });
const lib = (metadata: object = {}) =>
  aDomain('lib', { 'policy-libraries': [{ mrn: 'mrn:l', rego: 'package l\n' }] }, metadata);

test.each([
  ['a domain that another uses is not deleted', lib(), 'ann', { allowed: false, code: 409 }],
  ['but by force it is', lib({ annotations: { 'edict.dev/force-delete': 'true' } }), 'ann', { allowed: true }],
  ['and with its namespace', lib(), 'system:serviceaccount:kube-system:namespace-controller', { allowed: true }],
])('%s', async (_name, object, username, expected) => {
  const verdict = await judge(
    request({ operation: 'DELETE', name: 'lib', userInfo: { username } }),
    deps([object, user]),
  );
  expect(verdict).toMatchObject(expected);
});

test.each(['PolicyBundle', 'PolicyRevision'])('%s is for the operator alone', async (kind) => {
  const of = (username: string, operation = 'CREATE') =>
    judge(
      request({ kind: { group: 'edict.dev', version: 'v1beta1', kind }, operation, userInfo: { username } }),
      deps(),
    );
  expect(await of('ann')).toMatchObject({ allowed: false, code: 403 });
  expect(await of(OPERATOR)).toMatchObject({ allowed: true });
  expect(await of('system:serviceaccount:kube-system:generic-garbage-collector', 'DELETE')).toMatchObject({
    allowed: true,
  });
});

import { expect, test } from '@jest/globals';
import { API_VERSION, type PolicyDomain } from '@edict/crds';
import { createInlineChecker } from '../compile/inline-checker.ts';
import { AdmissionRequest, type Verdict } from './admission-review.ts';
import { judge, type JudgeDeps } from './judge.ts';

const OPERATOR = 'system:serviceaccount:edict-system:edict-operator';
const ALLOW = 'package authz\n\ndefault allow = false\n';

const deps = (domains: readonly PolicyDomain[] = [], over: Partial<JudgeDeps> = {}): JudgeDeps => ({
  checker: createInlineChecker(),
  domainsOf: () => domains,
  setsOf: () => [],
  suitesOf: () => [],
  operatorUser: OPERATOR,
  maxDomainBytes: 1_048_576,
  keepsMirrors: true,
  ...over,
});
const theirs = (version: string, spec: unknown, metadata: object = {}) => ({
  apiVersion: `iamlite.manetu.io/${version}`,
  kind: 'PolicyDomain',
  metadata: { name: 'shop', namespace: 'team', ...metadata },
  spec,
});
const request = (over: object, group = 'iamlite.manetu.io', version = 'v1beta1'): AdmissionRequest =>
  AdmissionRequest.parse({
    uid: 'u',
    kind: { group, version, kind: 'PolicyDomain' },
    namespace: 'team',
    name: 'shop',
    operation: 'CREATE',
    userInfo: { username: 'ann' },
    ...over,
  });
const policy = (rego: string) => ({ policies: [{ mrn: 'mrn:p', rego }] });
const messageOf = (verdict: Verdict): string => (verdict.allowed ? '' : verdict.message);

test.each(['v1alpha3', 'v1alpha4', 'v1beta1'])('a valid domain of %s is let in', async (version) => {
  const object = theirs(version, {
    ...policy(ALLOW),
    unknown: 1,
    roles: [{ mrn: 42, policy: 'mrn:p', default: 'no' }],
  });
  expect(await judge(request({ object }), deps())).toMatchObject({ allowed: true });
});

test.each<[string, string, unknown, RegExp]>([
  ['broken Rego', 'v1alpha3', policy('package authz\n\nallow = {'), /mrn:p.*rego 3:/s],
  ['an unknown policy', 'v1alpha4', { roles: [{ mrn: 'mrn:r', policy: 'mrn:nope' }] }, /role mrn:r.*mrn:nope/],
  ['a selector that is none', 'v1beta1', { operations: [{ name: 'o', selector: ['('] }] }, /operation o/],
  ['text where a list should be', 'v1alpha3', { roles: 'x' }, /list/],
  [
    'a group of a resource that is nowhere',
    'v1alpha4',
    { resources: [{ name: 'n', selector: ['.*'], group: 'g' }] },
    /g/,
  ],
])('%s in %s is refused as it is for our own domains', async (_name, version, spec, message) => {
  const verdict = await judge(request({ object: theirs(version, spec) }), deps());
  expect(verdict).toMatchObject({ allowed: false, code: 422 });
  expect(messageOf(verdict)).toMatch(message);
});

test('what v1alpha3 reads over is not judged', async () => {
  const object = theirs('v1alpha3', { ...policy(ALLOW), resources: [{ selector: ['('], group: 'nowhere' }] });
  expect(await judge(request({ object }), deps())).toMatchObject({ allowed: true });
});

test('but what comes to life again by the kept annotation is', async () => {
  const kept = JSON.stringify({ v1beta1: { resources: [{ name: 'n', selector: ['('] }] } });
  const metadata = { annotations: { 'edict.dev/kept-by-conversion': kept } };
  const object = theirs('v1alpha3', policy(ALLOW), metadata);
  expect(await judge(request({ object }), deps())).toMatchObject({ allowed: false, code: 422 });
  const broken = theirs('v1alpha3', {}, { annotations: { 'edict.dev/kept-by-conversion': '[' } });
  expect(messageOf(await judge(request({ object: broken }), deps()))).toContain('edict.dev/kept-by-conversion');
});

test('metadata of what was stored unchecked may change, and so may what is being deleted', async () => {
  const oldObject = theirs('v1alpha3', policy('package'));
  const object = theirs('v1alpha3', policy('package'), { finalizers: ['edict.dev/withdraw'] });
  const update = { operation: 'UPDATE', oldObject };
  expect(await judge(request({ ...update, object }), deps())).toEqual({ allowed: true });
  const edited = theirs('v1alpha3', policy('package x y'));
  expect(await judge(request({ ...update, object: edited }), deps())).toMatchObject({ code: 422 });
  const deleting = theirs('v1alpha3', policy('package x y'), { deletionTimestamp: '2026-01-01T00:00:00Z' });
  expect(await judge(request({ ...update, object: deleting }), deps())).toEqual({ allowed: true });
});

test('a domain that is too large is refused with its size', async () => {
  const object = theirs('v1beta1', policy(ALLOW));
  expect(await judge(request({ object }), deps([], { maxDomainBytes: 100 }))).toMatchObject({ code: 413 });
});

const warningsOf = (verdict: Verdict): string => (verdict.allowed ? (verdict.warnings ?? []).join('\n') : 'refused');
const annotated = (...values: readonly unknown[]) => ({
  ...policy(ALLOW),
  roles: [{ mrn: 'mrn:r', policy: 'mrn:p', annotations: values.map((value, at) => ({ name: `a${at}`, value })) }],
});

test('a scalar that kubectl has read before us is warned about where text is meant, with its place', async () => {
  const old = await judge(request({ object: theirs('v1alpha4', annotated(31, true, 'x')) }), deps());
  expect(warningsOf(old)).toContain('annotation "a0" of "mrn:r", annotation "a1" of "mrn:r"');
  const native = await judge(request({ object: theirs('v1beta1', annotated(31, true)) }), deps());
  expect(warningsOf(native)).not.toContain('quote');
});

test('so is one in any text of any version: YAML takes n for a boolean', async () => {
  const spec = { ...policy(ALLOW), roles: [{ mrn: 'r', name: 7, policy: 'mrn:p', annotations: [{ name: false }] }] };
  const verdict = await judge(request({ object: theirs('v1beta1', spec) }), deps());
  expect(warningsOf(verdict)).toContain('quote name of "r", the name of annotation false of "r"');
});

test('an integer that is rounded is warned about', async () => {
  const verdict = await judge(request({ object: theirs('v1beta1', annotated({ n: [2 ** 60] })) }), deps());
  expect(warningsOf(verdict)).toContain('rounded: annotation "a0" of "mrn:r"');
});

const ours = (metadata: object = {}, spec: object = policy(ALLOW)): PolicyDomain => ({
  apiVersion: API_VERSION,
  kind: 'PolicyDomain',
  metadata: { name: 'shop', namespace: 'team', ...metadata },
  spec,
});
const ownerReferences = [
  { apiVersion: 'iamlite.manetu.io/v1beta1', kind: 'PolicyDomain', name: 'shop', uid: 'm', controller: true },
];

test('a domain of ours with the name is warned about: it stays what it is', async () => {
  const object = theirs('v1beta1', policy(ALLOW));
  expect(warningsOf(await judge(request({ object }), deps([ours()])))).toContain('PolicyDomain shop of edict.dev');
  expect(warningsOf(await judge(request({ object }), deps([ours({ ownerReferences })])))).toBe('');
});

const mirror = ours({ ownerReferences, labels: { a: 'b' } });

test.each<[string, object, number | undefined]>([
  ['a spec', { operation: 'UPDATE', object: ours({ ownerReferences, labels: { a: 'b' } }, {}) }, 403],
  ['labels', { operation: 'UPDATE', object: ours({ ownerReferences }) }, 403],
  [
    'an annotation',
    { operation: 'UPDATE', object: ours({ ownerReferences, labels: { a: 'b' }, annotations: {} }) },
    undefined,
  ],
  ['everything', { operation: 'DELETE' }, 403],
])('of a mirror a user changes %s: refused if the operator would write it again', async (_name, over, code) => {
  const asked = request({ oldObject: mirror, ...over }, 'edict.dev');
  const verdict = await judge(asked, deps([mirror]));
  if (code === undefined) expect(verdict).toMatchObject({ allowed: true });
  else {
    expect(verdict).toMatchObject({ allowed: false, code });
    expect(messageOf(verdict)).toContain('policydomain.iamlite.manetu.io/shop');
  }
  const byOperator = { ...asked, userInfo: { username: OPERATOR } };
  expect(await judge(byOperator, deps([mirror]))).toMatchObject({ allowed: true });
  // Once the group is switched off, mirrors are domains like all others.
  expect(await judge(asked, deps([mirror], { keepsMirrors: false }))).toMatchObject({ allowed: true });
});

test('a domain that others use is not deleted in either group, but by force', async () => {
  const user = { ...ours({}, { policies: [{ mrn: 'p', rego: ALLOW, dependencies: ['shop/mrn:l'] }] }) };
  const others = deps([mirror, { ...user, metadata: { name: 'user', namespace: 'team' } }]);
  const oldObject = theirs('v1beta1', policy(ALLOW));
  expect(await judge(request({ operation: 'DELETE', oldObject }), others)).toMatchObject({ allowed: false, code: 409 });
  const forced = theirs('v1beta1', policy(ALLOW), { annotations: { 'edict.dev/force-delete': 'true' } });
  expect(await judge(request({ operation: 'DELETE', oldObject: forced }), others)).toEqual({ allowed: true });
});

import { expect, test } from '@jest/globals';
import { API_VERSION } from '@edict/crds';
import { AdmissionRequest } from './admission-review.ts';
import { judgeSet, judgeUserRequest } from './judge-requests.ts';

const USER = 'alice@example.test';

function revision(annotations: object, over: object = {}): object {
  const metadata = { name: 'till-2', namespace: 'shop', resourceVersion: '1', labels: { a: 'b' }, annotations };
  return { apiVersion: API_VERSION, kind: 'PolicyRevision', metadata, spec: { n: 2 }, status: {}, ...over };
}

const request = (kind: string, object: unknown, oldObject?: unknown): AdmissionRequest =>
  AdmissionRequest.parse({
    uid: 'u',
    kind: { group: 'edict.dev', version: 'v1beta1', kind },
    operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
    userInfo: { username: USER },
    object,
    oldObject,
  });
const asked = (after: object, before: object = revision({})) =>
  judgeUserRequest(request('PolicyRevision', after, before));

test.each<[string, object]>([
  ['approves a wave', revision({ 'edict.dev/approve-wave': '1' })],
  [
    'approves several, and says who approves',
    revision({ 'edict.dev/approve-wave': '0, 1', 'edict.dev/approved-by': USER }),
  ],
  ['ends a rollout', revision({ 'edict.dev/abort': 'not today' })],
  ['ends one, and says who', revision({ 'edict.dev/abort': 'no', 'edict.dev/aborted-by': USER })],
])('a user who may write revisions %s', (_name, after) => {
  expect(asked(after)).toStrictEqual({ allowed: true });
});

test.each<[string, object, number]>([
  ['approves what is no wave', revision({ 'edict.dev/approve-wave': 'all' }), 422],
  ['ends a rollout as another', revision({ 'edict.dev/abort': 'no', 'edict.dev/aborted-by': 'bob' }), 403],
  ['approves as another', revision({ 'edict.dev/approve-wave': '1', 'edict.dev/approved-by': 'bob' }), 403],
])('nobody %s', (_name, after, code) => {
  expect(asked(after)).toMatchObject({ allowed: false, code });
});

test('nobody approves under the name that another left there', () => {
  const before = revision({ 'edict.dev/approve-wave': '0', 'edict.dev/approved-by': 'bob' });
  const after = revision({ 'edict.dev/approve-wave': '0,1', 'edict.dev/approved-by': 'bob' });
  expect(asked(after, before)).toMatchObject({ allowed: false, code: 403 });
});

test.each<[string, object]>([
  ['the spec', revision({ 'edict.dev/abort': 'x' }, { spec: { n: 3 } })],
  ['the status', revision({}, { status: { phase: 'Completed' } })],
  ['another annotation', revision({ 'edict.dev/abort': 'x', other: 'y' })],
  ['nothing', revision({})],
])('a request that changes %s is not a request of a user', (_name, after) => {
  expect(asked(after)).toBeUndefined();
});

const set = (spec: object, annotations: object = {}): object => ({
  apiVersion: API_VERSION,
  kind: 'PolicySet',
  metadata: { name: 'till', namespace: 'shop', annotations },
  spec,
});

test.each<[string, object, string]>([
  [
    'shares that do not rise',
    set({ rollout: { waves: [{ principals: '5%' }, { principals: '5%' }] } }),
    'spec.rollout.waves[1].principals: shares of principals rise',
  ],
  ['an emergency that names no revision', set({}, { 'edict.dev/emergency': 'now' }), 'is no revision number'],
])('a set is refused for %s', (_name, object, message) => {
  const verdict = judgeSet(request('PolicySet', object));
  expect(verdict).toMatchObject({ allowed: false, code: 422 });
  expect((verdict as { message: string }).message).toContain(message);
});

test('a set with waves is taken', () => {
  const rollout = { waves: [{ principals: '0.5%', soak: '5m' }, { nodes: { zones: ['a'] } }, { all: true }] };
  expect(judgeSet(request('PolicySet', set({ rollout })))).toStrictEqual({ allowed: true });
});

const BY_BOB = { 'edict.dev/paused-by': 'bob' };
const changedSet = (before: object, after: object, operator?: string) =>
  judgeSet(request('PolicySet', after, before), operator);

test.each<[string, object]>([
  ['pauses', set({ paused: true }, { 'edict.dev/paused-by': USER })],
  ['pauses without a name', set({ paused: true })],
  ['goes back', set({ rollbackTo: 3 }, { 'edict.dev/rollback-by': USER })],
  ['declares an emergency', set({}, { 'edict.dev/emergency': '3', 'edict.dev/emergency-by': USER })],
])('a user who may write sets %s', (_name, after) => {
  expect(changedSet(set({}), after)).toStrictEqual({ allowed: true });
});

test.each<[string, object, object]>([
  ['pauses as another', set({}), set({ paused: true }, { 'edict.dev/paused-by': 'bob' })],
  ['goes back as another', set({}), set({ rollbackTo: 3 }, { 'edict.dev/rollback-by': 'bob' })],
  [
    'declares an emergency as another',
    set({}),
    set({}, { 'edict.dev/emergency': '3', 'edict.dev/emergency-by': 'bob' }),
  ],
  [
    'pauses under the name that another left there',
    set({}, { 'edict.dev/paused-by': 'bob' }),
    set({ paused: true }, { 'edict.dev/paused-by': 'bob' }),
  ],
  [
    'goes back elsewhere under the name of who went back before',
    set({ rollbackTo: 2 }, { 'edict.dev/rollback-by': 'bob' }),
    set({ rollbackTo: 3 }, { 'edict.dev/rollback-by': 'bob' }),
  ],
])('nobody %s', (_name, before, after) => {
  expect(changedSet(before, after)).toMatchObject({ allowed: false, code: 403 });
});

test.each<[string, object, object]>([
  ['resumes what another paused', set({ paused: true }, BY_BOB), set({ paused: false }, BY_BOB)],
  ['edits a set that another paused', set({ paused: true }, BY_BOB), set({ paused: true, minReady: 2 }, BY_BOB)],
])('a user %s', (_name, before, after) => {
  expect(changedSet(before, after)).toStrictEqual({ allowed: true });
});

test('the operator names whom it asked about, and a set from a backup keeps its names', () => {
  const paused = set({ paused: true }, { 'edict.dev/paused-by': 'bob' });
  expect(changedSet(set({}), paused, USER)).toStrictEqual({ allowed: true });
  expect(judgeSet(request('PolicySet', paused))).toStrictEqual({ allowed: true });
});

import { expect, test } from '@jest/globals';
import type { Condition, ManetuPolicyDomain, ObjectMeta, PolicyDomain, PolicyDomainStatus } from '@edict/crds';
import { MIRROR_LABEL, mirroredUid, mirrorOf } from './mirror.ts';
import { planManetuDomain } from './plan.ts';
import type { ManetuAction, ObservedManetuDomain } from './observed.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const REGO = 'package authz\n\ndefault allow = true\n';
const OPEN = { policies: [{ mrn: 'mrn:p', rego: REGO }] };
const FINALIZER = 'edict.dev/withdraw';

const anObject = (metadata: Partial<ObjectMeta> = {}, spec: unknown = OPEN, status?: PolicyDomainStatus) =>
  ({
    apiVersion: 'iamlite.manetu.io/v1beta1',
    kind: 'PolicyDomain',
    metadata: {
      name: 'shop',
      namespace: 'team',
      uid: 'm-1',
      generation: 4,
      finalizers: [FINALIZER],
      labels: { tier: 'gold' },
      ...metadata,
    },
    spec,
    ...(status === undefined ? {} : { status }),
  }) as ManetuPolicyDomain;

const condition = (type: string, status: Condition['status'], reason: string, message = 'm'): Condition => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 9,
  lastTransitionTime: '2025-12-31T00:00:00Z',
});
const READY: PolicyDomainStatus = {
  observedGeneration: 9,
  digest: 'sha256:1',
  set: 'default',
  conditions: [condition('Accepted', 'True', 'Accepted'), condition('Ready', 'True', 'Converged')],
};
const LABELS = { tier: 'gold', [MIRROR_LABEL]: 'iamlite.manetu.io' };

const aDomain = (metadata: Partial<ObjectMeta> = {}, status: PolicyDomainStatus = READY): PolicyDomain => ({
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDomain',
  metadata: { name: 'shop', namespace: 'team', uid: 'd-1', generation: 9, labels: LABELS, ...metadata },
  spec: OPEN,
  status,
});
const owner = (uid: string) => ({
  ownerReferences: [
    { apiVersion: 'iamlite.manetu.io/v1beta1', kind: 'PolicyDomain', name: 'shop', uid, controller: true },
  ],
});
const aMirror = (metadata: Partial<ObjectMeta> = {}, status: PolicyDomainStatus = READY): PolicyDomain =>
  aDomain({ ...owner('m-1'), ...metadata }, status);

const plan = (object: ManetuPolicyDomain, domain?: PolicyDomain, mode: ObservedManetuDomain['mode'] = 'Serve') =>
  planManetuDomain({ object, domain, mode, content: mirrorOf(object), now: NOW });
const types = (actions: readonly ManetuAction[]) => actions.map(({ type }) => type);
const statusOf = (actions: readonly ManetuAction[]): PolicyDomainStatus | undefined =>
  actions.flatMap((action) => (action.type === 'set-status' ? [action.status] : []))[0];

test('a new object gets its finalizer before anything is made of it', () => {
  expect(types(plan(anObject({ finalizers: [] })))).toEqual(['add-finalizer']);
});

test('then its mirror, with the labels that sets select by', () => {
  expect(plan(anObject())).toEqual([{ type: 'create-mirror', spec: OPEN, labels: LABELS }]);
});

test.each([
  ['a spec', aMirror({}), { ...OPEN, mappers: [{ name: 'x', rego: 'package mapper\n' }] }],
  ['labels', aMirror({ labels: {} }), OPEN],
])('a mirror with other %s is written again', (_name, mirror, spec) => {
  expect(types(plan(anObject({}, spec), mirror))).toEqual(['update-mirror']);
});

test('a mirror that has not been judged yet has nothing to tell', () => {
  expect(plan(anObject(), aMirror({ generation: 10 }))).toEqual([]);
});

test("the mirror's status is the object's, for the object's own generation; then there is nothing left to do", () => {
  const status = statusOf(plan(anObject(), aMirror()));
  expect(status).toMatchObject({
    observedGeneration: 4,
    digest: 'sha256:1',
    set: 'default',
    conditions: [
      { type: 'Accepted', status: 'True', observedGeneration: 4, lastTransitionTime: '2026-01-01T00:00:00Z' },
      { type: 'Ready', status: 'True', reason: 'Converged', observedGeneration: 4 },
    ],
  });
  expect(plan(anObject({}, OPEN, status), aMirror())).toEqual([]);
});

test('an edit without meaning leaves the mirror as it is, and is Ready at once', () => {
  const status = statusOf(plan(anObject(), aMirror()));
  const edited = anObject({ generation: 5 }, { ...OPEN, unknown: 1 }, status);
  expect(statusOf(plan(edited, aMirror()))).toMatchObject({
    observedGeneration: 5,
    conditions: [{ observedGeneration: 5, lastTransitionTime: '2026-01-01T00:00:00Z' }, { observedGeneration: 5 }],
  });
});

test('a domain of the same name that is nobody’s mirror is never written; the condition names it', () => {
  const actions = plan(anObject(), aDomain());
  expect(types(actions)).toEqual(['set-status']);
  expect(statusOf(actions)?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Ready', status: 'False', reason: 'NameConflict' }),
  );
  expect(statusOf(actions)).not.toHaveProperty('digest');
});

test.each([
  ['that of an earlier object', aDomain(owner('m-0'))],
  ['on its way out', aMirror({ deletionTimestamp: '2026-01-01T00:00:00Z' })],
])('a mirror that is %s is waited for', (_name, domain) => {
  const actions = plan(anObject(), domain);
  expect(actions).toEqual([]);
});

test.each<[string, unknown, RegExp]>([
  ['a selector that is none', { operations: [{ name: 'all', selector: ['('] }] }, /operation all.*\(/],
  ['text where a list should be', { roles: 'x' }, /a list/],
  ['a word that is no boolean', { roles: [{ mrn: 'r', default: 'perhaps' }] }, /a boolean/],
])('%s is refused by name, and what was served before is served on', (_name, spec, message) => {
  const actions = plan(anObject({}, spec), aMirror());
  expect(types(actions)).toEqual(['set-status']);
  const status = statusOf(actions);
  expect(status).toMatchObject({ observedGeneration: 4, digest: 'sha256:1' });
  const accepted = status?.conditions?.find(({ type }) => type === 'Accepted');
  expect(accepted).toMatchObject({ status: 'False', reason: 'Invalid' });
  expect(accepted?.message).toMatch(message);
  expect(status?.conditions?.map(({ type }) => type)).toContain('Stalled');
});

const DELETING = { deletionTimestamp: '2026-01-01T00:00:00Z' };

test('a deletion deletes the mirror, waits until PDPs have confirmed, and lets the object go', () => {
  expect(plan(anObject(DELETING), aMirror())).toMatchObject([{ type: 'delete-mirror', isForced: false }]);
  const withdrawing = { ...READY, conditions: [condition('Ready', 'False', 'Withdrawing')] };
  const actions = plan(anObject(DELETING), aMirror(DELETING, withdrawing));
  expect(statusOf(actions)?.conditions).toMatchObject([{ type: 'Ready', reason: 'Withdrawing' }]);
  expect(types(plan(anObject(DELETING)))).toEqual(['remove-finalizer']);
  expect(plan(anObject({ ...DELETING, finalizers: ['other'] }), aMirror())).toEqual([]);
});

test('by force it goes at once, and never takes a domain with it that is not its mirror', () => {
  const forced = { ...DELETING, annotations: { 'edict.dev/force-delete': 'true' } };
  expect(plan(anObject(forced), aMirror())).toMatchObject([
    { type: 'delete-mirror', isForced: true },
    { type: 'remove-finalizer' },
  ]);
  expect(types(plan(anObject(forced), aDomain()))).toEqual(['remove-finalizer']);
});

test('when the group is switched off, that is said, objects are let go, and mirrors stay', () => {
  const first = plan(anObject({}, OPEN, READY), aMirror(), 'Release');
  expect(types(first)).toEqual(['set-status']);
  expect(statusOf(first)?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Ready', status: 'Unknown', reason: 'GroupDisabled' }),
  );
  const told = statusOf(first);
  expect(types(plan(anObject({}, OPEN, told), aMirror(), 'Release'))).toEqual(['remove-finalizer']);
  expect(plan(anObject({ finalizers: [] }, OPEN, told), aMirror(), 'Release')).toEqual([]);
  // Switched on again, the mirror's status is back.
  expect(statusOf(plan(anObject({}, OPEN, told), aMirror()))?.conditions).toMatchObject([
    { type: 'Accepted', status: 'True' },
    { type: 'Ready', status: 'True' },
  ]);
});

test('a mirror means what the object means, whatever scalars YAML has made of it', () => {
  const content = mirrorOf(
    anObject(
      {},
      {
        unknown: 'key',
        roles: [
          {
            mrn: 42,
            name: true,
            policy: null,
            annotations: [
              { name: 'n', value: { a: [1, null] } },
              { name: 'j', value: '7' },
            ],
          },
        ],
        'resource-groups': [{ mrn: 'g', default: 'yes' }, null],
        scopes: null,
        data: { not: 'theirs' },
      },
    ),
  );
  expect(content).toMatchObject({
    ok: true,
    spec: {
      roles: [
        {
          mrn: '42',
          name: 'true',
          annotations: [
            { name: 'n', value: { a: [1, null] } },
            { name: 'j', value: '7' },
          ],
        },
      ],
      'resource-groups': [{ mrn: 'g', default: true }],
    },
  });
  expect(content.ok && Object.keys(content.spec).sort()).toEqual(['resource-groups', 'roles']);
});

test('only a controller reference to an object of the group makes a mirror', () => {
  expect(mirroredUid(aMirror().metadata)).toBe('m-1');
  const other = { apiVersion: 'apps/v1', kind: 'PolicyDomain', name: 'x', uid: 'u', controller: true };
  expect(mirroredUid(aDomain({ ownerReferences: [other] }).metadata)).toBeUndefined();
  expect(mirroredUid(aDomain().metadata)).toBeUndefined();
});

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findCondition, type PolicyDomain, type PolicySet } from '@edict/crds';
import type { Operator } from './operator-types.ts';
import type { FolderStore } from './store/folder/folder-store.ts';
import { aDomain, aDomainSpec, eventually, NAMESPACE, regoPermitting, type ConnectedPdp } from './testing/fixtures.ts';
import { openFolderStage, type FolderStage } from './testing/folder-stage.ts';
import { replaceFile } from './testing/replace-file.ts';

const SET = `${NAMESPACE}/default`;
let stage: FolderStage;
let store: FolderStore;

beforeEach(async () => {
  stage = await openFolderStage();
  ({ store } = stage);
});
afterEach(() => stage.close());

function connect(
  operator: Operator,
  count: number,
  options: Parameters<FolderStage['connect']>[3] = {},
): readonly ConnectedPdp[] {
  return Array.from({ length: count }, (_, index) => stage.connect(operator, SET, index, options));
}

const domain = (name: string): Promise<PolicyDomain | undefined> =>
  store.get('PolicyDomain', { namespace: NAMESPACE, name });
const policySet = (): Promise<PolicySet | undefined> =>
  store.get('PolicySet', { namespace: NAMESPACE, name: 'default' });
const ready = (object: PolicyDomain | PolicySet | undefined) => {
  const condition = findCondition(object?.status?.conditions, 'Ready');
  return condition?.observedGeneration === object?.metadata.generation ? condition : undefined;
};

async function untilReady(name: string): Promise<PolicyDomain> {
  let last: PolicyDomain | undefined;
  return eventually(
    `${name} is ready`,
    async () => {
      last = await domain(name);
      return ready(last)?.status === 'True' ? last : undefined;
    },
    () => last?.status,
  );
}

async function untilReason(name: string, reason: string): Promise<PolicyDomain> {
  let last: PolicyDomain | undefined;
  return eventually(
    `${name} is ${reason}`,
    async () => {
      last = await domain(name);
      return ready(last)?.reason === reason ? last : undefined;
    },
    () => last?.status,
  );
}

test('a domain in a namespace without a set reaches every PDP, and its status says so exactly', async () => {
  const { operator, events } = await stage.start();
  await store.create(aDomain('orders'));
  await eventually('the set is made', async () => (await policySet()) ?? undefined);
  const connected = connect(operator, 3);
  const { status } = await untilReady('orders');
  expect(connected.map((pdp) => pdp.served())).toStrictEqual([1, 1, 1]);
  expect(connected.map((pdp) => pdp.domains())).toStrictEqual([['orders'], ['orders'], ['orders']]);
  expect(status).toMatchObject({
    observedGeneration: 1,
    set: 'default',
    revision: 'default@1',
    entities: { policies: 1 },
  });
  const set = await eventually('the set is ready', async () => {
    const found = await policySet();
    return ready(found)?.status === 'True' ? found : undefined;
  });
  expect(set.metadata.labels).toMatchObject({ 'edict.dev/created-by-operator': 'true' });
  expect(set.status).toMatchObject({ desiredRevision: 1, committedRevision: 1, pdpsActive: '3/3' });
  const revision = await eventually('the rollout is completed', async () => {
    const found = await store.get('PolicyRevision', { namespace: NAMESPACE, name: 'default-1' });
    return found?.status?.phase === 'Completed' ? found : undefined;
  });
  expect(revision.status).toMatchObject({
    activeCount: '3/3',
    waves: [{ index: 0, decision: 'Commit', decidedBy: 'operator-0' }],
  });
  expect(events.map(({ reason }) => reason)).toEqual(
    expect.arrayContaining(['DefaultSetCreated', 'Rendered', 'RevisionCreated', 'Committed', 'Converged']),
  );
});

test('an edit becomes the next revision; a broken edit is refused with its place while the last good one serves', async () => {
  const { operator, events } = await stage.start();
  const first = await store.create(aDomain('orders'));
  const [pdp] = connect(operator, 1);
  await untilReady('orders');
  const current = (await domain('orders')) ?? first;
  await store.update<'PolicyDomain'>({
    ...current,
    spec: aDomainSpec({ policies: [{ mrn: 'mrn:policy:main', rego: regoPermitting('bob') }] }),
  });
  await untilReady('orders');
  expect(pdp?.served()).toBe(2);
  const good = (await domain('orders')) ?? first;
  const broken = 'package authz\n\nallow { input.x == }\n';
  await store.update<'PolicyDomain'>({
    ...good,
    spec: aDomainSpec({ policies: [{ mrn: 'mrn:policy:main', rego: broken }] }),
  });
  const refused = await untilReason('orders', 'Invalid');
  expect(refused.status?.digest).toBe(good.status?.digest);
  expect(ready(refused)?.message).toMatch(/policy mrn:policy:main.*\(rego 3:\d+\)/s);
  expect(findCondition(refused.status?.conditions, 'Accepted')).toMatchObject({
    status: 'False',
    observedGeneration: 3,
  });
  expect(findCondition(refused.status?.conditions, 'Stalled')?.status).toBe('True');
  expect(pdp?.served()).toBe(2);
  expect(events.filter(({ reason }) => reason === 'Refused')).toHaveLength(1);
});

test('a revision that a PDP refuses is given up, is not tried again, and says what the PDP said', async () => {
  const { operator } = await stage.start();
  await store.create(aDomain('orders'));
  await eventually('the set is made', async () => (await policySet()) ?? undefined);
  const [, picky] = [
    connect(operator, 1),
    stage.connect(operator, SET, 9, { refuse: (names) => (names.length > 1 ? 'no room' : undefined) }),
  ];
  await untilReady('orders');
  await store.create(aDomain('refunds'));
  const refused = await untilReason('refunds', 'Nacked');
  expect(ready(refused)?.message).toContain('no room');
  expect((await untilReady('orders')).status?.revision).toBe('default@1');
  // The set is written after the domain.
  const set = await eventually('the set says so too', async () => {
    const found = await policySet();
    const isSaid = ready(found)?.reason === 'Nacked' && (found?.status?.failedDigests ?? []).length > 0;
    return isSaid ? found : undefined;
  });
  expect(set.status).toMatchObject({ committedRevision: 1, desiredRevision: 2 });
  expect(set.status?.failedDigests).toHaveLength(1);
  expect(ready(set)).toMatchObject({ status: 'False', reason: 'Nacked' });
  expect(picky.served()).toBe(1);
  await eventually('all is quiet', () => (operator.isIdle() ? true : undefined));
  expect(await store.list('PolicyRevision')).toHaveLength(2);
});

test('rolling back makes a higher revision with the old content', async () => {
  const { operator } = await stage.start();
  await store.create(aDomain('orders'));
  const [pdp] = connect(operator, 1);
  const before = await untilReady('orders');
  await store.update<'PolicyDomain'>({
    ...before,
    spec: aDomainSpec({ policies: [{ mrn: 'mrn:policy:main', rego: regoPermitting('bob') }] }),
  });
  await untilReady('orders');
  const set = await eventually('the set is there', policySet);
  await store.update<'PolicySet'>({ ...set, spec: { ...set.spec, rollbackTo: 1 } });
  await untilReason('orders', 'RolledBack');
  await eventually('the PDP serves revision 3', () => (pdp?.served() === 3 ? true : undefined));
  const [one, , three] = await store.list('PolicyRevision');
  expect(three?.spec).toMatchObject({ n: 3, reason: 'Rollback', rollbackOf: 1, digest: one?.spec.digest });
});

test('a deleted domain is gone once no PDP serves it, and leaves nothing behind but history', async () => {
  const { operator, events } = await stage.start();
  await store.create(aDomain('orders'));
  await store.create(aDomain('refunds'));
  const [pdp] = connect(operator, 1);
  await untilReady('orders');
  await untilReady('refunds');
  await store.delete('PolicyDomain', { namespace: NAMESPACE, name: 'refunds' });
  await eventually('it is gone', async () => ((await domain('refunds')) === undefined ? true : undefined));
  expect(pdp?.domains()).toStrictEqual(['orders']);
  // The event follows the write that was just seen.
  await eventually('the event', () => events.find(({ reason }) => reason === 'Withdrawn'));
  await store.delete('PolicySet', { namespace: NAMESPACE, name: 'default' });
  await eventually('the set is made anew', async () => {
    const set = await policySet();
    return set !== undefined && set.metadata.deletionTimestamp === undefined ? set : undefined;
  });
});

test('a domain imported by another cannot take its library away: the set says why, and the old combination serves', async () => {
  const { operator } = await stage.start();
  const library = { mrn: 'mrn:library:util', rego: 'package util\n\nis_clerk { input.principal.role == "clerk" }\n' };
  await store.create(aDomain('shared', { 'policy-libraries': [library] }));
  const rego = 'package authz\n\nimport data.util\n\ndefault allow = false\n\nallow { util.is_clerk }\n';
  await store.create(
    aDomain('orders', { policies: [{ mrn: 'mrn:policy:main', rego, dependencies: ['shared/mrn:library:util'] }] }),
  );
  const [pdp] = connect(operator, 1);
  await untilReady('orders');
  const shared = await untilReady('shared');
  const n = pdp?.served();
  await store.update<'PolicyDomain'>({ ...shared, spec: aDomainSpec({ 'policy-libraries': [] }) });
  const orders = await untilReason('orders', 'Invalid');
  expect(ready(orders)?.message).toContain('mrn:library:util');
  expect(ready(await untilReason('shared', 'Invalid'))?.message).toContain('orders');
  expect(pdp?.served()).toBe(n);
});

test('a folder feeds the operator: files are domains, a broken file is named by line, the last good one serves', async () => {
  const { operator } = await stage.start();
  const text = (who: string) =>
    [
      'apiVersion: iamlite.manetu.io/v1beta1',
      'kind: PolicyDomain',
      'metadata: {name: files}',
      'spec:',
      '  policies:',
      '    - mrn: mrn:policy:main',
      '      rego: |',
      ...regoPermitting(who)
        .split('\n')
        .map((line) => `        ${line}`),
      '  operations:',
      '    - {name: all, selector: [".*"], policy: "mrn:policy:main"}',
      '',
    ].join('\n');
  await replaceFile(join(stage.folder, 'files.yaml'), text('alice'));
  const [pdp] = connect(operator, 1);
  await untilReady('files');
  await replaceFile(join(stage.folder, 'files.yaml'), text('bob'));
  await eventually('the edit serves', () => (pdp?.served() === 2 ? true : undefined));
  await replaceFile(join(stage.folder, 'files.yaml'), text('bob').replace('spec:', 'spec: ['));
  const [problem] = await eventually('the problem is told', () =>
    stage.problems().length > 0 ? stage.problems() : undefined,
  );
  expect(problem).toMatchObject({ file: 'files.yaml' });
  expect(problem?.line).toBeGreaterThanOrEqual(4);
  await untilReady('files');
  await rm(join(stage.folder, 'files.yaml'));
  await eventually('it is gone', async () => ((await domain('files')) === undefined ? true : undefined));
  expect(stage.problems()).toStrictEqual([]);
});

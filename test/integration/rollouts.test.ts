import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  findCondition,
  type ConditionType,
  type PolicyDomain,
  type PolicyDomainSpec,
  type PolicyRevision,
  type PolicySet,
} from '@edict/crds';
import type { Operator } from '@edict/operator';
import { connectPdp, regoPermitting, startOperator, type ConnectedPdp } from '../../operator/src/testing/fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, refusal, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

let cluster: Cluster;
let namespace: string;
let operator: Operator;
let reasons: () => readonly string[];
const pdps: ConnectedPdp[] = [];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
});
afterAll(() => cluster.close());
beforeEach(async () => {
  namespace = await cluster.namespace();
  const started = await startOperator(cluster.store);
  operator = started.operator;
  reasons = () => started.events.map(({ reason }) => reason);
});
afterEach(async () => {
  for (const { client } of pdps.splice(0)) await client.close();
  await operator.stop();
});

const key = (name: string) => ({ namespace, name });
const revisionOf = (n: number) => cluster.store.get('PolicyRevision', key(`till-${n}`));
const served = () => pdps.map((pdp) => pdp.served());

async function applySet(spec: object): Promise<void> {
  await cluster.store.apply<'PolicySet'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicySet', metadata: key('till'), spec: { ...spec } },
    { fieldManager: 'user', force: true },
  );
}

async function applyDomain(rego: string): Promise<void> {
  const spec: PolicyDomainSpec = {
    policies: [{ mrn: 'mrn:policy:main', name: 'main', rego }],
    operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:main' }],
  };
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: key('orders'), spec: { ...spec } },
    { fieldManager: 'user', force: true },
  );
}

/** As `kubectl annotate`. */
async function annotate(kind: 'PolicyRevision', name: string, annotations: Readonly<Record<string, string>>) {
  await cluster.store.apply<'PolicyRevision'>(
    { apiVersion: 'edict.dev/v1beta1', kind, metadata: { ...key(name), annotations } },
    { fieldManager: 'user', force: true },
  );
}

async function start(spec: object): Promise<void> {
  await applySet(spec);
  pdps.push(...[0, 1].map((index) => connectPdp(operator, `${namespace}/till`, index, {}, namespace)));
  await applyDomain(regoPermitting('alice'));
  await untilRevision(1, 'Completed');
  expect(served()).toStrictEqual([1, 1]);
}

const untilRevision = (n: number, phase: string): Promise<PolicyRevision> =>
  waitFor(`revision ${n} to be ${phase}`, async () => {
    const found = await revisionOf(n);
    return found?.status?.phase === phase ? found : undefined;
  });

function current(object: PolicyDomain | PolicySet | undefined, type: ConditionType) {
  const condition = findCondition(object?.status?.conditions, type);
  return condition?.observedGeneration === object?.metadata.generation ? condition : undefined;
}

const untilReason = (reason: string): Promise<PolicyDomain> =>
  waitFor(`the domain to be ${reason}`, async () => {
    const found = await cluster.store.get('PolicyDomain', key('orders'));
    return current(found, 'Ready')?.reason === reason ? found : undefined;
  });

test('two waves: a share of the principals first, then everyone, each decided for good', async () => {
  await start({
    rollout: {
      waves: [
        { principals: '10%', soak: '500ms' },
        { all: true, approval: 'Required' },
      ],
    },
  });
  await applyDomain(regoPermitting('bob'));
  // It soaks for a moment, and waits between the waves as long as nobody says otherwise.
  const waiting = await untilRevision(2, 'AwaitingApproval');
  expect(waiting.status?.waves).toMatchObject([{ index: 0, decision: 'Commit', final: false }]);
  expect(pdps.map((pdp) => pdp.canary())).toStrictEqual([
    { n: 2, upTo: 1000 },
    { n: 2, upTo: 1000 },
  ]);
  await annotate('PolicyRevision', 'till-2', { 'edict.dev/approve-wave': '1' });
  const { status } = await untilRevision(2, 'Completed');
  expect(served()).toStrictEqual([2, 2]);
  const wave = status?.waves?.find(({ index }) => index === 0);
  const changed = (status?.waves ?? []).map((one) => (one.index === 0 ? { ...wave, index: 0, final: true } : one));
  const revision = await revisionOf(2);
  if (revision === undefined) throw new Error('no revision');
  const refused = await refusal(
    cluster.store.updateStatus<'PolicyRevision'>({ ...revision, status: { ...revision.status, waves: changed } }),
  );
  expect(refused.message).toContain('a decision never changes');
  // Events follow the writes that they are about.
  await waitFor('the event Converged', () => reasons().includes('Converged'));
  expect(reasons()).toEqual(expect.arrayContaining(['WaveCommitted', 'Committed', 'Converged']));
});

test('a set that wants approval waits for it, paused sets wait too, and both go on', async () => {
  await start({ rollout: { approval: 'Required' } });
  await applyDomain(regoPermitting('bob'));
  await untilRevision(2, 'AwaitingApproval');
  await untilReason('AwaitingApproval');
  await applySet({ paused: true, rollout: { approval: 'Required' } });
  await untilRevision(2, 'Paused');
  await annotate('PolicyRevision', 'till-2', { 'edict.dev/approve-wave': '0' });
  await applySet({ paused: false, rollout: { approval: 'Required' } });
  const { status } = await untilRevision(2, 'Completed');
  expect(status?.approvals).toStrictEqual([{ wave: 0 }]);
  expect(served()).toStrictEqual([2, 2]);
});

test('what is ended goes back by itself, and undone sets go back when asked', async () => {
  await start({ rollout: { waves: [{ principals: '10%', soak: '10m' }] } });
  await applyDomain(regoPermitting('bob'));
  const soaking = await untilRevision(2, 'Soaking');
  expect(soaking.status?.waves).toMatchObject([{ index: 0, decision: 'Commit', final: false }]);
  await annotate('PolicyRevision', 'till-2', { 'edict.dev/abort': 'not today' });
  const back = await untilRevision(3, 'Completed');
  const first = await revisionOf(1);
  expect(back.spec).toMatchObject({ reason: 'Rollback', rollbackOf: 1, digest: first?.spec.digest });
  await untilReason('RolledBack');
  expect(served()).toStrictEqual([3, 3]);
  await applySet({ rollout: {} });
  await untilRevision(4, 'Completed');
  await applySet({ rollout: {}, rollbackTo: 1 });
  const undone = await untilRevision(5, 'Completed');
  expect(undone.spec).toMatchObject({ reason: 'Rollback', rollbackOf: 1 });
  expect(served()).toStrictEqual([5, 5]);
});

test('a failing suite keeps a revision from being made, by the name of the case', async () => {
  const granting = (who: string) =>
    `package authz\n\ndefault allow = -1\n\nallow = 1 { input.principal.sub == "${who}" }\n`;
  await start({});
  const porc = { principal: { sub: 'mallory' }, operation: 'orders:read', resource: 'mrn:orders:1' };
  await cluster.store.create({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyTestSuite',
    metadata: key('strangers'),
    spec: { domain: 'orders', tests: [{ name: 'mallory stays out', porc, result: { allow: false } }] },
  });
  await applyDomain(granting('mallory'));
  const refused = await untilReason('TestsFailed');
  expect(current(refused, 'Ready')?.message).toContain('case mallory stays out');
  expect(served()).toStrictEqual([1, 1]);
  await applyDomain(granting('bob'));
  await untilRevision(2, 'Completed');
});

test.each<[string, object, string]>([
  ['a wave that names nobody', { rollout: { waves: [{ soak: '1s' }] } }, 'a wave names one of'],
  ['a wave after everyone', { rollout: { waves: [{ all: true }, { principals: '5%' }] } }, 'only the last wave'],
  ['a lease that is too short', { consistency: { mode: 'Strict', lease: '1s' } }, 'must be between 5s and 1h'],
  [
    'a query without a limit',
    { rollout: { analysis: { prometheus: { url: 'http://prometheus', query: 'up' } } } },
    'max or min must be given',
  ],
])('the apiserver refuses %s', async (_name, spec, message) => {
  expect((await refusal(applySet(spec))).message).toContain(message);
});

const module = { name: 'a_test.rego', rego: 'package a_test' };
test.each<[string, object, string]>([
  ['nothing', { set: 'till' }, 'tests or modules must hold something'],
  ['two modules of one name', { set: 'till', modules: [module, module] }, 'name'],
  ['a module without text', { set: 'till', modules: [{ ...module, rego: '' }] }, 'rego'],
])('the apiserver refuses a suite with %s', async (_name, spec, message) => {
  const suite = { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyTestSuite', metadata: key('bad'), spec } as const;
  expect((await refusal(cluster.store.create<'PolicyTestSuite'>(suite))).message).toContain(message);
});

test('the apiserver takes suites of as many modules as they may have', async () => {
  const modules = Array.from({ length: 100 }, (_, index) => ({ ...module, name: `${index}_test.rego` }));
  const spec = { set: 'nobody', modules };
  const suite = { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyTestSuite', metadata: key('large'), spec } as const;
  expect((await cluster.store.create<'PolicyTestSuite'>(suite)).spec.modules).toHaveLength(100);
});

test('the versions of all revisions are those that the watch shows', async () => {
  await start({});
  const versions = await cluster.store.listVersions?.('PolicyRevision', new AbortController().signal);
  expect(versions).toContainEqual({
    key: key('till-1'),
    resourceVersion: (await revisionOf(1))?.metadata.resourceVersion,
  });
});

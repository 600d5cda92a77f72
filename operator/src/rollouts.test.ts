import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseManifest, verifyDecision, type Digest } from '@edict/bundle';
import {
  API_VERSION,
  findCondition,
  PolicySetSpec,
  type ConditionType,
  type PolicyDomain,
  type PolicyRevision,
  type PolicySet,
} from '@edict/crds';
import { parseTestSuite } from '@edict/engine';
import { decisionOf, signedOf } from './backend/observation.ts';
import { systemClock } from './clock.ts';
import { ABORT_ANNOTATION, APPROVE_WAVE_ANNOTATION, APPROVED_BY_ANNOTATION } from './controllers/user-requests.ts';
import type { OperatorEvent } from './events.ts';
import type { Operator } from './operator-types.ts';
import type { FolderStore } from './store/folder/folder-store.ts';
import {
  aDomain,
  aSet,
  eventually,
  NAMESPACE,
  QUICK_TUNING,
  regoPermitting,
  SIGNING_KEY,
  type ConnectedPdp,
} from './testing/fixtures.ts';
import { openFolderStage, type FolderStage } from './testing/folder-stage.ts';

const SET = { namespace: NAMESPACE, name: 'till' };
const HOUR_MS = 3_600_000;
const DOMAIN = { namespace: NAMESPACE, name: 'orders' };
let stage: FolderStage;
let store: FolderStore;
let operator: Operator;
let events: readonly OperatorEvent[];
let pdps: readonly ConnectedPdp[];
/** How far the operator's clock is ahead: a soak lasts for as long as a test looks at it, and then is over at once. */
let skippedMs = 0;

beforeEach(async () => {
  stage = await openFolderStage(60_000);
  ({ store, pdps } = stage);
  skippedMs = 0;
  ({ operator, events } = await stage.start({
    clock: { ...systemClock, monotonic: () => systemClock.monotonic() + skippedMs },
    // No PDP was silent for the time that is skipped.
    tuning: { ...QUICK_TUNING, presenceTimeoutMs: 24 * HOUR_MS },
  }));
});
afterEach(() => stage.close());

/** A set that is rolled out so, one domain, and two PDPs that serve its first revision. */
async function start(rollout: object): Promise<void> {
  await store.create(aSet('till', { rollout }));
  for (const index of [0, 1]) stage.connect(operator, `${NAMESPACE}/till`, index, { features: ['rego-tests'] });
  await store.create(aDomain('orders'));
  await untilDomain('the first revision serves', isReady);
  expect(served()).toStrictEqual([1, 1]);
}

const served = (): readonly number[] => pdps.map((pdp) => pdp.served());
const canaries = (): readonly unknown[] => pdps.map((pdp) => pdp.canary());
const reasons = (): readonly string[] => events.map(({ reason }) => reason);

/** Another content of the domain. */
async function edit(who: string, rego = regoPermitting(who)): Promise<void> {
  await changed('the domain', async () => {
    const domain = await store.get('PolicyDomain', DOMAIN);
    if (domain === undefined) throw new Error('no domain');
    const policies = [{ mrn: 'mrn:policy:main', name: 'main', rego }];
    await store.update({ ...domain, spec: { ...domain.spec, policies } });
  });
}

async function editSet(over: Partial<PolicySet['spec']>): Promise<void> {
  await changed('the set', async () => {
    const set = await store.get('PolicySet', SET);
    if (set === undefined) throw new Error('no set');
    await store.update({ ...set, spec: { ...set.spec, ...over } });
  });
}

async function annotate(n: number, annotations: Readonly<Record<string, string>>): Promise<void> {
  await changed('the revision', async () => {
    const revision = await revisionOf(n);
    if (revision === undefined) throw new Error('no revision');
    await store.update({ ...revision, metadata: { ...revision.metadata, annotations: { ...annotations } } });
  });
}

/** The operator writes too: a conflict is tried again. */
async function changed(what: string, change: () => Promise<void>): Promise<void> {
  await eventually(`${what} is changed`, async () => {
    try {
      await change();
      return true;
    } catch (error) {
      if ((error as { code?: string }).code !== 'Conflict') throw error;
      return undefined;
    }
  });
}

const revisionOf = (n: number): Promise<PolicyRevision | undefined> =>
  store.get('PolicyRevision', { namespace: NAMESPACE, name: `till-${n}` });

const isReady = (domain: PolicyDomain): boolean => current(domain, 'Ready')?.status === 'True';

function current(object: PolicyDomain | PolicySet, type: ConditionType) {
  const condition = findCondition(object.status?.conditions, type);
  return condition?.observedGeneration === object.metadata.generation ? condition : undefined;
}

async function untilDomain(what: string, holds: (domain: PolicyDomain) => boolean): Promise<PolicyDomain> {
  let last: PolicyDomain | undefined;
  return eventually(
    what,
    async () => {
      last = await store.get('PolicyDomain', DOMAIN);
      return last !== undefined && holds(last) ? last : undefined;
    },
    () => last?.status,
  );
}

async function untilRevision(n: number, phase: string): Promise<PolicyRevision> {
  let last: PolicyRevision | undefined;
  return eventually(
    `revision ${n} is ${phase}`,
    async () => {
      last = await revisionOf(n);
      return last?.status?.phase === phase ? last : undefined;
    },
    () => last?.status,
  );
}

test('a wave of principals is decided, watched, and then everyone is served', async () => {
  await start({ waves: [{ principals: '5%', soak: '10m' }] });
  await edit('bob');
  const soaking = await untilRevision(2, 'Soaking');
  expect(soaking.status?.wave).toBe('1/2');
  expect(canaries()).toStrictEqual([
    { n: 2, upTo: 500 },
    { n: 2, upTo: 500 },
  ]);
  expect(served()).toStrictEqual([1, 1]);
  skippedMs = HOUR_MS;
  await untilDomain('the second revision serves', isReady);
  expect(served()).toStrictEqual([2, 2]);
  const { status } = await untilRevision(2, 'Completed');
  expect(status?.waves?.toSorted((a, b) => a.index - b.index)).toMatchObject([
    { index: 0, decision: 'Commit', final: false, target: { principals: 500 }, decidedBy: 'operator-0' },
    { index: 1, decision: 'Commit' },
  ]);
  expect(reasons()).toEqual(expect.arrayContaining(['WaveCommitted', 'Committed', 'Converged']));
});

test('how fast and how evenly a revision arrived stays with it', async () => {
  await start({});
  const figures = async (): Promise<PolicyRevision['status'] | undefined> => {
    const status = (await revisionOf(1))?.status;
    return status?.convergenceMilliseconds === undefined ? undefined : status;
  };
  const status = await eventually('the figures are written', figures, () => events);
  expect(status).toMatchObject({ phase: 'Completed', skewMilliseconds: expect.any(Number) });
});

test('nothing is decided before somebody approves, and the record says who', async () => {
  await start({ approval: 'Required' });
  await edit('bob');
  const waiting = await untilRevision(2, 'AwaitingApproval');
  expect(findCondition(waiting.status?.conditions, 'Ready')?.reason).toBe('AwaitingApproval');
  await eventually('the set says so', async () => {
    const set = await store.get('PolicySet', SET);
    return set?.status?.rollout?.phase === 'AwaitingApproval' ? set : undefined;
  });
  await annotate(2, { [APPROVE_WAVE_ANNOTATION]: '0', [APPROVED_BY_ANNOTATION]: 'alice' });
  const { status } = await untilRevision(2, 'Completed');
  expect(status?.approvals).toStrictEqual([{ wave: 0, by: 'alice' }]);
  expect(served()).toStrictEqual([2, 2]);
});

test('a paused set decides nothing of the rollout under way until it goes on', async () => {
  await start({ waves: [{ principals: '5%', soak: '10m' }] });
  await editSet({ paused: false });
  await edit('bob');
  await untilRevision(2, 'Soaking');
  await editSet({ paused: true });
  const paused = await untilRevision(2, 'Paused');
  expect(paused.status?.hold?.reason).toBe('PauseRequested');
  expect(served()).toStrictEqual([1, 1]);
  skippedMs = HOUR_MS;
  // Who comes now gets what is decided by now.
  const late = stage.connect(operator, `${NAMESPACE}/till`, 2, { features: ['rego-tests'] });
  await eventually('the late one has the wave', () => (late.canary()?.n === 2 ? true : undefined));
  expect((await revisionOf(2))?.status).toMatchObject({ phase: 'Paused', wave: '1/2' });
  expect(served()).toStrictEqual([1, 1, 1]);
  await editSet({ paused: false });
  await untilRevision(2, 'Completed');
  expect(served()).toStrictEqual([2, 2, 2]);
});

test('what is ended after a wave is taken back, is not tried again by itself, and is when somebody asks', async () => {
  await start({ waves: [{ principals: '5%', soak: '10m' }] });
  await edit('bob');
  await untilRevision(2, 'Soaking');
  await annotate(2, { [ABORT_ANNOTATION]: 'it looks wrong' });
  const back = await untilRevision(3, 'Completed');
  const stable = await revisionOf(1);
  expect(back.spec).toMatchObject({ reason: 'Rollback', rollbackOf: 1, digest: stable?.spec.digest });
  expect(served()).toStrictEqual([3, 3]);
  expect(canaries()).toStrictEqual([undefined, undefined]);
  const domain = await untilDomain('it is said', (found) => current(found, 'Ready')?.reason === 'RolledBack');
  expect(current(domain, 'Ready')?.message).toContain('it looks wrong');
  const set = await store.get('PolicySet', SET);
  expect(set?.spec.rollbackTo).toBeUndefined();
  expect(current(set as PolicySet, 'Stalled')?.reason).toBe('RolledBack');
  expect(set?.status?.failedDigests).toHaveLength(1);
  expect(await revisionOf(4)).toBeUndefined();
  await editSet({ rollout: PolicySetSpec.parse({}).rollout });
  await untilRevision(4, 'Completed');
  expect(served()).toStrictEqual([4, 4]);
  await untilDomain('it serves', isReady);
});

test('an emergency skips the waves, for the open revision and for an earlier one', async () => {
  await start({ waves: [{ principals: '5%', soak: '10m' }] });
  await edit('bob');
  await untilRevision(2, 'Soaking');
  await emergency('2');
  const now = await untilRevision(3, 'Completed');
  const open = await revisionOf(2);
  expect(now.spec).toMatchObject({ reason: 'Emergency', digest: open?.spec.digest });
  expect(served()).toStrictEqual([3, 3]);
  await emergency('1', 1);
  const undone = await untilRevision(4, 'Completed');
  expect(undone.spec).toMatchObject({ reason: 'Emergency', rollbackOf: 1 });
  expect(served()).toStrictEqual([4, 4]);
  expect(reasons()).toContain('Emergency');
});

async function emergency(n: string, rollbackTo?: number): Promise<void> {
  await changed('the set', async () => {
    const set = await store.get('PolicySet', SET);
    if (set === undefined) throw new Error('no set');
    const metadata = { ...set.metadata, annotations: { 'edict.dev/emergency': n } };
    const spec = rollbackTo === undefined ? set.spec : { ...set.spec, rollbackTo };
    await store.update({ ...set, metadata, spec });
  });
}

test('a wave of which Prometheus says no good is taken back by itself', async () => {
  const answers = await aPrometheus('0.9');
  try {
    const prometheus = { url: answers.url, query: 'errors', max: 0.5, interval: '1s', timeout: '1s' };
    await start({ waves: [{ principals: '5%', soak: '10m' }], analysis: { prometheus } });
    await edit('bob');
    await untilRevision(3, 'Completed');
    const failed = await untilRevision(2, 'RolledBack');
    expect(failed.status?.cause).toContain('errors is 0.9, at most 0.5 is allowed');
    expect(findCondition(failed.status?.conditions, 'Ready')?.reason).toBe('RolledBack');
    expect(served()).toStrictEqual([3, 3]);
  } finally {
    await answers.close();
  }
});

test('a last wave of which Prometheus says no good is taken back although everyone serves it', async () => {
  const answers = await aPrometheus('0.9');
  try {
    const prometheus = { url: answers.url, query: 'errors', max: 0.5, interval: '1s', timeout: '1s' };
    await start({ waves: [{ all: true, soak: '10m' }], analysis: { prometheus } });
    await edit('bob');
    const back = await untilRevision(3, 'Completed');
    const stable = await revisionOf(1);
    expect(back.spec).toMatchObject({ reason: 'Rollback', rollbackOf: 1, digest: stable?.spec.digest });
    const failed = await untilRevision(2, 'RolledBack');
    expect(failed.status?.cause).toContain('errors is 0.9, at most 0.5 is allowed');
    expect(failed.status?.waves?.toSorted((a, b) => a.index - b.index)).toMatchObject([
      { index: 0, decision: 'Commit' },
      { index: 1, decision: 'Abort', final: false },
    ]);
    expect(served()).toStrictEqual([3, 3]);
    const domain = await untilDomain('it is said', (found) => current(found, 'Ready')?.reason === 'RolledBack');
    expect(current(domain, 'Ready')?.message).toContain('errors is 0.9');
    const set = await store.get('PolicySet', SET);
    expect(current(set as PolicySet, 'Stalled')?.reason).toBe('RolledBack');
    expect(set?.status?.failedDigests).toHaveLength(1);
    expect(await revisionOf(4)).toBeUndefined();
  } finally {
    await answers.close();
  }
});

test('the last wave is watched, says so, and can be ended', async () => {
  await start({ waves: [{ all: true, soak: '10m' }] });
  await edit('bob');
  const soaking = await untilRevision(2, 'Soaking');
  expect(findCondition(soaking.status?.conditions, 'Ready')?.reason).toBe('Soaking');
  expect(served()).toStrictEqual([2, 2]);
  await untilDomain('it is not ready yet', (found) => current(found, 'Ready')?.reason === 'Soaking');
  await annotate(2, { [ABORT_ANNOTATION]: 'it looks wrong' });
  await untilRevision(3, 'Completed');
  expect(served()).toStrictEqual([3, 3]);
  await untilRevision(2, 'RolledBack');
});

async function aPrometheus(value: string): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const result = [{ metric: {}, value: [0, value] }];
  const body = JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a set whose tests fail keeps what it serves, and goes on once they pass', async () => {
  await start({});
  const porc = (sub: string) => ({ principal: { sub }, operation: 'orders:read', resource: 'mrn:orders:1' });
  await store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyTestSuite',
    metadata: { namespace: NAMESPACE, name: 'nobody-else' },
    spec: { set: 'till', tests: [{ name: 'mallory stays out', porc: porc('mallory'), result: { allow: false } }] },
  });
  const rego = `package till_test\n\ntest_mallory { not data.authz.allow == 1 with input as {"principal": {"sub": "mallory"}} }\n`;
  await store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyTestSuite',
    metadata: { namespace: NAMESPACE, name: 'rules' },
    spec: { domain: 'orders', modules: [{ name: 'till_test.rego', policy: 'mrn:policy:main', rego }] },
  });
  // An operation's policy grants by a positive number.
  const granting = (who: string) =>
    `package authz\n\ndefault allow = -1\n\nallow = 1 { input.principal.sub == "${who}" }\n`;
  await edit('mallory', granting('mallory'));
  const refused = await untilDomain(
    'the tests are named',
    (found) => current(found, 'Ready')?.reason === 'TestsFailed',
  );
  expect(current(refused, 'Ready')?.message).toContain('suite nobody-else, case mallory stays out');
  expect(served()).toStrictEqual([1, 1]);
  const set = await store.get('PolicySet', SET);
  expect(current(set as PolicySet, 'TestsPassed')).toMatchObject({ status: 'False', reason: 'TestsFailed' });
  await edit('bob', granting('bob'));
  const { spec } = await untilRevision(2, 'Completed');
  const { tests, features } = parseManifest(new TextEncoder().encode(spec.manifest));
  expect(tests).toHaveLength(2);
  expect(features).toContain('rego-tests');
  const bytes = await operator.backend().getBundle(tests[0] as Digest, new AbortController().signal);
  expect(parseTestSuite(bytes ?? new Uint8Array(), tests[0] as Digest).cases).toHaveLength(1);
  await eventually('the set says that they pass', async () => {
    const found = await store.get('PolicySet', SET);
    return found !== undefined && current(found, 'TestsPassed')?.status === 'True' ? found : undefined;
  });
});

test('a Rego test that fails keeps a revision from being made, and is named with its line', async () => {
  await start({});
  const rego =
    'package till_test\n\ntest_positive { data.authz.allow > 0 with input as {"principal": {"sub": "ann"}} }\n';
  await store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyTestSuite',
    metadata: { namespace: NAMESPACE, name: 'rules' },
    spec: { domain: 'orders', modules: [{ name: 'till_test.rego', policy: 'mrn:policy:main', rego }] },
  });
  await edit('ann', 'package authz\n\ndefault allow = -1\n');
  const refused = await untilDomain('the test is named', (found) => current(found, 'Ready')?.reason === 'TestsFailed');
  expect(current(refused, 'Ready')?.message).toContain(
    'suite rules, till_test.rego:3, test data.till_test.test_positive: it is not true',
  );
  expect(served()).toStrictEqual([1, 1]);
  await edit('ann', 'package authz\n\ndefault allow = 1\n');
  await untilRevision(2, 'Completed');
});

test('what is decided for everyone is recorded with a signature that others can verify', async () => {
  await start({});
  const found = await untilRevision(1, 'Completed');
  const { status } = found;
  const { keyId, publicKey } = SIGNING_KEY;
  expect(status?.waves).toMatchObject([{ decision: 'Commit', keyId }]);
  const revision = signedOf(found);
  expect(() => {
    verifyDecision(revision, undefined, decisionOf(found), new Map([[keyId, publicKey]]));
  }).not.toThrow();
});

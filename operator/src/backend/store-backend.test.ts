import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { API_VERSION, PolicySetSpec, type PolicyRevision } from '@edict/crds';
import { systemClock } from '../clock.ts';
import { RolloutBoard } from '../controllers/rollout-board.ts';
import type { World } from '../controllers/world.ts';
import type { OperatorEvent } from '../events.ts';
import { StoreError } from '../store/errors.ts';
import { openFolderStore, type FolderStore } from '../store/folder/folder-store.ts';
import type { Store } from '../store/store.ts';
import { BundleBytes } from './bundle-bytes.ts';
import { createStoreBackend, type StoreBackend } from './store-backend.ts';

const NAMESPACE = 'ns';
const DIGEST = `sha256:${'d'.repeat(64)}` as const;
let folder: string;
let store: FolderStore;
let world: World;
let events: OperatorEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-backend-'));
  store = await openFolderStore({ folder, clock: systemClock, onProblems: () => undefined, rescanMs: 60_000 });
  world = {
    domains: store.watch('PolicyDomain', {}, () => undefined),
    sets: store.watch('PolicySet', {}, () => undefined),
    revisions: store.watch('PolicyRevision', {}, () => undefined),
    bundles: store.watch('PolicyBundle', {}, () => undefined),
    suites: store.watch('PolicyTestSuite', {}, () => undefined),
  };
  events = [];
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

function backendOver(over: Store = store, identity = 'operator-0'): StoreBackend {
  return createStoreBackend({
    world,
    store: over,
    board: new RolloutBoard(() => undefined),
    bytes: new BundleBytes(over),
    events: { emit: (event) => events.push(event) },
    identity,
    clock: { ...systemClock, now: () => 1_700_000_000_000 },
  });
}

async function aSet(spec: object = {}): Promise<string> {
  const set = await store.create({
    apiVersion: API_VERSION,
    kind: 'PolicySet',
    metadata: { namespace: NAMESPACE, name: 's' },
    spec: PolicySetSpec.parse(spec),
  });
  return set.metadata.uid ?? '';
}

async function aRevision(setUid: string, n: number): Promise<PolicyRevision> {
  return store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyRevision',
    metadata: { namespace: NAMESPACE, name: `s-${String(n)}` },
    spec: {
      set: 's',
      setUid,
      setGeneration: 1,
      n,
      digest: DIGEST,
      parent: n - 1,
      reason: 'Spec',
      createdAt: '2026-01-01T00:00:00.000Z',
      keyId: 'k',
      signature: 's',
      rendererVersion: 1,
      manifest: `{"n":${String(n)}}`,
    },
  });
}

const id = (setUid: string, n: number) => ({ setUid, n, digest: DIGEST });
const read = async (n: number) =>
  (await store.get('PolicyRevision', { namespace: NAMESPACE, name: `s-${String(n)}` }))?.status;

test('a decision is written with who made it and when, and an event tells of it', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  expect(await backendOver().writeDecision('ns/s', id(uid, 1), { type: 'Commit' })).toBe('written');
  expect(await read(1)).toMatchObject({
    phase: 'Committing',
    waves: [{ index: 0, decision: 'Commit', decidedBy: 'operator-0', decidedAt: '2023-11-14T22:13:20.000Z' }],
  });
  expect(events).toMatchObject([{ type: 'Normal', reason: 'Committed', regarding: { kind: 'PolicySet', name: 's' } }]);
});

test('of two that decide differently one wins; who says the same again is told that it is written', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  const [first, second] = [backendOver(), backendOver(store, 'operator-1')];
  const abort = { type: 'Abort', cause: { reason: 'Nack', message: 'no' } } as const;
  const outcomes = await Promise.all([
    first.writeDecision('ns/s', id(uid, 1), { type: 'Commit' }),
    second.writeDecision('ns/s', id(uid, 1), abort),
  ]);
  expect([...outcomes].sort()).toStrictEqual(['conflict', 'written']);
  const winner = (await read(1))?.waves?.[0]?.decision;
  expect(await first.writeDecision('ns/s', id(uid, 1), { type: 'Commit' })).toBe(
    winner === 'Commit' ? 'written' : 'conflict',
  );
});

test('who gave a revision up for another reason than the one on record is told so: what follows hangs on it', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  const abort = (reason: 'Nack' | 'Superseded') => ({ type: 'Abort', cause: { reason, message: 'no' } }) as const;
  expect(await backendOver().writeDecision('ns/s', id(uid, 1), abort('Nack'))).toBe('written');
  expect(await backendOver().writeDecision('ns/s', id(uid, 1), abort('Nack'))).toBe('written');
  expect(await backendOver().writeDecision('ns/s', id(uid, 1), abort('Superseded'))).toBe('conflict');
  expect((await read(1))?.cause).toBe('Nack: no');
});

test.each<[string, boolean, 'User' | 'Analysis' | 'Superseded', string]>([
  ['a set that goes back by itself', true, 'Analysis', 'RolledBack'],
  ['a set that does not', false, 'Analysis', 'Aborted'],
  ['whoever asked for it', false, 'User', 'RolledBack'],
  ['a newer revision', true, 'Superseded', 'Aborted'],
])('what is ended after a wave says from the first moment what becomes of it: %s', async (_by, auto, reason, phase) => {
  const uid = await aSet({ rollout: { autoRollback: auto } });
  await aRevision(uid, 1);
  const [first, second] = [0, 1].map((index) => ({ index, final: false, principals: 100 * (index + 1) }));
  const backend = backendOver();
  expect(await backend.writeDecision('ns/s', id(uid, 1), { type: 'Commit' }, first)).toBe('written');
  const abort = { type: 'Abort', cause: { reason, message: 'no' } } as const;
  expect(await backend.writeDecision('ns/s', id(uid, 1), abort, second)).toBe('written');
  expect(await read(1)).toMatchObject({ phase, cause: `${reason}: no` });
});

test('figures that are written in between do not cost the decision', async () => {
  const uid = await aSet();
  const revision = await aRevision(uid, 1);
  let interfered = false;
  const racing: Store = {
    ...store,
    updateStatus: async (object) => {
      if (!interfered) {
        interfered = true;
        await store.updateStatus<'PolicyRevision'>({ ...revision, status: { preparedCount: '1/2' } });
      }
      return store.updateStatus(object);
    },
  };
  expect(await backendOver(racing).writeDecision('ns/s', id(uid, 1), { type: 'Commit' })).toBe('written');
  expect(await read(1)).toMatchObject({ preparedCount: '1/2', waves: [{ decision: 'Commit' }] });
});

test.each<[string, (uid: string) => Parameters<StoreBackend['writeDecision']>[1]]>([
  ['another digest', (uid) => ({ ...id(uid, 1), digest: `sha256:${'e'.repeat(64)}` })],
  ['a revision that is not there', (uid) => id(uid, 2)],
  ['an earlier set of the same name', () => id('another', 1)],
])('a decision about %s is a conflict', async (_name, revision) => {
  const uid = await aSet();
  await aRevision(uid, 1);
  expect(await backendOver().writeDecision('ns/s', revision(uid), { type: 'Commit' })).toBe('conflict');
  expect((await read(1))?.waves).toBeUndefined();
});

test('a store that cannot be reached is an error, not an answer', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  const away: Store = { ...store, updateStatus: () => Promise.reject(new StoreError('Unavailable', 'away')) };
  await expect(backendOver(away).writeDecision('ns/s', id(uid, 1), { type: 'Commit' })).rejects.toMatchObject({
    code: 'Unavailable',
  });
});

test('a set is what its revisions and their decisions say, and stays the same object while nothing changes', async () => {
  const uid = await aSet();
  for (const n of [1, 2, 3]) await aRevision(uid, n);
  const backend = backendOver();
  await backend.writeDecision('ns/s', id(uid, 1), { type: 'Commit' });
  const [observation] = backend.listSets();
  expect(observation).toMatchObject({ set: 'ns/s', setUid: uid, committed: { n: 1 }, completed: false });
  expect(observation?.undecided.map(({ n }) => n)).toStrictEqual([2, 3]);
  expect(observation?.options).toStrictEqual({
    autoRollback: true,
    requirePreparedPercent: 100,
    maxLaggardsPercent: 0,
    progressDeadlineMs: 60_000,
    minReady: 1,
  });
  expect(backend.listSets()[0]).toBe(observation);
  await backend.writeDecision('ns/s', id(uid, 3), { type: 'Abort', cause: { reason: 'Timeout', message: '1 of 3' } });
  expect(backend.listSets()[0]).toMatchObject({
    aborted: { revision: { n: 3 }, cause: { reason: 'Timeout', message: '1 of 3' } },
  });
});

test('waves are decided one after the other, and what was decided is shown again', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  await aRevision(uid, 2);
  const backend = backendOver();
  await backend.writeDecision('ns/s', id(uid, 1), { type: 'Commit' });
  const canary = { index: 0, final: false, principals: 500 };
  const zone = { index: 1, final: false, nodes: { zones: ['a'], labels: { tier: 'x' }, sharePercent: 50 } };
  expect(await backend.writeDecision('ns/s', id(uid, 2), { type: 'Commit' }, zone)).toBe('conflict');
  expect(await backend.writeDecision('ns/s', id(uid, 2), { type: 'Commit' }, canary)).toBe('written');
  expect(await backend.writeDecision('ns/s', id(uid, 2), { type: 'Commit' }, zone)).toBe('written');
  const decidedAt = 1_700_000_000_000;
  expect(backend.listSets()[0]).toMatchObject({ committed: { n: 1 }, undecided: [{ n: 2 }] });
  expect(backend.listSets()[0]?.rollouts?.get(2)).toEqual({
    decided: [
      { index: 0, principals: 500, decidedAt },
      { index: 1, nodes: zone.nodes, decidedAt },
    ],
  });
  await backend.writeDecision('ns/s', id(uid, 2), { type: 'Commit' }, { index: 2, final: true });
  expect(backend.listSets()[0]).toMatchObject({ committed: { n: 2 }, undecided: [] });
});

test('a revision that is stopped after a wave stays what it was, and nothing more is decided of it', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  await aRevision(uid, 2);
  const backend = backendOver();
  await backend.writeDecision('ns/s', id(uid, 1), { type: 'Commit' });
  await backend.writeDecision('ns/s', id(uid, 2), { type: 'Commit' }, { index: 0, final: false, principals: 500 });
  const cause = { reason: 'Analysis', message: 'too many denials' } as const;
  const stop = { type: 'Abort', cause } as const;
  expect(await backend.writeDecision('ns/s', id(uid, 2), stop, { index: 1, final: true })).toBe('written');
  expect(await backend.writeDecision('ns/s', id(uid, 2), stop, { index: 1, final: true })).toBe('written');
  for (const index of [1, 2]) {
    const outcome = await backend.writeDecision('ns/s', id(uid, 2), { type: 'Commit' }, { index, final: true });
    expect(outcome).toBe('conflict');
  }
  expect(backend.listSets()[0]).toMatchObject({
    committed: { n: 1 },
    undecided: [],
    stopped: [{ revision: { n: 2 }, cause, decided: [{ index: 0, principals: 500 }] }],
  });
  const { status } = (await store.get('PolicyRevision', { namespace: NAMESPACE, name: 's-2' })) ?? {};
  expect(status?.waves?.map(({ index, decision }) => [index, decision])).toStrictEqual([
    [0, 'Commit'],
    [1, 'Abort'],
  ]);
  expect(status?.analysis).toStrictEqual({ wave: 0, verdict: 'Fail', message: cause.message });
  expect(backend.listSets()[0]?.aborted).toBeUndefined();
});

test('manifests come from revisions and bundles from their objects, each by its digest', async () => {
  const uid = await aSet();
  await aRevision(uid, 1);
  const name = `sha256-${'d'.repeat(64)}`;
  const spec = {
    digest: DIGEST,
    domain: 'd',
    domainUid: 'u',
    generation: 1,
    rendererVersion: 1,
    size: 4,
    gzSize: 4,
    policies: 0,
    data: Buffer.from('gzip').toString('base64'),
  };
  await store.create({ apiVersion: API_VERSION, kind: 'PolicyBundle', metadata: { namespace: NAMESPACE, name }, spec });
  const backend = backendOver();
  const { signal } = new AbortController();
  expect(Buffer.from((await backend.getManifest(DIGEST, signal)) ?? []).toString()).toBe('{"n":1}');
  expect(Buffer.from((await backend.getBundle(DIGEST, signal)) ?? []).toString()).toBe('gzip');
  expect(await backend.getBundle(`sha256:${'0'.repeat(64)}`, signal)).toBeUndefined();
});

test('bytes are read once for a fleet that asks at the same time, and the oldest go when there are too many', async () => {
  let reads = 0;
  const counting = {
    get: (_kind: string, { name }: { name: string }) => {
      reads += 1;
      return Promise.resolve({ spec: { data: Buffer.from(name.slice(0, 8)).toString('base64') } });
    },
  } as unknown as Store;
  const bytes = new BundleBytes(counting, 16);
  const [first, second] = await Promise.all([bytes.get('ns', 'sha256:a'), bytes.get('ns', 'sha256:a')]);
  expect(first).toBe(second);
  expect(reads).toBe(1);
  await bytes.get('ns', 'sha256:b');
  await bytes.get('ns', 'sha256:c');
  await bytes.get('ns', 'sha256:b');
  expect(reads).toBe(3);
  await bytes.get('ns', 'sha256:a');
  expect(reads).toBe(4);
});

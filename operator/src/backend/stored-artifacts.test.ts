import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { API_VERSION } from '@edict/crds';
import { systemClock } from '../clock.ts';
import { openFolderStore, type FolderStore } from '../store/folder/folder-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { BundleBytes } from './bundle-bytes.ts';
import { ARTIFACT_WAIT_MS, watchArtifacts, type FollowerArtifacts } from './stored-artifacts.ts';

const namespace = 'shop';
const MANIFEST = `sha256:${'a'.repeat(64)}` as const;
const BUNDLE = `sha256:${'b'.repeat(64)}` as const;
let folder: string;
let store: FolderStore;
let clock: ManualClock;
let artifacts: FollowerArtifacts;
let gone: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-artifacts-'));
  store = await openFolderStore({ folder, clock: systemClock, onProblems: () => undefined, rescanMs: 60_000 });
  clock = new ManualClock();
  artifacts = watchArtifacts({ store, bytes: new BundleBytes(store), clock });
  gone = new AbortController();
});
afterEach(async () => {
  await artifacts.close();
  await store.close();
  await rm(folder, { recursive: true });
});

async function aRevision(): Promise<void> {
  await store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyRevision',
    metadata: { namespace, name: 's-1' },
    spec: {
      set: 's',
      setUid: 'uid',
      setGeneration: 1,
      n: 1,
      digest: MANIFEST,
      parent: 0,
      reason: 'Spec',
      createdAt: '2026-01-01T00:00:00.000Z',
      keyId: 'k',
      signature: 's',
      rendererVersion: 1,
      manifest: '{"n":1}',
    },
  });
}

async function aBundle(): Promise<void> {
  const data = Buffer.from('gzip').toString('base64');
  const figures = { generation: 1, rendererVersion: 1, size: 4, policies: 1, gzSize: 4 };
  await store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyBundle',
    metadata: { namespace, name: BUNDLE.replace(':', '-') },
    spec: { digest: BUNDLE, domain: 'd', domainUid: 'u', ...figures, data },
  });
}

const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

test('what is known is answered at once', async () => {
  await aRevision();
  await aBundle();
  expect(textOf(await artifacts.getManifest(MANIFEST, gone.signal))).toBe('{"n":1}');
  expect(textOf(await artifacts.getBundle(BUNDLE, gone.signal))).toBe('gzip');
  expect(clock.waiting()).toEqual([]);
});

test('what the leader knows already is waited for until the watch has it too', async () => {
  const manifest = artifacts.getManifest(MANIFEST, gone.signal);
  const bundle = artifacts.getBundle(BUNDLE, gone.signal);
  await clock.advance(ARTIFACT_WAIT_MS - 1);
  await aRevision();
  expect(textOf(await manifest)).toBe('{"n":1}');
  await aBundle();
  expect(textOf(await bundle)).toBe('gzip');
  expect(clock.waiting()).toEqual([]);
});

test('what does not come is a failure that may pass, and no word that there is none', async () => {
  const refused = artifacts.getManifest(MANIFEST, gone.signal).catch((error: unknown) => String(error));
  await clock.advance(ARTIFACT_WAIT_MS);
  expect(await refused).toContain(`${MANIFEST} is not known here yet`);
});

test('nobody is waited for who has gone', async () => {
  const answer = artifacts.getManifest(MANIFEST, gone.signal);
  await clock.advance(1);
  gone.abort();
  expect(await answer).toBeUndefined();
  expect(clock.waiting()).toEqual([]);
});

test('a replica that ends its watches, as it leads now, waits for nothing', async () => {
  const refused = artifacts.getManifest(MANIFEST, gone.signal).catch((error: unknown) => String(error));
  await clock.advance(1);
  await artifacts.close();
  await artifacts.close();
  expect(await refused).toContain('not known here');
});

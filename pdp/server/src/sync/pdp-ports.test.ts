import { afterAll, expect, test } from '@jest/globals';
import type { Digest } from '@edict/bundle';
import type { Snapshot } from '@edict/engine';
import { createPdp, PDP_DEFAULTS, type Clock, type PdpPorts, type PdpState } from '@edict/protocol';
import { ActiveSets } from '../active-sets.ts';
import { Instances } from '../instances/instances.ts';
import { createLogger } from '../observability/logger.ts';
import { createMetrics } from '../observability/metrics.ts';
import { SetLabels } from '../observability/set-labels.ts';
import { useFolders } from '../testing/folders.ts';
import { craneDomain, craneDomainWithRego, publish, SET, TRUSTED_KEYS, type Published } from '../testing/revisions.ts';
import { ENGINE } from '../version.ts';
import { createPdpPorts, WITHDRAW_GRACE_MS } from './pdp-ports.ts';
import { RevisionFiles } from './revision-files.ts';
import { RevisionLoader } from './revision-loader.ts';
import { SnapshotCompiler } from './snapshot-compiler.ts';

const newFolder = useFolders();
const compiler = new SnapshotCompiler();
afterAll(() => compiler.close());

/** A clock that stands until it is moved. */
function aClock(): Clock & { readonly advance: (ms: number) => void } {
  let at = 0;
  const tasks = new Set<{ readonly due: number; readonly task: () => void }>();
  return {
    now: () => 1_000_000 + at,
    monotonic: () => at,
    schedule: (delayMs, task) => {
      const entry = { due: at + delayMs, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
    advance: (ms) => {
      at += ms;
      for (const entry of tasks) {
        if (entry.due > at) continue;
        tasks.delete(entry);
        entry.task();
      }
    },
  };
}

async function start(published: Published) {
  const files = await RevisionFiles.open(await newFolder(), () => undefined);
  const loader = new RevisionLoader({
    files,
    fetch: (_source, digest) => Promise.resolve(published.artifacts.get(digest) ?? new Uint8Array()),
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    compile: compiler.compile,
  });
  const clock = aClock();
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const logs: string[] = [];
  const logger = createLogger('info', (line) => logs.push(line));
  const load = (digest: Digest, gone: AbortSignal): Promise<Snapshot> => loader.load(digest, gone);
  const instances = new Instances({ sets, load, release: (set) => loader.release(set), clock, metrics, logger });
  let state: PdpState = { ...createPdp({ ...PDP_DEFAULTS, engine: ENGINE }, new Map(), 1), connection: 'Up' };
  const ports = createPdpPorts({
    files,
    loader,
    sets,
    instances,
    shadow: () => Promise.resolve(),
    labels: new SetLabels(),
    metrics,
    logger,
    state: () => state,
    clock,
    withdrawGraceMs: WITHDRAW_GRACE_MS,
  });
  return {
    ports,
    files,
    sets,
    metrics,
    clock,
    logs,
    setState: (next: Partial<PdpState>) => (state = { ...state, ...next }),
  };
}

const signal = new AbortController().signal;

/** Takes a revision the whole way to serving, as the protocol's client does. */
async function install(ports: PdpPorts, { revision }: Published): Promise<void> {
  const request = { set: SET, revision, ticket: 't', artifactsUrl: '' };
  const manifest = await ports.fetchManifest(request, signal);
  await ports.fetchBundles(request, manifest.bundles, signal);
  await ports.compile(SET, revision, signal);
  await ports.persist(SET, { staged: { revision, manifest } });
  await ports.swap(SET, revision);
}

const published = publish(1, [craneDomain(5)]);

test('a set that is missing from the Welcome is served until the grace has passed, and only an operator that is there ends it', async () => {
  const { ports, sets, clock, setState, files, metrics } = await start(published);
  await install(ports, published);
  expect((await files.load()).has(SET)).toBe(true);
  ports.assigned([], []);
  clock.advance(WITHDRAW_GRACE_MS - 1);
  expect(sets.all.has(SET)).toBe(true);
  ports.assigned([SET], []); // taken back in time
  clock.advance(WITHDRAW_GRACE_MS);
  expect(sets.all.has(SET)).toBe(true);
  ports.assigned([], []);
  setState({ connection: 'Down' });
  clock.advance(WITHDRAW_GRACE_MS);
  expect(sets.all.has(SET)).toBe(true);
  setState({ connection: 'Up' });
  ports.assigned([], []);
  clock.advance(WITHDRAW_GRACE_MS);
  expect(sets.all.has(SET)).toBe(false);
  expect(await metrics.registry.getSingleMetricAsString('pdp_active_revision')).not.toContain(SET);
});

test('a swap without compiled content is an error, is counted and changes nothing', async () => {
  const { ports, sets, metrics, logs } = await start(published);
  const failures = async (): Promise<string> =>
    await metrics.registry.getSingleMetricAsString('pdp_swap_failures_total');
  expect(await failures()).toContain('pdp_swap_failures_total{cause="error"} 0');
  expect(() => ports.swap(SET, published.revision)).toThrow('is gone');
  expect(sets.all.size).toBe(0);
  expect(await failures()).toContain('pdp_swap_failures_total{cause="error"} 1');
  expect(logs.filter((line) => line.includes('revision not put in place'))).toHaveLength(1);
  expect(await metrics.registry.getSingleMetricAsString('pdp_swap_seconds')).toContain('pdp_swap_seconds_count 0');
});

test('preparing is measured from the offer to the durable promise, and told once', async () => {
  const { ports, metrics, clock, logs } = await start(published);
  const request = { set: SET, revision: published.revision, ticket: 't', artifactsUrl: '' };
  const manifest = await ports.fetchManifest(request, signal);
  clock.advance(2_000);
  const other = publish(7, [craneDomain(7)]).revision;
  await ports.persist(SET, { staged: { revision: other, manifest } }); // some other promise
  expect(await metrics.registry.getSingleMetricAsString('pdp_prepare_seconds')).toContain(
    'pdp_prepare_seconds_count 0',
  );
  await ports.persist(SET, { staged: { revision: published.revision, manifest } });
  await ports.persist(SET, { staged: { revision: published.revision, manifest } });
  const text = await metrics.registry.getSingleMetricAsString('pdp_prepare_seconds');
  expect(text).toContain('pdp_prepare_seconds_count 1');
  expect(text).toContain('pdp_prepare_seconds_sum 2');
  expect(logs.filter((line) => line.includes('revision prepared'))).toHaveLength(1);
});

test('refusals are counted by phase; work that was given up is refused by nobody', async () => {
  const bad = publish(2, [craneDomainWithRego('package authz\n\nallow { x := y }\n')]);
  const { ports, metrics } = await start(bad);
  await expect(install(ports, bad)).rejects.toMatchObject({ phase: 'Compile' });
  const forged = { ...bad.revision, n: 3 };
  const request = { set: SET, revision: forged, ticket: 't', artifactsUrl: '' };
  await expect(ports.fetchManifest(request, signal)).rejects.toMatchObject({ phase: 'Verify' });
  await expect(ports.compile(SET, bad.revision, AbortSignal.abort())).rejects.toMatchObject({ code: 'Cancelled' });
  const values = (await metrics.nacks.get()).values.map(({ labels, value }) => [labels.phase, value]);
  expect(values).toStrictEqual([
    ['Compile', 1],
    ['Verify', 1],
  ]);
});

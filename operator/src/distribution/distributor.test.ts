import { afterEach, expect, test } from '@jest/globals';
import { generateSigningKey } from '@edict/bundle';
import { Registry } from 'prom-client';
import {
  createPdpClient,
  dialInMemory,
  OPERATOR_TUNING,
  PDP_DEFAULTS,
  RefusalError,
  systemClock,
  type DurableRecord,
  type PdpClient,
  type PdpMessage,
  type PdpPorts,
  type PeerIdentity,
  type StreamHandlers,
} from '@edict/protocol';
import { ManualClock } from '../testing/manual-clock.ts';
import { createDistributor, type Distributor } from './distributor.ts';
import { MemoryBackend } from './memory-backend.ts';
import { createDistributionMetrics } from './metrics.ts';

const SET = 'default/payments';
const encode = (text: string) => new TextEncoder().encode(text);
const asIs = (bytes: Uint8Array) => bytes;
const log = { info: () => undefined, warn: () => undefined };

const running: { close: () => void | Promise<void> }[] = [];
afterEach(async () => {
  for (const part of running.splice(0)) await part.close();
});

/** Streams without a PDP behind them, which go when they are asked to. */
function openStreams(
  distributor: Distributor,
  count: number,
): { readonly left: () => number; readonly said: string[] } {
  const said: string[] = [];
  let left = count;
  for (let index = 0; index < count; index += 1) {
    const handlers: StreamHandlers<PdpMessage> = distributor.accept(aPeer(index), {
      send: ({ type }) => {
        said.push(type);
        if (type !== 'Reconnect') return true;
        left -= 1;
        queueMicrotask(() => {
          handlers.onClose({ code: 'Closed', reason: 'asked to' });
        });
        return true;
      },
      close: () => undefined,
    });
    handlers.onOpen();
    const engine = { name: 'edict', version: '1.0.0', features: [] };
    handlers.onMessage({ type: 'Hello', protocol: 1, engine, sets: [], bootReason: 'Fresh', capacityBytes: 0 });
  }
  return { left: () => left, said };
}

function withClock(tuning: Parameters<typeof createDistributor>[0]['tuning'] = {}) {
  const clock = new ManualClock();
  const distributor = createDistributor({
    backend: new MemoryBackend(SET, 'uid-1', generateSigningKey()),
    replica: 'operator-0',
    artifactsUrl: '',
    ticketKey: new Uint8Array(32),
    clock,
    random: () => 0.5,
    log,
    metrics: createDistributionMetrics(new Registry()),
    tuning,
  });
  running.push(distributor);
  return { clock, distributor };
}

test('a drain sends a tenth of the streams elsewhere each second, and ends with the last', async () => {
  // None of them beats.
  const { clock, distributor } = withClock({ presenceTimeoutMs: 600_000 });
  const { left } = openStreams(distributor, 40);
  let isOver = false;
  const drained = distributor.drain('it stops', 60_000).then(() => {
    isOver = true;
  });
  await clock.advance(0);
  expect(left()).toBe(36);
  await clock.advance(1_000);
  expect(left()).toBe(32);
  expect(isOver).toBe(false);
  await clock.advance(40_000);
  await drained;
  expect(left()).toBe(0);
});

test('a drain that has little time sends more at once, and waits no longer than it may', async () => {
  const { clock, distributor } = withClock();
  const { left } = openStreams(distributor, 40);
  const drained = distributor.drain('it stops', 2_000);
  await clock.advance(0);
  expect(left()).toBe(20);
  await clock.advance(2_000);
  await drained;
  expect(left()).toBe(0);
});

test('of a fleet that comes at once only so many are let in a second', () => {
  const { distributor } = withClock({ helloRate: 10 });
  const { said } = openStreams(distributor, 25);
  expect(said.filter((type) => type === 'Welcome')).toHaveLength(10);
  expect(said.filter((type) => type === 'Retry')).toHaveLength(15);
});

test('a replica that serves more streams than is suggested says so, once', async () => {
  const warned: unknown[] = [];
  const backend = new MemoryBackend(SET, 'uid-1', generateSigningKey());
  const distributor = createDistributor({
    backend,
    replica: 'operator-0',
    artifactsUrl: '',
    ticketKey: new Uint8Array(32),
    clock: systemClock,
    random: Math.random,
    log: { ...log, warn: (message, fields) => void warned.push([message, fields]) },
    metrics: createDistributionMetrics(new Registry()),
    tuning: { sessionsWarn: 2 },
  });
  running.push(distributor);
  for (const index of [1, 2]) startPdp(distributor, backend, index);
  while (warned.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(warned).toEqual([
    [
      'this replica serves more streams than is suggested',
      { streams: 2, suggested: 2, refusedFrom: OPERATOR_TUNING.sessionsMax },
    ],
  ]);
});

function aPeer(index: number): PeerIdentity {
  return { nodeId: `node-${index}`, podName: `pdp-${index}`, namespace: 'default', serviceAccount: 'pdp', sets: [SET] };
}

interface TestPdp {
  readonly client: PdpClient;
  readonly served: () => number;
}

function startPdp(
  distributor: Distributor,
  backend: MemoryBackend,
  index: number,
  ports: Partial<PdpPorts> = {},
): TestPdp {
  let served = 0;
  const records = new Map<string, DurableRecord>();
  const client = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: { name: 'edict', version: '1.0.0', features: [] }, heartbeatMs: 50 },
    records: new Map(),
    clock: systemClock,
    random: Math.random,
    log,
    backoff: { baseMs: 1, maxMs: 5, healthyMs: 1000, refusedMinMs: 1, refusedMaxMs: 5 },
    dial: dialInMemory(aPeer(index), distributor.accept),
    ports: {
      fetchManifest: async ({ revision }) => {
        const bytes = await backend.getManifest(revision.digest);
        if (bytes === undefined) throw new Error('no manifest');
        return { bundles: [], totalBytes: 0, features: [], engineMin: '0.1.0' };
      },
      fetchBundles: () => Promise.resolve(),
      compile: () => Promise.resolve({ compileMs: 1, heapDeltaBytes: 1 }),
      runTests: () => Promise.resolve({ passed: 1, failed: 0 }),
      persist: (set, record) => {
        records.set(set, record);
        return Promise.resolve();
      },
      swap: (_set, revision) => {
        served = revision.n;
      },
      retain: () => undefined,
      assigned: () => undefined,
      ...ports,
    },
  });
  running.push(client);
  client.start();
  return { client, served: () => served };
}

function start(tuning: Parameters<typeof createDistributor>[0]['tuning'] = {}): {
  backend: MemoryBackend;
  distributor: Distributor;
} {
  const backend = new MemoryBackend(SET, 'uid-1', generateSigningKey());
  const distributor = createDistributor({
    backend,
    replica: 'operator-0',
    artifactsUrl: '',
    ticketKey: new Uint8Array(32),
    clock: systemClock,
    random: Math.random,
    log,
    metrics: createDistributionMetrics(new Registry()),
    tuning: { settleMs: 0, resendMs: 200, ...tuning },
  });
  running.push(distributor);
  return { backend, distributor };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a revision goes through its waves to the end, and stopped after one it is rolled back', async () => {
  const { backend, distributor } = start();
  const shares: string[] = [];
  const pdps = [0, 1].map((index) =>
    startPdp(distributor, backend, index, {
      split: (_set, { n }, { upTo }) => {
        shares.push(`${index}: ${n} ${upTo}`);
      },
    }),
  );
  await until(() => distributor.pdps().filter(({ connected }) => connected).length === 2);
  backend.publish([encode('a')], asIs, new Date().toISOString());
  await until(() => distributor.progress(SET)?.phase === 'Completed');
  backend.setOptions({ waves: [{ principals: 500, soakMs: 0, needsApproval: false }] });
  backend.publish([encode('b')], asIs, new Date().toISOString());
  await until(() => distributor.progress(SET)?.phase === 'Completed' && distributor.progress(SET)?.revision === 2);
  expect(pdps.map(({ served }) => served())).toEqual([2, 2]);
  expect(shares.toSorted()).toEqual(['0: 2 500', '1: 2 500']);
  backend.setOptions({ waves: [{ principals: 500, soakMs: 60_000, needsApproval: false }] });
  backend.publish([encode('c')], asIs, new Date().toISOString());
  await until(() => distributor.progress(SET)?.phase === 'Soaking');
  backend.ask(3, { abortRequested: 'not what was meant' });
  await until(() => distributor.progress(SET)?.phase === 'Completed' && distributor.progress(SET)?.revision === 4);
  expect(pdps.map(({ served }) => served())).toEqual([4, 4]);
  const [two, four] = [2, 4].map((n) => backend.revision(n)?.digest);
  expect(four).toBe(two);
});

test('a PDP is vouched for as soon as it beats', async () => {
  const { backend, distributor } = start();
  const leases: number[] = [];
  startPdp(distributor, backend, 0, {
    lease: (_set, { minRev, until: end }) => {
      if (end !== undefined) leases.push(minRev);
    },
  });
  backend.publish([encode('a')], asIs, new Date().toISOString());
  await until(() => leases.includes(1));
});

test('a published revision is prepared by all, decided, and then served by all', async () => {
  const { backend, distributor } = start();
  const pdps = [0, 1, 2].map((index) => startPdp(distributor, backend, index));
  await until(() => distributor.pdps().filter(({ connected }) => connected).length === 3);
  backend.publish([encode('a')], asIs, new Date().toISOString());
  await until(() => distributor.progress(SET)?.phase === 'Completed');
  expect(pdps.map(({ served }) => served())).toEqual([1, 1, 1]);
  expect(backend.decisionOf(1)).toEqual({ type: 'Commit' });
  await until(() => backend.written.at(-1)?.ready.status === 'True');
  expect(backend.written.at(-1)?.counts).toEqual({
    required: 3,
    connected: 3,
    prepared: 3,
    active: 3,
    nacked: 0,
    laggards: 0,
    missing: 0,
  });
});

test('one refusal aborts before anyone serves the revision, and the cause names the place', async () => {
  const { backend, distributor } = start();
  const good = startPdp(distributor, backend, 0);
  const bad = startPdp(distributor, backend, 1, {
    compile: () => {
      const detail = { message: 'var x is unsafe', mrn: 'mrn:iam:policy:a', line: 3, column: 7 };
      return Promise.reject(new RefusalError('Compile', 'rego_unsafe_var_error', true, detail));
    },
  });
  await until(() => distributor.pdps().filter(({ connected }) => connected).length === 2);
  backend.publish([encode('a')], asIs, new Date().toISOString());
  await until(() => backend.written.at(-1)?.phase === 'Aborted');
  expect([good.served(), bad.served()]).toEqual([0, 0]);
  expect(backend.written.at(-1)?.cause).toEqual({
    reason: 'Nack',
    message: 'default/pdp-1: Compile rego_unsafe_var_error in mrn:iam:policy:a:3:7: var x is unsafe',
  });
  expect(backend.written.at(-1)?.ready).toMatchObject({ status: 'False', reason: 'Rejected' });
});

test('without any PDP a revision is decided, is not ready, and reaches the one that joins later', async () => {
  const { backend, distributor } = start();
  backend.publish([encode('a')], asIs, new Date().toISOString());
  await until(() => backend.decisionOf(1)?.type === 'Commit');
  await until(() => backend.written.at(-1)?.phase === 'Completed');
  expect(backend.written.at(-1)?.ready).toMatchObject({ status: 'Unknown', reason: 'NoPDP' });
  const late = startPdp(distributor, backend, 0);
  await until(() => late.served() === 1);
  await until(() => backend.written.at(-1)?.ready.status === 'True');
});

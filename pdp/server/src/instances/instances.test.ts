import { expect, test } from '@jest/globals';
import { digestOf } from '@edict/bundle';
import { Serving } from '@edict/crds';
import type { Snapshot } from '@edict/engine';
import { ActiveSets } from '../active-sets.ts';
import { createDecisionCore, type DecisionCoreOptions } from '../core/decision-core.ts';
import type { Entry, EntryRequest } from '../core/session.ts';
import { createLogger } from '../observability/logger.ts';
import { createMetrics } from '../observability/metrics.ts';
import { manualTimers } from '../testing/manual-timers.ts';
import { craneDomain, craneDomainWithRego } from '../testing/revisions.ts';
import { craneSnapshot, snapshotOf } from '../testing/snapshots.ts';
import { Instances } from './instances.ts';
import { LOAD_TIMEOUT_MS } from './instance-machine.ts';

const GRACE_MS = 60_000;
const snapshot = craneSnapshot(5);

/** Instances and a core over them; loads are answered by hand. */
function start(over: Partial<DecisionCoreOptions> = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const timers = manualTimers();
  const loads: {
    readonly digest: string;
    readonly signal: AbortSignal;
    readonly done: PromiseWithResolvers<Snapshot>;
  }[] = [];
  const released: string[] = [];
  const instances = new Instances({
    sets,
    load: (digest, signal) => {
      const done = Promise.withResolvers<Snapshot>();
      loads.push({ digest, signal, done });
      return done.promise;
    },
    release: (set) => released.push(set),
    clock: { monotonic: () => timers.nowMs, schedule: timers.schedule },
    metrics,
    logger: createLogger('error', () => undefined),
  });
  const core = createDecisionCore({
    sets,
    metrics,
    timers,
    clock: { nowMs: () => timers.nowMs, monotonicNs: () => timers.nowMs * 1e6 },
    audit: { room: () => true, record: () => undefined },
    ...over,
  });
  const serve = (set: string, n = 1, instance: object = {}): void => {
    const digest = digestOf(Buffer.from(`${set} ${n}`));
    const serving = Serving.parse({ instance: { load: 'OnFirstUse', grace: '1m', ...instance } });
    instances.serve({ set, setUid: 'uid', n, digest, activatedAtMs: 0 }, serving, undefined);
  };
  const enter = (instance: string, request: Partial<EntryRequest> = {}) =>
    core.enter({ api: 'manetu', instance, ...request });
  /** One request, from its entry to its end; the problem if it is refused. */
  const request = async (instance: string): Promise<string> => {
    const entry = await enter(instance);
    if (entry.kind === 'refused') return entry.problem;
    entry.session.end();
    return 'entered';
  };
  return { instances, sets, core, loads, released, timers, serve, enter, request, metrics };
}

/** Lets what was answered reach those who wait. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const problemOf = (entry: Entry): string => (entry.kind === 'refused' ? entry.problem : entry.kind);

test('the first request brings a policy into memory, and whoever else asks meanwhile waits for the same load', async () => {
  const { serve, request, loads, core, instances } = start();
  serve('a/a');
  const answers = [request('a/a'), request('a/a'), request('a/a')];
  expect([loads.length, core.waiting, instances.statusOf('a/a')?.state]).toStrictEqual([1, 3, 'loading']);
  loads[0]?.done.resolve(snapshot);
  expect(await Promise.all(answers)).toStrictEqual(['entered', 'entered', 'entered']);
  expect([core.waiting, instances.statusOf('a/a')?.state, await request('a/a'), loads.length]).toStrictEqual([
    0,
    'warm',
    'entered',
    1,
  ]);
});

test('a tenant that does not load keeps no other from loading, and only its own requests wait', async () => {
  const { serve, request, enter, loads, timers } = start({ maxLoadWaiters: 2, maxLoadWaitMs: 5_000 });
  serve('a/slow');
  serve('b/well');
  const slow = [request('a/slow'), request('a/slow')];
  expect(problemOf(await enter('a/slow'))).toBe('overloaded');
  const well = request('b/well');
  loads[1]?.done.resolve(snapshot);
  expect(await well).toBe('entered');
  timers.advance(5_000);
  expect(await Promise.all(slow)).toStrictEqual(['loading', 'loading']);
  timers.advance(LOAD_TIMEOUT_MS);
  expect(loads[0]?.signal.aborted).toBe(true);
  expect([await request('a/slow'), await request('b/well')]).toStrictEqual(['broken-set', 'entered']);
});

test('requests that wait count against the limits of their set', async () => {
  const { serve, request, enter, loads } = start();
  const limits = { maxConcurrent: 2, maxBodyBytes: 2_000 };
  serve('a/a', 1, { limits });
  expect(problemOf(await enter('a/a', { bodyBytes: 2_001 }))).toBe('body-too-large');
  const first = request('a/a');
  const second = enter('a/a', { bodyBytes: 2_000 });
  expect(problemOf(await enter('a/a'))).toBe('overloaded');
  loads[0]?.done.resolve(snapshotOf([craneDomain(5)], { serving: Serving.parse({ instance: { limits } }) }));
  expect(await first).toBe('entered');
  const held = await second;
  expect(await request('a/a')).toBe('entered');
  expect(problemOf(await enter('a/a', { bodyBytes: 1 }))).toBe('overloaded');
  if (held.kind === 'entered') held.session.end();
  expect(await request('a/a')).toBe('entered');
});

test('a client that goes frees its place', async () => {
  const { serve, enter, core } = start({ maxLoadWaiters: 1 });
  serve('a/a');
  let go = (): void => undefined;
  const gone = enter('a/a', { onGone: (listener) => (go = listener) });
  expect(core.waiting).toBe(1);
  go();
  expect([problemOf(await gone), core.waiting]).toStrictEqual(['loading', 0]);
  void enter('a/a');
  expect(core.waiting).toBe(1);
});

test('the grace counts from the last request of the set itself; one that is under way keeps it in memory', async () => {
  const { serve, request, enter, loads, timers, released, instances } = start();
  serve('a/a');
  serve('b/b');
  for (const set of ['a/a', 'b/b']) {
    const first = request(set);
    loads.at(-1)?.done.resolve(snapshot);
    await first;
  }
  released.length = 0;
  timers.advance(GRACE_MS - 1);
  await request('b/b');
  const open = await enter('b/b');
  timers.advance(1);
  expect(released).toStrictEqual(['a/a']);
  timers.advance(GRACE_MS);
  timers.advance(GRACE_MS);
  expect([released, instances.statusOf('b/b')?.state]).toStrictEqual([['a/a'], 'warm']);
  if (open.kind === 'entered') open.session.end();
  timers.advance(GRACE_MS);
  timers.advance(GRACE_MS);
  expect([released, instances.statusOf('b/b')?.state]).toStrictEqual([['a/a', 'b/b'], 'cold']);
});

test('a session goes on with its snapshot after its instance has left memory or was forgotten', async () => {
  const { serve, enter, loads, timers, instances } = start();
  serve('a/a', 1, { grace: '0s' });
  const entry = enter('a/a');
  loads[0]?.done.resolve(snapshot);
  const entered = await entry;
  timers.advance(1);
  expect(instances.statusOf('a/a')?.state).toBe('cold');
  instances.forget('a/a');
  if (entered.kind === 'refused') throw new Error(entered.problem);
  expect([entered.session.snapshot, entered.session.decide({}, { probe: true })]).toMatchObject([
    snapshot,
    { allow: false },
  ]);
  entered.session.end();
});

test('a revision that comes while the one before loads is the one that requests get', async () => {
  const { serve, enter, loads } = start();
  serve('a/a', 1);
  const entry = enter('a/a');
  serve('a/a', 2);
  expect([loads.length, loads[0]?.signal.aborted, loads[1]?.signal.aborted]).toStrictEqual([2, true, false]);
  loads[0]?.done.resolve(craneSnapshot(1));
  await settled();
  loads[1]?.done.resolve(snapshot);
  const entered = await entry;
  if (entered.kind === 'refused') throw new Error(entered.problem);
  expect([entered.session.revision.n, entered.session.snapshot]).toStrictEqual([2, snapshot]);
});

test('a set that is gone ends its load, and those that wait for it are told', async () => {
  const { serve, request, instances, loads, sets } = start();
  serve('a/a');
  serve('b/b');
  const waiting = request('a/a');
  instances.forget('a/a');
  expect([await waiting, loads[0]?.signal.aborted, sets.held.has('a/a')]).toStrictEqual(['unknown-set', true, false]);
  loads[0]?.done.reject(new Error('aborted'));
  await settled();
  expect(instances.statusOf('a/a')).toBeUndefined();
});

test('a load that fails is told by its cause, and tried again by itself', async () => {
  const { serve, request, instances, loads, timers, metrics } = start();
  serve('a/a');
  const first = request('a/a');
  loads[0]?.done.reject(new Error('no such file'));
  expect(await first).toBe('broken-set');
  expect(instances.statusOf('a/a')).toStrictEqual({
    ...{ state: 'broken', load: 'OnFirstUse', graceMs: GRACE_MS, idleMs: 0, failure: 'no such file' },
  });
  timers.advance(100);
  const second = request('a/a');
  loads[1]?.done.resolve(snapshot);
  expect(await second).toBe('entered');
  const text = await metrics.registry.metrics();
  expect(text).toContain('pdp_instances{state="warm"} 1');
  expect(text).toContain('pdp_instances{state="broken"} 0');
  expect(text).toContain('pdp_instance_loads_total{outcome="failed"} 1');
});

test('what a policy takes in memory is told while it is there', async () => {
  const { serve, request, instances, loads } = start();
  const bytes: unknown[] = [];
  for (const [index, set] of ['a/small', 'b/large'].entries()) {
    serve(set);
    expect(instances.statusOf(set)?.memoryBytes).toBeUndefined();
    const first = request(set);
    const limits = Array.from({ length: index === 0 ? 1 : 50 }, (_, tons) => `allow { input.context.tons == ${tons} }`);
    loads[index]?.done.resolve(snapshotOf([craneDomainWithRego(`package authz\n\n${limits.join('\n\n')}\n`)]));
    await first;
    bytes.push(instances.statusOf(set)?.memoryBytes);
  }
  const [small, large] = bytes as number[];
  expect(small).toBeGreaterThan(1_000);
  expect(large).toBeGreaterThan(3 * (small ?? NaN));
});

test('the name of the server chooses an instance only where nothing else does and it is one', () => {
  const { serve, core } = start();
  serve('a/a', 1, { names: ['a.example'] });
  serve('b/b');
  const entered = (request: Partial<EntryRequest>): string => {
    const entry = core.enter({ api: 'manetu', instance: undefined, ...request });
    return entry instanceof Promise ? 'loading' : problemOf(entry);
  };
  expect(entered({ serverName: 'a.example' })).toBe('loading');
  expect(entered({ serverName: 'pdp.example' })).toBe('set-required');
  expect(entered({ serverName: 'a.example', instance: 'c/c' })).toBe('unknown-set');
});

import { expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS } from '@edict/bundle';
import { createPdp, PDP_DEFAULTS, type PdpState, type SetMachine } from '@edict/protocol';
import { ActiveSets } from './active-sets.ts';
import { FIRST_SETS_WAIT_MS, ReadinessGate } from './readiness.ts';
import { craneSnapshot } from './testing/snapshots.ts';
import { ENGINE } from './version.ts';

const snapshot = craneSnapshot(1);

type Stand = 'booting' | 'preparing' | 'empty' | 'active' | 'withdrawn';

function machineOf(set: string, stand: Stand): SetMachine {
  const bare = { set, refused: [], nextId: 1 };
  const job = { id: 1, revision: {}, report: {} };
  const machine =
    stand === 'booting'
      ? { ...bare, job: { ...job, kind: 'Boot' } }
      : stand === 'preparing'
        ? { ...bare, job: { ...job, kind: 'Prepare' } }
        : stand === 'empty'
          ? bare
          : { ...bare, active: {} };
  return machine as unknown as SetMachine;
}

function start() {
  const sets = new ActiveSets();
  let nowMs = 0;
  const gate = new ReadinessGate(() => nowMs);
  const look = (stands: Readonly<Record<string, Stand>>) => {
    for (const [set, stand] of Object.entries(stands)) {
      if (stand === 'active') sets.swap({ set, setUid: set, n: 1, digest: 'd', snapshot, activatedAtMs: 0 });
      else if (sets.all.has(set)) sets.remove(set);
    }
    const state: PdpState = {
      ...createPdp({ ...PDP_DEFAULTS, engine: ENGINE }, new Map(), 1),
      sets: new Map(Object.entries(stands).map(([set, stand]) => [set, machineOf(set, stand)])),
    };
    const { ready, loading } = gate.look(sets, state);
    return { ready, loading };
  };
  return { look, pass: (ms: number) => (nowMs += ms) };
}

test.each<readonly [string, Readonly<Record<string, Stand>>, boolean, readonly string[]]>([
  ['without any set it is not ready', {}, false, []],
  ['without an active one it is not', { 'a/a': 'empty', 'b/b': 'booting' }, false, ['a/a', 'b/b']],
  ['with its only set it is', { 'a/a': 'active' }, true, []],
  ['while another loads from disk it is not', { 'a/a': 'active', 'b/b': 'booting' }, false, ['b/b']],
  ['while another comes from the operator it is not', { 'a/a': 'active', 'b/b': 'preparing' }, false, ['b/b']],
  ['a set that nothing is done for is not waited for, but named', { 'a/a': 'active', 'b/b': 'empty' }, true, ['b/b']],
  ['a set that was withdrawn is neither', { 'a/a': 'active', 'b/b': 'withdrawn' }, true, []],
])('%s', (_name, stands, ready, loading) => {
  expect(start().look(stands)).toStrictEqual({ ready, loading });
});

test('a set that takes too long to come is not waited for, one that boots is', () => {
  const { look, pass } = start();
  const stands = { 'a/a': 'active', 'b/b': 'preparing', 'c/c': 'booting' } as const;
  expect(look(stands).ready).toBe(false);
  pass(FIRST_SETS_WAIT_MS);
  expect(look(stands).ready).toBe(false);
  expect(look({ ...stands, 'c/c': 'active' })).toStrictEqual({ ready: true, loading: ['b/b'] });
});

test('once ready, sets that are assigned later change nothing, but no set at all does', () => {
  const { look } = start();
  expect(look({ 'a/a': 'active' }).ready).toBe(true);
  expect(look({ 'a/a': 'active', 'b/b': 'booting' })).toStrictEqual({ ready: true, loading: ['b/b'] });
  expect(look({ 'a/a': 'withdrawn', 'b/b': 'preparing' })).toStrictEqual({ ready: false, loading: ['b/b'] });
});

test('it is not ready while no set may answer for want of a lease, and is again when one may', () => {
  const sets = new ActiveSets();
  let nowMs = 0;
  const gate = new ReadinessGate(() => nowMs);
  const state = createPdp({ ...PDP_DEFAULTS, engine: ENGINE }, new Map(), 1);
  const consistency = { ...CONSISTENCY_DEFAULTS, mode: 'Strict', onStale: 'NotReady' } as const;
  const told = { consistency, minRev: 0, stableRev: 0 };
  for (const set of ['a/a', 'b/b']) {
    sets.swap({ set, setUid: set, n: 1, digest: 'd', snapshot, activatedAtMs: 0 });
    sets.leases.of(set).tell({ ...told, until: 1_000 });
  }
  const looks: boolean[] = [];
  const look = (atMs: number): void => {
    nowMs = atMs;
    looks.push(gate.look(sets, state).ready);
  };
  look(999);
  look(1_000);
  expect(gate.look(sets, state)).toMatchObject({ problem: 'stale' });
  sets.leases.of('b/b').tell({ ...told, until: 3_000 });
  look(2_000);
  look(3_000);
  expect(looks).toStrictEqual([true, false, true, false]);
});

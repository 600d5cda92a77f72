import { beforeEach, expect, test } from '@jest/globals';
import type { WaveRef } from '../operator/observation.ts';
import type { PdpCounts, RolloutProgress } from '../operator/progress.ts';
import type { Active, Prepared } from '../messages.ts';
import { Judge } from './judge.ts';
import type { PdpProcess } from './pdp-process.ts';
import { SimNetwork } from './sim-network.ts';
import { layOut } from './layout.ts';
import { SimPdp } from './sim-pdp.ts';
import { SIM_SET, SimStore, type StoredRevision } from './sim-store.ts';
import { World } from './world.ts';

let world: World;
let store: SimStore;
let judge: Judge;
let count = 0;

beforeEach(() => {
  world = new World({ seed: 1 }, false, {});
  store = new SimStore(world, layOut(world).options, undefined);
  judge = new Judge(world, store);
});

function aPdp(): SimPdp {
  const pdp = new SimPdp(count, undefined, {
    world,
    store,
    network: new SimNetwork(world),
    listeners: () => [],
    judge,
  });
  count += 1;
  pdp.process = {} as PdpProcess;
  return pdp;
}

/** A revision, decided wave by wave. */
function decided(waves: readonly Omit<WaveRef, 'index'>[]): StoredRevision {
  const stored = store.publish();
  for (const [index, wave] of waves.entries()) store.decide(stored.revision, { index, ...wave }, { type: 'Commit' });
  return stored;
}

const FOR_ALL = [{ final: true }] as const;

function record(pdp: SimPdp, { revision, manifest }: StoredRevision, outcome: 'taken' | 'refused'): void {
  const slots = { active: { revision, manifest } };
  if (outcome === 'taken') pdp.disk.set(SIM_SET, slots);
  judge.recorded(pdp, slots, outcome);
}

function serve(pdp: SimPdp, stored: StoredRevision, cause: 'swap' | 'boot' = 'swap'): void {
  const { process } = pdp;
  if (process === undefined) return;
  process.served = stored.revision;
  judge.serves(pdp, cause);
}

function split(pdp: SimPdp, { revision }: StoredRevision, upTo: number): void {
  const { process } = pdp;
  if (process === undefined) return;
  process.split = { revision, share: { salt: 'salt', upTo } };
  judge.splits(pdp);
}

function activeOf({ revision }: StoredRevision): Active {
  return { type: 'Active', set: SIM_SET, revision, activatedAt: 0, swapMicros: 1, persisted: true };
}

function preparedOf({ revision }: StoredRevision): Prepared {
  const tests = { passed: 1, failed: 0 };
  return { type: 'Prepared', set: SIM_SET, revision, compileMs: 1, heapDeltaBytes: 1, tests };
}

const NONE: PdpCounts = { required: 2, connected: 2, prepared: 0, active: 0, nacked: 0, laggards: 0, missing: 0 };

function progressOf({ revision }: StoredRevision, counts: PdpCounts): RolloutProgress {
  return {
    set: SIM_SET,
    setUid: revision.setUid,
    revision: revision.n,
    digest: revision.digest,
    phase: 'Committing',
    committed: revision.n,
    counts,
    exceptions: [],
    ready: { status: 'False', reason: 'Progressing', message: '' },
  };
}

test('what a disk refused may be lost in a crash, and nothing below what it took', () => {
  const [first, second, third] = [decided(FOR_ALL), decided(FOR_ALL), decided(FOR_ALL)];
  const pdp = aPdp();
  for (const stored of [first, second]) {
    record(pdp, stored, 'taken');
    serve(pdp, stored);
  }
  record(pdp, third, 'refused');
  serve(pdp, third);
  judge.booting(pdp);
  serve(pdp, second, 'boot');
  expect(world.violation).toBeUndefined();
  judge.booting(pdp);
  serve(pdp, first, 'boot');
  expect(world.violation?.message).toBe(`I2: ${pdp.name} goes from revision 2 back to 1`);
});

test('what a disk once took binds a PDP even if the disk has an older record now', () => {
  const [first, second] = [decided(FOR_ALL), decided(FOR_ALL)];
  const pdp = aPdp();
  record(pdp, second, 'taken');
  serve(pdp, second);
  record(pdp, first, 'taken');
  judge.booting(pdp);
  serve(pdp, first, 'boot');
  expect(world.violation?.invariant).toBe('I2');
});

test.each([
  ['the last known good one, and says why', 1, 'active revision 3 could not be loaded', undefined],
  ['the last known good one, and does not say why', 1, undefined, 'I2'],
  ['another one, and says why', 2, 'active revision 3 could not be loaded', 'I2'],
])('a boot that serves %s', (_what, n, bootFault, broken) => {
  const revisions = [decided(FOR_ALL), decided(FOR_ALL), decided(FOR_ALL)];
  const [lkg, , active] = revisions;
  const booted = revisions[n - 1];
  if (lkg === undefined || active === undefined || booted === undefined) throw new Error('no revision');
  const pdp = aPdp();
  record(pdp, active, 'taken');
  serve(pdp, active);
  judge.booting(pdp);
  pdp.disk.set(SIM_SET, { active, lkg });
  pdp.process = { machine: { bootFault } } as PdpProcess;
  serve(pdp, booted, 'boot');
  expect(world.violation?.invariant).toBe(broken);
});

test('the disk of one PDP excuses no other', () => {
  const [first, second] = [decided(FOR_ALL), decided(FOR_ALL)];
  const [poor, good] = [aPdp(), aPdp()];
  record(poor, second, 'refused');
  serve(poor, second);
  expect(world.violation).toBeUndefined();
  record(good, first, 'taken');
  serve(good, first);
  serve(good, second);
  expect(world.violation?.message).toContain(`${good.name} serves revision 2 before its disk`);
});

test('without a crash nothing excuses going back', () => {
  const [first, second] = [decided(FOR_ALL), decided(FOR_ALL)];
  const pdp = aPdp();
  record(pdp, first, 'taken');
  serve(pdp, first);
  record(pdp, second, 'refused');
  serve(pdp, second);
  serve(pdp, first);
  expect(world.violation?.message).toBe(`I2: ${pdp.name} goes from revision 2 back to 1`);
});

test('a set that is made again is newer than the one before, whatever its numbers', () => {
  const old = [decided(FOR_ALL), decided(FOR_ALL)].at(-1);
  store.recreate();
  const first = decided(FOR_ALL);
  const pdp = aPdp();
  record(pdp, first, 'taken');
  serve(pdp, first);
  expect(world.violation).toBeUndefined();
  if (old !== undefined) serve(pdp, old);
  expect(world.violation?.invariant).toBe('I2');
});

/** Gives revision 2 to half of the principals of a PDP; then revision 3 takes its place for a tenth. `liar` says it serves 2 to all. */
function narrow(pdp: SimPdp, liar: SimPdp): void {
  const [base, half] = [decided(FOR_ALL), decided([{ final: false, principals: 5_000 }])];
  const tenth = decided([{ final: false, principals: 1_000 }]);
  record(pdp, base, 'taken');
  serve(pdp, base);
  split(pdp, half, 5_000);
  judge.heard(liar, activeOf(half));
  expect(world.violation).toBeUndefined();
  split(pdp, tenth, 1_000);
}

test('an honest PDP that takes principals back is not excused by the word of a liar', () => {
  narrow(aPdp(), aPdp());
  expect(world.violation?.message).toMatch(/^I2: .* takes mrn:user:\d+ from revision 2 back to 1$/);
});

test('a liar that said it served to all what it gives to a share misleads itself', () => {
  const liar = aPdp();
  narrow(liar, liar);
  expect(world.violation).toBeUndefined();
  // What it serves to all is judged as everyone's.
  const undecided = store.publish();
  record(liar, undecided, 'taken');
  serve(liar, undecided);
  expect(world.violation?.message).toBe(`I1: ${liar.name} serves revision 4, which is not decided for it`);
});

test('a status may count a liar as what it says it is, and nobody else', () => {
  const stored = decided(FOR_ALL);
  const [boaster, silent] = [aPdp(), aPdp()];
  judge.heard(boaster, activeOf(stored));
  judge.heard(silent, preparedOf(stored));
  judge.reports('op-0', progressOf(stored, { ...NONE, active: 1 }));
  expect(world.violation).toBeUndefined();
  judge.reports('op-0', progressOf(stored, { ...NONE, active: 2 }));
  expect(world.violation?.message).toBe('I14: op-0 counts 2 active at 1, 1 were or said so');
});

test.each([
  ['on nobody, while somebody is required', { ...NONE }, true],
  ['on the word of a liar', { ...NONE, prepared: 1 }, false],
  ['on the word of a liar and of somebody else', { ...NONE, prepared: 2 }, true],
  ['where nobody is required', { ...NONE, required: 0 }, false],
])('what no PDP can load, committed %s', (_on, counts, isCaught) => {
  const [older, stored] = [store.publish(), store.publish({ flaw: 'everywhere' })];
  judge.heard(aPdp(), preparedOf(older));
  judge.heard(aPdp(), preparedOf(stored));
  judge.commitsUnloadable('op-0', stored.revision, counts);
  expect(world.violation?.invariant).toBe(isCaught ? 'I8' : undefined);
});

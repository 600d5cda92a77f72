import { expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { ActiveSets, type ActiveRevision, type SleepingRevision } from './active-sets.ts';
import { craneDomain } from './testing/revisions.ts';
import { craneSnapshot, snapshotOf } from './testing/snapshots.ts';

const snapshot = craneSnapshot(5);
const active = (set: string, n: number): ActiveRevision => ({
  set,
  setUid: `uid of ${set}`,
  n,
  digest: `d${n}`,
  snapshot,
  activatedAtMs: n,
});

function given(...sets: readonly string[]): ActiveSets {
  const all = new ActiveSets();
  for (const set of sets) all.swap(active(set, 1));
  return all;
}

test.each([
  ['without any set there is no policy', [], undefined, { kind: 'no-policy' }],
  ['without any set there is no policy for a named one either', [], 'a/a', { kind: 'no-policy' }],
  ['the only set answers those that name none', ['a/a'], undefined, { kind: 'active', active: active('a/a', 1) }],
  ['a set is found by its name', ['a/a', 'b/b'], 'b/b', { kind: 'active', active: active('b/b', 1) }],
  ['a name that is not served is unknown, even beside one set', ['a/a'], 'b/b', { kind: 'unknown-set', set: 'b/b' }],
  ['of several sets one has to be named', ['b/b', 'a/a'], undefined, { kind: 'set-required', sets: ['a/a', 'b/b'] }],
])('%s', (_name, sets, asked, selection) => {
  expect(given(...sets).select(asked)).toStrictEqual(selection);
});

test('a set that is broken is one of several, known by its key, until it is served or removed', () => {
  const sets = given('a/a');
  const changes: string[] = [];
  sets.onChange((set) => changes.push(set));
  sets.fail('b/b', 'why');
  const broken = { kind: 'broken', set: 'b/b', failure: 'why' };
  expect([sets.select('b/b'), sets.knows('b/b'), [...sets.broken]]).toStrictEqual([broken, true, [['b/b', 'why']]]);
  expect(sets.select(undefined)).toStrictEqual({ kind: 'set-required', sets: ['a/a', 'b/b'] });
  sets.remove('a/a');
  expect(sets.select(undefined)).toStrictEqual(broken);
  sets.swap(active('b/b', 2));
  expect([sets.select(undefined), sets.broken.size]).toStrictEqual([{ kind: 'active', active: active('b/b', 2) }, 0]);
  sets.fail('b/b', 'again');
  expect([sets.held.size, sets.all.size]).toStrictEqual([0, 0]);
  sets.remove('b/b');
  expect([sets.select('b/b'), changes]).toStrictEqual([{ kind: 'no-policy' }, ['b/b', 'a/a', 'b/b', 'b/b', 'b/b']]);
});

test('a swap replaces the revision of its set and leaves what was read before as it was', () => {
  const sets = given('a/a', 'b/b');
  const before = sets.all;
  sets.swap(active('a/a', 2));
  expect(before.get('a/a')?.n).toBe(1);
  expect([...sets.all.values()].map(({ set, n }) => [set, n])).toStrictEqual([
    ['a/a', 2],
    ['b/b', 1],
  ]);
});

test('when one of two sets is removed, the other answers unnamed requests again', () => {
  const sets = given('a/a', 'b/b');
  sets.remove('a/a');
  expect(sets.select(undefined)).toMatchObject({ kind: 'active', active: { set: 'b/b' } });
  sets.remove('b/b');
  expect(sets.select(undefined)).toStrictEqual({ kind: 'no-policy' });
});

test('listeners are told of every swap and removal until they end it', () => {
  const sets = given();
  const told: number[] = [];
  const end = sets.onChange(() => told.push(sets.all.size));
  sets.swap(active('a/a', 1));
  sets.swap(active('a/a', 2));
  sets.remove('a/a');
  end();
  sets.swap(active('a/a', 3));
  expect(told).toStrictEqual([1, 1, 0]);
});

const called = (...names: readonly string[]): Serving => Serving.parse({ instance: { names } });

function asleep(set: string, ...names: readonly string[]): SleepingRevision {
  const { snapshot: _none, ...held } = active(set, 1);
  return { ...held, serving: called(...names), failure: undefined, wake: () => undefined };
}

test('a set is found by its further names, in memory or not, until it has them no more', () => {
  const sets = given('z/z');
  const awake = {
    ...active('a/a', 1),
    snapshot: snapshotOf([craneDomain(5)], { serving: called('shop', 'a.example') }),
  };
  sets.swap(awake);
  expect([sets.select('shop'), sets.select('a.example')]).toStrictEqual([
    { kind: 'active', active: awake },
    { kind: 'active', active: awake },
  ]);
  const sleeping = asleep('a/a', 'shop');
  sets.sleep(sleeping);
  expect([sets.select('shop'), sets.select('a/a')]).toStrictEqual([
    { kind: 'asleep', sleeping },
    { kind: 'asleep', sleeping },
  ]);
  expect([sets.select('a.example'), sets.knows('a.example'), sets.knows('shop')]).toStrictEqual([
    { kind: 'unknown-set', set: 'a.example' },
    false,
    true,
  ]);
  sets.remove('a/a');
  expect(sets.select('shop')).toStrictEqual({ kind: 'unknown-set', set: 'shop' });
});

test("a name that two sets claim chooses neither, until one gives it up; a key is nobody else's name", () => {
  const sets = given();
  sets.sleep(asleep('b/b', 'shop', 'c/c', 'shop'));
  sets.sleep(asleep('a/a', 'shop'));
  sets.sleep(asleep('c/c'));
  expect(sets.select('shop')).toStrictEqual({ kind: 'ambiguous-name', name: 'shop', sets: ['a/a', 'b/b'] });
  expect(sets.select('c/c')).toMatchObject({ kind: 'asleep', sleeping: { set: 'c/c' } });
  sets.sleep(asleep('b/b'));
  expect(sets.select('shop')).toMatchObject({ kind: 'asleep', sleeping: { set: 'a/a' } });
});

test('the only set answers requests that name none also while it sleeps', () => {
  const sets = given();
  sets.sleep(asleep('a/a'));
  expect(sets.select(undefined)).toMatchObject({ kind: 'asleep', sleeping: { set: 'a/a' } });
  sets.swap(active('b/b', 1));
  expect(sets.select(undefined)).toStrictEqual({ kind: 'set-required', sets: ['a/a', 'b/b'] });
});

const revisionOf = (n: number, setUid = 'uid') => ({
  ...{ set: 'a/a', setUid, n, digest: `sha256:${n}`, activatedAtMs: 0 },
  snapshot: craneSnapshot(n),
});
const HALF = { salt: 'salt', upTo: 5_000 };

test.each([
  ['an older revision of the same set leaves the canary', revisionOf(2), 3],
  ['the canary itself ends it', revisionOf(3), undefined],
  ['a newer revision ends it', revisionOf(4), undefined],
  ['a set that was made anew ends it', revisionOf(2, 'other'), undefined],
])('a swap to %s', (_name, next, canary) => {
  const sets = new ActiveSets();
  sets.swap(revisionOf(1));
  sets.split(revisionOf(3), HALF);
  sets.swap(next);
  expect(sets.all.get('a/a')?.canary?.revision.n).toBe(canary);
});

test('a canary that comes first answers from the moment at which the set does', () => {
  const sets = new ActiveSets();
  const changes: string[] = [];
  sets.onChange((set) => changes.push(set));
  sets.split(revisionOf(3), HALF);
  expect([sets.all.size, changes]).toStrictEqual([0, []]);
  sets.swap(revisionOf(1));
  expect([sets.all.get('a/a')?.canary?.share, changes]).toStrictEqual([HALF, ['a/a']]);
});

test('a canary survives that the policy leaves memory, and goes with its set', () => {
  const sets = new ActiveSets();
  sets.swap(revisionOf(1));
  sets.split(revisionOf(3), HALF);
  const { snapshot: _snapshot, ...held } = revisionOf(1);
  sets.sleep({ ...held, serving: {}, failure: undefined, wake: () => undefined });
  sets.swap(revisionOf(1));
  expect(sets.all.get('a/a')?.canary?.revision.n).toBe(3);
  sets.remove('a/a');
  sets.swap(revisionOf(1));
  expect([sets.all.get('a/a')?.canary, sets.canaries.size]).toStrictEqual([undefined, 0]);
});

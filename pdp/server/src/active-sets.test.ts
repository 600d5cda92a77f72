import { expect, test } from '@jest/globals';
import { ActiveSets, type ActiveRevision } from './active-sets.ts';
import { craneSnapshot } from './testing/snapshots.ts';

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

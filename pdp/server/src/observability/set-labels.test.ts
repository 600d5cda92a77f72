import { expect, test } from '@jest/globals';
import { MAX_SET_LABELS, OTHER_SETS, SetLabels } from './set-labels.ts';

test('so many sets are named and all others share one label, whatever the order they are asked for in', () => {
  const labels = new SetLabels(2);
  expect(['a/a', 'b/b', 'c/c', 'a/a', 'c/c'].map((set) => labels.of(set))).toStrictEqual([
    'a/a',
    'b/b',
    OTHER_SETS,
    'a/a',
    OTHER_SETS,
  ]);
});

test('a set that goes frees its label and tells whether there is a time series to remove', () => {
  const labels = new SetLabels(1);
  labels.of('a/a');
  expect([labels.forget('b/b'), labels.forget('a/a'), labels.of('b/b')]).toStrictEqual([undefined, 'a/a', 'b/b']);
});

test('the default bound holds', () => {
  const labels = new SetLabels();
  const values = Array.from({ length: MAX_SET_LABELS + 5 }, (_, index) => labels.of(`n/${index}`));
  expect(new Set(values).size).toBe(MAX_SET_LABELS + 1);
});

test('how many sets are folded is told whenever that changes', () => {
  const told: number[] = [];
  const labels = new SetLabels(1, (folded) => told.push(folded));
  for (const set of ['a/a', 'b/b', 'b/b', 'c/c', 'a/a', 'b/b']) labels.of(set);
  expect(told).toStrictEqual([1, 2]);
  labels.forget('b/b');
  labels.forget('a/a');
  expect([told, labels.of('c/c'), labels.of('d/d')]).toStrictEqual([[1, 2, 1], OTHER_SETS, 'd/d']);
});

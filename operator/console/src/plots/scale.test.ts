import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { labelled, line, places, ticks } from './scale.ts';

test.each([
  ['round steps', 6000, [0, 2000, 4000, 6000]],
  ['steps of five', 17, [0, 5, 10, 15, 20]],
  ['nothing at all still has a scale, of whole numbers', 0, [0, 1, 2, 3, 4]],
])('%s', (_, max, lines) => {
  expect(ticks(max)).toStrictEqual(lines);
});

test('lines reach above every value, and are few', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (max) => {
      const lines = ticks(max);
      expect(lines.length).toBeLessThanOrEqual(5);
      expect(lines.at(-1)).toBeGreaterThanOrEqual(max * (1 - 1e-9));
    }),
  );
});

test('values go from left to right, the greatest on top; one alone stands in the middle', () => {
  const size = { width: 100, height: 50 };
  expect(places([0, 5, 10], 10, size)).toStrictEqual([
    { x: 0, y: 50 },
    { x: 50, y: 25 },
    { x: 100, y: 0 },
  ]);
  expect(places([10], 10, size)).toStrictEqual([{ x: 50, y: 0 }]);
  expect(line(places([0, 10], 10, size))).toBe('0,50 100,0');
});

test.each([
  ['few get a label each', 3, [0, 1, 2]],
  ['many share them evenly', 101, [0, 20, 40, 60, 80, 100]],
  ['none have none', 0, []],
])('%s', (_, count, indices) => {
  expect(labelled(count, 6)).toStrictEqual(indices);
});

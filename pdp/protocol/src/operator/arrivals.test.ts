import { expect, test } from '@jest/globals';
import { Arrivals } from './arrivals.ts';

test('a crowd gets one place after the other at the rate', () => {
  const arrivals = new Arrivals(100);
  const waits = Array.from({ length: 1000 }, () => arrivals.reserve(5));
  expect(waits[0]).toBe(0);
  expect(waits[1]).toBeCloseTo(10);
  expect(waits[999]).toBeCloseTo(9_990);
});

test('places that have passed are not given away later', () => {
  const arrivals = new Arrivals(10);
  arrivals.reserve(0);
  expect(arrivals.reserve(50)).toBe(50);
  expect(arrivals.reserve(10_000)).toBe(0);
});

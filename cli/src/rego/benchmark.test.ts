import { expect, test } from '@jest/globals';
import { benchmark, timingOf } from './benchmark.ts';

test('counts evaluations, their time, and what they allocate', () => {
  let now = 0n;
  let bytes = 0;
  const evaluate = (): void => {
    now += 1_000n;
    bytes += 16;
  };
  const result = benchmark(evaluate, 10, { nowNs: () => now, allocatedBytes: () => bytes });
  expect(result.nsPerOp).toBe(1_000);
  expect(result.bytesPerOp).toBe(16);
  expect(result.samples * 1_000).toBe(result.totalNs);
  expect(result.timing).toMatchObject({ min: 1_000, median: 1_000, max: 1_000, stddev: 0 });
});

test('percentiles are times that occurred', () => {
  const timing = timingOf(Array.from({ length: 1_000 }, (_, index) => 1_000 - index));
  expect(timing).toMatchObject({ count: 1_000, min: 1, max: 1_000, mean: 500.5, median: 500 });
  expect(timing.percentiles).toEqual([
    [75, 750],
    [90, 900],
    [95, 950],
    [99, 990],
    [99.9, 999],
    [99.99, 1_000],
  ]);
});

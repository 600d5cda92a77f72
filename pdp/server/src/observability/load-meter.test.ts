import { expect, test } from '@jest/globals';
import { LoadMeter } from './load-meter.ts';

test('a Beat tells what happened since the Beat before', () => {
  const meter = new LoadMeter(() => 42);
  meter.decided(true, 10_000);
  meter.decided(false, 10_000);
  meter.failed();
  meter.refused();
  meter.lostRecord();
  expect(meter.take()).toStrictEqual({ decisions: 2, denied: 1, errors: 2, unlogged: 1, p99Micros: 12, rssBytes: 42 });
  expect(meter.take()).toStrictEqual({ decisions: 0, denied: 0, errors: 0, unlogged: 0, p99Micros: 0, rssBytes: 42 });
});

test('p99 is within a bucket above the true one', () => {
  const meter = new LoadMeter(() => 0);
  for (let micros = 1; micros <= 1000; micros++) meter.decided(true, micros * 1000);
  const { p99Micros } = meter.take();
  expect(p99Micros).toBeGreaterThanOrEqual(990);
  expect(p99Micros).toBeLessThanOrEqual(990 * 1.2);
});

import { expect, test } from '@jest/globals';
import { BeatLoad } from './beat-load.ts';
import { LoadMeter } from './load-meter.ts';

test('measures between two Beats add up, and begin anew after a Beat', () => {
  const meter = new LoadMeter(() => 9);
  const load = new BeatLoad(meter);
  meter.decided(true, 1_000_000);
  load.measure();
  meter.decided(false, 1_000);
  meter.refused();
  meter.lostRecord();
  const told = load.measure();
  expect(told).toMatchObject({ decisions: 2, denied: 1, errors: 1, unlogged: 1, rssBytes: 9 });
  expect(told.p99Micros).toBeGreaterThanOrEqual(1000);
  meter.decided(true, 1_000);
  load.sent();
  // What came after the last measure was not in the Beat, so the next one has it.
  expect(load.measure()).toMatchObject({ decisions: 1, denied: 0, errors: 0, unlogged: 0, p99Micros: 1 });
});

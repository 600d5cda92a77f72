import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addClockSample, CLOCK_SAMPLES_MAX, clockOffset, type ClockSample } from './clock-offset.ts';

test('without samples nothing is known', () => {
  expect(clockOffset([], 0)).toBeUndefined();
});

test('the sample with the shortest round trip counts, until it is so old that drift outweighs that', () => {
  let samples = addClockSample([], 0, 100, 5_050);
  samples = addClockSample(samples, 1_000, 1_400, 6_300);
  expect(clockOffset(samples, 1_400)).toEqual({ offset: 5_000, errorMs: 63 });
  expect(clockOffset(samples, 16_500)).toMatchObject({ offset: 5_000, errorMs: 214 });
  const recent = addClockSample(samples, 20_000, 20_200, 25_100);
  expect(clockOffset(recent, 20_200)).toMatchObject({ offset: 5_000, errorMs: 100 });
});

test('only the last few samples are kept', () => {
  let samples = addClockSample([], 0, 0, 7_000);
  for (let index = 1; index <= CLOCK_SAMPLES_MAX; index += 1) samples = addClockSample(samples, index, index + 1, 0);
  expect(samples).toHaveLength(CLOCK_SAMPLES_MAX);
  expect(samples.some(({ offset }) => offset === 7_000)).toBe(false);
});

test('the true offset is never further away than the error says', () => {
  const trip = fc.record({ out: fc.nat(500), back: fc.nat(500), pause: fc.nat(5_000) });
  fc.assert(
    fc.property(fc.integer(), fc.array(trip, { minLength: 1, maxLength: 12 }), (truth, trips) => {
      let now = 0;
      let samples: readonly ClockSample[] = [];
      for (const { out, back, pause } of trips) {
        const sentAt = now + pause;
        now = sentAt + out + back;
        samples = addClockSample(samples, sentAt, now, sentAt + out + truth);
      }
      const known = clockOffset(samples, now);
      expect(Math.abs((known?.offset ?? 0) - truth)).toBeLessThanOrEqual((known?.errorMs ?? 0) + 1e-6);
    }),
  );
});

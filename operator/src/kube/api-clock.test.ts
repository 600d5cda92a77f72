import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { createMetrics } from '../observability/metrics.ts';
import { settleCertificates } from '../certificates/rotate.ts';
import { readCertificate } from '../certificates/authority.ts';
import { aLog } from '../testing/fixtures.ts';
import { ApiClock, CLOCK_OFFSET_TOLERATED_MS } from './api-clock.ts';

const HOUR_MS = 3_600_000;
/** The time as the apiserver has it, a whole second. */
const SERVER_MS = 1_700_000_000_000;

function start(offBy: number) {
  let ours = SERVER_MS + offBy;
  const log = aLog();
  const registry = new Registry();
  const metrics = createMetrics(registry);
  const clock = new ApiClock({ now: () => ours, log, offset: metrics.clockOffset });
  const hear = (roundTripMs = 20): void => {
    clock.heard(SERVER_MS, ours - roundTripMs, ours);
  };
  return {
    clock,
    log,
    registry,
    hear,
    set: (next: number) => {
      ours = SERVER_MS + next;
    },
  };
}

test.each([
  ['an hour ahead', HOUR_MS],
  ['an hour behind', -HOUR_MS],
])('a node whose clock is %s dates by the time of the API server, and says what to do', async (_name, offBy) => {
  const { clock, log, registry, hear, set } = start(offBy);
  hear();
  expect(Math.abs(clock.now() - SERVER_MS)).toBeLessThan(1_000);
  expect(log.lines).toEqual([expect.stringMatching(/^error the clock of this node differs .*set it, or its time/)]);
  const offset = await registry.getSingleMetric('operator_clock_offset_seconds')?.get();
  expect(Math.round(offset?.values[0]?.value ?? 0)).toBeCloseTo(-offBy / 1000, -1);
  // What it issues is valid for everybody whose clock is right, and for one that is off as far the other way.
  const { serving } = await settleCertificates(undefined, ['edict.test'], clock.now());
  const facts = readCertificate(serving.certificate);
  expect(facts?.notBeforeMs).toBeLessThan(SERVER_MS - HOUR_MS);
  expect(facts?.notAfterMs).toBeGreaterThan(SERVER_MS + HOUR_MS);
  set(0);
  hear();
  expect(clock.now()).toBe(SERVER_MS);
  expect(log.lines).toHaveLength(2);
});

test('a small difference is left alone, and told by the metric only', () => {
  const { clock, log, hear } = start(CLOCK_OFFSET_TOLERATED_MS - 1_000);
  hear();
  expect(clock.now()).toBe(SERVER_MS + CLOCK_OFFSET_TOLERATED_MS - 1_000);
  expect(log.lines).toEqual([]);
});

test.each([
  ['took too long', 10_001],
  ['was asked for before the clock was set back', -5_000],
])('an answer that %s says nothing about the clock', (_name, roundTripMs) => {
  const { log, hear } = start(HOUR_MS);
  hear(roundTripMs);
  expect(log.lines).toEqual([]);
});

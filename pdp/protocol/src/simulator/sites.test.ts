import { expect, test } from '@jest/globals';
import { SitesSimulation } from './sites.ts';

test('3,000 PDPs behind 3 relays converge with bounded queues, real message sizes and few writes', async () => {
  const figures = await new SitesSimulation({ seed: 1, sites: 3, pdps: 3_000 }).run(120_000);
  expect(figures.serving).toBe(3_000);
  expect(figures.counted).toBe(3_000);
  // One announcement of the set, and one of each other type.
  expect(figures.queueMax).toBeLessThanOrEqual(5);
  expect(figures.queueMax).toBeGreaterThan(0);
  expect(figures.writesPerSecondMax).toBeLessThanOrEqual(6);
  expect(figures.preparedMs).toBeLessThan(30_000);
  expect(figures.convergedMs).toBeLessThan(60_000);
  expect(figures.largestMessage).toBeLessThan(4_096);
}, 300_000);

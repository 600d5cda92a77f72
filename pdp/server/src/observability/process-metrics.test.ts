import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { GcPauses } from './gc-pauses.ts';
import { addProcessMetrics } from './process-metrics.ts';

test('the process is measured when it is asked for', async () => {
  const registry = new Registry();
  addProcessMetrics(registry);
  const first = await valuesOf(registry);
  expect(first.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  expect(first.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(1_000_000);
  expect(Math.abs((first.get('process_start_time_seconds') ?? 0) - performance.timeOrigin / 1000)).toBeLessThan(1);
  const second = await valuesOf(registry);
  const [before = 0, after = 0] = [first, second].map((values) => values.get('process_cpu_seconds_total'));
  expect(before).toBeGreaterThan(0);
  expect(after).toBeGreaterThanOrEqual(before);
  expect([...second.keys()].filter((name) => name.startsWith('nodejs_eventloop_delay_seconds'))).toHaveLength(3);
});

test('pauses add up by kind, all entries of a list count, and the longest is told once', () => {
  const pauses = new GcPauses();
  pauses.add([
    { duration: 2, detail: { kind: 1 } },
    { duration: 30, detail: { kind: 4 } },
    { duration: 3, detail: { kind: 1 } },
    { duration: 1000 },
  ]);
  expect(pauses.totals.minor).toStrictEqual({ pauses: 2, seconds: 0.005 });
  expect(pauses.totals.major).toStrictEqual({ pauses: 1, seconds: 0.03 });
  expect([pauses.takeLongest(), pauses.takeLongest()]).toStrictEqual([0.03, 0]);
});

/** Samples by name and labels, as `/metrics` shows them. */
async function valuesOf(registry: Registry): Promise<ReadonlyMap<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

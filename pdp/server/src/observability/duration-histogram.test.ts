import { expect, test } from '@jest/globals';
import { AggregatorRegistry, Histogram, Registry } from 'prom-client';
import { DurationHistogram } from './duration-histogram.ts';

const BOUNDS = [0.001, 0.01, 0.1];
const ABOUT = { name: 'waited_seconds', help: 'How long.' };

function both() {
  const registry = new Registry();
  const ours = new DurationHistogram({ ...ABOUT, label: 'api', bounds: BOUNDS, registry });
  const theirRegistry = new Registry();
  const theirs = new Histogram({ ...ABOUT, labelNames: ['api'], buckets: BOUNDS, registers: [theirRegistry] });
  return {
    registry,
    theirRegistry,
    observe: (api: string, seconds: number) => {
      ours.series(api).observe(seconds);
      theirs.labels(api).observe(seconds);
    },
  };
}

test('what it shows is what a histogram of prom-client shows, to the letter', async () => {
  const { registry, theirRegistry, observe } = both();
  for (const seconds of [0, 0.0005, 0.001, 0.0011, 0.01, 0.05, 0.1, 0.2, 7]) observe('opa', seconds);
  observe('manetu', 0.02);
  expect(await registry.metrics()).toBe(await theirRegistry.metrics());
});

test('a series without observations is not shown', async () => {
  const { registry, theirRegistry } = both();
  const histogram = new DurationHistogram({ ...ABOUT, name: 'other', label: 'api', bounds: BOUNDS, registry });
  histogram.series('opa');
  expect(await registry.getSingleMetricAsString('waited_seconds')).toBe(
    await theirRegistry.getSingleMetricAsString('waited_seconds'),
  );
  expect(await registry.getSingleMetricAsString('other')).toBe('# HELP other How long.\n# TYPE other histogram');
});

test('those of several processes are added up', async () => {
  const [one, other] = [both(), both()];
  one.observe('opa', 0.0005);
  other.observe('opa', 0.05);
  other.observe('envoy', 3);
  const ours = AggregatorRegistry.aggregate([
    await one.registry.getMetricsAsJSON(),
    await other.registry.getMetricsAsJSON(),
  ]);
  const theirs = AggregatorRegistry.aggregate([
    await one.theirRegistry.getMetricsAsJSON(),
    await other.theirRegistry.getMetricsAsJSON(),
  ]);
  expect(await ours.metrics()).toBe(await theirs.metrics());
});

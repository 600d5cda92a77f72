import { expect, test } from '@jest/globals';
import { countersOf } from '../core/set-counters.ts';
import { forgetSet } from './forget-set.ts';
import { createMetrics } from './metrics.ts';
import { SetLabels } from './set-labels.ts';

test('sets that come and go leave no time series behind', async () => {
  const metrics = createMetrics();
  const labels = new SetLabels(2);
  const serve = (set: string): void => {
    const counters = countersOf(set, labels, metrics);
    counters.decided(true);
    counters.hit();
    const label = labels.of(set);
    metrics.staleDecisions.series(label).inc();
    metrics.shadowEvaluations.series(label).inc();
    metrics.shadowDropped.series(label).inc();
    metrics.shadowDiffs.series(label, 'error').inc();
    for (const gauge of [metrics.activeRevision, metrics.activeSince, metrics.canaryRevision, metrics.canaryShare]) {
      gauge.set({ set: label }, 1);
    }
  };
  const shown = async (): Promise<readonly string[]> => {
    const text = await metrics.registry.metrics();
    return [...new Set([...text.matchAll(/set="([^"]*)"/g)].map(([, set = '']) => set))].sort();
  };
  for (let n = 0; n < 10; n++) {
    serve(`tenant/${n}`);
    serve(`tenant/other-${n}`);
    serve(`tenant/folded-${n}`);
    expect(await shown()).toStrictEqual(['other', `tenant/${n}`, `tenant/other-${n}`]);
    for (const set of [`tenant/folded-${n}`, `tenant/${n}`, `tenant/other-${n}`]) forgetSet(set, labels, metrics);
    expect(await shown()).toStrictEqual(['other']);
  }
});

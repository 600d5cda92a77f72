import { expect, test } from '@jest/globals';
import type { RolloutProgress } from '@edict/protocol';
import { Registry } from 'prom-client';
import { createDistributionMetrics } from './metrics.ts';

const SET = 'default/payments';

function aProgress(change: Partial<RolloutProgress> = {}): RolloutProgress {
  return {
    set: SET,
    setUid: 'uid-1',
    revision: 1,
    digest: `sha256:${'0'.repeat(64)}`,
    phase: 'Completed',
    committed: 1,
    counts: { required: 1, connected: 1, prepared: 1, active: 1, nacked: 0, laggards: 0, missing: 0 },
    exceptions: [],
    ready: { status: 'True', reason: 'Converged', message: '' },
    ...change,
  };
}

async function lines(registry: Registry, name: string): Promise<readonly string[]> {
  const text = await registry.getSingleMetricAsString(name);
  return text.split('\n').filter((line) => line.startsWith(name));
}

test('a rollout that ends is counted once, by how', async () => {
  const registry = new Registry();
  const { progress, abandoned } = createDistributionMetrics(registry);
  progress(aProgress({ phase: 'Committing' }));
  progress(aProgress({ completedAt: 5 }));
  progress(aProgress({ completedAt: 5 }));
  progress(aProgress({ revision: 2, committed: 2, completedAt: 9 }));
  abandoned('Nack');
  expect(await lines(registry, 'operator_rollouts_total')).toEqual([
    'operator_rollouts_total{outcome="Completed"} 2',
    'operator_rollouts_total{outcome="Nack"} 1',
  ]);
});

test('only a set that is Strict has a bound after which a decision is over, and none once it is gone', async () => {
  const registry = new Registry();
  const { progress, forget } = createDistributionMetrics(registry);
  const bound = (): Promise<readonly string[]> => lines(registry, 'operator_revocation_bound_seconds');
  progress(aProgress());
  expect(await bound()).toEqual([]);
  progress(aProgress({ revocationBoundMs: 10_000 }));
  expect(await bound()).toEqual([`operator_revocation_bound_seconds{set="${SET}"} 10`]);
  progress(aProgress());
  expect(await bound()).toEqual([]);
  progress(aProgress({ revocationBoundMs: 10_000 }));
  forget(SET);
  expect(await bound()).toEqual([]);
});

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { SeriesCounter } from '../observability/series-counter.ts';

/** What is measured of virtual instances; names are API (docs/metrics.md). */
export interface InstanceMetrics {
  readonly instances: Gauge<'state'>;
  readonly instanceLoads: Counter<'outcome'>;
  readonly instanceLoadSeconds: Histogram;
  readonly instanceDecisions: SeriesCounter<'set' | 'outcome'>;
  readonly decisionCache: SeriesCounter<'set' | 'outcome'>;
  readonly foldedSets: Gauge;
}

/** Makes these metrics in a registry. */
export function createInstanceMetrics(registry: Registry): InstanceMetrics {
  const registers = [registry];
  return {
    instances: new Gauge({
      name: 'pdp_instances',
      help: 'Virtual instances by where their policy is.',
      labelNames: ['state'],
      registers,
    }),
    instanceLoads: new Counter({
      name: 'pdp_instance_loads_total',
      help: 'Times that the policy of an instance was brought into memory on demand, by how that ended.',
      labelNames: ['outcome'],
      registers,
    }),
    instanceLoadSeconds: new Histogram({
      name: 'pdp_instance_load_seconds',
      help: 'Time to bring the policy of an instance into memory on demand.',
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers,
    }),
    instanceDecisions: new SeriesCounter({
      name: 'pdp_instance_decisions_total',
      help: 'Decisions by set and outcome.',
      labelNames: ['set', 'outcome'],
      registers,
    }),
    decisionCache: new SeriesCounter({
      name: 'pdp_decision_cache_total',
      help: 'Look-ups in the decision caches of sets, and answers that had to give way.',
      labelNames: ['set', 'outcome'],
      registers,
    }),
    foldedSets: new Gauge({
      name: 'pdp_folded_sets',
      help: 'Sets whose metrics are folded into one label value.',
      registers,
    }),
  };
}

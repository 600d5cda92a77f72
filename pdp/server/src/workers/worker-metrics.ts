import { AggregatorRegistry, Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Metrics of the workers; names are API (docs/metrics.md). */
export interface WorkerMetrics {
  readonly workers: Gauge;
  readonly restarts: Counter<'cause'>;
  readonly skewSeconds: Histogram;
}

/** Adds them to the primary's registry. */
export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  const registers = [registry];
  const metrics: WorkerMetrics = {
    workers: new Gauge({ name: 'pdp_workers', help: 'Workers that answer requests.', registers }),
    restarts: new Counter({
      name: 'pdp_worker_restarts_total',
      help: 'Workers that ended and were started again, by cause.',
      labelNames: ['cause'],
      registers,
    }),
    skewSeconds: new Histogram({
      name: 'pdp_worker_swap_skew_seconds',
      help: 'Time between the first and the last worker that a swap has reached.',
      buckets: [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 5],
      registers,
    }),
  };
  for (const cause of ['ended', 'slow', 'silent']) metrics.restarts.inc({ cause }, 0);
  return metrics;
}

/** What tells nothing when it is added up over processes, and how it is told instead. */
const AGGREGATORS: Readonly<Record<string, 'min' | 'max'>> = {
  process_start_time_seconds: 'min',
  nodejs_eventloop_delay_seconds: 'max',
  nodejs_gc_pause_max_seconds: 'max',
  pdp_staleness_seconds: 'max',
};

/** The metrics of several processes as one: counts and sizes added up, times as the worst process has them. */
export async function aggregateMetrics(processes: readonly (readonly object[])[]): Promise<string> {
  const prepared = processes.map((metrics) =>
    metrics.map((metric) => {
      const aggregator = 'name' in metric ? AGGREGATORS[String(metric.name)] : undefined;
      return aggregator === undefined ? metric : { ...metric, aggregator };
    }),
  );
  return await AggregatorRegistry.aggregate(prepared).metrics();
}

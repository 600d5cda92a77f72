import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { QueueMetrics } from '../queue.ts';

/** The operator's own metrics. Labels come from closed sets; sets are named, as there are few. */
export interface OperatorMetrics extends QueueMetrics {
  readonly renders: Counter<'outcome'>;
  readonly renderSeconds: Histogram;
  readonly revisions: Counter<'reason'>;
  readonly events: Counter<'outcome'>;
  readonly statusWrites: Counter<'kind'>;
  readonly admissions: Counter<'kind' | 'outcome'>;
  readonly admissionSeconds: Histogram;
  readonly watchRestarts: Counter<'kind' | 'cause'>;
  readonly watchSynced: Gauge<'kind'>;
  readonly apiRequests: Counter<'method' | 'outcome'>;
  readonly isLeader: Gauge;
  readonly withdrawTimeouts: Counter;
  readonly clockOffset: Gauge;
  /** By fleet of sidecars (`namespace/name`); `namespace/` for pods that ask for a sidecar of nobody. */
  readonly podsWithoutPdp: Gauge<'fleet'>;
}

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Makes the metrics in a registry of the caller's, so that two operators can live in one process. */
export function createMetrics(registry: Registry): OperatorMetrics {
  const registers = [registry];
  return {
    depth: new Gauge({
      name: 'operator_queue_depth',
      help: 'Keys that wait for a worker.',
      labelNames: ['controller'],
      registers,
    }),
    reconciles: new Counter({
      name: 'operator_reconciles_total',
      help: 'Reconciles by outcome.',
      labelNames: ['controller', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'operator_reconcile_duration_seconds',
      help: 'Time of one reconcile.',
      labelNames: ['controller'],
      buckets: SECONDS,
      registers,
    }),
    renders: new Counter({
      name: 'operator_renders_total',
      help: 'Domains checked and rendered, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    renderSeconds: new Histogram({
      name: 'operator_render_duration_seconds',
      help: 'Time to check and render one domain.',
      buckets: SECONDS,
      registers,
    }),
    revisions: new Counter({
      name: 'operator_revisions_total',
      help: 'Revisions created, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    events: new Counter({
      name: 'operator_events_total',
      help: 'Events, by what became of them.',
      labelNames: ['outcome'],
      registers,
    }),
    statusWrites: new Counter({
      name: 'operator_status_writes_total',
      help: 'Status writes by kind.',
      labelNames: ['kind'],
      registers,
    }),
    admissions: new Counter({
      name: 'operator_admissions_total',
      help: 'Admission reviews by kind and outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    admissionSeconds: new Histogram({
      name: 'operator_admission_duration_seconds',
      help: 'Time of one admission review.',
      buckets: SECONDS,
      registers,
    }),
    watchRestarts: new Counter({
      name: 'operator_watch_restarts_total',
      help: 'Watches that were begun again, by cause.',
      labelNames: ['kind', 'cause'],
      registers,
    }),
    watchSynced: new Gauge({
      name: 'operator_watch_synced',
      help: '1 once a kind has been listed as a whole.',
      labelNames: ['kind'],
      registers,
    }),
    apiRequests: new Counter({
      name: 'operator_api_requests_total',
      help: 'Requests to the Kubernetes API, by outcome.',
      labelNames: ['method', 'outcome'],
      registers,
    }),
    podsWithoutPdp: new Gauge({
      name: 'operator_pods_without_pdp',
      help: 'Pods that should have a PDP beside them and have none, by fleet of sidecars.',
      labelNames: ['fleet'],
      registers,
    }),
    isLeader: new Gauge({ name: 'operator_leader', help: '1 while this replica leads.', registers }),
    withdrawTimeouts: new Counter({
      name: 'operator_withdraw_timeouts_total',
      help: 'Domains deleted before every PDP had confirmed the withdrawal.',
      registers,
    }),
    clockOffset: new Gauge({
      name: 'operator_clock_offset_seconds',
      help: "How far the API server's clock is ahead of this replica's.",
      registers,
    }),
  };
}

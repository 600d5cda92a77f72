import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The PDP's metrics; names are API (docs/metrics.md). Labels come from closed sets. */
export interface PdpMetrics {
  readonly registry: Registry;
  readonly decisions: Counter<'outcome'>;
  readonly decisionSeconds: Histogram;
  readonly refused: Counter<'problem'>;
  readonly invalid: Counter;
  readonly failures: Counter;
  readonly unlogged: Counter;
  readonly prepareSeconds: Histogram;
  readonly swapSeconds: Histogram;
  readonly nacks: Counter<'phase'>;
  readonly activeRevision: Gauge<'set'>;
  readonly connected: Gauge;
  readonly reconnects: Counter;
  readonly persistFailures: Counter;
}

/** Creates the metrics in a registry of their own, so that several PDPs can live in one process. */
export function createMetrics(): PdpMetrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    decisions: new Counter({
      name: 'pdp_decisions_total',
      help: 'Decisions by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    decisionSeconds: new Histogram({
      name: 'pdp_decision_duration_seconds',
      help: 'Time from request bytes to decision.',
      buckets: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1],
      registers,
    }),
    refused: new Counter({
      name: 'pdp_refused_total',
      help: 'Requests answered with a problem and no decision.',
      labelNames: ['problem'],
      registers,
    }),
    invalid: new Counter({
      name: 'pdp_invalid_requests_total',
      help: 'Decision requests that were no PORC or had a bad parameter (400, 415).',
      registers,
    }),
    failures: new Counter({
      name: 'pdp_internal_errors_total',
      help: 'Requests answered with 500 because of a bug; the log has each.',
      registers,
    }),
    unlogged: new Counter({
      name: 'pdp_decisions_unlogged_total',
      help: 'Decisions whose access record was lost.',
      registers,
    }),
    prepareSeconds: new Histogram({
      name: 'pdp_prepare_seconds',
      help: 'Time from Prepare to Prepared: fetch, verify, compile, store.',
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
    swapSeconds: new Histogram({
      name: 'pdp_swap_seconds',
      help: 'Time to replace the serving reference.',
      buckets: [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1],
      registers,
    }),
    nacks: new Counter({
      name: 'pdp_nacks_total',
      help: 'Revisions refused, by phase.',
      labelNames: ['phase'],
      registers,
    }),
    activeRevision: new Gauge({
      name: 'pdp_active_revision',
      help: 'Revision n that this PDP serves.',
      labelNames: ['set'],
      registers,
    }),
    connected: new Gauge({
      name: 'pdp_stream_connected',
      help: '1 while the stream to the operator is up.',
      registers,
    }),
    reconnects: new Counter({
      name: 'pdp_stream_reconnects_total',
      help: 'Streams dialled after the first.',
      registers,
    }),
    persistFailures: new Counter({
      name: 'pdp_persist_failures_total',
      help: 'Failures to store last-known-good policy.',
      registers,
    }),
  };
}

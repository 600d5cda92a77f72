import { Counter, Gauge, type Registry } from 'prom-client';

/** Why a record was not logged. */
export const UNLOGGED_REASONS = ['queue-full', 'journal-full', 'disk', 'rejected', 'damaged', 'shutdown'] as const;
export type UnloggedReason = (typeof UNLOGGED_REASONS)[number];

/** What gauges show of a sink. */
export interface SinkGauges {
  readonly queueRecords: number;
  readonly queueBytes: number;
  readonly journalBytes: number;
  /** Age of the oldest record that has not been delivered; 0 if there is none. */
  readonly lagSeconds: number;
}

/** Metrics of audit; names are API (docs/metrics.md). `sink` is a name of the configuration. */
export interface AuditMetrics {
  readonly unlogged: Counter<'sink' | 'reason'>;
  readonly delivered: Counter<'sink'>;
  readonly deadLetters: Counter<'sink'>;
  readonly failures: Counter<'sink'>;
  readonly contentErased: Counter<'cause'>;
  readonly droppedByPolicy: Counter<'outcome'>;
  /** Shows a sink from now on; the answer ends that. */
  readonly show: (sink: string, look: () => SinkGauges) => () => void;
}

/** Creates them in a registry. */
export function createAuditMetrics(registry: Registry): AuditMetrics {
  const registers = [registry];
  const shown = new Map<string, () => SinkGauges>();
  const gauge = (
    name: string,
    help: string,
    of: (gauges: SinkGauges) => number,
    aggregator: 'sum' | 'max' = 'sum',
  ): void => {
    new Gauge({
      aggregator, // of several workers
      name,
      help,
      labelNames: ['sink'],
      registers,
      collect() {
        this.reset();
        for (const [sink, look] of shown) this.set({ sink }, of(look()));
      },
    });
  };
  gauge('pdp_audit_queue_records', 'Records in memory that wait or are on their way.', (g) => g.queueRecords);
  gauge('pdp_audit_queue_bytes', 'Their bytes.', (g) => g.queueBytes);
  gauge('pdp_audit_journal_bytes', 'Bytes of the journal on disk.', (g) => g.journalBytes);
  gauge('pdp_audit_lag_seconds', 'Age of the oldest record that has not been delivered.', (g) => g.lagSeconds, 'max');
  const unlogged = new Counter({
    name: 'pdp_decisions_unlogged_total',
    help: 'Records of decisions that were lost, by sink and reason.',
    labelNames: ['sink', 'reason'],
    registers,
  });
  return {
    unlogged,
    delivered: new Counter({
      name: 'pdp_audit_delivered_records_total',
      help: 'Records that a sink has taken.',
      labelNames: ['sink'],
      registers,
    }),
    deadLetters: new Counter({
      name: 'pdp_audit_dead_letter_records_total',
      help: 'Records that a receiver refused and that were kept in the dead-letter file.',
      labelNames: ['sink'],
      registers,
    }),
    failures: new Counter({
      name: 'pdp_audit_delivery_failures_total',
      help: 'Deliveries that failed and were tried again.',
      labelNames: ['sink'],
      registers,
    }),
    contentErased: new Counter({
      name: 'pdp_audit_content_erased_total',
      help: 'Records that could not be masked or written as a whole: their input and result were erased.',
      labelNames: ['cause'],
      registers,
    }),
    droppedByPolicy: new Counter({
      name: 'pdp_audit_policy_drops_total',
      help: 'Records that their own policy did not want (dropped), or could not judge and so were kept (failed).',
      labelNames: ['outcome'],
      registers,
    }),
    show: (sink, look) => {
      shown.set(sink, look);
      // So that the first loss is seen as a rise.
      for (const reason of UNLOGGED_REASONS) unlogged.inc({ sink, reason }, 0);
      return () => void shown.delete(sink);
    },
  };
}

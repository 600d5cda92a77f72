import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createAuditMetrics, type AuditMetrics } from '../audit/audit-metrics.ts';
import { createInstanceMetrics, type InstanceMetrics } from '../instances/instance-metrics.ts';
import { DurationHistogram } from './duration-histogram.ts';
import { SeriesCounter } from './series-counter.ts';
import { addProcessMetrics } from './process-metrics.ts';

/** The PDP's metrics; names are API (docs/metrics.md). Labels come from closed sets. */
export interface PdpMetrics extends InstanceMetrics {
  readonly registry: Registry;
  readonly decisions: SeriesCounter<'api' | 'outcome'>;
  readonly decisionSeconds: DurationHistogram<'api'>;
  readonly refused: Counter<'api' | 'problem'>;
  readonly invalid: SeriesCounter<'api'>;
  readonly tokenWaits: Counter<'outcome'>;
  readonly networkRequests: Counter<'builtin' | 'outcome'>;
  readonly networkSeconds: Histogram<'builtin'>;
  readonly networkBytes: Counter<'direction'>;
  readonly grpcCalls: SeriesCounter<'method' | 'code'>;
  readonly grpcBroken: Counter<'code'>;
  readonly grpcSeconds: DurationHistogram<'method'>;
  readonly envoyProblems: Counter<'problem'>;
  readonly failures: Counter;
  readonly audit: AuditMetrics;
  readonly prepareSeconds: Histogram;
  readonly swapSeconds: Histogram;
  readonly swapFailures: Counter<'cause'>;
  readonly nacks: Counter<'phase'>;
  readonly fallbackLoads: Counter<'outcome'>;
  readonly bootFailures: Counter<'phase'>;
  readonly policyLoads: Counter<'outcome'>;
  readonly policyRefused: Gauge;
  readonly activeRevision: Gauge<'set'>;
  readonly activeSince: Gauge<'set'>;
  readonly canaryRevision: Gauge<'set'>;
  readonly canaryShare: Gauge<'set'>;
  readonly staleDecisions: SeriesCounter<'set'>;
  readonly leaseRemaining: Gauge<'set'>;
  readonly shadowEvaluations: SeriesCounter<'set'>;
  readonly shadowDiffs: SeriesCounter<'set' | 'kind'>;
  readonly shadowDropped: SeriesCounter<'set'>;
  readonly staleness: Gauge;
  readonly connected: Gauge;
  readonly reconnects: Counter;
  readonly certificateProblems: Counter<'problem'>;
  readonly persistFailures: Counter;
  readonly spans: Counter<'outcome'>;
}

/** What metrics read when they are asked for. */
export interface MetricSources {
  /** Seconds since the operator was last heard. */
  readonly stalenessSeconds: () => number;
  /** Seconds that leases have left, by label of the set. */
  readonly leases: () => ReadonlyMap<string, number>;
}

/**
 * Creates the metrics in a registry of their own, so that several PDPs can live in one process. What is measured of the
 * process as a whole (`process-metrics.ts`) is in each such registry.
 */
export function createMetrics(sources?: MetricSources): PdpMetrics {
  const registry = new Registry();
  const registers = [registry];
  addProcessMetrics(registry);
  return {
    registry,
    ...createInstanceMetrics(registry),
    decisions: new SeriesCounter({
      name: 'pdp_decisions_total',
      help: 'Decisions by API and outcome.',
      labelNames: ['api', 'outcome'],
      registers,
    }),
    decisionSeconds: new DurationHistogram({
      name: 'pdp_decision_duration_seconds',
      help: 'Time from request bytes to decision.',
      label: 'api',
      bounds: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1],
      registry,
    }),
    refused: new Counter({
      name: 'pdp_refused_total',
      help: 'Requests answered with a problem and no decision.',
      labelNames: ['api', 'problem'],
      registers,
    }),
    invalid: new SeriesCounter({
      name: 'pdp_invalid_requests_total',
      help: 'Requests that were wrong before anything could be decided: no PORC, a bad parameter (400, 415).',
      labelNames: ['api'],
      registers,
    }),
    tokenWaits: new Counter({
      name: 'pdp_token_waits_total',
      help: 'Requests that waited for a revision, by how that ended.',
      labelNames: ['outcome'],
      registers,
    }),
    networkRequests: new Counter({
      name: 'pdp_network_requests_total',
      help: 'Requests of policies to the network, by built-in and outcome.',
      labelNames: ['builtin', 'outcome'],
      registers,
    }),
    networkSeconds: new Histogram({
      name: 'pdp_network_request_duration_seconds',
      help: 'Time of one such request, redirects and retries included.',
      labelNames: ['builtin'],
      buckets: [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10],
      registers,
    }),
    networkBytes: new Counter({
      name: 'pdp_network_bytes_total',
      help: 'Bytes of the bodies of such requests and of their responses.',
      labelNames: ['direction'],
      registers,
    }),
    grpcCalls: new SeriesCounter({
      name: 'pdp_grpc_calls_total',
      help: 'Calls over gRPC by method and status.',
      labelNames: ['method', 'code'],
      registers,
    }),
    grpcBroken: new Counter({
      name: 'pdp_grpc_connections_broken_total',
      help: 'Connections of gRPC that were broken off for what their client did, by the error of HTTP/2.',
      labelNames: ['code'],
      registers,
    }),
    grpcSeconds: new DurationHistogram({
      name: 'pdp_grpc_call_duration_seconds',
      help: 'Time from the head of a call over gRPC to its answer.',
      label: 'method',
      bounds: [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1],
      registry,
    }),
    envoyProblems: new Counter({
      name: 'pdp_envoy_problems_total',
      help: 'Checks for Envoy that no policy decided, by what was wrong.',
      labelNames: ['problem'],
      registers,
    }),
    failures: new Counter({
      name: 'pdp_internal_errors_total',
      help: 'Requests answered with 500 because of a bug; the log has each.',
      registers,
    }),
    audit: createAuditMetrics(registry),
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
    swapFailures: swapFailureCounter(registers),
    nacks: new Counter({
      name: 'pdp_nacks_total',
      help: 'Revisions refused, by phase.',
      labelNames: ['phase'],
      registers,
    }),
    policyLoads: new Counter({
      name: 'pdp_policy_loads_total',
      help: 'Readings of the policy files: loaded, or refused for what is in them.',
      labelNames: ['outcome'],
      registers,
    }),
    policyRefused: new Gauge({
      name: 'pdp_policy_refused',
      help: '1 while the policy files are refused and what was good before is served.',
      registers,
    }),
    fallbackLoads: new Counter({
      name: 'pdp_fallback_loads_total',
      help: 'Looks for the policy of a set at fallback sources, by how they ended.',
      labelNames: ['outcome'],
      registers,
    }),
    bootFailures: new Counter({
      name: 'pdp_boot_failures_total',
      help: 'Stored revisions that could not be loaded at the start, by phase.',
      labelNames: ['phase'],
      registers,
    }),
    activeRevision: new Gauge({
      name: 'pdp_active_revision',
      help: 'Revision n that this PDP serves.',
      labelNames: ['set'],
      registers,
    }),
    activeSince: new Gauge({
      name: 'pdp_active_revision_timestamp_seconds',
      help: 'When this PDP began to serve that revision, in seconds since the epoch.',
      labelNames: ['set'],
      registers,
    }),
    canaryRevision: new Gauge({
      name: 'pdp_canary_revision',
      help: 'Revision n that this PDP serves to a share of the principals, while there is one.',
      labelNames: ['set'],
      registers,
    }),
    canaryShare: new Gauge({
      name: 'pdp_canary_share_ratio',
      help: 'The share of the principals that the canary answers for.',
      labelNames: ['set'],
      registers,
    }),
    staleDecisions: new SeriesCounter({
      name: 'pdp_stale_decisions_total',
      help: 'Decisions given although the lease of the set had ended.',
      labelNames: ['set'],
      registers,
    }),
    leaseRemaining: new Gauge({
      name: 'pdp_lease_remaining_seconds',
      help: 'Time until nobody vouches for what this PDP serves; below 0 since that is so.',
      labelNames: ['set'],
      registers,
      collect() {
        if (sources === undefined) return;
        this.reset();
        for (const [set, seconds] of sources.leases()) this.set({ set }, seconds);
      },
    }),
    shadowEvaluations: new SeriesCounter({
      name: 'pdp_shadow_evaluations_total',
      help: 'Live requests that a candidate was asked too.',
      labelNames: ['set'],
      registers,
    }),
    shadowDiffs: new SeriesCounter({
      name: 'pdp_shadow_diff_total',
      help: 'Answers of candidates that differ from those given, by kind.',
      labelNames: ['set', 'kind'],
      registers,
    }),
    shadowDropped: new SeriesCounter({
      name: 'pdp_shadow_dropped_total',
      help: 'Sampled requests that no candidate was asked: the queue was full.',
      labelNames: ['set'],
      registers,
    }),
    staleness: new Gauge({
      name: 'pdp_staleness_seconds',
      help: 'Time since the operator was last heard, or since the start if it never was.',
      registers,
      collect() {
        if (sources !== undefined) this.set(sources.stalenessSeconds());
      },
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
    certificateProblems: new Counter({
      name: 'pdp_operator_certificate_problems_total',
      help: "Dials that failed because the operator's certificate was not accepted.",
      labelNames: ['problem'],
      registers,
    }),
    persistFailures: new Counter({
      name: 'pdp_persist_failures_total',
      help: 'Failures to store last-known-good policy.',
      registers,
    }),
    spans: new Counter({
      name: 'pdp_spans_total',
      help: 'Spans of traces, by what became of them.',
      labelNames: ['outcome'],
      registers,
    }),
  };
}

/** Both causes are there from the start: an alert needs the zero before the first failure. */
function swapFailureCounter(registers: Registry[]): Counter<'cause'> {
  const counter = new Counter({
    name: 'pdp_swap_failures_total',
    help: 'Swaps that failed, by cause.',
    labelNames: ['cause'],
    registers,
  });
  for (const cause of ['error', 'worker']) counter.inc({ cause }, 0);
  return counter;
}

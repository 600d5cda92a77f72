import { randomUUID } from 'node:crypto';
import { defaultDecisionLimits, systemClock } from '@edict/engine';
import { ActiveSets } from '../active-sets.ts';
import { LoadMeter } from '../observability/load-meter.ts';
import { createMetrics, type PdpMetrics } from '../observability/metrics.ts';
import { createDecisionHandler, type AuditSink } from './decision-handler.ts';
import { listen, type Listener } from './listener.ts';
import { OPEN_API } from './open-api.ts';
import { createRouter, type Readiness } from './router.ts';

/** What the HTTP API does unless told otherwise. */
export const HTTP_DEFAULTS = {
  maxBodyBytes: 8_388_608,
  maxSteps: defaultDecisionLimits.maxSteps,
  includeAll: true,
  requestTimeoutMs: 10_000,
  onAuditFull: 'Drop',
} as const;

export interface HttpEdgeOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Takes access records. */
  readonly audit: AuditSink;
  /** Told of bugs: a handler that threw. */
  readonly onError: (error: unknown) => void;
  /** What is served; empty unless given. */
  readonly sets?: ActiveSets;
  readonly metrics?: PdpMetrics;
  readonly meter?: LoadMeter;
  readonly onAuditFull?: 'Drop' | 'Refuse';
  readonly maxBodyBytes?: number;
  readonly maxSteps?: number;
  readonly includeAll?: boolean;
  readonly requestTimeoutMs?: number;
  /** Whether requests should be sent here; by default as soon as there is a snapshot. */
  readonly readiness?: () => Readiness;
  /** The document of `/v1/status`. */
  readonly status?: () => unknown;
}

/** The PDP's HTTP API on a socket, and what it serves from. */
export interface HttpEdge {
  readonly listener: Listener;
  readonly sets: ActiveSets;
  readonly metrics: PdpMetrics;
}

/** Starts the HTTP API: listener, routes, decisions. Rejects when the address is taken. */
export async function createHttpEdge(options: HttpEdgeOptions): Promise<HttpEdge> {
  const { sets = new ActiveSets(), metrics = createMetrics() } = options;
  const listener = await listen({
    host: options.host,
    port: options.port,
    maxBodyBytes: options.maxBodyBytes ?? HTTP_DEFAULTS.maxBodyBytes,
    requestTimeoutMs: options.requestTimeoutMs ?? HTTP_DEFAULTS.requestTimeoutMs,
    onRefused: (problem) => metrics.refused.inc({ problem }),
    onError: (error) => {
      metrics.failures.inc();
      options.onError(error);
    },
    handle: createRouter({
      decision: createDecisionHandler({
        sets,
        audit: options.audit,
        onAuditFull: options.onAuditFull ?? HTTP_DEFAULTS.onAuditFull,
        metrics,
        meter: options.meter ?? new LoadMeter(() => 0),
        clock: systemClock,
        newId: randomUUID,
        includeAll: options.includeAll ?? HTTP_DEFAULTS.includeAll,
        maxSteps: options.maxSteps ?? HTTP_DEFAULTS.maxSteps,
      }),
      readiness: options.readiness ?? (() => readinessOf(sets)),
      status: options.status ?? (() => ({ ready: readinessOf(sets).ready })),
      metrics: async () => ({ text: await metrics.registry.metrics(), contentType: metrics.registry.contentType }),
      openApi: OPEN_API,
    }),
  });
  return { listener, sets, metrics };
}

/** Ready is who has a snapshot to decide with. */
export function readinessOf(sets: ActiveSets): Readiness {
  if (sets.all.size > 0) return { ready: true };
  return { ready: false, problem: 'no-policy', detail: 'No policy is active yet.' };
}

import type { DecisionCore } from '../core/session.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { API_DESCRIPTIONS, apiRoutes } from './api-routes.ts';
import { listen, type Listener } from './listener.ts';
import { openApiOf } from './open-api.ts';
import { createRouter } from './router.ts';
import { SERVICE_OPEN_API } from './service-open-api.ts';
import { serviceRoutes, type Readiness } from './service-routes.ts';

/** What the HTTP API does unless told otherwise. */
export const HTTP_DEFAULTS = {
  maxBodyBytes: 8_388_608,
  requestTimeoutMs: 10_000,
} as const;

export interface HttpEdgeOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly core: DecisionCore;
  readonly metrics: PdpMetrics;
  /** Told of bugs: a handler that threw. */
  readonly onError: (error: unknown) => void;
  /** Whether requests should be sent here. */
  readonly readiness: () => Readiness;
  /** The document of `/v1/status`. */
  readonly status: () => unknown;
  readonly maxBodyBytes?: number | undefined;
  readonly maxBatch?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
}

/** Starts the HTTP server with the routes of every API. Rejects when the address is taken. */
export async function createHttpEdge(options: HttpEdgeOptions): Promise<Listener> {
  const { core, metrics, readiness, status, maxBatch, maxBodyBytes = HTTP_DEFAULTS.maxBodyBytes } = options;
  return await listen({
    host: options.host,
    port: options.port,
    maxBodyBytes,
    requestTimeoutMs: options.requestTimeoutMs ?? HTTP_DEFAULTS.requestTimeoutMs,
    onRefused: (problem) => metrics.refused.inc({ api: 'none', problem }),
    onError: (error) => {
      metrics.failures.inc();
      options.onError(error);
    },
    handle: createRouter([
      ...apiRoutes({
        core,
        readiness,
        maxBodyBytes,
        maxBatch,
        onEnvoyProblem: (problem) => metrics.envoyProblems.inc({ problem }),
      }),
      ...serviceRoutes({
        readiness,
        status,
        metrics: async () => ({ text: await metrics.registry.metrics(), contentType: metrics.registry.contentType }),
        openApi: openApiOf([...API_DESCRIPTIONS, SERVICE_OPEN_API]),
      }),
    ]),
  });
}

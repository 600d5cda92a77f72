import type { Exposition } from '../answering.ts';
import type { Authenticator } from '../authentication/authenticator.ts';
import type { DecisionCore } from '../core/session.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { API_DESCRIPTIONS, apiRoutes } from './api-routes.ts';
import { byInstancePath } from './instance-path.ts';
import { listen, type Listener, type ListenerTls } from './listener.ts';
import { openApiOf } from './open-api.ts';
import { createRouter } from './router.ts';
import { SERVICE_OPEN_API } from './service-open-api.ts';
import { serviceRoutes, type Readiness } from './service-routes.ts';
import type { TransportSettings } from './transport/settings.ts';
import type { TransportMetrics } from './transport/transport-metrics.ts';

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
  /** What `/metrics` tells; the registry of `metrics` by default. */
  readonly exposition?: (() => Promise<Exposition>) | undefined;
  /** How connections are taken; TLS is opened by the caller. */
  readonly transport?: Omit<TransportSettings, 'tls'> | undefined;
  readonly transportMetrics?: TransportMetrics | undefined;
  readonly tls?: ListenerTls | undefined;
  readonly authenticator?: Authenticator | undefined;
}

/** Starts the HTTP server with the routes of every API. Rejects when the address is taken. */
export async function createHttpEdge(options: HttpEdgeOptions): Promise<Listener> {
  const { core, metrics, readiness, status, maxBatch, maxBodyBytes = HTTP_DEFAULTS.maxBodyBytes } = options;
  const { transport = {}, transportMetrics } = options;
  const { maxRequestsPerConnection = 0 } = transport;
  const apis = apiRoutes({
    core,
    readiness,
    maxBodyBytes,
    maxBatch,
    onEnvoyProblem: (problem) => metrics.envoyProblems.inc({ problem }),
  });
  return await listen({
    ...transport,
    maxRequestsPerConnection: maxRequestsPerConnection === 0 ? undefined : maxRequestsPerConnection,
    host: options.host,
    port: options.port,
    tls: options.tls,
    authenticator: options.authenticator,
    onConnection: (protocol) => transportMetrics?.connections.inc({ protocol }),
    onDropped: (reason) => transportMetrics?.dropped.inc({ reason }),
    onUnauthenticated: (reason) => transportMetrics?.unauthenticated.inc({ reason }),
    maxBodyBytes,
    requestTimeoutMs: options.requestTimeoutMs ?? HTTP_DEFAULTS.requestTimeoutMs,
    onRefused: (problem) => metrics.refused.inc({ api: 'none', problem }),
    onError: (error) => {
      metrics.failures.inc();
      options.onError(error);
    },
    handle: byInstancePath(
      createRouter(apis),
      createRouter([
        ...apis,
        ...serviceRoutes({
          readiness,
          status,
          metrics:
            options.exposition ??
            (async () => ({ text: await metrics.registry.metrics(), contentType: metrics.registry.contentType })),
          openApi: openApiOf([...API_DESCRIPTIONS, SERVICE_OPEN_API]),
        }),
      ]),
    ),
  });
}

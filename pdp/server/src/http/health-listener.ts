import type { Logger } from 'winston';
import type { Exposition } from '../answering.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { API_DESCRIPTIONS } from './api-routes.ts';
import { HTTP_DEFAULTS } from './http-edge.ts';
import { listen, type Listener } from './listener.ts';
import { openApiOf } from './open-api.ts';
import { createRouter } from './router.ts';
import { SERVICE_OPEN_API } from './service-open-api.ts';
import { serviceRoutes, type Readiness } from './service-routes.ts';

export interface HealthListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly readiness: () => Readiness;
  readonly status: () => unknown;
  readonly exposition: () => Promise<Exposition>;
  readonly metrics: Pick<PdpMetrics, 'failures' | 'refused'>;
  readonly logger: Pick<Logger, 'error'>;
}

/** Few ask here: probes and those who gather metrics. */
const MAX_CONNECTIONS = 100;
const MAX_BODY_BYTES = 1_024;

/**
 * Tells health, status and metrics in clear text and to everybody, on a port of its own: so that probes, which have no
 * certificates, can ask where decisions need them. No decision is given here.
 */
export async function listenForHealth(options: HealthListenerOptions): Promise<Listener> {
  const { host, port, readiness, status, exposition, metrics, logger } = options;
  return await listen({
    host,
    port,
    maxConnections: MAX_CONNECTIONS,
    maxBodyBytes: MAX_BODY_BYTES,
    requestTimeoutMs: HTTP_DEFAULTS.requestTimeoutMs,
    onRefused: (problem) => metrics.refused.inc({ api: 'none', problem }),
    onError: (error) => {
      metrics.failures.inc();
      logger.error('request failed', { error: String(error) });
    },
    handle: createRouter(
      serviceRoutes({
        readiness,
        status,
        metrics: exposition,
        openApi: openApiOf([...API_DESCRIPTIONS, SERVICE_OPEN_API]),
      }),
    ),
  });
}

import type { Exposition } from '../answering.ts';
import type { Authenticator } from '../authentication/authenticator.ts';
import type { BodyClaim } from '../core/body-claim.ts';
import type { DecisionCore, Refusal } from '../core/session.ts';
import type { FindRules } from '../explain/rule-explainer.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { API_DESCRIPTIONS, apiRoutes } from './api-routes.ts';
import type { OpenAuthZen } from './authzen/open-authzen.ts';
import { byInstancePath, instanceOfHead } from './instance-path.ts';
import { listen, type Listener, type ListenerTls } from './listener.ts';
import { openApiOf } from './open-api.ts';
import { sendingToClean } from './opa/clean-path.ts';
import { refusalReply } from './route.ts';
import type { ProblemName, Reply } from './reply.ts';
import { createRouter } from './router.ts';
import { SERVICE_OPEN_API } from './service-open-api.ts';
import { serviceRoutes, type Readiness } from './service-routes.ts';
import type { BodyAccount } from './transport/connection-host.ts';
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
  /** Finds the rules behind decisions that are to be explained. */
  readonly findRules?: FindRules | undefined;
  readonly authZen?: OpenAuthZen | undefined;
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
    findRules: options.findRules,
    authZen: options.authZen,
    onEnvoyProblem: (problem) => metrics.envoyProblems.inc({ problem }),
  });
  const onRefused = (problem: ProblemName): void => metrics.refused.inc({ api: 'none', problem });
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
    onRefused,
    accountOf: (head) => {
      const claim = core.claimBody({ instance: instanceOfHead(head), serverName: head.serverName });
      return claim && accountOf(claim, onRefused);
    },
    onError: (error) => {
      metrics.failures.inc();
      options.onError(error);
    },
    handle: sendingToClean(
      byInstancePath(
        // Well-known addresses are those of a host (RFC 8615 section 3).
        createRouter(apis.filter(({ path }) => !path.startsWith('/.well-known/'))),
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
    ),
  });
}

/** A claim in the words of the transport. */
function accountOf(claim: BodyClaim, onRefused: (problem: ProblemName) => void): BodyAccount {
  const told = (refusal: Refusal | undefined): Reply | undefined => {
    if (refusal === undefined) return undefined;
    onRefused(refusal.problem);
    return refusalReply(refusal);
  };
  return {
    announce: (bytes) => told(claim.announce(bytes)),
    take: (bytes) => told(claim.take(bytes)),
    giveBack: () => claim.giveBack(),
  };
}

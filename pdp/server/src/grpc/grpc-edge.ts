import type { TlsOptions } from 'node:tls';
import type { DecisionCore } from '../core/session.ts';
import { AUTHORIZATION_SERVICE, authorizationMethods } from '../envoy/authorization-service.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { DECISION_SERVICE, decisionMethods } from './decision-service.ts';
import { PROTO_FILES } from './gen/proto-files.ts';
import type { GrpcMethod } from './grpc-method.ts';
import { listenGrpc, type GrpcAddress, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';
import { HEALTH_SERVICE, healthMethods } from './health-service.ts';
import { reflectionMethods, REFLECTION_SERVICES } from './reflection-service.ts';

export interface GrpcEdgeOptions {
  readonly listen: GrpcAddress;
  readonly core: DecisionCore;
  readonly metrics: PdpMetrics;
  /** Whether requests should be sent here. */
  readonly isReady: () => boolean;
  /** PORCs that one batch may hold. */
  readonly maxBatch: number;
  readonly maxMessageBytes?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
  /** Certificate and key, and what clients have to show; clear text without it. */
  readonly tls?: TlsOptions | undefined;
  /** Who calls, or why the call is refused. Health is told to everybody. */
  readonly authenticate?: GrpcServerOptions['authenticate'];
  /** Told of bugs: a method that threw. */
  readonly onError: (error: unknown) => void;
}

/** How often the health that watchers are told is looked at. */
const HEALTH_LOOK_MS = 1_000;

/** Starts the gRPC server with all services. Rejects when the address is taken. */
export async function createGrpcEdge(options: GrpcEdgeOptions): Promise<GrpcServer> {
  const { core, metrics, isReady, maxBatch, onError, ...server } = options;
  const decisionServices = [AUTHORIZATION_SERVICE, DECISION_SERVICE];
  const methods: readonly GrpcMethod[] = [
    ...authorizationMethods({ core, onProblem: (problem) => metrics.envoyProblems.inc({ problem }) }),
    ...decisionMethods({ core, maxBatch }),
    ...healthMethods({ services: decisionServices, isReady, every }),
    ...reflectionMethods({
      services: [...decisionServices, HEALTH_SERVICE, ...REFLECTION_SERVICES],
      files: PROTO_FILES,
    }),
  ];
  return await listenGrpc({
    ...server,
    methods,
    onCall: callCounter(methods, metrics),
    onBroken: (code) => metrics.grpcBroken.inc({ code }),
    onError: (error) => {
      metrics.failures.inc();
      onError(error);
    },
  });
}

function every(look: () => void): () => void {
  const timer = setInterval(look, HEALTH_LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Counts calls. Series that most calls count in are looked up once: that costs more than to count. */
function callCounter(
  methods: readonly GrpcMethod[],
  { grpcCalls, grpcSeconds }: Pick<PdpMetrics, 'grpcCalls' | 'grpcSeconds'>,
): GrpcServerOptions['onCall'] {
  const labels = new Set([...methods.map(({ label }) => label), 'unknown' as const]);
  const series = new Map(
    [...labels].map((method) => [method, { seconds: grpcSeconds.series(method), ok: grpcCalls.series(method, 'OK') }]),
  );
  return (method, code, seconds) => {
    const found = series.get(method);
    (code === 'OK' ? found?.ok : grpcCalls.series(method, code))?.inc();
    found?.seconds.observe(seconds);
  };
}

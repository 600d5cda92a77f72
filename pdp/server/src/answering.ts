import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { systemClock } from '@edict/protocol';
import type { Logger } from 'winston';
import type { ActiveSets } from './active-sets.ts';
import type { WriteBytes } from './audit/line-writer.ts';
import { openAudit } from './audit/open-audit.ts';
import { DEFAULT_AUDIT, type AuditSettings } from './audit/settings/audit-settings.ts';
import { openAuthenticator } from './authentication/open-authenticator.ts';
import type { AuthenticationSettings } from './authentication/settings.ts';
import { createDecisionCore } from './core/decision-core.ts';
import type { DecisionTracer } from './core/decision-tracer.ts';
import type { SetLimits } from './core/served-revision.ts';
import type { FindRules } from './explain/rule-explainer.ts';
import { createGrpcEdge } from './grpc/grpc-edge.ts';
import { grpcAuthentication } from './authentication/grpc-authentication.ts';
import type { GrpcAddress } from './grpc/grpc-server.ts';
import { openAuthZen } from './http/authzen/open-authzen.ts';
import type { AuthZenSettings } from './http/authzen/settings.ts';
import { createHttpEdge } from './http/http-edge.ts';
import type { Listener } from './http/listener.ts';
import { MAX_BATCH } from './http/manetu/batch.ts';
import type { Readiness } from './http/service-routes.ts';
import { secureContextOptions, type TlsFiles } from './http/transport/tls-files.ts';
import { openTls } from './http/transport/open-tls.ts';
import type { TransportSettings } from './http/transport/settings.ts';
import { createTransportMetrics } from './http/transport/transport-metrics.ts';
import type { NetworkSettings, OpenNetwork } from './network/open-network.ts';
import type { LoadMeter } from './observability/load-meter.ts';
import type { PdpMetrics } from './observability/metrics.ts';
import type { SetLabels } from './observability/set-labels.ts';
import type { SetLoadMeters } from './observability/set-load-meters.ts';
import type { TracingSettings } from './observability/tracing.ts';
import { ENGINE } from './version.ts';

/** How a process answers requests. */
export interface AnsweringOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** TLS, unix socket and the bounds on connections; what is left out is as `TRANSPORT_DEFAULTS`. */
  readonly transport?: TransportSettings | undefined;
  /** Who may ask; nobody is asked who they are without it. */
  readonly authentication?: AuthenticationSettings | undefined;
  readonly maxBodyBytes: number;
  /** Where gRPC is served, for Envoy too, and the largest message; it is not without this. */
  readonly grpc?: { readonly listen: GrpcAddress; readonly maxMessageBytes?: number | undefined } | undefined;
  /** PORCs of one batch; `MAX_BATCH` by default. */
  readonly maxBatch?: number;
  /** Evaluation steps of one decision, unless its set says otherwise. */
  readonly maxSteps: number;
  /** What else one set may use unless it says otherwise; `CORE_DEFAULTS` where left out. */
  readonly setLimits?: Partial<Omit<SetLimits, 'maxSteps'>>;
  /** The longest that `Policy-Wait` counts for, and how many requests may wait; `CORE_DEFAULTS` by default. */
  readonly maxWaitMs?: number;
  readonly maxWaiters?: number;
  /** The longest that a request waits for the policy of its set to come into memory, and how many of one set may. */
  readonly maxLoadWaitMs?: number;
  readonly maxLoadWaiters?: number;
  /** Sets that metrics name; the others share one label value. `MAX_SET_LABELS` by default. */
  readonly maxSetLabels?: number;
  readonly includeAll: boolean;
  readonly requestTimeoutMs: number;
  /** Where records of decisions go, and the folder of journals, which no other process uses; `DEFAULT_AUDIT` by default. */
  readonly audit?: { readonly settings: AuditSettings; readonly folder: string } | undefined;
  /** Standard output of records, one JSON line each. */
  readonly writeRecords: WriteBytes;
  readonly logger: Logger;
  /** What policies may do with the network; nothing by default. */
  readonly network?: NetworkSettings;
  /** What AuthZEN clients are told, and the keys of that. */
  readonly authZen?: AuthZenSettings | undefined;
  /** Where spans of decisions go; nowhere by default. */
  readonly tracing?: TracingSettings | undefined;
}

/** What a process that answers is told by the one that keeps up with the operator: itself, or its primary. */
export interface AnsweringDeps {
  readonly sets: ActiveSets;
  readonly metrics: PdpMetrics;
  readonly meter: LoadMeter;
  /** What Beats tell of each set. */
  readonly setLoads: SetLoadMeters;
  /** The network as policies may use it. The caller closes it. */
  readonly network: OpenNetwork;
  /** Whether requests should be sent here. */
  readonly readiness: () => Readiness;
  /** The document of `/v1/status`. */
  readonly status: () => unknown;
  /** Whether all sets are here that were there from the start: before that the first to be loaded does not answer for others. */
  readonly hasSettled: () => boolean;
  /** Whether revisions may be missing here. */
  readonly isStale: () => boolean;
  /** Finds the rules behind decisions that are to be explained. */
  readonly findRules: FindRules;
  /** What `/metrics` tells. */
  readonly exposition: () => Promise<Exposition>;
  /** Which sets metrics name. */
  readonly setLabels: SetLabels;
  /** Is told of decisions; nobody is, without. The caller closes what it belongs to, after what answers. */
  readonly tracer: DecisionTracer | undefined;
}

/** Prometheus text and its content type. */
export interface Exposition {
  readonly text: string;
  readonly contentType: string;
}

/** A process's answering side. */
export interface Answering {
  /** `http://host:port`, or https, to ask for decisions. */
  readonly url: string;
  /** Where gRPC is served: an address, or the path of a socket. */
  readonly grpcAddress: AddressInfo | string | undefined;
  /** From now on every answer ends its connection. */
  readonly dismissClients: () => void;
  /** Takes no new connection, and resolves when what was under way is answered or time is up. */
  readonly drain: (timeoutMs: number) => Promise<void>;
  /** Someone has moved files of records away: begins them anew. */
  readonly reopenRecords: () => void;
  /** Lets go of everything else; what is recorded is waited for a while. */
  readonly close: () => Promise<void>;
}

/** At the end, records that nobody reads are waited for this long and no longer. */
const RECORDS_DRAIN_MS = 2_000;

/**
 * Starts to answer. Rejects when an address is taken, a certificate cannot be used, an allowed host is none, or a journal of
 * records cannot be opened.
 */
export async function startAnswering(options: AnsweringOptions, deps: AnsweringDeps): Promise<Answering> {
  const { logger } = options;
  const { metrics, meter, readiness } = deps;
  const audit = await openAudit({
    ...(options.audit ?? { settings: DEFAULT_AUDIT, folder: '' }),
    writeStdout: options.writeRecords,
    metrics: metrics.audit,
    log: logger,
    clock: systemClock,
    random: () => Math.random(),
    processLabels: { id: randomUUID(), version: ENGINE.version },
    onLost: (records) => {
      for (let lost = 0; lost < records; lost++) meter.lostRecord();
    },
  });
  const core = createDecisionCore({
    ...options,
    tracer: deps.tracer,
    sets: deps.sets,
    setLabels: deps.setLabels,
    metrics,
    meter,
    setLoads: deps.setLoads,
    network: deps.network.access,
    setLimits: { ...options.setLimits, maxSteps: options.maxSteps },
    audit: audit.sink,
    isStale: deps.isStale,
    hasSettled: deps.hasSettled,
  });
  const transportMetrics = createTransportMetrics(metrics.registry);
  const tls = await openTls(options.transport?.tls, transportMetrics, logger);
  const authenticator = await openAuthenticator(options.authentication, { logger, metrics: transportMetrics });
  const listener = await createHttpEdge({
    ...options,
    core,
    metrics,
    readiness,
    status: deps.status,
    exposition: deps.exposition,
    findRules: deps.findRules,
    authZen: await openAuthZen(options.authZen),
    transportMetrics,
    tls,
    authenticator,
    onError: (error) => logger.error('request failed', { error: stackOf(error) }),
  });
  const grpc =
    options.grpc === undefined
      ? undefined
      : await createGrpcEdge({
          ...options.grpc,
          core,
          metrics,
          tls: tls && { ...secureContextOptions(tls.files.current), ...clientCertificatesOf(tls.clientCertificates) },
          authenticate: authenticator && grpcAuthentication(authenticator, 'path' in options.grpc.listen),
          isReady: () => readiness().ready,
          maxBatch: options.maxBatch ?? MAX_BATCH,
          requestTimeoutMs: options.requestTimeoutMs,
          onError: (error) => logger.error('call failed', { error: stackOf(error) }),
        });
  if (grpc !== undefined) followFiles(tls?.files, (context) => grpc.setSecureContext(context));
  return {
    url: urlOf(listener, tls !== undefined),
    grpcAddress: grpc?.address,
    dismissClients: () => {
      listener.dismissClients();
      grpc?.dismissClients();
    },
    drain: async (timeoutMs) => {
      await Promise.all([listener.drain(timeoutMs), grpc?.drain(timeoutMs)]);
    },
    reopenRecords: audit.reopen,
    close: async () => {
      core.close();
      tls?.files.close();
      const lost = await audit.close(RECORDS_DRAIN_MS);
      if (lost > 0) logger.error('access records were lost: nobody takes them', { records: lost });
    },
  };
}

/** What a TLS server asks of its clients. */
function clientCertificatesOf(wanted: 'None' | 'Optional' | 'Required') {
  return { requestCert: wanted !== 'None', rejectUnauthorized: wanted === 'Required' };
}

function followFiles(
  files: TlsFiles | undefined,
  take: (context: ReturnType<typeof secureContextOptions>) => void,
): void {
  files?.follow((materials) => take(secureContextOptions(materials)));
}

function urlOf({ address }: Listener, isSecure: boolean): string {
  const host =
    address.family === 'IPv6' ? (address.address === '::' ? '127.0.0.1' : `[${address.address}]`) : address.address;
  return `${isSecure ? 'https' : 'http'}://${host}:${address.port}`;
}

/** A bug's stack, and those of its causes, are what finds it; the client sees none of it. */
function stackOf(error: unknown): string {
  return inspect(error, { depth: 2 });
}

import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  createPdpClient,
  PDP_DEFAULTS,
  systemClock,
  type Dial,
  type OperatorMessage,
  type PdpClient,
  type PdpMessage,
  type PdpState,
} from '@edict/protocol';
import type { Logger } from 'winston';
import { ActiveSets } from './active-sets.ts';
import { lineSink } from './audit/line-sink.ts';
import { LineWriter, type WriteBytes } from './audit/line-writer.ts';
import { createDecisionCore } from './core/decision-core.ts';
import type { SetLimits } from './core/served-revision.ts';
import { createGrpcEdge } from './grpc/grpc-edge.ts';
import type { GrpcAddress } from './grpc/grpc-server.ts';
import { createHttpEdge } from './http/http-edge.ts';
import type { Listener } from './http/listener.ts';
import { MAX_BATCH } from './http/manetu/batch.ts';
import type { Readiness } from './http/service-routes.ts';
import { openNetwork, type NetworkSettings } from './network/open-network.ts';
import { BeatLoad } from './observability/beat-load.ts';
import { LoadMeter } from './observability/load-meter.ts';
import { createMetrics, type PdpMetrics } from './observability/metrics.ts';
import { ReadinessGate } from './readiness.ts';
import { stalenessOf, statusOf, type PdpStatus } from './status.ts';
import { createPdpPorts, WITHDRAW_GRACE_MS } from './sync/pdp-ports.ts';
import { RevisionFiles } from './sync/revision-files.ts';
import { RevisionLoader, type FetchArtifact } from './sync/revision-loader.ts';
import { COMPILE_LIMITS, SnapshotCompiler, type CompileLimits } from './sync/snapshot-compiler.ts';
import { ENGINE } from './version.ts';

export type { PdpStatus } from './status.ts';

export interface PdpOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly dataDir: string;
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
  readonly includeAll: boolean;
  readonly requestTimeoutMs: number;
  readonly auditBufferBytes: number;
  readonly onAuditFull: 'Drop' | 'Refuse';
  /** Where access records go, one JSON line each. */
  readonly writeRecords: WriteBytes;
  readonly logger: Logger;
  /** Opens a stream to the operator. */
  readonly dial: Dial<PdpMessage, OperatorMessage>;
  readonly fetchArtifact: FetchArtifact;
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  /** What policies may do with the network; nothing by default. */
  readonly network?: NetworkSettings;
  /** Bounds of compiling one revision; {@link COMPILE_LIMITS} by default. */
  readonly compileLimits?: Partial<CompileLimits>;
  /** How long a set that the operator assigns no more is still answered for; 30 s by default. */
  readonly withdrawGraceMs?: number;
}

/** A running policy decision point. */
export interface Pdp {
  /** `http://host:port` to ask for decisions. */
  readonly url: string;
  /** Where gRPC is served: an address, or the path of a socket. */
  readonly grpcAddress: AddressInfo | string | undefined;
  readonly metrics: PdpMetrics;
  readonly sets: ActiveSets;
  /** The document of `/v1/status`. */
  readonly status: () => PdpStatus;
  /**
   * Stops gracefully: not ready at once, serving for `delayMs` more, then open requests get `timeoutMs` to end. Calling it
   * again gives the same promise.
   */
  readonly drain: (delayMs: number, timeoutMs: number) => Promise<void>;
}

/** How often the load that Beats tell is measured. */
const LOAD_INTERVAL_MS = 500;

const DRAINING: Readiness = { ready: false, problem: 'draining', detail: 'The process is shutting down.' };

/** At the end, records that nobody reads are waited for this long and no longer. */
const RECORDS_DRAIN_MS = 2_000;

/**
 * Starts a PDP: listens (not ready), then loads last-known-good policy and dials the operator. Resolves when it listens.
 * Rejects when the data folder cannot be opened, the address is taken, or an allowed host is none.
 */
export async function startPdp(options: PdpOptions): Promise<Pdp> {
  const { logger } = options;
  const metrics = createMetrics();
  const sets = new ActiveSets();
  const meter = new LoadMeter(() => process.memoryUsage.rss());
  const audit = new LineWriter({
    write: options.writeRecords,
    maxBufferedBytes: options.auditBufferBytes,
    onDropped: () => {
      metrics.unlogged.inc();
      meter.lostRecord();
    },
    onError: (error) => logger.error('access records cannot be written', { error: error.message }),
  });
  const files = await RevisionFiles.open(options.dataDir, (path, reason) =>
    logger.warn('stored record ignored', { path, reason }),
  );
  const records = await files.load();
  let draining: Promise<void> | undefined;
  let beats = 0;
  const trackStream = trackConnection(metrics);
  const load = new BeatLoad(meter);
  const network = openNetwork(options.network ?? {}, `Edict/${ENGINE.version}`, metrics);
  const compiler = new SnapshotCompiler({ ...COMPILE_LIMITS, ...options.compileLimits });
  const loader = new RevisionLoader({
    files,
    fetch: options.fetchArtifact,
    trustedKeys: options.trustedKeys,
    compile: (request, signal) => compiler.compile({ ...request, unsafeBuiltins: network.unsafeBuiltins }, signal),
  });
  const client: PdpClient = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: ENGINE },
    records,
    ports: createPdpPorts({
      files,
      loader,
      sets,
      metrics,
      logger,
      state: () => client.state(),
      clock: systemClock,
      withdrawGraceMs: options.withdrawGraceMs ?? WITHDRAW_GRACE_MS,
    }),
    dial: options.dial,
    clock: systemClock,
    random: () => Math.random(),
    log: logger,
    onState: (state) => {
      trackStream(state);
      if (state.seq === beats) return;
      beats = state.seq;
      load.sent();
      client.reportLoad(load.measure());
    },
  });
  const gate = new ReadinessGate(systemClock.monotonic);
  const readiness = (): Readiness => (draining === undefined ? gate.look(sets, client.state()) : DRAINING);
  const status = (): PdpStatus => statusOf(client.state(), sets, readiness(), systemClock);
  const core = createDecisionCore({
    ...options,
    sets,
    metrics,
    meter,
    network: network.access,
    setLimits: { ...options.setLimits, maxSteps: options.maxSteps },
    audit: lineSink(audit, options.onAuditFull),
    isStale: () => stalenessOf(client.state(), systemClock).stale,
  });
  const listener = await createHttpEdge({
    ...options,
    core,
    metrics,
    readiness,
    status,
    onError: (error) => logger.error('request failed', { error: stackOf(error) }),
  });
  const grpc =
    options.grpc === undefined
      ? undefined
      : await createGrpcEdge({
          ...options.grpc,
          core,
          metrics,
          isReady: () => readiness().ready,
          maxBatch: options.maxBatch ?? MAX_BATCH,
          requestTimeoutMs: options.requestTimeoutMs,
          onError: (error) => logger.error('call failed', { error: stackOf(error) }),
        });
  const measuring = setInterval(() => client.reportLoad(load.measure()), LOAD_INTERVAL_MS);
  measuring.unref();
  client.start();
  const url = urlOf(listener);
  logger.info('listening', { url, grpc: grpc?.address, dataDir: options.dataDir, storedSets: records.size });
  return {
    url,
    grpcAddress: grpc?.address,
    metrics,
    sets,
    status,
    drain: (delayMs, timeoutMs) => (draining ??= drain(delayMs, timeoutMs)),
  };

  async function drain(delayMs: number, timeoutMs: number): Promise<void> {
    logger.info('draining', { delayMs, timeoutMs });
    listener.dismissClients();
    grpc?.dismissClients();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await Promise.all([listener.drain(timeoutMs), grpc?.drain(timeoutMs)]);
    clearInterval(measuring);
    core.close();
    network.close();
    await Promise.all([client.close(), compiler.close()]);
    if (!(await audit.drained(RECORDS_DRAIN_MS))) {
      logger.error('access records were lost: nobody reads them', { bytes: audit.bufferedBytes });
    }
  }
}

/** Counts streams after the first, and shows whether one is up. */
function trackConnection(metrics: PdpMetrics): (state: PdpState) => void {
  let before: PdpState['connection'] = 'Down';
  let streams = 0;
  return ({ connection }) => {
    if (connection === before) return;
    const wasDown = before === 'Down';
    before = connection;
    metrics.connected.set(connection === 'Down' ? 0 : 1);
    if (wasDown && streams++ > 0) metrics.reconnects.inc();
  };
}

function urlOf({ address }: Listener): string {
  const host =
    address.family === 'IPv6' ? (address.address === '::' ? '127.0.0.1' : `[${address.address}]`) : address.address;
  return `http://${host}:${address.port}`;
}

/** A bug's stack, and those of its causes, are what finds it; the client sees none of it. */
function stackOf(error: unknown): string {
  return inspect(error, { depth: 2 });
}

import { randomUUID } from 'node:crypto';
import { systemClock } from '@edict/engine';
import {
  createPdpClient,
  PDP_DEFAULTS,
  setStateOf,
  systemClock as protocolClock,
  type Dial,
  type OperatorMessage,
  type PdpClient,
  type PdpMessage,
  type PdpState,
} from '@edict/protocol';
import type { Logger } from 'winston';
import { ActiveSets } from './active-sets.ts';
import { LineWriter, type WriteBytes } from './audit/line-writer.ts';
import { createDecisionHandler } from './http/decision-handler.ts';
import { listen, type Listener } from './http/listener.ts';
import { OPEN_API } from './http/open-api.ts';
import { createRouter } from './http/router.ts';
import { LoadMeter } from './observability/load-meter.ts';
import { createMetrics, type PdpMetrics } from './observability/metrics.ts';
import { createPdpPorts } from './sync/pdp-ports.ts';
import { RevisionFiles } from './sync/revision-files.ts';
import { RevisionLoader, type FetchArtifact } from './sync/revision-loader.ts';
import { createSnapshotCompiler } from './sync/snapshot-compiler.ts';
import { ENGINE } from './version.ts';

export interface PdpOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly maxBodyBytes: number;
  readonly maxSteps: number;
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
}

/** A running policy decision point. */
export interface Pdp {
  /** `http://host:port` to ask for decisions. */
  readonly url: string;
  readonly metrics: PdpMetrics;
  readonly sets: ActiveSets;
  /** The document of `/v1/status`. */
  readonly status: () => PdpStatus;
  /** Stops gracefully: not ready at once, serving for `delayMs` more, then open requests get `timeoutMs` to end. */
  readonly drain: (delayMs: number, timeoutMs: number) => Promise<void>;
}

/** What `/v1/status` answers. */
export interface PdpStatus {
  readonly ready: boolean;
  readonly connected: boolean;
  readonly engine: string;
  readonly sets: readonly {
    readonly set: string;
    readonly state: string;
    readonly active?: {
      readonly revision: number;
      readonly digest: string;
      readonly activatedAt: string;
      readonly persisted: boolean;
    };
    readonly staged?: { readonly revision: number; readonly digest: string };
  }[];
}

/** How often the load that Beats tell is measured; the Beats' own period. */
const LOAD_INTERVAL_MS = PDP_DEFAULTS.heartbeatMs;

/** Starts a PDP: listens first (not ready), then loads last-known-good policy, then dials the operator. */
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
    onError: (error) => logger.error('access records were not written', { error: error.message }),
  });
  const files = await RevisionFiles.open(options.dataDir, (path, reason) =>
    logger.warn('stored record ignored', { path, reason }),
  );
  const records = await files.load();
  let draining = false;
  const loader = new RevisionLoader({
    files,
    fetch: options.fetchArtifact,
    trustedKeys: options.trustedKeys,
    compile: createSnapshotCompiler(),
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
      nowMs: () => Date.now(),
    }),
    dial: options.dial,
    clock: protocolClock,
    random: () => Math.random(),
    log: logger,
    onState: trackConnection(metrics),
  });
  const beat = setInterval(() => client.reportLoad(meter.take()), LOAD_INTERVAL_MS);
  beat.unref();

  const status = (): PdpStatus => statusOf(client.state(), sets, draining);
  const listener = await listen({
    host: options.host,
    port: options.port,
    maxBodyBytes: options.maxBodyBytes,
    requestTimeoutMs: options.requestTimeoutMs,
    onError: (error) => logger.error('request failed', { error: String(error) }),
    handle: createRouter({
      decision: createDecisionHandler({
        sets,
        audit,
        onAuditFull: options.onAuditFull,
        metrics,
        meter,
        clock: systemClock,
        newId: randomUUID,
        includeAll: options.includeAll,
        maxSteps: options.maxSteps,
      }),
      readiness: () => readinessOf(sets, draining),
      status,
      metrics: async () => ({ text: await metrics.registry.metrics(), contentType: metrics.registry.contentType }),
      openApi: OPEN_API,
    }),
  });
  client.start();
  const url = urlOf(listener);
  logger.info('listening', { url, dataDir: options.dataDir, storedSets: records.size });
  return {
    url,
    metrics,
    sets,
    status,
    drain: async (delayMs, timeoutMs) => {
      draining = true;
      logger.info('draining', { delayMs, timeoutMs });
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await listener.drain(timeoutMs);
      clearInterval(beat);
      await client.close();
      await audit.drained();
    },
  };
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

function readinessOf(sets: ActiveSets, draining: boolean): { readonly ready: boolean; readonly reason: string } {
  if (draining) return { ready: false, reason: 'The process is shutting down.' };
  if (sets.all.size === 0) return { ready: false, reason: 'No policy is active yet.' };
  return { ready: true, reason: '' };
}

function statusOf({ connection, sets }: PdpState, active: ActiveSets, draining: boolean): PdpStatus {
  return {
    ready: readinessOf(active, draining).ready,
    connected: connection === 'Up',
    engine: `${ENGINE.name}/${ENGINE.version}`,
    sets: [...sets.values()].map((machine) => {
      const serving = active.all.get(machine.set);
      return {
        set: machine.set,
        state: setStateOf(machine),
        ...(serving === undefined
          ? {}
          : {
              active: {
                revision: serving.n,
                digest: serving.digest,
                activatedAt: new Date(serving.activatedAtMs).toISOString(),
                persisted: machine.active?.persisted ?? false,
              },
            }),
        ...(machine.staged === undefined
          ? {}
          : { staged: { revision: machine.staged.revision.n, digest: machine.staged.revision.digest } }),
      };
    }),
  };
}

function urlOf({ address }: Listener): string {
  const host =
    address.family === 'IPv6' ? (address.address === '::' ? '127.0.0.1' : `[${address.address}]`) : address.address;
  return `http://${host}:${address.port}`;
}

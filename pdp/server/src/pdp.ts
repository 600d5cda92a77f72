import {
  createPdpClient,
  PDP_DEFAULTS,
  setStateOf,
  systemClock,
  type Dial,
  type OperatorMessage,
  type PdpClient,
  type PdpMessage,
  type PdpState,
  type SetState,
} from '@edict/protocol';
import type { Logger } from 'winston';
import { ActiveSets } from './active-sets.ts';
import { LineWriter, type WriteBytes } from './audit/line-writer.ts';
import { createHttpEdge, readinessOf } from './http/http-edge.ts';
import type { Listener } from './http/listener.ts';
import type { Readiness } from './http/router.ts';
import { BeatLoad } from './observability/beat-load.ts';
import { LoadMeter } from './observability/load-meter.ts';
import { createMetrics, type PdpMetrics } from './observability/metrics.ts';
import { createPdpPorts, WITHDRAW_GRACE_MS } from './sync/pdp-ports.ts';
import { RevisionFiles } from './sync/revision-files.ts';
import { RevisionLoader, type FetchArtifact } from './sync/revision-loader.ts';
import { COMPILE_LIMITS, SnapshotCompiler, type CompileLimits } from './sync/snapshot-compiler.ts';
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
  /** Bounds of compiling one revision; {@link COMPILE_LIMITS} by default. */
  readonly compileLimits?: Partial<CompileLimits>;
  /** How long a set that the operator assigns no more is still answered for; 30 s by default. */
  readonly withdrawGraceMs?: number;
}

/** A running policy decision point. */
export interface Pdp {
  /** `http://host:port` to ask for decisions. */
  readonly url: string;
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

/** What `/v1/status` answers. */
export interface PdpStatus {
  readonly ready: boolean;
  readonly connected: boolean;
  readonly engine: string;
  readonly sets: readonly {
    readonly set: string;
    /** The protocol's word for where the set stands, or `Withdrawn`: held, but no longer assigned to this PDP. */
    readonly state: SetState | 'Withdrawn';
    readonly active?: {
      readonly revision: number;
      readonly digest: string;
      readonly activatedAt: string;
      readonly persisted: boolean;
    };
    readonly staged?: { readonly revision: number; readonly digest: string };
  }[];
}

/** How often the load that Beats tell is measured. */
const LOAD_INTERVAL_MS = 500;

const DRAINING: Readiness = { ready: false, problem: 'draining', detail: 'The process is shutting down.' };

/** At the end, records that nobody reads are waited for this long and no longer. */
const RECORDS_DRAIN_MS = 2_000;

/**
 * Starts a PDP: listens (not ready), then loads last-known-good policy and dials the operator. Resolves when it listens.
 * Rejects when the data folder cannot be opened or the address is taken.
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
  const compiler = new SnapshotCompiler({ ...COMPILE_LIMITS, ...options.compileLimits });
  const loader = new RevisionLoader({
    files,
    fetch: options.fetchArtifact,
    trustedKeys: options.trustedKeys,
    compile: compiler.compile,
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
  const status = (): PdpStatus => statusOf(client.state(), sets, draining !== undefined);
  const { listener } = await createHttpEdge({
    ...options,
    sets,
    metrics,
    meter,
    audit,
    readiness: () => (draining === undefined ? readinessOf(sets) : DRAINING),
    status,
    onError: (error) => logger.error('request failed', { error: stackOf(error) }),
  });
  const measuring = setInterval(() => client.reportLoad(load.measure()), LOAD_INTERVAL_MS);
  measuring.unref();
  client.start();
  const url = urlOf(listener);
  logger.info('listening', { url, dataDir: options.dataDir, storedSets: records.size });
  return {
    url,
    metrics,
    sets,
    status,
    drain: (delayMs, timeoutMs) => (draining ??= drain(delayMs, timeoutMs)),
  };

  async function drain(delayMs: number, timeoutMs: number): Promise<void> {
    logger.info('draining', { delayMs, timeoutMs });
    listener.dismissClients();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await listener.drain(timeoutMs);
    clearInterval(measuring);
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

function statusOf({ connection, sets }: PdpState, active: ActiveSets, draining: boolean): PdpStatus {
  return {
    ready: !draining && readinessOf(active).ready,
    connected: connection === 'Up',
    engine: `${ENGINE.name}/${ENGINE.version}`,
    sets: [...sets.values()].map((machine) => {
      const serving = active.all.get(machine.set);
      return {
        set: machine.set,
        state: serving === undefined && machine.active !== undefined ? 'Withdrawn' : setStateOf(machine),
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

/** A bug's stack is what finds it; the client sees none of it. */
function stackOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : String(error);
}

import type { AddressInfo } from 'node:net';
import { isDigest } from '@edict/bundle';
import {
  createPdpClient,
  FALLBACK_SOURCES_MAX,
  messageOf,
  PDP_DEFAULTS,
  SETS_MAX,
  systemClock,
  type Dial,
  type OperatorMessage,
  type PdpClient,
  type PdpMessage,
  type PdpPorts,
  type PdpState,
} from '@edict/protocol';
import { ActiveSets } from './active-sets.ts';
import { startAnswering, type AnsweringOptions, type Exposition } from './answering.ts';
import { RuleExplainer } from './explain/rule-explainer.ts';
import { listenForHealth } from './http/health-listener.ts';
import { IdleMemory, loopShare } from './idle-memory.ts';
import { Instances } from './instances/instances.ts';
import type { Readiness } from './http/service-routes.ts';
import { openNetwork } from './network/open-network.ts';
import { BeatLoad } from './observability/beat-load.ts';
import { LoadMeter } from './observability/load-meter.ts';
import { SetLoadMeters } from './observability/set-load-meters.ts';
import { MAX_SET_LABELS, SetLabels } from './observability/set-labels.ts';
import { createMetrics, type PdpMetrics } from './observability/metrics.ts';
import { openTracing } from './observability/tracing.ts';
import { remainingLeases } from './lease/remaining-leases.ts';
import { ReadinessGate } from './readiness.ts';
import { checkComparable, localComparing } from './shadow/local-comparing.ts';
import { createShadow } from './shadow/shadow-run.ts';
import { stalenessOf, statusOf, type PdpStatus, type PolicySource } from './status.ts';
import { createPdpPorts, WITHDRAW_GRACE_MS } from './sync/pdp-ports.ts';
import { tracedPorts } from './sync/traced-ports.ts';
import { Fallback, FALLBACK_TICKET, type FallbackOptions } from './sync/fallback.ts';
import { FallbackMemory } from './sync/fallback-memory.ts';
import { CompiledForms } from './sync/compiled-forms.ts';
import { RevisionFiles } from './sync/revision-files.ts';
import { RevisionLoader, type FetchArtifact } from './sync/revision-loader.ts';
import { COMPILE_LIMITS, SnapshotCompiler, type CompileLimits } from './sync/snapshot-compiler.ts';
import { watchTrust } from './trust/watch-trust.ts';
import { ENGINE } from './version.ts';
import { commitVerifier, type DecisionTrust } from './sync/verify-commit.ts';
import { WorkerPool, type WorkerPoolOptions } from './workers/worker-pool.ts';

export type { PdpStatus } from './status.ts';

export interface PdpOptions extends AnsweringOptions {
  readonly dataDir: string;
  /** Where health, status and metrics are told in clear text and to everybody, besides the port of decisions. */
  readonly health?: { readonly host: string; readonly port: number } | undefined;
  /** Processes that answer in the place of this one, sharing its ports; it answers by itself without them. */
  readonly workers?: Pick<WorkerPoolOptions, 'count' | 'start' | 'times'> | undefined;
  /** Where policy is loaded from while there is neither policy nor an operator; nowhere by default. */
  readonly fallback?: Pick<FallbackOptions, 'sources' | 'sets' | 'get' | 'times'>;
  /** Opens a stream to the operator. */
  readonly dial: Dial<PdpMessage, OperatorMessage>;
  readonly fetchArtifact: FetchArtifact;
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  /** Default `Any`, as where the operator shares the process. */
  readonly decisions?: DecisionTrust;
  /** Bounds of compiling one revision; {@link COMPILE_LIMITS} by default. */
  readonly compileLimits?: Partial<CompileLimits>;
  /** Collects all garbage at once; called when the process is idle after its start or a new policy. */
  readonly collectGarbage?: (() => void) | undefined;
  /** How long a set that the operator assigns no more is still answered for; 30 s by default. */
  readonly withdrawGraceMs?: number;
}

/** A running policy decision point. */
export interface Pdp {
  /** `http://host:port` to ask for decisions. */
  readonly url: string;
  /** Where gRPC is served: an address, or the path of a socket. */
  readonly grpcAddress: AddressInfo | string | undefined;
  /** Where health, status and metrics are told besides. */
  readonly healthAddress: AddressInfo | undefined;
  readonly metrics: PdpMetrics;
  readonly sets: ActiveSets;
  /** The document of `/v1/status`. */
  readonly status: () => PdpStatus;
  /** Someone has moved files of records away: begins them anew. */
  readonly reopenRecords: () => void;
  /**
   * Stops gracefully: not ready at once, serving for `delayMs` more, then open requests get `timeoutMs` to end. Calling it
   * again gives the same promise.
   */
  readonly drain: (delayMs: number, timeoutMs: number) => Promise<void>;
}

/** How often the load that Beats tell is measured. */
const LOAD_INTERVAL_MS = 500;

const NO_WORKER: Readiness = { ready: false, problem: 'loading', detail: 'No worker answers yet.' };
const DRAINING: Readiness = { ready: false, problem: 'draining', detail: 'The process is shutting down.' };

/**
 * Starts a PDP: listens (not ready), then loads last-known-good policy and dials the operator. Resolves when it listens.
 * Rejects when the data folder cannot be opened, the address is taken, or an allowed host is none.
 */
export async function startPdp(options: PdpOptions): Promise<Pdp> {
  const { logger } = options;
  const metrics = createMetrics({
    stalenessSeconds: () => (stalenessOf(client.state(), systemClock).stalenessMs ?? performance.now()) / 1000,
    leases: () => remainingLeases(sets.leases.told, (set) => labels.of(set), performance.now()),
  });
  const sets = new ActiveSets();
  const meter = new LoadMeter(() => process.memoryUsage.rss());
  const setLoads = new SetLoadMeters();
  const ignored = (path: string, reason: string): void => {
    logger.warn('stored record ignored', { path, reason });
  };
  const files = await RevisionFiles.open(options.dataDir, ignored);
  const records = await files.load();
  const { decisions = 'Any' } = options;
  const { memory, remembered } = await FallbackMemory.open(options.dataDir, ignored);
  const { sources = [], sets: fallbackSets = [], get, times = {} } = options.fallback ?? {};
  const fallback =
    get &&
    new Fallback({
      sources: [...new Set([...sources, ...remembered.sources])].slice(0, FALLBACK_SOURCES_MAX),
      sets: [...new Set([...fallbackSets, ...remembered.sets, ...records.keys()])].slice(0, SETS_MAX),
      records,
      get,
      trustedKeys: options.trustedKeys,
      decisions,
      offer: (commit) => client.offer(commit),
      clock: systemClock,
      random: () => Math.random(),
      logger,
      loads: metrics.fallbackLoads,
      times,
    });
  let draining: Promise<void> | undefined;
  let beats = 0;
  const trackStream = trackConnection(metrics);
  const network = openNetwork(options.network ?? {}, `Edict/${ENGINE.version}`, metrics);
  const idleMemory =
    options.collectGarbage &&
    new IdleMemory({ collect: options.collectGarbage, busyShare: loopShare(), schedule: systemClock.schedule });
  const compiler = new SnapshotCompiler({ ...COMPILE_LIMITS, ...options.compileLimits }, () => idleMemory?.note());
  const loader = new RevisionLoader({
    files,
    fetch: async (source, digest, signal) =>
      source.ticket === FALLBACK_TICKET && fallback !== undefined
        ? await fallback.fetch(digest, signal)
        : await options.fetchArtifact(source, digest, signal),
    trustedKeys: options.trustedKeys,
    compile: async (request, signal) => {
      const answer = await compiler.compile({ ...request, unsafeBuiltins: network.unsafeBuiltins }, signal);
      idleMemory?.note();
      return answer;
    },
    test: (request, signal) => compiler.test({ ...request, unsafeBuiltins: network.unsafeBuiltins }, signal),
    forms: new CompiledForms(files, [ENGINE.name, ENGINE.version, network.unsafeBuiltins]),
    onFormFailure: (digest, error) => logger.warn('compiled policy not kept', { digest, error: messageOf(error) }),
  });
  let hasFolded = false;
  const labels = new SetLabels(options.maxSetLabels ?? MAX_SET_LABELS, (folded) => {
    metrics.foldedSets.set(folded);
    if (!hasFolded)
      logger.warn('metrics of further sets share one label', { named: options.maxSetLabels ?? MAX_SET_LABELS });
    hasFolded = true;
  });
  const instances = new Instances({
    sets,
    load: async (digest, signal) => await loader.load(digest, signal),
    release: (set) => loader.release(set),
    clock: systemClock,
    metrics,
    logger,
  });
  const explainer = new RuleExplainer({
    bundlesOf: async (digest) => (isDigest(digest) ? await loader.storedBundles(digest) : []),
    timers: systemClock,
  });
  const { workers } = options;
  const pool =
    workers === undefined
      ? undefined
      : new WorkerPool({
          ...workers,
          sets,
          metrics,
          facts: () => ({ readiness: readiness(), hasSettled: hasSettled(), isStale: isStale() }),
          status: () => status(),
          compiledOf: (digest) => (isDigest(digest) ? loader.snapshot(digest)?.compiled : undefined),
          findRules: explainer.find,
          write: options.writeRecords,
          logger,
        });
  const replicated = (ports: PdpPorts): PdpPorts => pool?.ports(ports) ?? ports;
  const load = new BeatLoad(pool ?? meter);
  const shadow = createShadow({
    startComparing: (set, digest, samplePpm) => {
      const snapshot = loader.snapshot(digest);
      if (snapshot === undefined) throw new Error(`the policy of the candidate for ${set} is not in memory`);
      checkComparable(set, snapshot);
      if (pool !== undefined) return pool.startComparing(set, digest, samplePpm);
      return localComparing({ ...options, sets, set, snapshot, samplePpm });
    },
    clock: systemClock,
    labels,
    metrics,
  });
  const measured = (): void => {
    client.reportLoad(load.measure(), pool?.takeSetLoads() ?? setLoads.take());
  };
  const tracing = await openTracing(options.tracing, { metrics, logger });
  const client: PdpClient = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: ENGINE },
    records,
    ports: tracedPorts(
      replicated({
        ...(decisions === 'Signed'
          ? { verifyDecision: commitVerifier(options.trustedKeys, () => metrics.nacks.inc({ phase: 'Verify' })) }
          : {}),
        ...createPdpPorts({
          files,
          loader,
          sets,
          instances,
          shadow,
          labels,
          metrics,
          logger,
          state: () => client.state(),
          clock: systemClock,
          remember: (assigned, fromOperator) => {
            memory.write({ sources: fromOperator, sets: assigned }).catch((error: unknown) => {
              logger.warn('fallback sources not stored', { error: messageOf(error) });
            });
          },
          withdrawGraceMs: options.withdrawGraceMs ?? WITHDRAW_GRACE_MS,
        }),
      }),
      tracing?.rollouts,
    ),
    dial: options.dial,
    clock: systemClock,
    random: () => Math.random(),
    log: logger,
    onClosed: ({ tlsProblem }) => {
      if (tlsProblem !== undefined) metrics.certificateProblems.inc({ problem: tlsProblem });
    },
    onState: (state) => {
      trackStream(state);
      fallback?.observe(state);
      pool?.tellFacts();
      if (state.seq === beats) return;
      beats = state.seq;
      load.sent();
      measured();
    },
  });
  const gate = new ReadinessGate(systemClock.monotonic);
  const readiness = (): Readiness => {
    const seen = gate.look(sets, client.state(), fallback?.problem);
    if (draining !== undefined) return DRAINING;
    return pool?.listening === 0 ? NO_WORKER : seen;
  };
  const hasSettled = (): boolean => {
    if (!gate.hasOpened) readiness();
    return gate.hasOpened;
  };
  const sourceOf = (set: string, n: number): PolicySource => {
    if (fallback?.isSourceOf(set, n) === true) return 'Fallback';
    const { active, canary, lkg } = records.get(set) ?? {};
    return [active, canary, lkg].some((slot) => slot?.revision.n === n) ? 'Disk' : 'Operator';
  };
  const status = (): PdpStatus => statusOf(client.state(), sets, readiness(), systemClock, { instances, sourceOf });
  const isStale = (): boolean => stalenessOf(client.state(), systemClock).stale;
  const exposition = async (): Promise<Exposition> =>
    (await pool?.exposition()) ?? {
      text: await metrics.registry.metrics(),
      contentType: metrics.registry.contentType,
    };
  if (pool !== undefined) await pool.start();
  const answering =
    pool ??
    (await startAnswering(options, {
      sets,
      metrics,
      meter,
      setLoads,
      network,
      readiness,
      hasSettled,
      status,
      isStale,
      exposition,
      findRules: explainer.find,
      setLabels: labels,
      tracer: tracing?.tracer,
    }));
  const healthListener =
    options.health && (await listenForHealth({ ...options.health, readiness, status, exposition, metrics, logger }));
  const measuring = setInterval(measured, LOAD_INTERVAL_MS);
  measuring.unref();
  const trusting = watchTrust({
    trustedKeys: options.trustedKeys,
    tell: client.reportTrust,
    clock: systemClock,
    logger,
  });
  client.start();
  fallback?.observe(client.state());
  idleMemory?.note();
  const { url, grpcAddress } = answering;
  logger.info('listening', {
    url,
    grpc: grpcAddress,
    health: healthListener?.address,
    dataDir: options.dataDir,
    storedSets: records.size,
  });
  return {
    url,
    grpcAddress,
    healthAddress: healthListener?.address,
    metrics,
    sets,
    status,
    reopenRecords: answering.reopenRecords,
    drain: (delayMs, timeoutMs) => (draining ??= drain(delayMs, timeoutMs)),
  };

  async function drain(delayMs: number, timeoutMs: number): Promise<void> {
    logger.info('draining', { delayMs, timeoutMs });
    answering.dismissClients();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await answering.drain(timeoutMs);
    clearInterval(measuring);
    trusting.close();
    idleMemory?.close();
    fallback?.close();
    instances.close();
    await Promise.all([client.close(), compiler.close(), explainer.close(), answering.close()]);
    network.close();
    await tracing?.close();
    await healthListener?.drain(timeoutMs);
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

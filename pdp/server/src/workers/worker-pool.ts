import type { AddressInfo } from 'node:net';
import type { CompiledSnapshot } from '@edict/engine';
import type { LeaseView, Load, PdpPorts, SetLoads } from '@edict/protocol';
import type { Logger } from 'winston';
import type { ActiveSets, HeldRevision } from '../active-sets.ts';
import type { Answering, Exposition } from '../answering.ts';
import type { WriteBytes } from '../audit/line-writer.ts';
import type { FindRules } from '../explain/rule-explainer.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { addSetLoads } from '../observability/set-load-meters.ts';
import type { Comparing } from '../shadow/comparing.ts';
import type { StartComparing } from '../shadow/shadow-run.ts';
import { forwardLines } from './line-forwarder.ts';
import {
  sharedNowMs,
  shiftLease,
  type Facts,
  type FromWorker,
  type SetChange,
  type SetUse,
  type ToWorker,
} from './messages.ts';
import { PooledComparing } from './pooled-comparing.ts';
import { SummedLoad } from './summed-load.ts';
import { aggregateMetrics, createWorkerMetrics, type WorkerMetrics } from './worker-metrics.ts';
import type { StartWorker, WorkerProcess } from './worker-process.ts';

/** Bounds on workers. */
export interface WorkerTimes {
  /** A worker that has not swapped after this long is ended: it bounds how far apart two workers can be. */
  readonly swapMs: number;
  /** A worker that has not loaded a revision after this long is ended. */
  readonly loadMs: number;
  /** A worker that says nothing for so long is ended. */
  readonly silenceMs: number;
  /** The same before it has said anything: a process has to start first. */
  readonly startMs: number;
  /** The wait before a worker that ended soon after its start is started again: doubled each time, up to the second. */
  readonly restartMs: readonly [number, number];
}

/** Bounds that hold unless others are given. */
export const WORKER_TIMES: WorkerTimes = {
  swapMs: 5_000,
  loadMs: 30_000,
  silenceMs: 30_000,
  startMs: 60_000,
  restartMs: [100, 10_000],
};

export interface WorkerPoolOptions {
  readonly count: number;
  readonly start: StartWorker;
  readonly times?: WorkerTimes;
  readonly sets: ActiveSets;
  readonly metrics: PdpMetrics;
  /** What clients of workers are to be told. */
  readonly facts: () => Facts;
  readonly status: () => unknown;
  /** The compiled content of a digest while it is needed in memory. */
  readonly compiledOf: (digest: string) => CompiledSnapshot | undefined;
  readonly findRules: FindRules;
  /** Where the standard output of the workers goes. */
  readonly write: WriteBytes;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** One place of the pool and the process that fills it. */
interface Slot {
  readonly number: number;
  process: WorkerProcess | undefined;
  /** Whether it was told what it is to know, and so is told of every change. */
  joined: boolean;
  listening: boolean;
  readonly loaded: Set<string>;
  startedAtMs: number;
  heardAtMs: number;
  failures: number;
  endCause: 'ended' | 'slow' | 'silent';
}

/** Something that every worker is to do. */
interface Task {
  readonly waiting: Set<Slot>;
  readonly doneAtMs: number[];
  problem: string | undefined;
  /** One took too long, and was ended. */
  late: boolean;
  readonly settle: () => void;
  timer: NodeJS.Timeout;
}

/** A worker that ended later than this after its start is started again at once. */
const STABLE_MS = 10_000;
/** A worker that does not tell its metrics within this time is left out. */
const MEASURE_MS = 1_000;

/**
 * Several processes that answer on the same ports with the same policy. The primary prepares revisions; the pool has each
 * loaded by every worker before it counts as prepared, and has all swap at once: `ports` are those of the distribution client
 * with that waited for. A worker that joins, after a start or the end of another, knows everything before it takes its first
 * connection.
 */
export class WorkerPool implements Answering {
  readonly #options: WorkerPoolOptions;
  readonly #times: WorkerTimes;
  readonly #metrics: WorkerMetrics;
  readonly #slots: readonly Slot[];
  readonly #tasks = new Map<number, Task>();
  readonly #comparisons = new Map<number, PooledComparing>();
  readonly #measures = new Map<number, (metrics: readonly object[]) => void>();
  /** The last change of each set that is not done everywhere. */
  readonly #changes = new Map<string, Promise<void>>();
  readonly #load: SummedLoad;
  #setLoads: ReadonlyMap<string, SetLoads> = new Map();
  readonly #watching: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  #nextId = 1;
  #draining = false;
  #factsText = '';
  #first = Promise.withResolvers<Extract<FromWorker, { type: 'listening' }>>();
  #address: Extract<FromWorker, { type: 'listening' }> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#times = options.times ?? WORKER_TIMES;
    this.#metrics = createWorkerMetrics(options.metrics.registry);
    this.#load = new SummedLoad(() => process.memoryUsage.rss());
    this.#slots = Array.from({ length: options.count }, (_, index) => ({
      number: index + 1,
      process: undefined,
      joined: false,
      listening: false,
      loaded: new Set<string>(),
      startedAtMs: 0,
      heardAtMs: 0,
      failures: 0,
      endCause: 'ended' as const,
    }));
    this.#unsubscribe = options.sets.onChange((set) => this.#onChange(set));
    this.#watching = setInterval(() => this.#watch(), Math.max(10, Math.min(1_000, this.#times.silenceMs / 4)));
    this.#watching.unref();
  }

  get url(): string {
    return this.#address?.url ?? '';
  }

  get grpcAddress(): AddressInfo | string | undefined {
    return this.#address?.grpcAddress;
  }

  /** Workers that answer now. */
  get listening(): number {
    return this.#slots.filter(({ listening }) => listening).length;
  }

  /** Starts the workers. Resolves when the first answers; rejects, and ends them, when one cannot listen. */
  async start(): Promise<void> {
    for (const slot of this.#slots) this.#start(slot);
    try {
      this.#address = await this.#first.promise;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Load of all workers since the last call. */
  take(): Load {
    return this.#load.take();
  }

  /** What the workers measured of each set since the last call. */
  takeSetLoads(): ReadonlyMap<string, SetLoads> {
    const taken = this.#setLoads;
    this.#setLoads = new Map();
    return taken;
  }

  /** Has every worker show a part of the requests of a set to a candidate. */
  readonly startComparing: StartComparing = (set, digest, samplePpm): Comparing => {
    const { compiledOf } = this.#options;
    const compiled = compiledOf(digest);
    if (compiled === undefined) throw new Error(`the compiled content of ${digest} is not in memory`);
    const id = this.#nextId++;
    const comparing = new PooledComparing(
      (slot) => {
        const joined = this.#slots.find(({ number }) => number === slot);
        if (joined === undefined) return;
        this.#sendLoad(joined, this.#nextId++, digest, compiled);
        this.#send(joined, { type: 'startShadow', id, set, digest, samplePpm });
      },
      () => {
        this.#comparisons.delete(id);
        this.#tell({ type: 'endShadow', id });
      },
    );
    this.#comparisons.set(id, comparing);
    for (const { number, joined } of this.#slots) if (joined) comparing.join(number);
    return comparing;
  };

  /** Ports that count a revision as prepared, and as active, only when it is so at every worker. */
  ports(ports: PdpPorts): PdpPorts {
    return {
      ...ports,
      compile: async (set, revision, signal) => {
        const report = await ports.compile(set, revision, signal);
        await this.#loadEverywhere(revision.digest);
        return report;
      },
      swap: (set, revision) => {
        const done = ports.swap(set, revision);
        const everywhere = this.#changes.get(set);
        return done instanceof Promise ? done.then(() => everywhere) : everywhere;
      },
      split: (set, revision, share) => {
        const done = ports.split?.(set, revision, share);
        // One that was not at hand is in place only after it was read.
        return done instanceof Promise ? done.then(() => this.#changes.get(set)) : this.#changes.get(set);
      },
      lease: (set, lease) => {
        ports.lease?.(set, lease);
        this.#tellLease(set, lease);
      },
    };
  }

  /** Tells the workers what their clients are to be told, if that has changed. */
  tellFacts(): void {
    const facts = this.#options.facts();
    const text = JSON.stringify(facts);
    if (text === this.#factsText) return;
    this.#factsText = text;
    this.#tell({ type: 'facts', facts });
    this.#forgetUnneeded();
  }

  /** The metrics of all processes as one. */
  async exposition(): Promise<Exposition> {
    const { registry } = this.#options.metrics;
    const processes = await Promise.all([
      registry.getMetricsAsJSON(),
      ...this.#slots.filter(({ listening }) => listening).map((slot) => this.#measure(slot)),
    ]);
    return { text: await aggregateMetrics(processes), contentType: registry.contentType };
  }

  dismissClients(): void {
    this.#draining = true;
    this.#tell({ type: 'dismiss' });
  }

  reopenRecords(): void {
    this.#tell({ type: 'reopenRecords' });
  }

  /** Has every worker answer what is under way; one that has not ended shortly after the time is ended. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#tell({ type: 'drain', timeoutMs });
    const deadline = performance.now() + timeoutMs + this.#times.swapMs;
    while (this.#slots.some((slot) => slot.process !== undefined) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async close(): Promise<void> {
    this.#draining = true;
    this.#unsubscribe();
    clearInterval(this.#watching);
    for (const { process: running } of this.#slots) running?.kill();
    while (this.#slots.some((slot) => slot.process !== undefined)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #start(slot: Slot): void {
    const { start, write, logger } = this.#options;
    slot.joined = slot.listening = false;
    slot.loaded.clear();
    slot.startedAtMs = slot.heardAtMs = performance.now();
    slot.endCause = 'ended';
    slot.process = start(slot.number, {
      onMessage: (message) => this.#onMessage(slot, message),
      onExit: (cause) => this.#onExit(slot, cause),
      onOutput: (output) =>
        forwardLines(output, write, (bytes) =>
          logger.error('a worker ended within a line of its output', { worker: slot.number, bytes }),
        ),
    });
  }

  #onMessage(slot: Slot, message: FromWorker): void {
    slot.heardAtMs = performance.now();
    switch (message.type) {
      case 'started':
        this.#join(slot);
        return;
      case 'listening':
        slot.listening = true;
        this.#metrics.workers.set(this.listening);
        this.#options.logger.info('worker answers', { worker: slot.number, pid: slot.process?.pid });
        this.#first.resolve(message);
        return;
      case 'failed':
        this.#options.logger.error('a worker cannot listen', { worker: slot.number, error: message.message });
        this.#first.reject(new Error(message.message));
        return;
      case 'done':
        this.#done(slot, message);
        return;
      case 'load':
        this.#load.add(slot.number, message.load);
        this.#setLoads = addSetLoads(this.#setLoads, message.sets);
        this.#noteUse(slot, message.used);
        return;
      case 'shadowed':
        this.#comparisons.get(message.id)?.take(slot.number, message.findings);
        return;
      case 'measured':
        this.#measures.get(message.id)?.(message.metrics);
        return;
      case 'ask':
        void this.#answer(slot, message.id, message.what);
        return;
      case 'findRules':
        void this.#options.findRules(message.question).then((rules) => {
          this.#send(slot, { type: 'rules', id: message.id, rules });
        });
        return;
      case 'wanted': {
        const selection = this.#options.sets.select(message.set);
        if (selection.kind === 'asleep') selection.sleeping.wake();
        return;
      }
    }
  }

  /** Tells a new worker everything; from then on it is told of changes like the others. */
  #join(slot: Slot): void {
    slot.joined = true;
    this.#send(slot, { type: 'facts', facts: this.#options.facts() });
    const { held, broken, leases } = this.#options.sets;
    const told = leases.told.map(([set, lease]) => ({ type: 'lease', set, lease: toShared(lease) }) as const);
    for (const message of told) this.#send(slot, message);
    for (const set of [...held.keys(), ...broken.keys()]) this.#sendChange(slot, this.#nextId++, this.#changeOf(set));
    this.#send(slot, { type: 'listen' });
    for (const comparing of this.#comparisons.values()) comparing.join(slot.number);
  }

  #tellLease(set: string, lease: LeaseView): void {
    this.#tell({ type: 'lease', set, lease: toShared(lease) });
  }

  #onExit(slot: Slot, cause: string): void {
    const { logger } = this.#options;
    slot.process = undefined;
    slot.joined = slot.listening = false;
    this.#metrics.workers.set(this.listening);
    this.#load.forget(slot.number);
    this.#noteUse(slot, undefined);
    for (const task of this.#tasks.values()) this.#leave(task, slot);
    if (this.#draining) return;
    if (this.#address === undefined) this.#first.reject(new Error(`a worker ended before it answered: ${cause}`));
    slot.failures = performance.now() - slot.startedAtMs > STABLE_MS ? 0 : slot.failures + 1;
    const [least, most] = this.#times.restartMs;
    const delayMs = slot.failures === 0 ? 0 : Math.min(most, least * 2 ** (slot.failures - 1));
    logger.error('a worker ended', { worker: slot.number, cause, restartMs: delayMs });
    this.#metrics.restarts.inc({ cause: slot.endCause });
    setTimeout(() => {
      if (!this.#draining) this.#start(slot);
    }, delayMs).unref();
  }

  #onChange(set: string): void {
    const change = this.#changeOf(set);
    const startedMs = performance.now();
    const done = this.#everywhere(this.#times.swapMs, (slot, id) => this.#sendChange(slot, id, change)).then((task) => {
      const times = task.doneAtMs;
      if (times.length > 1) this.#metrics.skewSeconds.observe((Math.max(...times) - Math.min(...times)) / 1000);
      if (task.problem !== undefined || task.late) this.#options.metrics.swapFailures.inc({ cause: 'worker' });
      if (task.problem !== undefined) {
        this.#options.logger.error('a worker did not swap', {
          set,
          error: task.problem,
          ms: performance.now() - startedMs,
        });
      }
      if (this.#changes.get(set) === done) this.#changes.delete(set);
    });
    this.#changes.set(set, done);
    this.tellFacts();
  }

  #changeOf(set: string): SetChange {
    const { sets } = this.#options;
    const selection = sets.select(set);
    if (selection.kind === 'active') {
      const { canary } = selection.active;
      const held = heldOf(selection.active);
      if (canary === undefined) return { kind: 'active', held };
      return { kind: 'active', held, canary: { held: heldOf(canary.revision), share: canary.share } };
    }
    if (selection.kind === 'broken') return selection;
    if (selection.kind !== 'asleep') return { kind: 'gone', set };
    const { setUid, n, digest, activatedAtMs, serving, failure } = selection.sleeping;
    return { kind: 'asleep', held: { set, setUid, n, digest, activatedAtMs }, serving, failure };
  }

  #sendChange(slot: Slot, id: number, change: SetChange): void {
    if (change.kind === 'active') {
      const active = this.#options.sets.all.get(change.held.set);
      for (const revision of [active, active?.canary?.revision]) {
        if (revision !== undefined) this.#sendLoad(slot, this.#nextId++, revision.digest, revision.snapshot.compiled);
      }
      // A set of which nothing was told yet answers as its manifest promises.
      const lease = this.#options.sets.leases.of(change.held.set).view;
      if (lease !== undefined) {
        this.#send(slot, { type: 'lease', set: change.held.set, lease: toShared(lease) });
      }
    }
    this.#send(slot, { type: 'change', id, change });
  }

  #sendLoad(slot: Slot, id: number, digest: string, compiled: CompiledSnapshot): void {
    if (slot.loaded.has(digest)) return;
    slot.loaded.add(digest);
    this.#send(slot, { type: 'load', id, digest, compiled });
  }

  /** Resolves when every worker has a revision in memory, if it is to be there; rejects where one cannot take it. */
  async #loadEverywhere(digest: string): Promise<void> {
    const compiled = this.#options.compiledOf(digest);
    if (compiled === undefined) return;
    const task = await this.#everywhere(this.#times.loadMs, (slot, id) => {
      slot.loaded.delete(digest);
      this.#sendLoad(slot, id, digest, compiled);
    });
    if (task.problem !== undefined) throw new Error(`a worker cannot load the revision: ${task.problem}`);
  }

  /** Has all workers do something, and resolves when they have. One that takes too long is ended, and then not waited for. */
  async #everywhere(limitMs: number, order: (slot: Slot, id: number) => void): Promise<Task> {
    const id = this.#nextId++;
    const slots = this.#slots.filter(({ joined }) => joined);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const task: Task = {
      waiting: new Set(slots),
      doneAtMs: [],
      problem: undefined,
      late: false,
      settle: () => {
        clearTimeout(task.timer);
        this.#tasks.delete(id);
        resolve(undefined);
      },
      timer: setTimeout(() => {
        task.late = true;
        for (const slot of task.waiting) this.#end(slot, 'slow');
      }, limitMs),
    };
    this.#tasks.set(id, task);
    for (const slot of slots) order(slot, id);
    if (slots.length === 0) task.settle();
    await promise;
    return task;
  }

  #done(slot: Slot, { id, atMs, problem }: Extract<FromWorker, { type: 'done' }>): void {
    const task = this.#tasks.get(id);
    if (task?.waiting.has(slot) !== true) return;
    if (problem === undefined) task.doneAtMs.push(atMs);
    else task.problem = problem;
    this.#leave(task, slot);
  }

  #leave(task: Task, slot: Slot): void {
    if (task.waiting.delete(slot) && task.waiting.size === 0) task.settle();
  }

  #end(slot: Slot, cause: Slot['endCause']): void {
    slot.endCause = cause;
    this.#options.logger.error('a worker is ended', { worker: slot.number, cause });
    slot.process?.kill();
  }

  #watch(): void {
    this.tellFacts();
    const nowMs = performance.now();
    for (const slot of this.#slots) {
      const limitMs = slot.joined ? this.#times.silenceMs : this.#times.startMs;
      if (slot.process !== undefined && nowMs - slot.heardAtMs > limitMs) this.#end(slot, 'silent');
    }
  }

  /** What no set needs any more is given back by the workers too. */
  #forgetUnneeded(): void {
    const { sets, compiledOf } = this.#options;
    const active = new Set(
      [...sets.all.values()].flatMap(({ digest, canary }) => [digest, canary?.revision.digest ?? digest]),
    );
    for (const slot of this.#slots) {
      const digests = [...slot.loaded].filter((digest) => !active.has(digest) && compiledOf(digest) === undefined);
      if (digests.length === 0) continue;
      for (const digest of digests) slot.loaded.delete(digest);
      this.#send(slot, { type: 'forget', digests });
    }
  }

  /** Brings what a worker says of its sets, or nothing any more, to where instances look for it. */
  #noteUse(slot: Slot, used: readonly SetUse[] | undefined): void {
    this.#load.noteUse(slot.number, used, this.#options.sets.usages, performance.now());
  }

  async #answer(slot: Slot, id: number, what: 'exposition' | 'status'): Promise<void> {
    if (what === 'status') this.#send(slot, { type: 'status', id, status: this.#options.status() });
    else this.#send(slot, { type: 'exposition', id, exposition: await this.exposition() });
  }

  async #measure(slot: Slot): Promise<readonly object[]> {
    const id = this.#nextId++;
    return await new Promise((resolve) => {
      const finish = (metrics: readonly object[]): void => {
        clearTimeout(timer);
        this.#measures.delete(id);
        resolve(metrics);
      };
      const timer = setTimeout(() => finish([]), MEASURE_MS);
      this.#measures.set(id, finish);
      this.#send(slot, { type: 'measure', id });
    });
  }

  #tell(message: ToWorker): void {
    for (const slot of this.#slots) if (slot.joined) this.#send(slot, message);
  }

  #send(slot: Slot, message: ToWorker): void {
    slot.process?.send(message);
  }
}

function heldOf({ set, setUid, n, digest, activatedAtMs }: HeldRevision): HeldRevision {
  return { set, setUid, n, digest, activatedAtMs };
}

/** By the clock that all processes share. */
function toShared(lease: LeaseView): LeaseView {
  return shiftLease(lease, sharedNowMs() - performance.now());
}

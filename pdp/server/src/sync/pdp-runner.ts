import {
  stepPdp,
  type Load,
  type OperatorMessage,
  type PdpEffect,
  type PdpEvent,
  type PdpMessage,
  type PdpState,
  type SetKey,
} from '@edict/protocol';
import type { Logger } from 'winston';
import type { ActiveSets } from '../active-sets.ts';
import { MAX_SET_LABELS, type PdpMetrics } from '../observability/metrics.ts';
import type { RevisionFiles } from './revision-files.ts';
import { RefusedError, type RevisionLoader } from './revision-loader.ts';

/** The stream to the operator, as the runner uses it. */
export interface OperatorLink {
  readonly send: (message: PdpMessage) => void;
  /** Closes the stream; the link dials again, after `redialAfterMs` if given, else by its own backoff. */
  readonly disconnect: (reason: string, redialAfterMs: number | undefined) => void;
}

export interface PdpRunnerDeps {
  readonly initial: PdpState;
  readonly link: OperatorLink;
  readonly files: RevisionFiles;
  readonly loader: RevisionLoader;
  readonly sets: ActiveSets;
  readonly metrics: PdpMetrics;
  readonly logger: Logger;
  /** Measures for the next Beat. */
  readonly load: () => Load;
  /** Monotonic milliseconds for the machine. */
  readonly monotonicMs: () => number;
  /** Wall-clock milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Told where artifacts are, when the operator says so. */
  readonly onArtifactsUrl: (url: string) => void;
}

/** Does what the protocol's PDP machine asks for, and tells it what came of it. The only place where the two meet. */
export class PdpRunner {
  readonly #deps: PdpRunnerDeps;
  #state: PdpState;
  readonly #queue: PdpEvent[] = [];
  #draining = false;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Cancels the work of one effect; by `set id`. */
  readonly #work = new Map<string, AbortController>();
  /** Disk writes of a set, one after the other. */
  readonly #writes = new Map<SetKey, Promise<void>>();
  readonly #preparingSince = new Map<string, number>();
  #closed = false;

  constructor(deps: PdpRunnerDeps) {
    this.#deps = deps;
    this.#state = deps.initial;
  }

  /** The machine's state, for `/v1/status`. */
  get state(): PdpState {
    return this.#state;
  }

  /** Loads what the disk held; serving starts as soon as it compiles. */
  boot(): void {
    this.#dispatch({ type: 'boot' });
  }

  connected(): void {
    this.#deps.metrics.connected.set(1);
    this.#dispatch({ type: 'connected' });
  }

  disconnected(): void {
    this.#deps.metrics.connected.set(0);
    this.#dispatch({ type: 'disconnected' });
  }

  receive(message: OperatorMessage): void {
    this.#dispatch({ type: 'message', message });
  }

  /** Stops every timer and all work. Resolves when the disk writes that had begun are done. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const work of this.#work.values()) work.abort();
    await Promise.all(this.#writes.values());
  }

  /** Events are handled one at a time and in order: an effect that answers at once does not nest. */
  #dispatch(event: PdpEvent): void {
    if (this.#closed) return;
    this.#queue.push(event);
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { state, effects } = stepPdp(this.#state, next, this.#deps.monotonicMs());
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#draining = false;
    }
  }

  #perform(effect: PdpEffect): void {
    const { link, loader, files, logger } = this.#deps;
    switch (effect.type) {
      case 'send':
        this.#observe(effect.message);
        link.send(effect.message);
        return;
      case 'disconnect':
        logger.info('stream closed', { reason: effect.reason });
        link.disconnect(effect.reason, effect.redialAfterMs);
        return;
      case 'assigned':
        if (effect.artifactsUrl !== '') this.#deps.onArtifactsUrl(effect.artifactsUrl);
        return;
      case 'setTimer':
        this.#setTimer(effect.key, effect.delayMs);
        return;
      case 'clearTimer':
        clearTimeout(this.#timers.get(effect.key));
        this.#timers.delete(effect.key);
        return;
      case 'fetchManifest': {
        const { set, id, revision, ticket } = effect;
        this.#preparingSince.set(`${set} ${revision.n}`, this.#deps.monotonicMs());
        this.#start(set, id, async (signal) => {
          const manifest = await loader.manifest(revision, ticket, signal);
          return { type: 'verified', set, id, manifest };
        });
        return;
      }
      case 'fetchBundles': {
        const { set, id, missing, ticket } = effect;
        this.#start(set, id, async (signal) => {
          await loader.bundles(missing, ticket, signal);
          return { type: 'bundlesFetched', set, id };
        });
        return;
      }
      case 'compile': {
        const { set, id, revision } = effect;
        this.#start(set, id, async (signal) => ({
          type: 'compiled',
          set,
          id,
          ...(await loader.compile(revision, signal)),
        }));
        return;
      }
      case 'runTests':
        // A set carries no tests yet: PolicyTestSuites come with their own kind.
        this.#dispatch({ type: 'testsDone', set: effect.set, id: effect.id, tests: { passed: 0, failed: 0 } });
        return;
      case 'cancel':
        this.#work.get(workKey(effect.set, effect.id))?.abort();
        return;
      case 'persistStaged':
        this.#persist(effect.set, effect.id, 'staged', () => files.writeRecord(effect.set, effect.record));
        return;
      case 'persistActive':
        this.#persist(effect.set, effect.id, 'active', () => files.writeRecord(effect.set, effect.record));
        return;
      case 'dropStaged':
        this.#write(effect.set, () => files.writeRecord(effect.set, effect.record));
        return;
      case 'swap':
        this.#swap(effect);
        return;
      case 'retain':
        loader.retain(new Set(effect.compiled));
        this.#write(effect.set, () => files.sweep(this.#needed(effect.set, effect)));
        return;
    }
    effect satisfies never;
  }

  #setTimer(key: string, delayMs: number): void {
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      // Before a Beat goes out, give it fresh measures.
      this.#dispatch({ type: 'load', load: this.#deps.load() });
      this.#dispatch({ type: 'timer', key });
    }, delayMs);
    this.#timers.set(key, timer);
  }

  /** Runs one cancellable piece of work and hands its outcome to the machine. */
  #start(set: SetKey, id: number, work: (signal: AbortSignal) => Promise<PdpEvent>): void {
    const key = workKey(set, id);
    const controller = new AbortController();
    this.#work.set(key, controller);
    const done = (event: PdpEvent): void => {
      if (this.#work.get(key) === controller) this.#work.delete(key);
      this.#dispatch(event);
    };
    work(controller.signal).then(done, (error: unknown) => done(this.#failure(set, id, error)));
  }

  #failure(set: SetKey, id: number, error: unknown): PdpEvent {
    if (error instanceof RefusedError) return { type: 'failed', set, id, ...error.refused };
    this.#deps.logger.error('preparing failed unexpectedly', { set, error: String(error) });
    const detail = { message: String(error).slice(0, 1000) };
    return { type: 'failed', set, id, phase: 'Resources', code: 'InternalError', deterministic: false, detail };
  }

  #persist(set: SetKey, id: number, record: 'staged' | 'active', write: () => Promise<void>): void {
    this.#enqueueWrite(set, async () => {
      try {
        await write();
        this.#dispatch({ type: 'persisted', set, id, record });
      } catch (error) {
        this.#deps.metrics.persistFailures.inc();
        this.#deps.logger.error('last-known-good policy was not stored', { set, error: String(error) });
        this.#dispatch({ type: 'persistFailed', set, id, record, message: String(error).slice(0, 1000) });
      }
    });
  }

  /** A write that the machine does not wait for. */
  #write(set: SetKey, write: () => Promise<void>): void {
    this.#enqueueWrite(set, async () => {
      try {
        await write();
      } catch (error) {
        this.#deps.metrics.persistFailures.inc();
        this.#deps.logger.warn('housekeeping on disk failed', { set, error: String(error) });
      }
    });
  }

  #enqueueWrite(set: SetKey, write: () => Promise<void>): void {
    this.#writes.set(set, (this.#writes.get(set) ?? Promise.resolve()).then(write));
  }

  #swap(effect: Extract<PdpEffect, { type: 'swap' }>): void {
    const { set, id, revision } = effect;
    const startedMs = performance.now();
    const snapshot = this.#deps.loader.snapshot(revision.digest);
    if (snapshot === undefined) {
      const detail = { message: `the compiled content of ${revision.digest} is gone` };
      this.#dispatch({ type: 'failed', set, id, phase: 'Commit', code: 'NotCompiled', deterministic: false, detail });
      return;
    }
    const activatedAt = this.#deps.nowMs();
    this.#deps.sets.swap({ set, n: revision.n, digest: revision.digest, snapshot, activatedAtMs: activatedAt });
    const swapMicros = Math.round((performance.now() - startedMs) * 1000);
    const label = this.#deps.sets.all.size <= MAX_SET_LABELS ? set : 'other';
    this.#deps.metrics.activeRevision.set({ set: label }, revision.n);
    this.#deps.metrics.swapSeconds.observe(swapMicros / 1e6);
    this.#deps.logger.info('revision active', { set, revision: revision.n, digest: revision.digest, swapMicros });
    this.#dispatch({ type: 'swapped', set, id, activatedAt, swapMicros });
  }

  #observe(message: PdpMessage): void {
    const { metrics, logger } = this.#deps;
    if (message.type === 'Prepared') {
      const { set, revision, compileMs } = message;
      const key = `${set} ${revision.n}`;
      const since = this.#preparingSince.get(key);
      if (since !== undefined) metrics.prepareSeconds.observe((this.#deps.monotonicMs() - since) / 1000);
      this.#preparingSince.delete(key);
      logger.info('revision prepared', { set, revision: revision.n, digest: revision.digest, compileMs });
    } else if (message.type === 'Nack') {
      const { set, revision, phase, code, detail } = message;
      this.#preparingSince.delete(`${set} ${revision.n}`);
      metrics.nacks.inc({ phase });
      logger.warn('revision refused', { set, revision: revision.n, phase, code, detail: detail.message });
    }
  }

  /** Artifacts that any set still needs, given what `set` needs now. */
  #needed(
    set: SetKey,
    retain: { readonly compiled: readonly string[]; readonly bundles: readonly string[] },
  ): Set<string> {
    const needed = new Set([...retain.compiled, ...retain.bundles]);
    for (const machine of this.#state.sets.values()) {
      for (const slot of [machine.active, machine.staged, machine.lkg]) {
        if (slot === undefined || machine.set === set) continue;
        needed.add(slot.revision.digest);
        for (const digest of slot.manifest.bundles) needed.add(digest);
      }
      const { job } = machine;
      if (job?.kind === 'Prepare') {
        needed.add(job.revision.digest);
        for (const digest of job.manifest?.bundles ?? []) needed.add(digest);
      }
    }
    return needed;
  }
}

function workKey(set: SetKey, id: number): string {
  return `${set} ${id}`;
}

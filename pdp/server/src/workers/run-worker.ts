import { loadSnapshot, type Snapshot } from '@edict/engine';
import { messageOf, systemClock } from '@edict/protocol';
import type { Logger } from 'winston';
import { ActiveSets, type HeldRevision } from '../active-sets.ts';
import { startAnswering, type Answering, type AnsweringOptions, type Exposition } from '../answering.ts';
import type { RulesAnswer } from '../explain/rule-explainer.ts';
import { IdleMemory, loopShare } from '../idle-memory.ts';
import { openNetwork } from '../network/open-network.ts';
import { forgetSet } from '../observability/forget-set.ts';
import { LoadMeter } from '../observability/load-meter.ts';
import { SetLabels } from '../observability/set-labels.ts';
import { SetLoadMeters } from '../observability/set-load-meters.ts';
import type { LocalComparing } from '../shadow/comparing.ts';
import { localComparing } from '../shadow/local-comparing.ts';
import { createMetrics, type PdpMetrics } from '../observability/metrics.ts';
import { openTracing, type Tracing } from '../observability/tracing.ts';
import { ENGINE } from '../version.ts';
import {
  LOAD_INTERVAL_MS,
  sharedNowMs,
  shiftLease,
  type Facts,
  type FromWorker,
  type SetChange,
  type SetUse,
  type ToWorker,
} from './messages.ts';

/** The way to the primary. */
export interface PrimaryChannel {
  readonly send: (message: FromWorker) => void;
  readonly onMessage: (listener: (message: ToWorker) => void) => void;
}

/** What the primary is asked takes no longer than this, or fails. */
const ASK_MS = 5_000;
/** Rules have to wait for their turn there, and that is bounded there. */
const RULES_MS = 120_000;

const UNKNOWN: Facts = {
  readiness: { ready: false, problem: 'loading', detail: 'The worker knows of no policy yet.' },
  hasSettled: false,
  isStale: false,
};

/**
 * Runs a worker until its primary has it drain. Resolves when everything is answered and written. `collectGarbage` is called
 * when the process is idle after its start or a new policy.
 */
export async function runWorker(
  options: AnsweringOptions,
  primary: PrimaryChannel,
  collectGarbage?: () => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const worker = new PoolWorker(options, primary, resolve, collectGarbage);
    primary.onMessage((message) => {
      worker.take(message).catch(reject);
    });
    primary.send({ type: 'started' });
  });
}

/** One process that answers with what its primary has prepared. */
class PoolWorker {
  readonly #options: AnsweringOptions;
  readonly #primary: PrimaryChannel;
  readonly #ended: () => void;
  readonly #logger: Pick<Logger, 'error'>;
  readonly #metrics: PdpMetrics = createMetrics();
  readonly #meter = new LoadMeter(() => process.memoryUsage.rss());
  readonly #setLoads = new SetLoadMeters();
  readonly #labels: SetLabels;
  readonly #sets = new ActiveSets();
  readonly #comparisons = new Map<number, LocalComparing>();
  readonly #loaded = new Map<string, Snapshot>();
  readonly #asked = new Map<number, (answer: unknown) => void>();
  readonly #telling: NodeJS.Timeout;
  readonly #idleMemory: IdleMemory | undefined;
  #latest: Snapshot | undefined;
  #facts = UNKNOWN;
  #answering: Answering | undefined;
  #tracing: Tracing | undefined;
  #nextId = 1;

  constructor(options: AnsweringOptions, primary: PrimaryChannel, ended: () => void, collect?: () => void) {
    this.#options = options;
    this.#labels = new SetLabels(options.maxSetLabels);
    this.#primary = primary;
    this.#ended = ended;
    this.#logger = options.logger;
    this.#idleMemory = collect && new IdleMemory({ collect, busyShare: loopShare(), schedule: systemClock.schedule });
    this.#telling = setInterval(() => this.#tellLoad(), LOAD_INTERVAL_MS);
  }

  async take(message: ToWorker): Promise<void> {
    switch (message.type) {
      case 'facts':
        this.#facts = message.facts;
        return;
      case 'load':
        this.#do(message.id, () => {
          this.#latest = loadSnapshot(message.compiled, this.#latest);
          this.#loaded.set(message.digest, this.#latest);
          this.#idleMemory?.note();
        });
        return;
      case 'change':
        this.#do(message.id, () => this.#change(message.change));
        return;
      case 'lease':
        this.#sets.leases.of(message.set).tell(shiftLease(message.lease, performance.now() - sharedNowMs()));
        return;
      case 'startShadow':
        this.#startShadow(message);
        return;
      case 'endShadow':
        this.#comparisons.get(message.id)?.close();
        this.#comparisons.delete(message.id);
        return;
      case 'forget':
        for (const digest of message.digests) this.#loaded.delete(digest);
        this.#latest = [...this.#loaded.values()].at(-1);
        return;
      case 'listen':
        await this.#listen();
        this.#idleMemory?.note();
        return;
      case 'measure':
        this.#primary.send({
          type: 'measured',
          id: message.id,
          metrics: await this.#metrics.registry.getMetricsAsJSON(),
        });
        return;
      case 'exposition':
        this.#asked.get(message.id)?.(message.exposition);
        return;
      case 'status':
        this.#asked.get(message.id)?.(message.status);
        return;
      case 'rules':
        this.#asked.get(message.id)?.(message.rules);
        return;
      case 'reopenRecords':
        this.#answering?.reopenRecords();
        return;
      case 'dismiss':
        this.#answering?.dismissClients();
        return;
      case 'drain':
        await this.#answering?.drain(message.timeoutMs);
        clearInterval(this.#telling);
        this.#idleMemory?.close();
        this.#tellLoad();
        await this.#answering?.close();
        await this.#tracing?.close();
        this.#ended();
    }
  }

  /** Does something and tells when, or why not. */
  #do(id: number, task: () => void): void {
    let problem: string | undefined;
    try {
      task();
    } catch (error) {
      problem = messageOf(error);
      this.#logger.error('an order of the primary failed', { error: problem });
    }
    this.#primary.send({ type: 'done', id, atMs: sharedNowMs(), problem });
  }

  #startShadow({ id, set, digest, samplePpm }: Extract<ToWorker, { type: 'startShadow' }>): void {
    const snapshot = this.#loaded.get(digest);
    if (snapshot === undefined) {
      this.#logger.error('a candidate is not loaded, and not compared', { set, digest });
      return;
    }
    this.#comparisons.set(id, localComparing({ ...this.#options, sets: this.#sets, set, snapshot, samplePpm }));
  }

  #change(change: SetChange): void {
    switch (change.kind) {
      case 'active': {
        const { held, canary } = change;
        const active = { ...held, snapshot: this.#snapshotOf(held) };
        if (canary === undefined) {
          this.#sets.replace(active);
          return;
        }
        const revision = { ...canary.held, snapshot: this.#snapshotOf(canary.held) };
        this.#sets.replace({ ...active, canary: { revision, share: canary.share } });
        return;
      }
      case 'asleep': {
        const { held, serving, failure } = change;
        const wake = (): void => this.#primary.send({ type: 'wanted', set: held.set });
        this.#sets.sleep({ ...held, serving, failure, wake });
        return;
      }
      case 'broken':
        this.#sets.fail(change.set, change.failure);
        return;
      case 'gone':
        this.#sets.remove(change.set);
        forgetSet(change.set, this.#labels, this.#metrics);
    }
  }

  #snapshotOf({ digest }: HeldRevision): Snapshot {
    const snapshot = this.#loaded.get(digest);
    if (snapshot === undefined) throw new Error(`the compiled content of ${digest} is not loaded`);
    return snapshot;
  }

  async #listen(): Promise<void> {
    const metrics = this.#metrics;
    try {
      this.#tracing = await openTracing(this.#options.tracing, { metrics, logger: this.#options.logger });
      this.#answering = await startAnswering(this.#options, {
        sets: this.#sets,
        metrics,
        meter: this.#meter,
        setLoads: this.#setLoads,
        setLabels: this.#labels,
        tracer: this.#tracing?.tracer,
        network: openNetwork(this.#options.network ?? {}, `Edict/${ENGINE.version}`, metrics),
        readiness: () => this.#facts.readiness,
        hasSettled: () => this.#facts.hasSettled,
        isStale: () => this.#facts.isStale,
        status: () => this.#ask('status'),
        exposition: async () => (await this.#ask('exposition')) as Exposition,
        findRules: (question) =>
          this.#answerTo('rules', RULES_MS, (id) => ({ type: 'findRules', id, question })).then(
            (rules) => rules as RulesAnswer,
            (error: unknown) => ({ kind: 'unavailable', reason: messageOf(error) }),
          ),
      });
      const { url, grpcAddress } = this.#answering;
      this.#primary.send({ type: 'listening', url, grpcAddress });
    } catch (error) {
      this.#primary.send({ type: 'failed', message: messageOf(error) });
    }
  }

  /** Asks the primary, which knows of all. Rejects if it does not answer in time. */
  async #ask(what: 'exposition' | 'status'): Promise<unknown> {
    return await this.#answerTo(what, ASK_MS, (id) => ({ type: 'ask', id, what }));
  }

  async #answerTo(what: string, waitMs: number, question: (id: number) => FromWorker): Promise<unknown> {
    const id = this.#nextId++;
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(new Error(`the primary did not tell the ${what}`));
      }, waitMs);
      this.#asked.set(id, (answer) => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(answer);
      });
      this.#primary.send(question(id));
    });
  }

  #tellLoad(): void {
    const used: SetUse[] = [];
    const nowMs = performance.now();
    for (const set of this.#sets.held.keys()) {
      const { requests, lastUsedNs } = this.#sets.usages.of(set);
      if (lastUsedNs === undefined) continue;
      const agoMs = Math.max(0, nowMs - lastUsedNs / 1e6);
      // What was told before need not be told again; what is under way has to be.
      if (requests > 0 || agoMs < 2 * LOAD_INTERVAL_MS) used.push({ set, requests, agoMs });
    }
    this.#primary.send({ type: 'load', load: this.#meter.take(), used, sets: this.#setLoads.take() });
    for (const [id, comparing] of this.#comparisons) {
      this.#primary.send({ type: 'shadowed', id, findings: comparing.findings });
      if (comparing.failure === undefined) continue;
      this.#logger.error('a comparison ended', { error: messageOf(comparing.failure) });
      this.#comparisons.delete(id);
    }
  }
}

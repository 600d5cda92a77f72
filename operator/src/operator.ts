import { randomBytes } from 'node:crypto';
import type { SignDecision } from '@edict/protocol';
import { createAnalyst, type Analyst } from './analysis/analyst.ts';
import { queryPrometheus } from './analysis/query-prometheus.ts';
import { BundleBytes } from './backend/bundle-bytes.ts';
import { createStoreBackend, type StoreBackend } from './backend/store-backend.ts';
import { systemClock } from './clock.ts';
import { createWorkerChecker } from './compile/worker-checker.ts';
import { sweepBundles } from './controllers/policy-bundle/sweep.ts';
import { DomainJudge } from './controllers/policy-domain/judge.ts';
import { reconcileDomain } from './controllers/policy-domain/reconcile.ts';
import { reconcileRevision } from './controllers/policy-revision/reconcile.ts';
import { CombinationJudge } from './controllers/policy-set/combination.ts';
import { Debounce } from './controllers/policy-set/debounce.ts';
import { reconcileSet } from './controllers/policy-set/reconcile.ts';
import { RolloutBoard } from './controllers/rollout-board.ts';
import { Router, type Queues } from './controllers/router.ts';
import type { World } from './controllers/world.ts';
import { createDecisionSigner } from './distribution/decision-signer.ts';
import { createDistributor, type Distributor } from './distribution/distributor.ts';
import { createDistributionMetrics } from './distribution/metrics.ts';
import { createMetrics } from './observability/metrics.ts';
import { OPERATOR_LIMITS, type Operator, type OperatorOptions } from './operator-types.ts';
import { createQueue, type ReconcileResult, type WorkQueue } from './queue.ts';
import { isStoreError } from './store/errors.ts';
import type { KindName, Watcher } from './store/store.ts';

/** Makes an operator; nothing happens before it is started. */
export function createOperator(options: OperatorOptions): Operator {
  return new ComposedOperator(options).face();
}

interface Running {
  readonly world: World;
  readonly backend: StoreBackend;
  readonly queues: Queues;
  readonly distributor: Distributor;
  readonly router: Router;
  readonly analyst: Analyst;
}

class ComposedOperator {
  readonly #options: OperatorOptions;
  readonly #metrics;
  readonly #distributionMetrics;
  readonly #checker;
  readonly #clock;
  readonly #limits;
  /** When this process last wrote which status. */
  readonly #statusWrites = new Map<string, number>();
  /** From the first moment, so that whoever stops a start that never ends finds it. */
  #watches: World | undefined;
  #running: Running | undefined;
  #isStopped = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...OPERATOR_LIMITS, ...options.limits };
    this.#metrics = options.metrics ?? createMetrics(options.registry);
    this.#distributionMetrics = options.distributionMetrics ?? createDistributionMetrics(options.registry);
    this.#checker = options.checker ?? createWorkerChecker({ clock: this.#clock });
  }

  face(): Operator {
    return {
      start: () => this.#start(),
      stop: () => this.#stop(),
      isReady: () => this.#running !== undefined && !this.#isStopped,
      distributor: () => this.#expect().distributor,
      backend: () => this.#expect().backend,
      world: () => this.#expect().world,
      metrics: this.#metrics,
      reviewSets: () => this.#expect().router.reviewSets(),
      isIdle: () => Object.values(this.#expect().queues).every((queue: WorkQueue) => queue.isIdle()),
    };
  }

  #expect(): Running {
    if (this.#running === undefined) throw new Error('the operator has not been started');
    return this.#running;
  }

  async #start(): Promise<void> {
    if (this.#watches !== undefined || this.#isStopped) throw new Error('an operator is started once');
    const { store } = this.#options;
    const router = new Router();
    const world: World = {
      domains: store.watch('PolicyDomain', {}, (event) => router.domainChanged(event.object)),
      sets: store.watch('PolicySet', {}, (event) => router.setChanged(event.object)),
      revisions: store.watch('PolicyRevision', {}, (event) => router.revisionChanged(event.object)),
      bundles: store.watch('PolicyBundle', {}, (event) => router.bundleChanged(event.object)),
      suites: store.watch('PolicyTestSuite', {}, (event) => router.suiteChanged(event.object)),
    };
    this.#watches = world;
    // Rejects if it is stopped meanwhile.
    await Promise.all(Object.values(world).map((watcher: Watcher<KindName>) => watcher.synced));
    this.#running = this.#run(world, router);
  }

  #run(world: World, router: Router): Running {
    const { store, events, identity, members } = this.#options;
    const bytes = new BundleBytes(store);
    const board = new RolloutBoard((set) => router.progressed(set));
    const signDecision = createDecisionSigner(this.#options.signer.key);
    const backend = createStoreBackend({
      signDecision,
      world,
      store,
      board,
      bytes,
      events,
      identity,
      clock: this.#clock,
      ...(members === undefined ? {} : { members }),
    });
    const queues = this.#createQueues(world, board, bytes);
    const distributor = this.#createDistributor(backend, signDecision);
    const analyst = createAnalyst({
      sets: () => world.sets.list(),
      progress: distributor.progress,
      query: queryPrometheus,
      tell: distributor.analysed,
      clock: this.#clock,
    });
    router.connect(world, queues, backend.changed);
    return { world, backend, queues, distributor, router, analyst };
  }

  #createQueues(world: World, board: RolloutBoard, bytes: BundleBytes): Queues {
    const { store, events, signer } = this.#options;
    const now = this.#clock.now;
    const metrics = this.#metrics;
    const checker = this.#checker;
    const bundleBytes = (namespace: string, digest: string) => bytes.get(namespace, digest);
    const writes = (kind: string) => ({
      statusWrittenAt: (key: string) => this.#statusWrites.get(`${kind} ${key}`) ?? 0,
      noteStatusWritten: (key: string, at: number) => {
        this.#statusWrites.set(`${kind} ${key}`, at);
      },
    });
    const common = { world, store, board, events, metrics, now, statusIntervalMs: this.#limits.statusIntervalMs };
    const judge = new DomainJudge({ world, checker, bundleBytes, maxDomainBytes: this.#limits.maxDomainBytes });
    const setDeps = {
      ...common,
      ...writes('PolicySet'),
      signer,
      debounce: new Debounce({ quietMs: this.#limits.debounceQuietMs, maxMs: this.#limits.debounceMaxMs }),
      combinations: new CombinationJudge({ checker, bundleBytes }),
    };
    const revisionDeps = { ...common, ...writes('PolicyRevision') };
    return {
      domains: this.#queue('policy-domain', (key) => reconcileDomain(key, { ...common, judge })),
      sets: this.#queue('policy-set', (key) => reconcileSet(key, setDeps)),
      revisions: this.#queue('policy-revision', (key) => reconcileRevision(key, revisionDeps)),
      bundles: this.#queue('policy-bundle', (namespace) => sweepBundles(namespace, common)),
    };
  }

  #createDistributor(backend: StoreBackend, signDecision: SignDecision): Distributor {
    return createDistributor({
      backend,
      signDecision,
      replica: this.#options.identity,
      artifactsUrl: this.#options.artifactsUrl ?? '',
      ...(this.#options.fallbackSources === undefined ? {} : { fallbackSources: this.#options.fallbackSources }),
      ticketKey: this.#options.ticketKey ?? randomBytes(32),
      clock: this.#clock,
      random: this.#options.random ?? Math.random,
      log: this.#options.log,
      metrics: this.#distributionMetrics,
      observer: this.#options.observer,
      ...(this.#options.unmanaged === undefined ? {} : { unmanaged: this.#options.unmanaged }),
      ...(this.#options.tuning === undefined ? {} : { tuning: this.#options.tuning }),
    });
  }

  #queue(name: string, reconcile: (key: string) => Promise<ReconcileResult>): WorkQueue {
    return createQueue({
      name,
      reconcile,
      clock: this.#clock,
      random: this.#options.random ?? Math.random,
      metrics: this.#metrics,
      concurrency: this.#limits.concurrency,
      onError: (key, error, retryInMs) => {
        const message = error instanceof Error ? error.message : String(error);
        // Someone else wrote first: read again and decide again is the normal course.
        if (isStoreError(error, 'Conflict'))
          this.#options.log.debug('reconcile conflicted', { controller: name, key, retryInMs });
        else this.#options.log.warn('reconcile failed', { controller: name, key, error: message, retryInMs });
      },
    });
  }

  async #stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const running = this.#running;
    if (running !== undefined) {
      running.analyst.close();
      running.router.disconnect();
      running.distributor.close();
      await Promise.all(Object.values(running.queues).map((queue: WorkQueue) => queue.stop()));
    }
    if (this.#watches !== undefined) await stopWatches(this.#watches);
    if (this.#options.checker === undefined) await this.#checker.close();
  }
}

async function stopWatches(world: World): Promise<void> {
  await Promise.all(Object.values(world).map((watcher: Watcher<KindName>) => watcher.stop()));
}

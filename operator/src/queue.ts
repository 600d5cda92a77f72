import type { Counter, Gauge, Histogram } from 'prom-client';
import type { Clock } from './clock.ts';

/** What a reconcile says of its key: done until something changes, or look again after a while. */
export type ReconcileResult = { readonly requeueAfterMs?: number };

export interface QueueMetrics {
  readonly depth: Gauge<'controller'>;
  readonly reconciles: Counter<'controller' | 'outcome'>;
  readonly seconds: Histogram<'controller'>;
}

export interface QueueOptions {
  readonly name: string;
  /** Brings the object of `key` to its spec. A rejection is retried with backoff. */
  readonly reconcile: (key: string) => Promise<ReconcileResult>;
  /** Told of each failure, once. */
  readonly onError: (key: string, error: unknown, retryInMs: number) => void;
  readonly clock: Clock;
  /** 0..1, spreads retries. */
  readonly random: () => number;
  readonly metrics: QueueMetrics;
  /** Keys worked on at a time. Default 4. */
  readonly concurrency?: number;
  /** First delay after a failure. Default 50 ms. */
  readonly baseDelayMs?: number;
  /** Longest delay after failures. Default 30 s. */
  readonly maxDelayMs?: number;
}

/** Keys to reconcile: each at most once in the queue, at most one worker per key. */
export interface WorkQueue {
  /** The object may have changed. Cheap, merges with what is queued already. */
  readonly add: (key: string) => void;
  /** The same, later; an earlier time for the same key wins. */
  readonly addAfter: (key: string, delayMs: number) => void;
  /** Takes no more work; resolves when the workers are done. */
  readonly stop: () => Promise<void>;
  /** True when nothing is queued, waiting for a retry of a failure, or under way. Timed looks do not count. */
  readonly isIdle: () => boolean;
}

interface Timer {
  readonly at: number;
  readonly isRetry: boolean;
  readonly cancel: () => void;
}

export function createQueue(options: QueueOptions): WorkQueue {
  return new KeyedQueue(options);
}

class KeyedQueue implements WorkQueue {
  readonly #options: QueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** Changed while being worked on: once more, afterwards. */
  readonly #dirty = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  #isStopped = false;
  #isPumpDue = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  readonly add = (key: string): void => {
    if (this.#isStopped) return;
    this.#clearTimer(key);
    if (this.#running.has(key)) this.#dirty.add(key);
    else this.#waiting.add(key);
    // Later in this very turn: whatever is added meanwhile merges.
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      if (!this.#isStopped) this.#pump();
    });
  };

  readonly addAfter = (key: string, delayMs: number): void => {
    this.#schedule(key, delayMs, false);
  };

  readonly stop = async (): Promise<void> => {
    this.#isStopped = true;
    this.#waiting.clear();
    this.#dirty.clear();
    for (const key of [...this.#timers.keys()]) this.#clearTimer(key);
    await Promise.all(this.#running.values());
  };

  readonly isIdle = (): boolean =>
    this.#waiting.size === 0 && this.#running.size === 0 && ![...this.#timers.values()].some((timer) => timer.isRetry);

  #schedule(key: string, delayMs: number, isRetry: boolean): void {
    if (this.#isStopped) return;
    const at = this.#options.clock.now() + delayMs;
    const known = this.#timers.get(key);
    // A retry keeps its backoff: a timed look must not undercut it.
    if (known !== undefined && (known.at <= at || (known.isRetry && !isRetry))) return;
    this.#clearTimer(key);
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { at, isRetry, cancel });
  }

  #clearTimer(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }

  #pump(): void {
    const { name, metrics, concurrency = 4 } = this.#options;
    for (const key of this.#waiting) {
      if (this.#running.size >= concurrency) break;
      this.#waiting.delete(key);
      this.#running.set(key, this.#work(key));
    }
    metrics.depth.set({ controller: name }, this.#waiting.size);
  }

  async #work(key: string): Promise<void> {
    const { name, metrics, reconcile, clock } = this.#options;
    // The map must hold this promise before it can end.
    await Promise.resolve();
    const startedAt = clock.now();
    try {
      const { requeueAfterMs } = await reconcile(key);
      this.#failures.delete(key);
      metrics.reconciles.inc({ controller: name, outcome: 'ok' });
      if (requeueAfterMs !== undefined) this.#schedule(key, requeueAfterMs, false);
    } catch (error) {
      metrics.reconciles.inc({ controller: name, outcome: 'error' });
      const retryInMs = this.#backoff(key);
      this.#options.onError(key, error, retryInMs);
      this.#schedule(key, retryInMs, true);
    } finally {
      metrics.seconds.observe({ controller: name }, (clock.now() - startedAt) / 1000);
      this.#running.delete(key);
      if (this.#dirty.delete(key)) this.add(key);
      if (!this.#isStopped) this.#pump();
    }
  }

  #backoff(key: string): number {
    const { baseDelayMs = 50, maxDelayMs = 30_000, random } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures, 20));
    return Math.round(ceiling / 2 + (random() * ceiling) / 2);
  }
}

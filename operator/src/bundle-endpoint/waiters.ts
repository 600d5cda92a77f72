import type { Clock, SetKey } from '@edict/protocol';

/** Requests that wait for their set to change. */
export class Waiters {
  readonly #clock: Pick<Clock, 'schedule'>;
  readonly #max: number;
  readonly #onCount: (count: number) => void;
  readonly #bySet = new Map<SetKey, Set<() => void>>();
  #count = 0;
  #closed = false;

  /** `onCount` is told how many wait, whenever that changes. */
  constructor(clock: Pick<Clock, 'schedule'>, max: number, onCount: (count: number) => void) {
    this.#clock = clock;
    this.#max = max;
    this.#onCount = onCount;
  }

  /** True if nobody more may wait. */
  get isFull(): boolean {
    return this.#count >= this.#max;
  }

  /** Resolves when the set may have changed, after `waitMs`, when `signal` ends it, or when all are dismissed. */
  wait(set: SetKey, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#bySet.get(set) ?? new Set();
      const wake = (): void => {
        if (!waiting.delete(wake)) return;
        if (waiting.size === 0) this.#bySet.delete(set);
        cancel();
        signal.removeEventListener('abort', wake);
        this.#changeCount(-1);
        resolve();
      };
      const cancel = this.#clock.schedule(waitMs, wake);
      signal.addEventListener('abort', wake);
      waiting.add(wake);
      this.#bySet.set(set, waiting);
      this.#changeCount(1);
    });
  }

  /** Wakes all who wait for the set. */
  wake(set: SetKey): void {
    for (const wake of [...(this.#bySet.get(set) ?? [])]) wake();
  }

  /** Wakes everybody; nobody waits from now on. */
  close(): void {
    this.#closed = true;
    for (const set of [...this.#bySet.keys()]) this.wake(set);
  }

  #changeCount(by: number): void {
    this.#count += by;
    this.#onCount(this.#count);
  }
}

import { Waiters, type Waiting } from './waiters.ts';

/**
 * The requests that wait for the policies or the revisions of their sets: of each set a bounded number, so that one that takes
 * its time, or whose callers want what never comes, keeps nobody else from waiting.
 */
export class SetWaiters {
  readonly #maxEach: number;
  readonly #schedule: (delayMs: number, task: () => void) => () => void;
  readonly #bySet = new Map<string, Waiters>();

  constructor(maxEach: number, schedule: (delayMs: number, task: () => void) => () => void) {
    this.#maxEach = maxEach;
    this.#schedule = schedule;
  }

  /** Requests that wait now. */
  get count(): number {
    let count = 0;
    for (const waiters of this.#bySet.values()) count += waiters.count;
    return count;
  }

  hasRoom(set: string): boolean {
    return this.#bySet.get(set)?.hasRoom ?? this.#maxEach > 0;
  }

  /** Waits until an attempt has an answer: it is made again whenever the set has changed. Ask {@link hasRoom} before. */
  async wait<T>(set: string, waiting: Waiting<T | Promise<T>>): Promise<T> {
    const waiters = this.#bySet.get(set) ?? new Waiters(this.#maxEach, this.#schedule);
    this.#bySet.set(set, waiters);
    try {
      return await waiters.wait(waiting);
    } finally {
      if (waiters.count === 0 && this.#bySet.get(set) === waiters) this.#bySet.delete(set);
    }
  }

  /** Lets those that wait for a set try again. */
  wake(set: string): void {
    this.#bySet.get(set)?.wake();
  }
}

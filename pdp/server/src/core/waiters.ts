/** What a request that waits tries again whenever something has changed: its answer, or undefined while there is none. */
export type Attempt<T> = () => T | undefined;

/** What is needed to let a request wait. */
export interface Waiting<T> {
  readonly attempt: Attempt<T>;
  /** The answer when time is up, or the caller has gone. */
  readonly giveUp: (why: 'timeout' | 'gone') => T;
  readonly waitMs: number;
  /** Calls its listener when the caller has gone. */
  readonly onGone: ((listener: () => void) => void) | undefined;
}

interface Waiter {
  readonly wake: () => void;
}

/** The requests that wait for policy: a bounded number, each for a bounded time. */
export class Waiters {
  readonly #max: number;
  readonly #schedule: (delayMs: number, task: () => void) => () => void;
  readonly #waiting = new Set<Waiter>();

  constructor(max: number, schedule: (delayMs: number, task: () => void) => () => void) {
    this.#max = max;
    this.#schedule = schedule;
  }

  /** Requests that wait now. */
  get count(): number {
    return this.#waiting.size;
  }

  get hasRoom(): boolean {
    return this.#waiting.size < this.#max;
  }

  /** Waits until an attempt has an answer. Ask {@link hasRoom} before. Rejects, with the cause, if an attempt throws. */
  wait<T>({ attempt, giveUp, waitMs, onGone }: Waiting<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      /** Answers and is forgotten; a bug is told to who waits, not to who woke it: that is the swap of a revision. */
      const conclude = (answerOf: Attempt<T>): void => {
        try {
          const answer = answerOf();
          if (answer === undefined) return;
          resolve(answer);
        } catch (error) {
          reject(new Error('a request that waited could not be answered', { cause: error }));
        }
        cancel();
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = { wake: () => conclude(attempt) };
      const cancel = this.#schedule(waitMs, () => conclude(() => giveUp('timeout')));
      this.#waiting.add(waiter);
      onGone?.(() => {
        if (this.#waiting.has(waiter)) conclude(() => giveUp('gone'));
      });
    });
  }

  /** Lets everyone try again. */
  wake(): void {
    for (const waiter of [...this.#waiting]) waiter.wake();
  }
}

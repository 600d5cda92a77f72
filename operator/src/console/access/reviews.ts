import type { Clock } from '../../clock.ts';
import { ProblemError } from '../http/problem.ts';

/** Bounds of questions that are answered elsewhere. */
export interface ReviewLimits {
  /** Answers that are remembered. */
  readonly rememberedMax: number;
  /** Questions under way at a time, and how many more may wait. */
  readonly concurrency: number;
  readonly waitingMax: number;
  /** Questions asked per second, on average over a burst of as many. */
  readonly perSecond: number;
}

/** An answer, and for how long it may be taken without asking again. */
export interface Reviewed<T> {
  readonly answer: T;
  readonly ttlMs: number;
}

/**
 * Answers questions by asking elsewhere, a bounded number of times: remembers answers, asks the same thing once, and refuses
 * with `too-many-requests` beyond its limits. A failure is not remembered.
 */
export class Reviews<T> {
  readonly #clock: Clock;
  readonly #limits: ReviewLimits;
  readonly #known = new Map<string, { readonly answer: T; readonly until: number }>();
  readonly #underWay = new Map<string, Promise<T>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #budget: number;
  #budgetAt: number;

  constructor(clock: Clock, limits: ReviewLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#budget = limits.perSecond;
    this.#budgetAt = clock.monotonic();
  }

  /** The answer to the question named `key`. @throws ProblemError and what `ask` throws */
  async answer(key: string, ask: () => Promise<Reviewed<T>>): Promise<T> {
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.answer;
    const before = this.#underWay.get(key);
    if (before !== undefined) return await before;
    this.#spend();
    const next = this.#ask(key, ask).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, next);
    return await next;
  }

  async #ask(key: string, ask: () => Promise<Reviewed<T>>): Promise<T> {
    await this.#turn();
    try {
      const { answer, ttlMs } = await ask();
      this.#remember(key, answer, ttlMs);
      return answer;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #spend(): void {
    const { perSecond } = this.#limits;
    const now = this.#clock.monotonic();
    this.#budget = Math.min(perSecond, this.#budget + ((now - this.#budgetAt) / 1000) * perSecond);
    this.#budgetAt = now;
    if (this.#budget < 1) throw tooMany('too many questions about rights: ask again in a second');
    this.#budget -= 1;
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#limits.concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#limits.waitingMax) throw tooMany('too many questions about rights wait');
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #remember(key: string, answer: T, ttlMs: number): void {
    this.#known.delete(key);
    this.#known.set(key, { answer, until: this.#clock.monotonic() + ttlMs });
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > this.#limits.rememberedMax && oldest !== undefined) this.#known.delete(oldest);
  }
}

function tooMany(message: string): ProblemError {
  return new ProblemError('too-many-requests', message);
}

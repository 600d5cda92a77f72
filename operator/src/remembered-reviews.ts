import { createHash } from 'node:crypto';
import type { Clock } from '@edict/protocol';
import { createTurns, type Turns } from './turns.ts';

/** Bounds of questions that are answered elsewhere. */
export interface ReviewLimits {
  /** Answers that are remembered. */
  readonly rememberedMax: number;
  /** Questions under way at a time, and how many more may wait. */
  readonly concurrency: number;
  readonly waitingMax: number;
  /** Questions asked per second, on average over a burst of as many. Absent: the others bound them. */
  readonly perSecond?: number;
}

/** An answer, and for how long it may be taken without asking again. */
export interface Reviewed<T> {
  readonly answer: T;
  readonly ttlMs: number;
}

export interface RememberedReviewsOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly limits: ReviewLimits;
  /** What a question beyond the limits is refused with. */
  readonly full: (limit: 'waiting' | 'rate') => Error;
  /** Told of each answer that nobody had to be asked for. */
  readonly onRemembered?: () => void;
}

/**
 * Answers questions by asking elsewhere, a bounded number of times: remembers answers, asks the same thing once, and refuses
 * beyond its limits, so that neither a crowd that comes at once nor guesses turn into load on whoever is asked. A failure to
 * answer is not remembered: a refusal that is to be is an answer.
 */
export class RememberedReviews<T> {
  readonly #options: RememberedReviewsOptions;
  readonly #turns: Turns;
  readonly #known = new Map<string, { readonly answer: T; readonly until: number }>();
  readonly #underWay = new Map<string, Promise<T>>();
  #budget: number;
  #budgetAt: number;

  constructor(options: RememberedReviewsOptions) {
    const { limits, clock, full } = options;
    this.#options = options;
    this.#turns = createTurns(limits.concurrency, limits.waitingMax, () => full('waiting'));
    this.#budget = limits.perSecond ?? 0;
    this.#budgetAt = clock.monotonic();
  }

  /** The answer to the question named `key`; secrets are named by {@link reviewKey}. @throws what `full` and `ask` throw */
  async answer(key: string, ask: () => Promise<Reviewed<T>>): Promise<T> {
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#options.clock.monotonic()) {
      this.#options.onRemembered?.();
      return known.answer;
    }
    const before = this.#underWay.get(key);
    if (before !== undefined) return await before;
    this.#spend();
    const next = this.#turns
      .run(async () => {
        const { answer, ttlMs } = await ask();
        this.#remember(key, answer, ttlMs);
        return answer;
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, next);
    return await next;
  }

  #spend(): void {
    const { limits, clock, full } = this.#options;
    if (limits.perSecond === undefined) return;
    const now = clock.monotonic();
    this.#budget = Math.min(limits.perSecond, this.#budget + ((now - this.#budgetAt) / 1000) * limits.perSecond);
    this.#budgetAt = now;
    if (this.#budget < 1) throw full('rate');
    this.#budget -= 1;
  }

  #remember(key: string, answer: T, ttlMs: number): void {
    this.#known.delete(key);
    this.#known.set(key, { answer, until: this.#options.clock.monotonic() + ttlMs });
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > this.#options.limits.rememberedMax && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** The name of a question that holds a token: a SHA-256, so that memory holds no token. */
export function reviewKey(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

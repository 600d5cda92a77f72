/**
 * Bounds how often something may happen: `burst` times at once, and `perSecond` times in the long run. What is counted here is
 * legal in small numbers and an attack in large ones.
 */
export class RateBudget {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #left: number;
  #sinceMs: number;

  constructor(burst: number, perSecond: number, nowMs: () => number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#left = burst;
    this.#sinceMs = nowMs();
  }

  /** Counts one; false if it is one too many. */
  take(): boolean {
    if (this.#left < 1) {
      const nowMs = this.#nowMs();
      this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#sinceMs) / 1000) * this.#perSecond);
      this.#sinceMs = nowMs;
      if (this.#left < 1) return false;
    }
    this.#left--;
    return true;
  }
}

/** Spreads those who came too early over the time to come: one place after the other, at a fixed rate. */
export class Arrivals {
  readonly #everyMs: number;
  /** When the next place is free, monotonic. */
  #nextAt = 0;

  /** `perSecond` places a second. */
  constructor(perSecond: number) {
    this.#everyMs = 1000 / perSecond;
  }

  /**
   * The next free place, as milliseconds from `now` (monotonic). Whoever comes at its own place meets nobody else, so a fleet
   * that comes back at one moment dials twice and not again and again.
   */
  reserve(now: number): number {
    const at = Math.max(this.#nextAt, now);
    this.#nextAt = at + this.#everyMs;
    return at - now;
  }
}

import type { Load } from '@edict/protocol';

/** Buckets per doubling; a bound read from them is at most 19 % too high. */
const BUCKETS_PER_OCTAVE = 4;
const BUCKETS = 30 * BUCKETS_PER_OCTAVE;

/** Measures what a Beat tells: decisions since the Beat before, and the memory now. Costs no allocation per decision. */
export class LoadMeter {
  readonly #rssBytes: () => number;
  readonly #counts = new Uint32Array(BUCKETS);
  #decisions = 0;
  #denied = 0;
  #errors = 0;
  #unlogged = 0;

  constructor(rssBytes: () => number) {
    this.#rssBytes = rssBytes;
  }

  /** One decision and how long it took. */
  decided(allow: boolean, ns: number): void {
    this.#decisions++;
    if (!allow) this.#denied++;
    const bucket = Math.ceil(Math.log2(Math.max(1, ns / 1000)) * BUCKETS_PER_OCTAVE);
    const index = Math.min(BUCKETS - 1, bucket);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** The decision that was counted last came of an evaluation that failed. */
  failed(): void {
    this.#errors++;
  }

  /** One request that got a problem in place of a decision. */
  refused(): void {
    this.#errors++;
  }

  /** One access record that was lost. */
  lostRecord(): void {
    this.#unlogged++;
  }

  /** Whether {@link take} would tell of no decision and no problem. */
  get isIdle(): boolean {
    return this.#decisions === 0 && this.#errors === 0;
  }

  /** The load since the last call. */
  take(): Load {
    const load = {
      decisions: this.#decisions,
      denied: this.#denied,
      errors: this.#errors,
      unlogged: this.#unlogged,
      p99Micros: this.#p99Micros(),
      rssBytes: this.#rssBytes(),
    };
    this.#decisions = this.#denied = this.#errors = this.#unlogged = 0;
    this.#counts.fill(0);
    return load;
  }

  /** Upper bound of the bucket that holds the 99th percentile; 0 without decisions. */
  #p99Micros(): number {
    let beyond = Math.floor(this.#decisions / 100);
    for (let index = BUCKETS - 1; index >= 0; index--) {
      beyond -= this.#counts[index] ?? 0;
      if (beyond < 0) return Math.ceil(2 ** (index / BUCKETS_PER_OCTAVE));
    }
    return 0;
  }
}

import type { SetLoad } from '../messages.ts';

/** Sums of what PDPs measured. */
export interface LoadTotals {
  readonly decisions: number;
  readonly errors: number;
  readonly denied: number;
  /** Of the 99th percentiles, each weighted with the answers that it is about, microseconds. */
  readonly p99Micros: number;
}

export const NO_TOTALS: LoadTotals = { decisions: 0, errors: 0, denied: 0, p99Micros: 0 };

/** Buckets that are kept: with ten seconds each, the longest window is ten minutes. */
export const LOAD_BUCKETS_MAX = 60;

/** `totals` and one more measurement. */
export function addTotals(totals: LoadTotals, load: SetLoad | LoadTotals): LoadTotals {
  const decisions = totals.decisions + load.decisions;
  const weighted = totals.p99Micros * totals.decisions + load.p99Micros * load.decisions;
  return {
    decisions,
    errors: totals.errors + load.errors,
    denied: totals.denied + load.denied,
    p99Micros: decisions === 0 ? 0 : weighted / decisions,
  };
}

/** `load` without the part that is counted elsewhere. */
export function loadBeside(load: SetLoad, part: SetLoad | undefined): SetLoad {
  if (part === undefined) return load;
  return {
    decisions: Math.max(0, load.decisions - part.decisions),
    errors: Math.max(0, load.errors - part.errors),
    denied: Math.max(0, load.denied - part.denied),
    p99Micros: load.p99Micros,
  };
}

/** What all PDPs of one set measured in the last minutes, in buckets. */
export class LoadWindow {
  readonly #bucketMs: number;
  readonly #buckets: { readonly from: number; totals: LoadTotals }[] = [];

  constructor(bucketMs: number) {
    this.#bucketMs = bucketMs;
  }

  /** Adds a measurement made up to `now`, monotonic. */
  add(load: SetLoad, now: number): void {
    const newest = this.#buckets.at(-1);
    if (newest !== undefined && now - newest.from < this.#bucketMs) {
      newest.totals = addTotals(newest.totals, load);
      return;
    }
    this.#buckets.push({ from: now, totals: addTotals(NO_TOTALS, load) });
    if (this.#buckets.length > LOAD_BUCKETS_MAX) this.#buckets.shift();
  }

  /** The sum of the last `windowMs`, to the bucket. */
  sum(windowMs: number, now: number): LoadTotals {
    return this.#buckets
      .filter(({ from }) => from >= now - windowMs)
      .reduce((sum, { totals }) => addTotals(sum, totals), NO_TOTALS);
  }
}

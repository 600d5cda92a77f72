/** Sets that get a label value of their own; the metrics of all others are folded into {@link OTHER_SETS}. */
export const MAX_SET_LABELS = 100;

/** The label value that stands for every set beyond the bound. No set can be called this: set keys have a slash. */
export const OTHER_SETS = 'other';

/** Decides which sets are named in metrics, so that the number of time series has a bound. */
export class SetLabels {
  readonly #max: number;
  readonly #named = new Set<string>();

  constructor(max: number = MAX_SET_LABELS) {
    this.#max = max;
  }

  /** The label value of `set`: its own from its first use to {@link forget}, unless too many others have one. */
  of(set: string): string {
    if (!this.#named.has(set)) {
      if (this.#named.size >= this.#max) return OTHER_SETS;
      this.#named.add(set);
    }
    return set;
  }

  /** Frees the place of `set`, and tells the label value whose time series is to be removed, if it had one of its own. */
  forget(set: string): string | undefined {
    return this.#named.delete(set) ? set : undefined;
  }
}

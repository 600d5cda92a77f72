/** Sets that get a label value of their own; the metrics of all others are folded into {@link OTHER_SETS}. */
export const MAX_SET_LABELS = 100;

/** The label value that stands for every set beyond the bound. No set can be called this: set keys have a slash. */
export const OTHER_SETS = 'other';

/** Decides which sets are named in metrics, so that the number of time series has a bound. */
export class SetLabels {
  readonly #max: number;
  readonly #onFolded: (folded: number) => void;
  readonly #named = new Set<string>();
  readonly #folded = new Set<string>();

  /** `onFolded` is told how many sets have no label value of their own, whenever that changes. */
  constructor(max: number = MAX_SET_LABELS, onFolded: (folded: number) => void = () => undefined) {
    this.#max = max;
    this.#onFolded = onFolded;
  }

  /** The label value of `set`: its own from its first use to {@link forget}, unless too many others have one. */
  of(set: string): string {
    if (this.#named.has(set)) return set;
    if (this.#folded.has(set)) return OTHER_SETS;
    if (this.#named.size < this.#max) {
      this.#named.add(set);
      return set;
    }
    this.#folded.add(set);
    this.#onFolded(this.#folded.size);
    return OTHER_SETS;
  }

  /** Frees the place of `set`, and tells the label value whose time series is to be removed, if it had one of its own. */
  forget(set: string): string | undefined {
    if (this.#folded.delete(set)) this.#onFolded(this.#folded.size);
    return this.#named.delete(set) ? set : undefined;
  }
}

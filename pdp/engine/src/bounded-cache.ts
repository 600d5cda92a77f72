/**
 * Remembers results of a pure function by text, for at most about `2 * size` texts: when the young half is full it
 * becomes the old one and the old one goes. What is in use moves back to the young half.
 */
export class BoundedCache<T> {
  readonly #size: number;
  readonly #maxKeyLength: number;
  readonly #compute: (key: string) => T;
  #young = new Map<string, { readonly value: T }>();
  #old = new Map<string, { readonly value: T }>();

  /** Texts longer than `maxKeyLength` are computed each time. */
  constructor(size: number, maxKeyLength: number, compute: (key: string) => T) {
    this.#size = size;
    this.#maxKeyLength = maxKeyLength;
    this.#compute = compute;
  }

  /** The function's result for `key`. */
  get(key: string): T {
    const young = this.#young.get(key);
    if (young !== undefined) return young.value;
    if (key.length > this.#maxKeyLength) return this.#compute(key);
    const entry = this.#old.get(key) ?? { value: this.#compute(key) };
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, entry);
    return entry.value;
  }

  /** How many results are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}

/** The memory that unfinished bodies of all connections may have together. */
export class HeldBytes {
  readonly #max: number;
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes that are held now. */
  get count(): number {
    return this.#held;
  }

  /** Takes `bytes`, or nothing and says no. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#max) return false;
    this.#held += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }
}

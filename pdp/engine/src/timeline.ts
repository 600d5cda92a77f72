/**
 * The clock of a decision that is made in several attempts. In the last one, which the record tells of, evaluations that
 * earlier attempts have made take no time, and waiting took place before it began. On this clock each evaluation takes
 * what it took in all attempts, waiting included.
 */
export class Timeline {
  readonly #realNs: () => number;
  readonly #startNs: number;
  readonly #spentNs = new Map<object, number>();
  readonly #begun = new Set<object>();
  #hiddenNs = 0;
  #open: { readonly subject: object; readonly sinceNs: number } | undefined = undefined;

  constructor(realNs: () => number, startNs: number) {
    this.#realNs = realNs;
    this.#startNs = startNs;
  }

  /** The time of the decision. */
  readonly nowNs = (): number => this.#realNs() - this.#hiddenNs;

  /** Starts an attempt: the clock shows when the decision began. */
  restart(): void {
    this.#close();
    this.#begun.clear();
    this.#hiddenNs = this.#realNs() - this.#startNs;
  }

  /** What follows belongs to `subject`, until `end` or, if it has to wait, the next attempt. */
  begin(subject: object): void {
    if (!this.#begun.has(subject)) {
      this.#begun.add(subject);
      this.#hiddenNs -= this.#spentNs.get(subject) ?? 0;
    }
    this.#open = { subject, sinceNs: this.#realNs() };
  }

  /** The subject has what it needs. */
  end(): void {
    this.#close();
  }

  #close(): void {
    if (this.#open === undefined) return;
    const { subject, sinceNs } = this.#open;
    this.#spentNs.set(subject, (this.#spentNs.get(subject) ?? 0) + this.#realNs() - sinceNs);
    this.#open = undefined;
  }
}

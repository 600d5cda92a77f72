/** Adds up how long the parts of a command take, under OPA's names for them. */
export class Timers {
  readonly #nowMs: () => number;
  readonly #totals = new Map<string, number>();

  /** `nowMs` never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  time<T>(name: string, work: () => T): T {
    const start = this.#nowMs();
    try {
      return work();
    } finally {
      this.#add(name, start);
    }
  }

  async timeAsync<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = this.#nowMs();
    try {
      return await work();
    } finally {
      this.#add(name, start);
    }
  }

  /** Nanoseconds by metric: `timer_rego_query_eval_ns`. */
  metrics(): Readonly<Record<string, number>> {
    const entries = [...this.#totals].map(([name, ms]) => [`timer_${name}_ns`, Math.round(ms * 1e6)] as const);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #add(name: string, start: number): void {
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + this.#nowMs() - start);
  }
}

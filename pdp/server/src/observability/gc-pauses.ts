import { constants, PerformanceObserver } from 'node:perf_hooks';

/** Kinds of collections, as dashboards for Node call them. */
export const GC_KINDS = ['minor', 'major', 'incremental', 'weakcb'] as const;
export type GcKind = (typeof GC_KINDS)[number];

const KIND_OF_CODE: Readonly<Record<number, GcKind>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

/** Collections of one kind since the watching began. */
export interface GcTotal {
  pauses: number;
  seconds: number;
}

/** A performance entry of type `gc`. */
export interface GcEntry {
  /** Milliseconds. */
  readonly duration: number;
  readonly detail?: { readonly kind?: number };
}

/** Adds up the pauses that garbage collection makes in this process. */
export class GcPauses {
  readonly totals: Readonly<Record<GcKind, GcTotal>> = {
    minor: { pauses: 0, seconds: 0 },
    major: { pauses: 0, seconds: 0 },
    incremental: { pauses: 0, seconds: 0 },
    weakcb: { pauses: 0, seconds: 0 },
  };
  #longest = 0;

  /** Begins to watch; the observer keeps no process alive. */
  watch(): this {
    new PerformanceObserver((list) => this.add(list.getEntries())).observe({ entryTypes: ['gc'] });
    return this;
  }

  /** Counts collections as the runtime tells them: several at once where they follow each other closely. */
  add(entries: readonly GcEntry[]): void {
    for (const { duration, detail } of entries) {
      const kind = KIND_OF_CODE[detail?.kind ?? -1];
      if (kind === undefined) continue;
      const seconds = duration / 1000;
      this.totals[kind].pauses++;
      this.totals[kind].seconds += seconds;
      this.#longest = Math.max(this.#longest, seconds);
    }
  }

  /** The longest pause since the last call, in seconds. */
  takeLongest(): number {
    const longest = this.#longest;
    this.#longest = 0;
    return longest;
  }
}

import { addFindings, type Comparing, type ShadowFindings } from '../shadow/comparing.ts';

/** The comparison that all workers make, each of the requests that it answers, as one. */
export class PooledComparing implements Comparing {
  /** Of comparisons that ended with their workers too: what they found stays found. */
  readonly #earlier: ShadowFindings[] = [];
  readonly #joined = new Set<number>();
  readonly #bySlot = new Map<number, ShadowFindings>();
  readonly #begin: (slot: number) => void;
  readonly close: () => void;

  constructor(begin: (slot: number) => void, close: () => void) {
    this.#begin = begin;
    this.close = close;
  }

  get findings(): ShadowFindings {
    const now = [...this.#bySlot.values()];
    const ready = now.length === this.#joined.size && addFindings(now).ready;
    return { ...addFindings([...this.#earlier, ...now]), ready };
  }

  /** A worker whose comparison fails finds nothing more; it says so in its log. */
  get failure(): undefined {
    return undefined;
  }

  /** A worker begins: the first time, or in the place of one that ended. */
  join(slot: number): void {
    const before = this.#bySlot.get(slot);
    if (before !== undefined) this.#earlier.push(before);
    this.#bySlot.delete(slot);
    this.#joined.add(slot);
    this.#begin(slot);
  }

  /** What a worker has found so far. */
  take(slot: number, findings: ShadowFindings): void {
    this.#bySlot.set(slot, findings);
  }
}

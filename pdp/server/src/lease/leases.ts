import type { Consistency } from '@edict/bundle';
import { judgeLease, type LeaseVerdict, type LeaseView } from '@edict/protocol';

/** What a request is measured by: below `freshUntilNs` (the clock that decisions are timed with) there is nothing to judge. */
export class LeaseGate {
  freshUntilNs = Infinity;
  #view: LeaseView | undefined;

  /** What was told last; undefined where nobody has told anything. */
  get view(): LeaseView | undefined {
    return this.#view;
  }

  /** Replaces what was told before. */
  tell(view: LeaseView): void {
    this.#view = view;
    const { until } = view;
    if (until !== undefined) this.freshUntilNs = until * 1e6;
    else this.freshUntilNs = judgeLease(view, 0).stale ? -Infinity : Infinity;
  }

  /** What may be done with a request at `nowNs`. */
  judge(nowNs: number): LeaseVerdict {
    return this.#view === undefined ? { act: 'Serve', stale: false } : judgeLease(this.#view, nowNs / 1e6);
  }
}

/** Until when each set may answer, as the distribution client tells it. */
export class Leases {
  readonly #gates = new Map<string, LeaseGate>();

  /** The gate of a set, made if need be: open until something is told. It stays the same one until the set is forgotten. */
  of(set: string): LeaseGate {
    let gate = this.#gates.get(set);
    if (gate === undefined) {
      gate = new LeaseGate();
      this.#gates.set(set, gate);
    }
    return gate;
  }

  /** A set begins to be served: what it promises holds from now on, also before anyone has told its lease. */
  begin(set: string, consistency: Consistency): void {
    const gate = this.of(set);
    if (gate.view === undefined) gate.tell({ consistency, minRev: 0, stableRev: 0 });
  }

  /** What was told last of each set. */
  get told(): readonly (readonly [set: string, view: LeaseView])[] {
    return [...this.#gates].flatMap(([set, { view }]) => (view === undefined ? [] : [[set, view] as const]));
  }

  /** The set is served no more; whatever is told next begins anew. */
  forget(set: string): void {
    this.#gates.delete(set);
  }
}

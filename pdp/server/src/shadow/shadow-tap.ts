import type { AccessRecord } from '@edict/engine';
import type { Outcome, Value } from '@edict/rego';

/** A PORC that was decided, and the record of that. */
export interface TappedDecision {
  readonly porc: unknown;
  readonly allow: boolean;
  readonly record: AccessRecord;
}

/** A document that was evaluated. */
export interface TappedQuery {
  readonly path: readonly string[];
  readonly input: Value;
  readonly outcome: Outcome;
  /** What an outcome means, where it is a decision. */
  readonly verdict: ((outcome: Outcome) => boolean | undefined) | undefined;
}

/** Is shown what a set answers, after it was answered. Takes no time worth mentioning, never waits and never throws. */
export interface ShadowTap {
  readonly decided: (decision: TappedDecision) => void;
  readonly queried: (query: TappedQuery) => void;
}

/** Where a set's answers are shown, if anywhere. */
export interface ShadowPlace {
  tap: ShadowTap | undefined;
}

/** The place of what is never shown. */
export const NO_SHADOW: ShadowPlace = Object.freeze({ tap: undefined });

/** One place for each set. */
export class ShadowTaps {
  readonly #places = new Map<string, ShadowPlace>();

  /** The place of a set; it stays the same one. */
  of(set: string): ShadowPlace {
    let place = this.#places.get(set);
    if (place === undefined) {
      place = { tap: undefined };
      this.#places.set(set, place);
    }
    return place;
  }

  /** The set is served no more. */
  forget(set: string): void {
    this.#places.delete(set);
  }
}

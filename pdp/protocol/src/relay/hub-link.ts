import { addClockSample, clockOffset, type ClockSample } from '../clock-offset.ts';
import type { SetKey } from '../identifiers.ts';
import { CLOCK_DRIFT, CLOCK_ERROR_MAX_MS, COMMIT_AHEAD_MAX_MS } from '../limits.ts';
import type { BeatAck, Vouch } from '../messages.ts';
import { UNANSWERED_MAX } from '../pdp/beats.ts';

/** Age that a relay gives to its word while the hub has given it none: longer than any lease. */
export const UNKNOWN_AGE_MS = 86_400_000;

/** A word of the hub about one set: what had been decided at `asOf`, by the relay's monotonic clock, or later. */
export interface HubWord {
  readonly vouch: Vouch;
  readonly asOf: number;
}

/** The stream to the hub as far as time is concerned: Beats, their answers, the hub's clock and its words. */
export class HubLink {
  readonly #words = new Map<SetKey, HubWord>();
  #unanswered = new Map<number, number>();
  #samples: readonly ClockSample[] = [];
  #seq = 0;
  #lastHeardAt = 0;
  #isUp = false;

  /** True between `opened` and `closed`. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** A stream is open. Words outlive streams: they only grow older. Another replica may have another clock. */
  opened(now: number): void {
    this.#isUp = true;
    this.#lastHeardAt = now;
    this.#unanswered = new Map();
    this.#samples = [];
  }

  closed(): void {
    this.#isUp = false;
  }

  /** Something was heard. */
  heard(now: number): void {
    this.#lastHeardAt = now;
  }

  silenceMs(now: number): number {
    return now - this.#lastHeardAt;
  }

  /** The number of the Beat that is sent now. */
  beat(now: number): number {
    this.#seq += 1;
    this.#unanswered = new Map([...this.#unanswered, [this.#seq, now] as const].slice(-UNANSWERED_MAX));
    return this.#seq;
  }

  /** Takes the answer to a Beat. One that is not known vouches for nothing: nobody knows how old it is. */
  acknowledged({ seq, asOfAgeMs, clock, sets }: BeatAck, now: number): void {
    const sentAt = this.#unanswered.get(seq);
    if (sentAt === undefined) return;
    this.#unanswered = new Map([...this.#unanswered].filter(([other]) => other > seq));
    this.#samples = addClockSample(this.#samples, sentAt, now, clock);
    const asOf = sentAt - asOfAgeMs;
    for (const vouch of sets) {
      const known = this.#words.get(vouch.set);
      if (known === undefined || known.asOf <= asOf) this.#words.set(vouch.set, { vouch, asOf });
    }
  }

  /** Only these sets are the relay's: nothing is vouched for of others. */
  assigned(sets: readonly SetKey[]): void {
    for (const set of this.#words.keys()) if (!sets.includes(set)) this.#words.delete(set);
  }

  /**
   * What a PDP may be told of `sets`, and how old that is: the age is the hub's, what passed since, and what the relay's own
   * clock may have missed of it. Sets without a word are left out, unless there is no word at all: then `known` says what the
   * relay has, with an age at which no lease holds.
   */
  vouchFor(
    sets: readonly SetKey[],
    known: (set: SetKey) => Vouch | undefined,
    now: number,
  ): { readonly asOfAgeMs: number; readonly sets: readonly Vouch[] } {
    const words = sets.map((set) => this.#words.get(set)).filter((word) => word !== undefined);
    if (words.length === 0) {
      return { asOfAgeMs: UNKNOWN_AGE_MS, sets: sets.map(known).filter((vouch) => vouch !== undefined) };
    }
    const oldest = Math.min(...words.map(({ asOf }) => asOf));
    const age = Math.ceil(Math.max(0, now - oldest) * (1 + CLOCK_DRIFT));
    return { asOfAgeMs: Math.min(UNKNOWN_AGE_MS, age), sets: words.map(({ vouch }) => vouch) };
  }

  /** How far ahead a moment of the hub's wall clock is; 0 if it has passed or the hub's clock is not known well enough. */
  leadMs(activateAt: number | undefined, now: number): number {
    if (activateAt === undefined) return 0;
    const clock = clockOffset(this.#samples, now);
    if (clock === undefined || clock.errorMs > CLOCK_ERROR_MAX_MS) return 0;
    const lead = activateAt - clock.offset - now;
    return lead > COMMIT_AHEAD_MAX_MS ? 0 : Math.max(0, lead);
  }
}

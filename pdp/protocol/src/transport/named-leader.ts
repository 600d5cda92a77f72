import type { StreamClose } from './stream.ts';

/** A leader that is named and does not answer within this is somewhere else, or gone. */
export const LEADER_CONNECT_TIMEOUT_MS = 1_000;
/** After one that did not answer, none is dialled by its own address for this long: it may not be reached from here at all. */
export const LEADER_MUTED_MS = 60_000;

/**
 * The replica that leads, as one that does not has named it. It is dialled once, at once, and in place of the address that is
 * configured, behind which chance decides which replica answers. Where that fails everything is as if nobody had been named.
 */
export class NamedLeader {
  #address: string | undefined;
  #mutedUntil = Number.NEGATIVE_INFINITY;

  /** The address to dial next, if there is one; it is forgotten. */
  take(): string | undefined {
    const address = this.#address;
    this.#address = undefined;
    return address;
  }

  /** The end of a stream as the dialler is to see it: whoever named a leader is not waited for. */
  heed(close: StreamClose, now: number): StreamClose {
    const { leader, ...rest } = close;
    if (leader === undefined || now < this.#mutedUntil) return rest;
    this.#address = leader.address;
    return { ...rest, retryAfterMs: leader.afterMs };
  }

  /** The one that was dialled did not answer. */
  failed(now: number): void {
    this.#mutedUntil = now + LEADER_MUTED_MS;
  }
}

import type { SetLimits } from './served-revision.ts';
import type { Refusal } from './session.ts';
import type { SetUsage } from './set-usage.ts';

/**
 * What a body that is on its way takes of what its set may hold: a tenant whose clients send slowly fills its own share of
 * the memory, and no more. Bodies that are whole are counted apart, with their requests: whoever sends slowly keeps nobody
 * out whose request arrives at once.
 */
export class BodyClaim {
  readonly #set: string;
  readonly #usage: SetUsage;
  readonly #maxBytes: number;
  #taken = 0;

  constructor(set: string, usage: SetUsage, { maxBodyBytes }: SetLimits) {
    this.#set = set;
    this.#usage = usage;
    this.#maxBytes = maxBodyBytes;
  }

  /** The refusal if a body of so many bytes is larger than the set takes. */
  announce(bytes: number): Refusal | undefined {
    return bytes > this.#maxBytes ? bodyTooLarge(this.#set, this.#maxBytes) : undefined;
  }

  /** Counts bytes that have arrived; the refusal if they do not fit. */
  take(bytes: number): Refusal | undefined {
    const tooLarge = this.announce(this.#taken + bytes);
    if (tooLarge !== undefined) return tooLarge;
    if (this.#usage.arrivingBytes + bytes > this.#maxBytes) return bodiesFull(this.#set);
    this.#usage.arrivingBytes += bytes;
    this.#taken += bytes;
    return undefined;
  }

  /** Gives back what was taken; again it does nothing. */
  giveBack(): void {
    this.#usage.arrivingBytes -= this.#taken;
    this.#taken = 0;
  }
}

/** The set takes no body of that size, whatever else it does. */
export function bodyTooLarge(set: string, maxBytes: number): Refusal {
  const detail = `The set ${set} takes bodies of at most ${maxBytes} bytes.`;
  return { kind: 'refused', problem: 'body-too-large', detail };
}

/** The set has no memory for that body now. */
export function bodiesFull(set: string): Refusal {
  const detail = `The bodies of the requests to ${set} that are under way fill the memory that they may have.`;
  return { kind: 'refused', problem: 'overloaded', detail };
}

import type { Clock } from '@edict/protocol';

/** Share of the streams that each second of a drain sends elsewhere. */
const DRAIN_SHARE = 0.1;

/** Streams that are to go. */
export interface Leaving {
  /** How many there are still. */
  readonly left: () => number;
  /** Asks this share of them (0–1) to go. */
  readonly sendAway: (share: number) => void;
}

/** Sends streams elsewhere, 10 % a second or as many as it takes; resolves when all have gone or `maxMs` passed. */
export async function leaveBy(clock: Clock, maxMs: number, { left, sendAway }: Leaving): Promise<void> {
  const until = clock.monotonic() + maxMs;
  while (left() > 0 && clock.monotonic() < until) {
    const share = Math.max(DRAIN_SHARE, 1 / Math.max(1, Math.floor((until - clock.monotonic()) / 1000)));
    sendAway(Math.min(1, share));
    await new Promise<void>((resolve) => {
      clock.schedule(Math.min(1000, Math.max(1, until - clock.monotonic())), resolve);
    });
  }
}

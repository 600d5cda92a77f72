import { setTimeout as delay } from 'node:timers/promises';

/** Bounds of one wait. */
export interface WaitOptions {
  /** Give up after this long; 120,000 by default: how long a thing may take is no assertion, and machines differ. */
  readonly timeoutMs?: number;
  /** Pause between two looks; 100 by default. */
  readonly intervalMs?: number;
}

/**
 * Looks until `probe` yields something other than `undefined` and `false`, and resolves with that. A probe that throws counts
 * as "not yet"; when the time is over, the rejection names `what` and carries the last thing thrown as its cause.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions = {},
): Promise<T> {
  const { timeoutMs = 120_000, intervalMs = 100 } = options;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    // Taken before the look: however long the pause before it was, there is one after the deadline.
    const isLast = performance.now() >= deadline;
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (thrown) {
      cause = thrown;
    }
    if (isLast) break;
    await delay(intervalMs);
  }
  const reason = cause === undefined ? '' : `: ${describeThrown(cause)}`;
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}${reason}`, { cause });
}

/** The message of anything thrown, also of errors from another realm (as Node's own are under jest). */
export function describeThrown(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return String(thrown.message);
  return String(thrown);
}

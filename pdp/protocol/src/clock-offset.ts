import { CLOCK_DRIFT } from './limits.ts';

/** Samples that are kept: the best of the last few is used. */
export const CLOCK_SAMPLES_MAX = 8;

/** What one answered Beat tells of the operator's clock. */
export interface ClockSample {
  /** Operator's wall clock minus the PDP's monotonic one, milliseconds. */
  readonly offset: number;
  /** From the Beat to its answer: the offset is wrong by at most half of it. */
  readonly roundTripMs: number;
  /** Monotonic. */
  readonly takenAt: number;
}

/** The samples after one more: a Beat sent at `sentAt`, its answer received at `receivedAt`, the operator's `clock` in it. */
export function addClockSample(
  samples: readonly ClockSample[],
  sentAt: number,
  receivedAt: number,
  clock: number,
): readonly ClockSample[] {
  const roundTripMs = Math.max(0, receivedAt - sentAt);
  const sample = { offset: clock - (sentAt + roundTripMs / 2), roundTripMs, takenAt: receivedAt };
  return [...samples, sample].slice(-CLOCK_SAMPLES_MAX);
}

/** The offset of the sample with the least error, and that error; undefined without samples. */
export function clockOffset(
  samples: readonly ClockSample[],
  now: number,
): { readonly offset: number; readonly errorMs: number } | undefined {
  let best: { readonly offset: number; readonly errorMs: number } | undefined;
  for (const { offset, roundTripMs, takenAt } of samples) {
    const errorMs = roundTripMs / 2 + Math.max(0, now - takenAt) * CLOCK_DRIFT;
    if (best === undefined || errorMs < best.errorMs) best = { offset, errorMs };
  }
  return best;
}

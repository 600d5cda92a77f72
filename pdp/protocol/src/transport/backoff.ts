import type { StreamClose } from './stream.ts';

/** Bounds of the waits between two dials. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** A stream that lived this long resets the count of failures. */
  readonly healthyMs: number;
  /** Least and most wait after refused credentials: the same token would be refused again at once. */
  readonly refusedMinMs: number;
  readonly refusedMaxMs: number;
}

/** Defaults of {@link BackoffOptions}. */
export const BACKOFF_DEFAULTS: BackoffOptions = {
  baseMs: 250,
  maxMs: 30_000,
  healthyMs: 60_000,
  refusedMinMs: 10_000,
  refusedMaxMs: 60_000,
};

/** Failures in a row, as far as waits depend on them. */
export interface BackoffState {
  readonly failures: number;
}

/**
 * How long to wait before the next dial, and the state after. Full jitter: anything from 0 to a ceiling that doubles, so
 * that a fleet which lost its operator at one moment does not come back at one moment. Never gives up.
 */
export function nextDial(
  state: BackoffState,
  close: StreamClose,
  livedMs: number,
  random: number,
  options: BackoffOptions = BACKOFF_DEFAULTS,
): readonly [number, BackoffState] {
  const failures = livedMs >= options.healthyMs ? 0 : state.failures;
  // A peer that says when to come back is alive: what it says counts, and no wait grows from it.
  if (close.retryAfterMs !== undefined) return [Math.ceil(close.retryAfterMs * (1 + 0.2 * random)), { failures }];
  const next = { failures: failures + 1 };
  if (close.code === 'Unauthenticated') {
    return [Math.floor(options.refusedMinMs + random * (options.refusedMaxMs - options.refusedMinMs)), next];
  }
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(failures, 16));
  return [Math.floor(random * ceiling), next];
}

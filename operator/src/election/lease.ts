/** What a Lease says, as far as election reads it. */
export interface LeaseView {
  /** `''` when nobody holds it. */
  readonly holder: string;
  readonly durationMs: number;
  /** Changes with every renewal; compared for equality only, so the writers' clocks do not matter. */
  readonly renewal: string;
}

/** What one replica knows of the election. */
export interface ElectionState {
  readonly seen: LeaseView | undefined;
  /** When, by our own monotonic clock, we first saw `seen`. */
  readonly seenAtMs: number;
  /** When we last wrote the Lease as its holder; undefined while we don't hold it. */
  readonly heldSinceMs: number | undefined;
}

export const NOT_ELECTED: ElectionState = { seen: undefined, seenAtMs: 0, heldSinceMs: undefined };

/** How the election is timed. */
export interface ElectionTiming {
  /** How long others must see no renewal before they take over. */
  readonly leaseMs: number;
  /** A holder that could not renew for this long steps down, before others may take over. */
  readonly renewDeadlineMs: number;
  /** Time between two tries. */
  readonly retryMs: number;
  /** Time from a renewal to the next: each is a write to the API server, and a cluster at rest should have few. */
  readonly renewMs: number;
}

/** A holder that fails to renew has 3 s to succeed; one that dies is followed within 10 s. */
export const ELECTION_TIMING: ElectionTiming = { leaseMs: 9000, renewDeadlineMs: 8000, retryMs: 400, renewMs: 5000 };

/** Notes what was read. An unchanged Lease keeps the time at which it was first seen. */
export function observeLease(state: ElectionState, view: LeaseView | undefined, nowMs: number): ElectionState {
  const same =
    state.seen !== undefined &&
    view !== undefined &&
    state.seen.holder === view.holder &&
    state.seen.renewal === view.renewal;
  return same ? state : { ...state, seen: view, seenAtMs: nowMs };
}

/** Whether this replica should write itself into the Lease now. */
export function mayHold(state: ElectionState, identity: string, nowMs: number): boolean {
  const { seen, seenAtMs } = state;
  if (seen === undefined || seen.holder === '' || seen.holder === identity) return true;
  return nowMs - seenAtMs > seen.durationMs;
}

/** Whether a holder must step down because it could not renew in time. */
export function hasLost(state: ElectionState, timing: ElectionTiming, nowMs: number): boolean {
  return state.heldSinceMs !== undefined && nowMs - state.heldSinceMs > timing.renewDeadlineMs;
}

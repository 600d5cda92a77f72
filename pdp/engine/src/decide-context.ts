import type { AccessRecord, RevisionIdentity } from './access-record.ts';
import type { DecisionLimits } from './limits.ts';

/** Where a decision takes its times from. */
export interface Clock {
  /** Wall time in milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Nanoseconds of a clock that never goes back; only differences mean anything. */
  readonly monotonicNs: () => number;
}

// Read once: the global is a getter of Node, which would run each time.
const { performance } = globalThis;

/** The machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicNs: () => performance.now() * 1e6,
};

/** What a decision needs besides the snapshot and the request. Reusable for any number of decisions. */
export interface DecideContext {
  readonly clock: Clock;
  /** Ids for access records: unique, preferably random UUIDs. */
  readonly newId: () => string;
  /** The revision that the snapshot is, for access records. */
  readonly revision?: RevisionIdentity | undefined;
  /** Decide without an access record. Default false. */
  readonly probe?: boolean | undefined;
  /** Evaluate and record all phases even if an early one decides. Default true. The decision is the same. */
  readonly includeAll?: boolean | undefined;
  /** Audit values that every record carries. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Bounds on one decision. Default `defaultDecisionLimits`. */
  readonly limits?: DecisionLimits | undefined;
}

/** The answer to one request. `record` is absent in probe mode only. */
export interface Decision {
  readonly allow: boolean;
  readonly record: AccessRecord | undefined;
}

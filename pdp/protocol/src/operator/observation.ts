import type { Digest, NodeId, SetKey } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { AbortReason } from '../messages.ts';

/** How a set is rolled out. */
export interface RolloutOptions {
  /** Share of the required PDPs that must have prepared before the commit, in percent. */
  readonly requirePreparedPercent: number;
  /** Share of the required PDPs that may be left behind at the deadline, in percent. */
  readonly maxLaggardsPercent: number;
  /** How long PDPs may take to prepare. */
  readonly progressDeadlineMs: number;
  /** PDPs that must serve for readiness `True`; with 0 a set without PDPs is ready too. */
  readonly minReady: number;
}

/** What a set's resources are set to when nothing is said. */
export const ROLLOUT_DEFAULTS: RolloutOptions = {
  requirePreparedPercent: 100,
  maxLaggardsPercent: 0,
  progressDeadlineMs: 60_000,
  minReady: 1,
};

/** Why a revision was aborted, as the durable record says it. */
export interface AbortCause {
  readonly reason: AbortReason;
  readonly message: string;
}

/**
 * One set as the durable store shows it. It may be a little old: the machine never goes back behind a decision that it
 * knows of, and the compare-and-swap catches the rest.
 */
export interface SetObservation {
  readonly set: SetKey;
  readonly setUid: string;
  /** The newest revision whose decision is Commit. */
  readonly committed?: SignedRevision;
  /** True once the rollout of `committed` was recorded as completed; a new leader finishes one that was not. */
  readonly completed: boolean;
  /** Revisions newer than `committed` without a decision, ascending. The last is wanted, the others are superseded. */
  readonly undecided: readonly SignedRevision[];
  /** The newest revision of all, if its decision is Abort. */
  readonly aborted?: { readonly revision: SignedRevision; readonly cause: AbortCause };
  /** Manifest digests that PDPs refused; a revision with one of them is aborted unseen. */
  readonly failedDigests: readonly Digest[];
  /**
   * The PDPs that should serve the set, by node id, with the name to show. Absent where nobody knows (a folder in place of
   * a cluster): then whoever is connected counts, and who is away for long is gone.
   */
  readonly members?: ReadonlyMap<NodeId, string>;
  readonly options: RolloutOptions;
}

/** The durable decision about a revision. Once written it never changes. */
export type Decision = { readonly type: 'Commit' } | { readonly type: 'Abort'; readonly cause: AbortCause };

/** Bounds and periods of the operator's machines. */
export interface OperatorTuning {
  /** How long after its start a replica waits for PDPs to come back before it judges who is required. */
  readonly settleMs: number;
  /** A message that had no visible effect is repeated after this long. */
  readonly resendMs: number;
  /** A transient NACK is retried after a random part of this, doubled for each retry. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** After a conflict or an error the decision is tried again no sooner than this. */
  readonly decisionRetryMs: number;
  /** Without a list of members, a PDP that is away for this long is gone. */
  readonly goneAfterMs: number;
  /** What a PDP gets to install a revision that is decided already. */
  readonly commitDeadlineMs: number;
  /** PDPs spread their fetches over this. */
  readonly spreadMs: number;
  readonly heartbeatMs: number;
  /** A stream on which nothing is heard for this long is closed. */
  readonly presenceTimeoutMs: number;
  /** A stream must say Hello within this. */
  readonly helloTimeoutMs: number;
  /** Hellos admitted per second. */
  readonly helloRate: number;
  /** Streams beyond this are refused. */
  readonly sessionsMax: number;
}

/** Hellos per second that a replica with so many cores admits. */
export function helloRateFor(cores: number): number {
  return Math.min(15 + 5 * cores, 100);
}

/** Defaults of {@link OperatorTuning}; `helloRate` is for one core. */
export const OPERATOR_TUNING: OperatorTuning = {
  settleMs: 35_000,
  resendMs: 5_000,
  retryBaseMs: 1_000,
  retryMaxMs: 30_000,
  decisionRetryMs: 500,
  goneAfterMs: 60_000,
  commitDeadlineMs: 60_000,
  spreadMs: 200,
  heartbeatMs: 2_000,
  presenceTimeoutMs: 10_000,
  helloTimeoutMs: 10_000,
  helloRate: helloRateFor(1),
  sessionsMax: 20_000,
};

import { isSameRevision, type Digest, type NodeId, type RevisionId, type SetKey } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { AbortReason, BasisPoints } from '../messages.ts';
import type { NodeTraits } from './identity.ts';

/** Which PDPs a wave reaches: those with all the labels, in one of the zones, and of those a share. What is absent narrows nothing. */
export interface NodeSelection {
  readonly labels?: Readonly<Record<string, string>>;
  readonly zones?: readonly string[];
  /** 1 to 100; at least one PDP. Which ones follows from their ids alone, so the next leader chooses the same. */
  readonly sharePercent?: number;
}

/** Whom a wave reaches: neither principals nor PDPs named is all. */
export interface WaveTarget {
  /** Share of the principals, on every PDP: 1 to 9,999 basis points. */
  readonly principals?: BasisPoints;
  /** These PDPs entirely. Not together with `principals`. */
  readonly nodes?: NodeSelection;
}

/** One step of a rollout. Waves are cumulative. */
export interface Wave extends WaveTarget {
  /** How long the wave is watched, once it has reached everyone that it is for, before the next one begins. */
  readonly soakMs: number;
  /** Decided only once its number is among the approvals. */
  readonly needsApproval: boolean;
}

/** Evaluation of a candidate on live requests, before its first wave. Limits are shares of the requests, 0 to 1. */
export interface ShadowOptions {
  /** Millionths of the requests. */
  readonly samplePpm: number;
  readonly windowMs: number;
  readonly maxGrantToDeny?: number;
  readonly maxDenyToGrant?: number;
  readonly maxErrorIncrease?: number;
  /** With fewer requests compared than this, by all PDPs together, nothing is proven. */
  readonly minSamples: number;
  /**
   * What that means at the end of the window. `Pass`: the rollout goes on, and says so. `Wait`: the comparison goes on until
   * there were enough, or the first wave is approved. `Fail`: the revision is given up.
   */
  readonly onNoTraffic: 'Pass' | 'Wait' | 'Fail';
}

/** What the soak of a wave is judged by. An absent limit judges nothing. */
export interface AnalysisOptions {
  /** Greatest rise of denied answers' share against the window before the first wave; 0.05 is five in a hundred more. */
  readonly maxDenyRateIncrease?: number;
  readonly maxErrorRateIncrease?: number;
  /** Greatest quotient of the 99th percentiles. */
  readonly maxP99Factor?: number;
  /** With fewer answers than this on either side nothing is judged. */
  readonly minDecisions: number;
  /** A verdict from outside (`analysed`) is awaited as well; `Unknown` at the end of the soak pauses the rollout. */
  readonly external: boolean;
}

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
  /** For revisions of reason `Spec`. Absent: one wave of all. The last is always all. An edit counts for waves to come. */
  readonly waves?: readonly Wave[];
  /** Absent: none. */
  readonly shadow?: ShadowOptions;
  /** Absent: a soak is time alone. */
  readonly analysis?: AnalysisOptions;
  /** A failed analysis asks for a revision with the content before; else it pauses. Absent: false. */
  readonly autoRollback?: boolean;
  /** Commits name a moment this far ahead, so that PDPs swap together. Absent or 0: at receipt. */
  readonly commitLeadMs?: number;
  /**
   * `Strict`: the longest lease that a PDP of this set may hold, of the revisions that may still be served. Commits of one
   * cohort are at least so far apart. Absent or 0: `Standard`.
   */
  readonly strictLeaseMs?: number;
  /**
   * Of revisions of reason `Spec`: the first wave is decided only once every site but so many has prepared. Absent: sites
   * follow what is decided here.
   */
  readonly barrier?: { readonly maxLaggardSites: number };
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

/** A wave that is decided to be served, and to whom: what was decided, whatever the set's options say by now. */
export interface DecidedWave extends WaveTarget {
  readonly index: number;
  /** Wall clock of the replica that decided, milliseconds since 1970. */
  readonly decidedAt: number;
}

/** What is recorded of a revision besides that it is there. */
export interface RolloutRecord {
  /** Waves decided Commit: from 0, without gaps, without the last. */
  readonly decided: readonly DecidedWave[];
  /** Numbers of the waves that somebody approved. Also how a rollout that was paused by its analysis is let go on. */
  readonly approvals?: readonly number[];
  /** Somebody wants it given up, and why. */
  readonly abortRequested?: string;
  /** Somebody wants nothing decided for the time being. */
  readonly pauseRequested?: boolean;
}

/**
 * A revision of which some waves are decided to be served and the next one is decided not to be: a decision never changes,
 * so it stays where it is until a newer revision replaces it.
 */
export interface StoppedRevision extends RolloutRecord {
  readonly revision: SignedRevision;
  readonly cause: AbortCause;
}

/**
 * One set as the durable store shows it. It may be a little old: the machine never goes back behind a decision that it
 * knows of, and the compare-and-swap catches the rest.
 */
export interface SetObservation {
  readonly set: SetKey;
  readonly setUid: string;
  /** The newest revision whose last wave is decided Commit. */
  readonly committed?: SignedRevision;
  /** True once the rollout of `committed` was recorded as completed; a new leader finishes one that was not. */
  readonly completed: boolean;
  /** What is recorded of `committed` while it is not completed; `decided` has its last wave too. */
  readonly committedRecord?: RolloutRecord;
  /**
   * Why `committed` is to be replaced by what was before: it did badly while its last wave was watched, or somebody ended it
   * then. Recorded as an Abort of the wave after the last.
   */
  readonly failed?: AbortCause;
  /** The newest revision before `committed` that was committed and did not fail: what comes back if `committed` fails. */
  readonly predecessor?: RevisionId;
  /**
   * Revisions newer than `committed` whose rollout is open, ascending: no wave is decided Abort, and the last one is not
   * decided. The last of them is wanted, the others are superseded.
   */
  readonly undecided: readonly SignedRevision[];
  /** Records of the undecided ones, by n. One without a record has no wave decided and nothing asked for. */
  readonly rollouts?: ReadonlyMap<number, RolloutRecord>;
  /** Revisions newer than `committed` that were stopped after some of their waves, ascending. */
  readonly stopped?: readonly StoppedRevision[];
  /** When rollouts failed since the set's spec last changed, by the wall clock. Three in ten minutes stop the set. */
  readonly failedAt?: readonly number[];
  /** The newest revision of all, if its decision is Abort. */
  readonly aborted?: { readonly revision: SignedRevision; readonly cause: AbortCause };
  /** Manifest digests that PDPs refused; a revision with one of them is aborted unseen. */
  readonly failedDigests: readonly Digest[];
  /**
   * The PDPs that should serve the set, by node id, with the name to show. Absent where nobody knows (a folder in place of
   * a cluster): then whoever is connected counts, and who is away for long is gone.
   */
  readonly members?: ReadonlyMap<NodeId, string>;
  /** What waves choose members by. A PDP without an entry goes by what authentication says of it. */
  readonly traits?: ReadonlyMap<NodeId, NodeTraits>;
  /** Names of the sites whose relays have the set. Absent: none. */
  readonly sites?: readonly string[];
  readonly options: RolloutOptions;
}

/** Which wave a decision is about, and whom it reaches. All of it has to be recorded with the decision. */
export interface WaveRef extends WaveTarget {
  /** From 0. */
  readonly index: number;
  /** True for the last one: with it the revision is committed. */
  readonly final: boolean;
}

/** The only wave of a rollout that has one. */
export const ONLY_WAVE: WaveRef = { index: 0, final: true };

/**
 * The durable decision about one wave of a revision. Once written it never changes. An Abort of wave 0 gives the revision
 * up; of a later one it stops it where it is; of the one after the last it says that the committed revision failed. Nothing
 * is decided after an Abort, nor before the wave before.
 */
export type Decision = { readonly type: 'Commit' } | { readonly type: 'Abort'; readonly cause: AbortCause };

/** One compare-and-swap that a rollout asks for. Its answer names it as a whole: one about anything else is none. */
export interface DecisionRequest {
  readonly revision: RevisionId;
  readonly wave: WaveRef;
  readonly decision: Decision;
}

/** True if both would write the same. */
export function isSameRequest(a: DecisionRequest, b: DecisionRequest): boolean {
  if (!isSameRevision(a.revision, b.revision) || a.wave.index !== b.wave.index) return false;
  const endOf = ({ decision }: DecisionRequest) => (decision.type === 'Abort' ? decision.cause.reason : undefined);
  return a.decision.type === b.decision.type && endOf(a) === endOf(b);
}

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
  /** From this many streams on the replica says that it serves more than is good for it. */
  readonly sessionsWarn: number;
  /** Loads are summed over so long before they move on to the past. */
  readonly loadBucketMs: number;
}

/** Dials of a fleet that comes back to nobody, a second: what a replica that is back can take up. */
export const REDIALS_PER_SECOND = 100;
export const REDIAL_MAX_LEAST_MS = 2_000;
export const REDIAL_MAX_MOST_MS = 30_000;

/**
 * Ceiling of the waits between the dials of one PDP while nobody answers. A few PDPs are back at once when an operator is; many
 * spread over as much time as their dials take.
 */
export function redialMaxFor(pdps: number): number {
  const ms = Math.ceil((pdps / REDIALS_PER_SECOND) * 1000);
  return Math.min(REDIAL_MAX_MOST_MS, Math.max(REDIAL_MAX_LEAST_MS, ms));
}

/** What a dial, its handshake, the review of its token and its Hello may take together. */
export const DIAL_MAX_MS = 5_000;

/**
 * How long a replica that begins to lead waits for PDPs at most, if so many should be here: until the last of them has noticed
 * that the one before is gone, has waited for its next dial, and has dialled. Where nobody knows how many there are, it waits as
 * long as the tuning says. Who comes later is a joiner: it gets what is decided.
 */
export function settleMsFor(members: number | undefined, tuning: OperatorTuning): number {
  if (members === undefined) return tuning.settleMs;
  // Silence is noticed with the next Beat, which comes up to a fifth late.
  const noticedMs = tuning.presenceTimeoutMs + 1.2 * tuning.heartbeatMs;
  return Math.min(tuning.settleMs, Math.ceil(noticedMs + redialMaxFor(members) + DIAL_MAX_MS));
}

/**
 * Defaults of {@link OperatorTuning}. A Hello is admitted by one thread, however many cores there are: at `helloRate` about a
 * third of it goes to those who come.
 */
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
  helloRate: 100,
  sessionsMax: 20_000,
  sessionsWarn: 4_000,
  loadBucketMs: 10_000,
};

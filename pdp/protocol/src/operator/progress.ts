import type { NodeId, SetKey } from '../identifiers.ts';
import type { ExceptionState, ShadowCounts, ShadowSample, SiteReport } from '../messages.ts';
import type { AbortCause } from './observation.ts';

/**
 * Where a rollout stands. `Gating`: everyone has prepared, and the rest of the gate or the writing of the decision is
 * awaited. `Soaking`: the wave serves and is watched. `RolledBack`: stopped after some waves; a revision with the content
 * before is awaited or under way.
 */
export type RolloutPhase =
  | 'Pending'
  | 'Preparing'
  | 'Gating'
  | 'Committing'
  | 'Soaking'
  | 'Paused'
  | 'AwaitingApproval'
  | 'Completed'
  | 'Aborted'
  | 'RolledBack';

/** Why a rollout does not go on although it could. */
export interface RolloutHold {
  readonly reason:
    | 'PauseRequested'
    | 'ApprovalRequired'
    | 'ShadowWindow'
    | 'ShadowNoTraffic'
    | 'LeaseGap'
    | 'Soak'
    | 'AnalysisFailed'
    | 'AnalysisUnknown'
    | 'DeadlineExceeded'
    | 'RepeatedFailure'
    | 'AwaitingSites';
  readonly message: string;
}

/** The wave under way. */
export interface WaveProgress {
  /** From 0. */
  readonly index: number;
  readonly count: number;
  /** PDPs that the wave must reach, and those that it has reached. */
  readonly required: number;
  readonly active: number;
  /** Required PDPs that serve the revision to anyone, in whichever wave they came to it. */
  readonly serving: number;
  /** Waves that are decided to be served, with the time by the wall clock of who decided. */
  readonly decided: readonly { readonly index: number; readonly decidedAt: number }[];
}

/** The shadow evaluation of the newest revision, summed over its PDPs. */
export interface ShadowProgress {
  readonly counts: ShadowCounts;
  /** At most 20. */
  readonly samples: readonly ShadowSample[];
  /** PDPs that have reported, and those that have ended their window. */
  readonly reporting: number;
  readonly done: number;
  /** Whether enough requests were compared to prove anything. */
  readonly proven: boolean;
  /** The window is over, and the set waits for requests to compare. */
  readonly awaitsTraffic: boolean;
  readonly verdict: 'Waiting' | 'Pass' | 'Fail';
  readonly message: string;
}

/** The last analysis of a wave. */
export interface AnalysisProgress {
  readonly wave: number;
  readonly verdict: 'Pass' | 'Fail' | 'Unknown';
  readonly message: string;
}

/** How many PDPs are where, exactly. */
export interface PdpCounts {
  /** PDPs that the newest revision must reach. */
  readonly required: number;
  /** PDPs of the set with a live stream. */
  readonly connected: number;
  /** Required PDPs that have prepared the newest revision, or serve it. */
  readonly prepared: number;
  /** Required PDPs that serve the revision in question: the newest, or after an abort the committed one. */
  readonly active: number;
  /** PDPs whose last word about the newest revision is a NACK. */
  readonly nacked: number;
  /** Required PDPs left behind at the deadline and still behind. */
  readonly laggards: number;
  /** Members of the set without a live stream. */
  readonly missing: number;
  /** PDPs that pull committed revisions by themselves and have told so lately; nobody waits for them. Absent for none. */
  readonly unmanaged?: number;
}

/** A PDP that is not where it should be. */
export interface PdpException {
  readonly nodeId: NodeId;
  /** `namespace/name` of the pod, where known. */
  readonly node: string;
  readonly state: ExceptionState;
  /** What it serves; 0 for nothing. */
  readonly active: number;
  readonly reason: string;
}

/** A site of the set, as its relay tells it. None of its PDPs is among {@link PdpCounts}. */
export interface SiteProgress {
  readonly site: string;
  /** Its relay has a stream. */
  readonly connected: boolean;
  /** What all of its PDPs serve, or something newer; 0 for nothing. */
  readonly active: number;
  /** True if all of its PDPs have prepared, or serve, the newest revision. */
  readonly prepared: boolean;
  /** Absent before the relay has told. */
  readonly report?: Pick<SiteReport, 'revision' | 'committed' | 'counts' | 'exceptions'>;
}

/** The answer to "is it there?" with a stable reason. */
export interface Readiness {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason:
    'Converged' | 'NoPDP' | 'NoRevision' | 'Progressing' | 'TooFewPDPs' | 'Rejected' | 'DeadlineExceeded' | 'Aborted';
  readonly message: string;
}

/** One set's rollout for the status of its resources. Computed from what this replica has heard, never from memory of success. */
export interface RolloutProgress {
  readonly set: SetKey;
  readonly setUid: string;
  /** The newest revision; 0 when there is none. */
  readonly revision: number;
  readonly digest: string;
  readonly phase: RolloutPhase;
  /** Why it was aborted. */
  readonly cause?: AbortCause;
  /** The committed revision; 0 for none. */
  readonly committed: number;
  readonly counts: PdpCounts;
  /** At most 20, worst first. */
  readonly exceptions: readonly PdpException[];
  readonly ready: Readiness;
  /** The set's sites by name; absent if it has none. */
  readonly sites?: readonly SiteProgress[];
  /** Absent without a rollout, and for one of a single wave. */
  readonly wave?: WaveProgress;
  readonly hold?: RolloutHold;
  readonly shadow?: ShadowProgress;
  readonly analysis?: AnalysisProgress;
  /** `Strict`: so long after a decision nobody serves what was before it, milliseconds. */
  readonly revocationBoundMs?: number;
  /** Wall clock of this replica, milliseconds since 1970. */
  readonly preparingSince?: number;
  readonly decidedAt?: number;
  readonly completedAt?: number;
  /** From the revision's signed creation to the last required Active heard. */
  readonly convergenceMs?: number;
  /** From the first Active heard to the last. */
  readonly skewMs?: number;
}

import type { NodeId, SetKey } from '../identifiers.ts';
import type { AbortCause } from './observation.ts';

/** Where a rollout stands. `Gating`: the gate is met and the decision is being written. */
export type RolloutPhase = 'Pending' | 'Preparing' | 'Gating' | 'Committing' | 'Completed' | 'Aborted';

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
}

/** A PDP that is not where it should be. */
export interface PdpException {
  readonly nodeId: NodeId;
  /** `namespace/name` of the pod, where known. */
  readonly node: string;
  readonly state: 'Missing' | 'Laggard' | 'Nacked' | 'Preparing' | 'Behind';
  /** What it serves; 0 for nothing. */
  readonly active: number;
  readonly reason: string;
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
  /** Wall clock of this replica, milliseconds since 1970. */
  readonly preparingSince?: number;
  readonly decidedAt?: number;
  readonly completedAt?: number;
  /** From the revision's signed creation to the last required Active heard. */
  readonly convergenceMs?: number;
  /** From the first Active heard to the last. */
  readonly skewMs?: number;
}

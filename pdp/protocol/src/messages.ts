import type { Consistency, DecisionSignature, Manifest, SignedRevision } from '@edict/bundle';
import type { Digest, RevisionId, SetKey } from './identifiers.ts';

/** Newest version of this protocol that is spoken here; see `agreeOnProtocol` for who understands whom. */
export const PROTOCOL_VERSION = 1;

/** Oldest version of this protocol that is spoken here. */
export const PROTOCOL_OLDEST = 1;

/** Why a revision was made: the words that the wire knows. */
export const REVISION_REASONS = [
  'Spec',
  'Rollback',
  'Withdraw',
  'Emergency',
] as const satisfies readonly SignedRevision['reason'][];

/** What a PDP can run. */
export interface EngineInfo {
  readonly name: string;
  readonly version: string;
  readonly features: readonly string[];
}

/** Why the process began: a first start, a restart with records on disk, or a new stream of a running process. */
export const BOOT_REASONS = ['Fresh', 'Restart', 'Reconnect'] as const;
export type BootReason = (typeof BOOT_REASONS)[number];

/** Where one set stands in one PDP. `Active` is told when nothing newer is under way. */
export const SET_STATES = ['Empty', 'Fetching', 'Verified', 'Compiled', 'Staged', 'Active'] as const;
export type SetState = (typeof SET_STATES)[number];

/** Basis points: ten thousandths. A share of 10,000 is all. */
export type BasisPoints = number;

/** Which principals a commit is for: those with `principalShare(salt, principal) < upTo`. */
export interface Share {
  readonly salt: string;
  /** 1 to 9,999. */
  readonly upTo: BasisPoints;
}

/** The revision that a PDP serves to a share of the principals, beside the active one. */
export interface CanaryReport extends Share {
  readonly revision: RevisionId;
}

/** One set in a Hello. The slots are what a restart would find, so `staged` is a durable promise. */
export interface HelloSet {
  readonly set: SetKey;
  readonly active?: RevisionId;
  readonly staged?: RevisionId;
  readonly lkg?: RevisionId;
  readonly canary?: CanaryReport;
}

/** First message on every stream. The node's identity is not in it: that comes from authentication. */
export interface Hello {
  readonly type: 'Hello';
  /** Newest version that the PDP speaks. */
  readonly protocol: number;
  /** Oldest version that it speaks; absent: no other than `protocol`. */
  readonly oldestProtocol?: number;
  readonly engine: EngineInfo;
  readonly sets: readonly HelloSet[];
  readonly bootReason: BootReason;
  /** Bytes of policy that the PDP can hold, uncompressed; 0 when unknown. */
  readonly capacityBytes: number;
}

/** How the tests that a set carries went. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

/** `revision` is fetched, verified, compiled, tested and durably staged: the PDP will commit it when told, even after a restart. */
export interface Prepared {
  readonly type: 'Prepared';
  readonly set: SetKey;
  readonly revision: RevisionId;
  readonly compileMs: number;
  readonly heapDeltaBytes: number;
  readonly tests: TestCounts;
}

/** In which step a revision was refused. */
export const NACK_PHASES = ['Fetch', 'Verify', 'Compile', 'Test', 'Resources', 'Commit'] as const;
export type NackPhase = (typeof NACK_PHASES)[number];

/** Where the cause of a NACK is, as far as known. */
export interface NackDetail {
  readonly message: string;
  readonly domain?: string;
  readonly mrn?: string;
  readonly line?: number;
  readonly column?: number;
}

/** The PDP cannot take `revision` and stays on what it has. */
export interface Nack {
  readonly type: 'Nack';
  readonly set: SetKey;
  readonly revision: RevisionId;
  readonly phase: NackPhase;
  /** Stable CamelCase or snake_case word, such as `DigestMismatch` or `rego_unsafe_var_error`. */
  readonly code: string;
  /** True if trying again with the same engine must fail again: the operator aborts, and never offers it again. */
  readonly deterministic: boolean;
  readonly detail: NackDetail;
}

/**
 * How a commit with `activateAt` was kept: at that moment, at receipt because the moment had passed, or at receipt because
 * the PDP did not know the operator's clock well enough.
 */
export const COMMIT_TIMINGS = ['OnTime', 'Late', 'ClockUnsure'] as const;
export type CommitTiming = (typeof COMMIT_TIMINGS)[number];

/** The PDP decides with `revision` from now on; with `share`, for that share of the principals. */
export interface Active {
  readonly type: 'Active';
  readonly set: SetKey;
  readonly revision: RevisionId;
  readonly share?: Share;
  /** Absent for a commit that named no moment. */
  readonly timing?: CommitTiming;
  /** The PDP's wall clock, milliseconds since 1970. */
  readonly activatedAt: number;
  readonly swapMicros: number;
  /** False: serving, but a restart would find the revision before. Another Active follows when the disk works again. */
  readonly persisted: boolean;
}

/** What a PDP measured of one set, or of its canary alone, since its last Beat. */
export interface SetLoad {
  readonly decisions: number;
  readonly errors: number;
  readonly denied: number;
  readonly p99Micros: number;
}

/** One set in a Beat. */
export interface BeatSet {
  readonly set: SetKey;
  readonly setUid: string;
  readonly state: SetState;
  /** 0 for none. */
  readonly active: number;
  /** 0 for none; counts only what is durably staged. */
  readonly staged: number;
  /** Revision that a share of the principals gets, and the share. Absent for none. */
  readonly canary?: { readonly n: number; readonly upTo: BasisPoints };
  /** All answers of the set. Absent where nobody measures. */
  readonly load?: SetLoad;
  /** Those of them that the canary gave. */
  readonly canaryLoad?: SetLoad;
}

/** What a PDP measured since its last Beat. */
export interface Load {
  readonly decisions: number;
  readonly errors: number;
  readonly denied: number;
  readonly p99Micros: number;
  readonly unlogged: number;
  readonly rssBytes: number;
}

/** Heartbeat. Also the proof of state from which the operator repairs what a lost message left undone. */
export interface Beat {
  readonly type: 'Beat';
  readonly seq: number;
  /** The PDP's monotonic clock, milliseconds; only compared with itself. */
  readonly sentAt: number;
  readonly sets: readonly BeatSet[];
  readonly load: Load;
  /** Ids of the keys whose signatures it takes, at most 16. Absent where it does not say. */
  readonly trustedKeys?: readonly string[];
}

/** How a candidate's answers to live requests compared with those that were given. Cumulative. */
export interface ShadowCounts {
  /** Requests that were evaluated by both. */
  readonly total: number;
  /** Answers that differ in any way. */
  readonly changed: number;
  readonly grantToDeny: number;
  readonly denyToGrant: number;
  /** Errors of the candidate where the answer given was none. */
  readonly errors: number;
  /** Requests of the sample that were not evaluated: the queue was full. */
  readonly dropped: number;
}

/** In which way an answer of the candidate differs. */
export const SHADOW_DIFFERENCES = ['GrantToDeny', 'DenyToGrant', 'Error', 'Other'] as const;
export type ShadowDifference = (typeof SHADOW_DIFFERENCES)[number];

/** One request that the candidate answers otherwise. The PDP has taken out what is personal. */
export interface ShadowSample {
  readonly difference: ShadowDifference;
  readonly principal: string;
  readonly operation: string;
  readonly resource: string;
}

/** How far a shadow evaluation of `revision` is. The last one of a window says `done`. */
export interface ShadowReport {
  readonly type: 'ShadowReport';
  readonly set: SetKey;
  readonly revision: RevisionId;
  readonly done: boolean;
  readonly counts: ShadowCounts;
  /** At most 20. */
  readonly samples: readonly ShadowSample[];
}

/** How a PDP may not be where it should be. */
export const EXCEPTION_STATES = ['Missing', 'Laggard', 'Nacked', 'Preparing', 'Behind'] as const;
export type ExceptionState = (typeof EXCEPTION_STATES)[number];

/** How many PDPs of a site are where. */
export interface SiteCounts {
  readonly required: number;
  readonly connected: number;
  readonly prepared: number;
  readonly active: number;
  readonly nacked: number;
  readonly laggards: number;
  readonly missing: number;
}

/** A PDP of a site that is not where it should be. */
export interface SiteException {
  /** `namespace/name` of its pod, within the site. */
  readonly node: string;
  readonly state: ExceptionState;
  /** What it serves; 0 for nothing. */
  readonly active: number;
  readonly reason: string;
}

/** What a relay says of its own PDPs and one set, in sum. Of anyone but a relay it is dropped. */
export interface SiteReport {
  readonly type: 'SiteReport';
  readonly set: SetKey;
  readonly setUid: string;
  /** The newest revision that the relay knows, which the counts are about; 0 for none. */
  readonly revision: number;
  /** The newest decided one that it has; 0 for none. */
  readonly committed: number;
  readonly counts: SiteCounts;
  /** At most 20, worst first. */
  readonly exceptions: readonly SiteException[];
}

/** Everything that a PDP says, or a relay in its place. */
export type PdpMessage = Hello | Prepared | Nack | Active | Beat | ShadowReport | SiteReport;

/** Answer to an admitted Hello. */
export interface Welcome {
  readonly type: 'Welcome';
  /** Which operator replica this is. */
  readonly replica: string;
  /** Sets that this PDP is to serve. */
  readonly sets: readonly SetKey[];
  readonly heartbeatMs: number;
  /** Base URL of manifests and bundles; `''` means as configured. */
  readonly artifactsUrl: string;
  /** Base URLs of what to load without policy and without an operator, for the next start; at most 8. Absent for none. */
  readonly fallbackSources?: readonly string[];
  /** Ceiling of the random waits between dials while nobody answers; it grows with the fleet. Absent: as the PDP likes. */
  readonly redialMaxMs?: number;
}

/** Evaluate a part of the live requests with the candidate too, once it is prepared. */
export interface ShadowRequest {
  /** Millionths of the requests, 1 to 1,000,000. */
  readonly samplePpm: number;
  readonly windowMs: number;
}

/** Get `revision` ready beside what is active, and answer Prepared or Nack. */
export interface Prepare {
  readonly type: 'Prepare';
  readonly set: SetKey;
  readonly revision: SignedRevision;
  /** Right to fetch the revision's manifest and bundles; short-lived. */
  readonly ticket: string;
  /** How long the PDP may take, from receipt. */
  readonly deadlineMs: number;
  /** Begin to fetch after a random part of this, so that a fleet does not fetch at once. */
  readonly spreadMs: number;
  readonly shadow?: ShadowRequest;
}

/**
 * `revision` is decided: swap to it, preparing it first if need be. With `share` it is decided for those principals alone:
 * the PDP then holds both revisions.
 */
export interface Commit {
  readonly type: 'Commit';
  readonly set: SetKey;
  readonly revision: SignedRevision;
  readonly ticket: string;
  readonly deadlineMs: number;
  /** As with Prepare, for a PDP that serves something already; one that serves nothing fetches at once. */
  readonly spreadMs: number;
  readonly share?: Share;
  /** Swap at this moment of the operator's wall clock, milliseconds since 1970; absent: at once. */
  readonly activateAt?: number;
  /** The operator's signature under the decision for `share`. Absent where whoever sends it has none. */
  readonly decision?: DecisionSignature;
}

/**
 * Why a revision was given up. `Gate`: its answers to live requests differed by more than the set allows. `Analysis`: it did
 * badly in a wave. The others are about the time before any wave, but `Superseded` and `User` may come at any time.
 */
export const ABORT_REASONS = ['Nack', 'Timeout', 'Superseded', 'User', 'Gate', 'Analysis'] as const;
export type AbortReason = (typeof ABORT_REASONS)[number];

/** `revision` will never be committed: forget it. */
export interface Abort {
  readonly type: 'Abort';
  readonly set: SetKey;
  readonly revision: RevisionId;
  readonly reason: AbortReason;
}

/** For what of one set a BeatAck vouches: what had been decided when the replica last read the decisions. */
export interface Vouch {
  readonly set: SetKey;
  readonly setUid: string;
  /** Oldest revision that this PDP may serve; 0 for any. */
  readonly minRev: number;
  /** Newest revision that is decided for everyone; 0 for none. */
  readonly stableRev: number;
  /** Principals below `upTo` are to be answered by this revision or a newer one. */
  readonly canary?: { readonly n: number; readonly upTo: BasisPoints };
}

/** Answer to a Beat; three missing ones mean that the stream is dead. */
export interface BeatAck {
  readonly type: 'BeatAck';
  readonly seq: number;
  /** Age of the replica's last consistent read of the decisions. */
  readonly asOfAgeMs: number;
  /** The operator's wall clock, milliseconds since 1970. */
  readonly clock: number;
  /** Sets that this PDP serves and the replica has read of. */
  readonly sets: readonly Vouch[];
}

/** The stream will be closed: dial again after `afterMs`. Serving goes on. */
export interface Reconnect {
  readonly type: 'Reconnect';
  readonly afterMs: number;
  readonly reason: string;
}

/** The Hello was not admitted: dial again after `afterMs`. */
export interface Retry {
  readonly type: 'Retry';
  readonly afterMs: number;
  readonly reason: string;
}

/** Everything that the operator says. */
export type OperatorMessage = Welcome | Prepare | Commit | Abort | BeatAck | Reconnect | Retry;

/** Messages about a revision; of these at most one per set is queued for a PDP, and a newer one replaces it. */
export type Announcement = Prepare | Commit | Abort;

/** True for the messages that the announce queue holds. */
export function isAnnouncement(message: OperatorMessage): message is Announcement {
  return message.type === 'Prepare' || message.type === 'Commit' || message.type === 'Abort';
}

/** All that the state machines need of a manifest. */
export interface ManifestSummary {
  /** Everything to fetch: the domains' bundles and the test suites. */
  readonly bundles: readonly Digest[];
  /** Sum of the uncompressed sizes, bytes. */
  readonly totalBytes: number;
  /** Features that the engine must have. */
  readonly features: readonly string[];
  /** Oldest engine that can serve it, as a semantic version. */
  readonly engineMin: string;
  /** Absent: `CONSISTENCY_DEFAULTS`. */
  readonly consistency?: Consistency;
}

/** What the machines need of `manifest`. */
export function summarizeManifest(manifest: Manifest): ManifestSummary {
  const { domains, tests, features, engineMin, totals, consistency } = manifest;
  return {
    bundles: [...new Set([...domains.map(({ digest }) => digest), ...tests])],
    totalBytes: totals.bytes,
    features,
    engineMin,
    ...(consistency === undefined ? {} : { consistency }),
  };
}

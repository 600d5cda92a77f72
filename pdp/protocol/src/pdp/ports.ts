import type { SignedRevision } from '@edict/bundle';
import type { Digest, SetKey } from '../identifiers.ts';
import type {
  Commit,
  ManifestSummary,
  NackDetail,
  NackPhase,
  ShadowCounts,
  ShadowRequest,
  ShadowSample,
  Share,
  TestCounts,
} from '../messages.ts';
import type { LeaseView } from './lease.ts';
import type { DurableRecord } from './state.ts';

/** News of a shadow evaluation; counts are cumulative, and the last of a window is `done`. */
export interface ShadowNews {
  readonly done: boolean;
  readonly counts: ShadowCounts;
  /** Without what is personal. */
  readonly samples: readonly ShadowSample[];
}

/** A revision to work on, and the right to fetch what belongs to it. */
export interface ArtifactRequest {
  readonly set: SetKey;
  readonly revision: SignedRevision;
  readonly ticket: string;
  /** As the operator's Welcome said; `''` means as configured. */
  readonly artifactsUrl: string;
}

/**
 * What the PDP's process does for the machine. Every failure is thrown: a {@link RefusalError} says why and whether trying
 * again can help, anything else counts as transient. `signal` ends work that nobody waits for any more.
 */
export interface PdpPorts {
  /**
   * Checks the signature under the decision of a commit, before anything is done about it. Absent: whoever is at the other
   * end of the stream is believed, as one may be who shares the process.
   */
  readonly verifyDecision?: (commit: Commit) => Promise<void>;
  /** Checks the signature, gets the manifest (from disk if it is there), checks its digest. */
  readonly fetchManifest: (request: ArtifactRequest, signal: AbortSignal) => Promise<ManifestSummary>;
  /** Gets the bundles that are neither on disk nor in memory, and checks the digest of each. */
  readonly fetchBundles: (request: ArtifactRequest, missing: readonly Digest[], signal: AbortSignal) => Promise<void>;
  /** Compiles beside what serves and keeps the result under the revision's digest. */
  readonly compile: (
    set: SetKey,
    revision: SignedRevision,
    signal: AbortSignal,
  ) => Promise<{ readonly compileMs: number; readonly heapDeltaBytes: number }>;
  /** Runs the set's tests on the compiled content. */
  readonly runTests: (set: SetKey, revision: SignedRevision, signal: AbortSignal) => Promise<TestCounts>;
  /**
   * Makes the record durable (temporary file, fsync, rename, fsync of the folder), after the bundles that it names.
   * Never called twice at a time for one set.
   */
  readonly persist: (set: SetKey, record: DurableRecord) => Promise<void>;
  /**
   * Replaces the reference to the serving snapshot. Synchronous where it can be; throws if the content is not compiled. A
   * promise where others that serve have to swap too: the revision is not active before it resolves.
   */
  readonly swap: (set: SetKey, revision: SignedRevision) => void | Promise<void>;
  /**
   * Lets `revision` answer for the principals of the share, and the serving snapshot for all others; replaces the split before.
   * It ends with a {@link swap}, unless its revision is a newer one of the same set UID. At boot it is called before `swap`:
   * nothing is answered until then. Absent: a commit for a share is refused.
   */
  readonly split?: (set: SetKey, revision: SignedRevision, share: Share) => void | Promise<void>;
  /** Until when what is served is vouched for; to be judged by `judgeLease` for every request. Absent: nobody asks. */
  readonly lease?: (set: SetKey, lease: LeaseView) => void;
  /**
   * Evaluates a part of the live requests with `revision` too, off the way of every answer, until the window or `signal`
   * ends, and tells `onNews` every few seconds. Rejects if that is impossible. Absent: nothing is compared.
   */
  readonly shadow?: (
    set: SetKey,
    revision: SignedRevision,
    request: ShadowRequest,
    onNews: (news: ShadowNews) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Forgets every compiled content and every stored bundle of the set but these. */
  readonly retain: (set: SetKey, compiled: readonly Digest[], bundles: readonly Digest[]) => void;
  /** The operator said which sets this PDP is to serve, and where it may load them while no operator is there. */
  readonly assigned: (sets: readonly SetKey[], fallbackSources: readonly string[]) => void;
}

/** A revision cannot be taken, with the place and whether the same engine could ever take it. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError';
  /** Stable, for metrics and NACKs. */
  readonly code: string;
  readonly phase: NackPhase;
  readonly deterministic: boolean;
  readonly detail: NackDetail;
  constructor(phase: NackPhase, code: string, deterministic: boolean, detail: NackDetail, options?: ErrorOptions) {
    super(detail.message, options);
    this.phase = phase;
    this.code = code;
    this.deterministic = deterministic;
    this.detail = detail;
  }
}

import type { SignedRevision } from '@edict/bundle';
import type { Digest, SetKey } from '../identifiers.ts';
import type { ManifestSummary, NackDetail, NackPhase, TestCounts } from '../messages.ts';
import type { DurableRecord } from './state.ts';

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
  /** Forgets every compiled content and every stored bundle of the set but these. */
  readonly retain: (set: SetKey, compiled: readonly Digest[], bundles: readonly Digest[]) => void;
  /** The operator said which sets this PDP is to serve. */
  readonly assigned: (sets: readonly SetKey[]) => void;
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

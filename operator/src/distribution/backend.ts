import type { Digest } from '@edict/bundle';
import type { Decision, RevisionId, RolloutProgress, SetKey, SetObservation } from '@edict/protocol';

/**
 * What distribution needs of the durable store, whether that is the Kubernetes API or a folder. Nothing here is on the
 * way of a decision about access.
 */
export interface DistributionBackend {
  /**
   * Every set as last seen, from memory. For one set, later calls never show an older state than earlier ones; the same
   * object again means that nothing changed.
   */
  readonly listSets: () => readonly SetObservation[];
  /** Calls `listener` after {@link listSets} may have changed; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void;
  /** The canonical JSON of a manifest; undefined if there is none of that digest. */
  readonly getManifest: (digest: Digest, signal: AbortSignal) => Promise<Uint8Array | undefined>;
  /** The gzip bytes of a bundle, named by the digest of the uncompressed ones; undefined if there is none. */
  readonly getBundle: (digest: Digest, signal: AbortSignal) => Promise<Uint8Array | undefined>;
  /**
   * Writes the decision by compare-and-swap: `conflict` if the revision already has another decision, or changed since it
   * was read. `written` also for the very decision that is there already. Throws if the store cannot be reached, which
   * leaves open whether it was written.
   */
  readonly writeDecision: (set: SetKey, revision: RevisionId, decision: Decision) => Promise<'written' | 'conflict'>;
  /** Records counts and phase in the status. The newest call of a set wins; earlier ones may be skipped. */
  readonly writeProgress: (set: SetKey, progress: RolloutProgress) => Promise<void>;
}

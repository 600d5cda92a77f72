import type { Digest } from '@edict/bundle';
import type {
  AbortCause,
  Decision,
  RevisionId,
  RolloutProgress,
  SetKey,
  SetObservation,
  WaveRef,
} from '@edict/protocol';

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
   * Resolves when {@link listSets} shows every decision that was written before the call, by whomever: a consistent read.
   * Leases rest on it. Absent: this backend cannot know, so nothing is vouched for.
   */
  readonly confirm?: (signal: AbortSignal) => Promise<void>;
  /**
   * Writes the decision about one wave (absent: the only one) by compare-and-swap, and with it whether the wave is the last:
   * `conflict` if that wave already has another decision, the one before it is not decided Commit, anything of the revision
   * is decided Abort, or the revision changed since it was read. `written` also for the very decision that is there already.
   * Throws if the store cannot be reached, which leaves open whether it was written.
   */
  readonly writeDecision: (
    set: SetKey,
    revision: RevisionId,
    decision: Decision,
    wave?: WaveRef,
  ) => Promise<'written' | 'conflict'>;
  /**
   * Makes a newer revision with the content of the committed one, unless there is a newer one than `revision` already. Absent
   * where the store's own controllers do that, by the phase `RolledBack` in {@link writeProgress}.
   */
  readonly rollBack?: (set: SetKey, revision: RevisionId, cause: AbortCause) => Promise<void>;
  /** Records counts and phase in the status. The newest call of a set wins; earlier ones may be skipped. */
  readonly writeProgress: (set: SetKey, progress: RolloutProgress) => Promise<void>;
}

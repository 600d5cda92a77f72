import { isDigest, type SignedRevision } from '@edict/bundle';
import { durationMs, percentageFraction, type PolicyRevision, type PolicySet } from '@edict/crds';
import type { NodeId, RolloutOptions, SetObservation } from '@edict/protocol';
import { parseCause } from '../controllers/abort-cause.ts';
import { committedOf, decisionOf } from '../controllers/world.ts';

/** A set as the distribution sees it. Pure. `revisions` are the set's own, ascending by n. */
export function observationOf(
  set: PolicySet,
  revisions: readonly PolicyRevision[],
  members: ReadonlyMap<NodeId, string> | undefined,
): SetObservation {
  const committed = committedOf(revisions);
  const newest = revisions.at(-1);
  const isSameSpec = set.status?.observedGeneration === set.metadata.generation;
  return {
    set: `${set.metadata.namespace ?? ''}/${set.metadata.name}`,
    setUid: set.metadata.uid ?? '',
    ...(committed === undefined ? {} : { committed: signedOf(committed) }),
    completed: committed?.status?.phase === 'Completed',
    undecided: revisions
      .filter((revision) => decisionOf(revision) === undefined && revision.spec.n > (committed?.spec.n ?? 0))
      .map(signedOf),
    ...(newest !== undefined && decisionOf(newest) === 'Abort'
      ? { aborted: { revision: signedOf(newest), cause: parseCause(newest.status?.cause) } }
      : {}),
    // An edit of the set asks for another try: what failed under the spec before counts no more.
    failedDigests: isSameSpec ? (set.status?.failedDigests ?? []).map(({ digest }) => digest).filter(isDigest) : [],
    ...(members === undefined ? {} : { members }),
    options: optionsOf(set),
  };
}

/** The signed header of a revision, as it travels. */
export function signedOf({ metadata, spec }: PolicyRevision): SignedRevision {
  const { set, setUid, n, digest, parent, reason, createdAt, keyId, signature } = spec;
  return {
    set: `${metadata.namespace ?? ''}/${set}`,
    setUid,
    n,
    digest: digest as SignedRevision['digest'],
    parent,
    reason,
    createdAt,
    keyId,
    signature,
  };
}

function optionsOf({ spec }: PolicySet): RolloutOptions {
  return {
    requirePreparedPercent: Math.round(percentageFraction(spec.rollout.requirePrepared) * 100),
    maxLaggardsPercent: Math.round(percentageFraction(spec.rollout.maxLaggards) * 100),
    progressDeadlineMs: durationMs(spec.rollout.progressDeadline),
    minReady: spec.minReady,
  };
}

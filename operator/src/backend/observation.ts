import { isDigest, type SignedRevision } from '@edict/bundle';
import {
  durationMs,
  percentageFraction,
  type PolicyRevision,
  type PolicyRevisionStatus,
  type PolicySet,
} from '@edict/crds';
import type {
  NodeId,
  NodeTraits,
  RolloutOptions,
  RolloutRecord,
  SetObservation,
  StoppedRevision,
  WaveTarget,
} from '@edict/protocol';
import { parseCause } from '../controllers/abort-cause.ts';

type StoredTarget = NonNullable<NonNullable<PolicyRevisionStatus['waves']>[number]['target']>;

/** A set as the distribution sees it. Pure. `revisions` are the set's own, ascending by n. */
export function observationOf(
  set: PolicySet,
  revisions: readonly PolicyRevision[],
  members: ReadonlyMap<NodeId, string> | undefined,
  traits?: ReadonlyMap<NodeId, NodeTraits>,
): SetObservation {
  const committed = revisions.findLast((revision) => rolloutEnd(revision) === 'Committed');
  const later = revisions.filter(({ spec }) => spec.n > (committed?.spec.n ?? 0));
  const open = later.filter((revision) => rolloutEnd(revision) === 'Open');
  const stopped = later.filter((revision) => rolloutEnd(revision) === 'Stopped');
  const partial = open.filter(({ status }) => (status?.waves ?? []).some(({ decision }) => decision !== undefined));
  const newest = revisions.at(-1);
  const isSameSpec = set.status?.observedGeneration === set.metadata.generation;
  return {
    set: `${set.metadata.namespace ?? ''}/${set.metadata.name}`,
    setUid: set.metadata.uid ?? '',
    ...(committed === undefined ? {} : { committed: signedOf(committed) }),
    completed: committed?.status?.phase === 'Completed',
    undecided: open.map(signedOf),
    ...(partial.length === 0
      ? {}
      : { rollouts: new Map(partial.map((revision) => [revision.spec.n, recordOf(revision)])) }),
    ...(stopped.length === 0 ? {} : { stopped: stopped.map(stoppedOf) }),
    ...(newest !== undefined && rolloutEnd(newest) === 'Aborted'
      ? { aborted: { revision: signedOf(newest), cause: parseCause(newest.status?.cause) } }
      : {}),
    // An edit of the set asks for another try: what failed under the spec before counts no more.
    failedDigests: isSameSpec ? (set.status?.failedDigests ?? []).map(({ digest }) => digest).filter(isDigest) : [],
    ...(members === undefined ? {} : { members }),
    ...(traits === undefined ? {} : { traits }),
    options: optionsOf(set),
  };
}

/** How the rollout of a revision ended. `Stopped`: after some of its waves, which go on being served. */
function rolloutEnd({ status }: PolicyRevision): 'Open' | 'Committed' | 'Stopped' | 'Aborted' {
  const waves = status?.waves ?? [];
  if (waves.some(({ index, decision }) => index === 0 && decision === 'Abort')) return 'Aborted';
  if (waves.some(({ decision, final }) => decision === 'Commit' && final !== false)) return 'Committed';
  return waves.some(({ decision }) => decision === 'Abort') ? 'Stopped' : 'Open';
}

function recordOf({ status }: PolicyRevision): RolloutRecord {
  const decided = (status?.waves ?? [])
    .filter(({ decision }) => decision === 'Commit')
    .map(({ index, decidedAt, target }) => ({
      index,
      decidedAt: decidedAt === undefined ? 0 : Date.parse(decidedAt),
      ...targetOf(target),
    }))
    .sort((a, b) => a.index - b.index);
  return { decided };
}

function targetOf({ principals, nodes }: StoredTarget = {}): WaveTarget {
  const { labels, zones, sharePercent } = nodes ?? {};
  const chosen = {
    ...(labels === undefined ? {} : { labels }),
    ...(zones === undefined ? {} : { zones }),
    ...(sharePercent === undefined ? {} : { sharePercent }),
  };
  return { ...(principals === undefined ? {} : { principals }), ...(nodes === undefined ? {} : { nodes: chosen }) };
}

function stoppedOf(revision: PolicyRevision): StoppedRevision {
  return { ...recordOf(revision), revision: signedOf(revision), cause: parseCause(revision.status?.cause) };
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

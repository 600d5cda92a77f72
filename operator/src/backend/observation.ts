import { isDigest, type DecisionSignature, type SignedRevision } from '@edict/bundle';
import type { PolicyRevision, PolicyRevisionStatus, PolicySet } from '@edict/crds';
import {
  revisionIdOf,
  type NodeId,
  type NodeTraits,
  type RolloutRecord,
  type SetObservation,
  type StoppedRevision,
  type WaveTarget,
} from '@edict/protocol';
import { isContentFailure, parseCause } from '../controllers/abort-cause.ts';
import { abortReason, approvedWaves } from '../controllers/user-requests.ts';
import { hasFailed, predecessorOf, stateOf } from '../controllers/world.ts';
import { optionsOf, strictLeaseMs } from './rollout-options.ts';

type StoredTarget = NonNullable<NonNullable<PolicyRevisionStatus['waves']>[number]['target']>;

/** A set as the distribution sees it. Pure. `revisions` are the set's own, ascending by n. */
export function observationOf(
  set: PolicySet,
  revisions: readonly PolicyRevision[],
  members: ReadonlyMap<NodeId, string> | undefined,
  traits?: ReadonlyMap<NodeId, NodeTraits>,
): SetObservation {
  const committed = revisions.findLast((revision) => stateOf(revision) === 'Committed');
  const later = revisions.filter(({ spec }) => spec.n > (committed?.spec.n ?? 0));
  const open = later.filter((revision) => stateOf(revision) === 'Open');
  const stopped = later.filter((revision) => stateOf(revision) === 'Stopped');
  const rollouts = open
    .map((revision) => [revision.spec.n, recordOf(revision, set)] as const)
    .filter(([, record]) => isWorthTelling(record));
  const failedAt = failuresOf(set, revisions);
  const leaseMs = strictLeaseMs(set, revisions);
  const newest = revisions.at(-1);
  const predecessor = predecessorOf(revisions);
  const isSameSpec = set.status?.observedGeneration === set.metadata.generation;
  return {
    set: `${set.metadata.namespace ?? ''}/${set.metadata.name}`,
    setUid: set.metadata.uid ?? '',
    ...(committed === undefined ? {} : { committed: signedOf(committed) }),
    completed: committed?.status?.phase === 'Completed',
    ...(committed === undefined || committed.status?.phase === 'Completed'
      ? {}
      : { committedRecord: recordOf(committed, set) }),
    ...(committed !== undefined && hasFailed(committed) ? { failed: parseCause(committed.status?.cause) } : {}),
    ...(predecessor === undefined ? {} : { predecessor: revisionIdOf(signedOf(predecessor)) }),
    undecided: open.map(signedOf),
    ...(rollouts.length === 0 ? {} : { rollouts: new Map(rollouts) }),
    ...(stopped.length === 0 ? {} : { stopped: stopped.map((revision) => stoppedOf(revision, set)) }),
    ...(failedAt.length === 0 ? {} : { failedAt }),
    ...(newest !== undefined && stateOf(newest) === 'Aborted'
      ? { aborted: { revision: signedOf(newest), cause: parseCause(newest.status?.cause) } }
      : {}),
    // An edit of the set asks for another try: what failed under the spec before counts no more.
    failedDigests: isSameSpec ? (set.status?.failedDigests ?? []).map(({ digest }) => digest).filter(isDigest) : [],
    ...(members === undefined ? {} : { members }),
    ...(traits === undefined ? {} : { traits }),
    ...(set.spec.federation === undefined ? {} : { sites: set.spec.federation.sites }),
    options: { ...optionsOf(set), ...(leaseMs === 0 ? {} : { strictLeaseMs: leaseMs }) },
  };
}

/** When rollouts of the set's present spec failed by their own fault. */
function failuresOf(set: PolicySet, revisions: readonly PolicyRevision[]): readonly number[] {
  return revisions.flatMap((revision) => {
    const { spec, status } = revision;
    const ended = status?.waves?.find(({ decision }) => decision === 'Abort');
    if (ended === undefined || spec.setGeneration !== set.metadata.generation) return [];
    return isContentFailure(parseCause(status?.cause).reason) ? [Date.parse(ended.decidedAt ?? spec.createdAt)] : [];
  });
}

function isWorthTelling({ decided, approvals, abortRequested, pauseRequested }: RolloutRecord): boolean {
  return decided.length > 0 || approvals !== undefined || abortRequested !== undefined || pauseRequested !== undefined;
}

function recordOf(revision: PolicyRevision, set: PolicySet): RolloutRecord {
  const { status, spec } = revision;
  const approvals = approvedWaves(revision);
  const abortRequested = abortReason(revision);
  // Going back, taking away and emergencies do not wait for whoever paused the set.
  const pauseRequested = set.spec.paused && spec.reason === 'Spec';
  const decided = (status?.waves ?? [])
    .filter(({ decision }) => decision === 'Commit')
    .map(({ index, decidedAt, target }) => ({
      index,
      decidedAt: decidedAt === undefined ? 0 : Date.parse(decidedAt),
      ...targetOf(target),
    }))
    .sort((a, b) => a.index - b.index);
  return {
    decided,
    ...(approvals.length === 0 ? {} : { approvals }),
    ...(abortRequested === undefined ? {} : { abortRequested }),
    ...(pauseRequested ? { pauseRequested } : {}),
  };
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

function stoppedOf(revision: PolicyRevision, set: PolicySet): StoppedRevision {
  return { ...recordOf(revision, set), revision: signedOf(revision), cause: parseCause(revision.status?.cause) };
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

/** The signature under the decision that a revision is served by everyone; undefined if it is not, or nobody signed that. */
export function decisionOf({ status }: Pick<PolicyRevision, 'status'>): DecisionSignature | undefined {
  const last = status?.waves?.find(({ decision, final }) => decision === 'Commit' && final !== false);
  if (last?.keyId === undefined || last.signature === undefined) return undefined;
  return { final: true, keyId: last.keyId, signature: last.signature };
}

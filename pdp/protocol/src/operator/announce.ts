import type { RevisionId } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import { isAhead, serves, type NodeView } from './node.ts';
import type { OperatorTuning } from './observation.ts';
import type { OpenRollout } from './summary.ts';
import { isSameRevision } from '../identifiers.ts';

/** What decides which message a PDP needs. */
export interface AnnounceContext {
  readonly committed: SignedRevision | undefined;
  readonly rollout: OpenRollout | undefined;
  /** True if offering this revision to the PDP again cannot help. */
  readonly refuses: (revision: RevisionId) => boolean;
}

/** A message that a PDP needs, before its ticket and deadline. */
export interface WantedAnnouncement {
  readonly type: 'Prepare' | 'Commit';
  readonly revision: SignedRevision;
}

/** Names an announcement for comparison with what was sent last. */
export function announcementKey(type: 'Prepare' | 'Commit', revision: RevisionId): string {
  return `${type}/${revision.setUid}/${revision.n}`;
}

/**
 * What a connected PDP should be told now, by comparing where it stands with where it should stand. The committed
 * revision comes first: a joiner installs that before anything undecided is prepared on it, and only a decision that is
 * known to be written is ever sent as Commit.
 */
export function announcementFor(node: NodeView, context: AnnounceContext): WantedAnnouncement | undefined {
  const { committed, rollout, refuses } = context;
  const isBehind = committed !== undefined && !serves(node, committed) && !isAhead(node, committed);
  // One that can never load the committed revision is not to wait for it for ever: the next one may be its way out.
  if (isBehind && !refuses(committed)) return { type: 'Commit', revision: committed };
  if (rollout?.phase !== 'Preparing' && rollout?.phase !== 'Gating') return undefined;
  const { revision } = rollout;
  if (isSameRevision(node.prepared, revision) || refuses(revision)) return undefined;
  return { type: 'Prepare', revision };
}

/** True if `wanted` is new to the PDP, or was said so long ago that it may have been lost. */
export function mayRepeat(node: NodeView, wanted: WantedAnnouncement, tuning: OperatorTuning, now: number): boolean {
  if (now < node.retryAt) return false;
  if (node.sent?.key !== announcementKey(wanted.type, wanted.revision)) return true;
  return now - node.sent.at >= tuning.resendMs;
}

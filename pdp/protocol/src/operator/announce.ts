import type { SignedRevision } from '@edict/bundle';
import type { RevisionId } from '../identifiers.ts';
import type { BasisPoints } from '../messages.ts';
import { gives, holds, isAhead, isStuck, serves, type NodeView } from './node.ts';
import type { OperatorTuning } from './observation.ts';
import { WHOLE } from './waves.ts';

/** What one PDP is to serve of a revision that is not decided for everyone. */
export interface Covered {
  readonly revision: SignedRevision;
  /** 0: nothing, 10,000: all. */
  readonly coverage: BasisPoints;
  /** The share of the principals that it is decided for on every PDP; 0 for none. */
  readonly share: BasisPoints;
}

/** What decides which message a PDP needs. */
export interface AnnounceContext {
  readonly committed: SignedRevision | undefined;
  /** Revisions of which some waves are decided, newest first. */
  readonly partial: readonly Covered[];
  /** The revision that is to be prepared, if any. */
  readonly candidate: SignedRevision | undefined;
  /** True if offering this revision to the PDP again cannot help. */
  readonly refuses: (revision: RevisionId) => boolean;
}

/** A message that a PDP needs, before its ticket and deadline. */
export interface WantedAnnouncement {
  readonly type: 'Prepare' | 'Commit';
  readonly revision: SignedRevision;
  /** Of a Commit that is not for all. */
  readonly upTo?: BasisPoints;
}

/** What is decided for one PDP. */
export interface Target {
  /** For everyone whom the canary does not take. */
  readonly base: SignedRevision | undefined;
  readonly canary: { readonly revision: SignedRevision; readonly upTo: BasisPoints } | undefined;
}

/**
 * What a PDP is to serve by all decisions. Of several revisions that are for a share, the newest takes over what the others
 * had, on every PDP alike: nobody goes back to what is older.
 */
export function targetOf(committed: SignedRevision | undefined, partial: readonly Covered[]): Target {
  if (partial.length === 0) return { base: committed, canary: undefined };
  const whole = partial.findIndex(({ coverage }) => coverage >= WHOLE);
  const newest = (whole < 0 ? partial : partial.slice(0, whole)).find(({ coverage }) => coverage > 0);
  return {
    base: partial[whole]?.revision ?? committed,
    canary:
      newest === undefined
        ? undefined
        : { revision: newest.revision, upTo: Math.max(...partial.map(({ share }) => share)) },
  };
}

/** Names an announcement for comparison with what was sent last. */
export function announcementKey({
  type,
  revision,
  upTo,
}: Omit<WantedAnnouncement, 'revision'> & { readonly revision: RevisionId }): string {
  return `${type}/${revision.setUid}/${revision.n}${upTo === undefined ? '' : `/${upTo}`}`;
}

/**
 * What a connected PDP should be told now, by comparing where it stands with where it should stand. What is decided for it
 * comes first: a joiner installs that before anything undecided is prepared on it, and only a decision that is known to be
 * written is ever sent as Commit.
 */
export function announcementFor(node: NodeView, context: AnnounceContext): WantedAnnouncement | undefined {
  const { committed, partial, candidate, refuses } = context;
  const { base, canary } = targetOf(committed, partial);
  const prepare = candidate !== undefined && !holds(node, candidate) && !refuses(candidate) ? candidate : undefined;
  // Every other time, so that one that may never install what is decided has the next one as its way out.
  const isStuckOn = (revision: RevisionId | undefined) => revision !== undefined && isStuck(node, revision);
  const isOtherTime = (node.failing?.count ?? 0) % 2 === 1;
  if (prepare !== undefined && isOtherTime && [committed, base, canary?.revision].some(isStuckOn)) {
    return { type: 'Prepare', revision: prepare };
  }
  // One that can never load what is committed is not to wait for it for ever: the next one may be its way out.
  const decided = base === committed ? [committed] : [committed, base];
  for (const revision of isOtherTime && isStuckOn(committed) ? decided.toReversed() : decided) {
    if (revision === undefined || serves(node, revision) || isAhead(node, revision) || refuses(revision)) continue;
    return { type: 'Commit', revision };
  }
  // A share is one of what is decided for all. Over anything older it would mix what nobody decided to mix.
  const hasBase = base !== undefined && (serves(node, base) || isAhead(node, base));
  if (hasBase && canary !== undefined && !gives(node, canary.revision, canary.upTo) && !refuses(canary.revision)) {
    return { type: 'Commit', ...canary };
  }
  return prepare === undefined ? undefined : { type: 'Prepare', revision: prepare };
}

/** True if `wanted` is new to the PDP, or was said so long ago that it may have been lost. */
export function mayRepeat(node: NodeView, wanted: WantedAnnouncement, tuning: OperatorTuning, now: number): boolean {
  if (now < node.retryAt) return false;
  if (node.sent?.key !== announcementKey(wanted)) return true;
  return now - node.sent.at >= tuning.resendMs;
}

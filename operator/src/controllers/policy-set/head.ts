import type { AbortReason } from '@edict/protocol';
import type { ObservedSet, RevisionView } from './observed.ts';

/** The newest revision that was not given up: what the set serves or is about to serve. */
export function headOf(revisions: readonly RevisionView[]): RevisionView | undefined {
  return revisions.findLast(({ state }) => state === 'Open' || state === 'Committed');
}

/** Revisions newer than the committed one that some PDPs or principals are served, and that go no further; ascending. */
export function strandedOf(revisions: readonly RevisionView[]): readonly RevisionView[] {
  const n = headOf(revisions)?.n ?? 0;
  return revisions.filter((revision) => revision.state === 'Stopped' && revision.n > n);
}

/** The committed revision before the newest one, without those that failed. */
export function predecessorOf(revisions: readonly RevisionView[]): RevisionView | undefined {
  const n = revisions.findLast(({ state }) => state === 'Committed')?.n ?? 0;
  return revisions.findLast(({ state, cause, n: other }) => state === 'Committed' && cause === undefined && other < n);
}

/**
 * What has to come back by itself: the committed revision, where a newer one was ended after some of its waves, or the one
 * before it, where it failed itself; and the user ended it or wants that. Undefined: nothing.
 */
export function comingBack({ set, revisions }: Pick<ObservedSet, 'set' | 'revisions'>): RevisionView | undefined {
  const isWanted = (reason: AbortReason | undefined): boolean =>
    reason === 'User' || (set.spec.rollout.autoRollback && reason !== undefined && reason !== 'Superseded');
  const head = headOf(revisions);
  if (head?.state === 'Committed' && head.cause !== undefined) {
    return isWanted(head.cause.reason) ? predecessorOf(revisions) : undefined;
  }
  if (strandedOf(revisions).length === 0) return undefined;
  return isWanted(revisions.at(-1)?.cause?.reason)
    ? revisions.findLast(({ state }) => state === 'Committed')
    : undefined;
}

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

/**
 * What has to come back by itself: the committed revision, where a newer one was ended after some of its waves, and the user
 * ended it or wants that. Undefined: nothing.
 */
export function comingBack({ set, revisions }: Pick<ObservedSet, 'set' | 'revisions'>): RevisionView | undefined {
  if (strandedOf(revisions).length === 0) return undefined;
  const reason = revisions.at(-1)?.cause?.reason;
  const isWanted = reason === 'User' || (set.spec.rollout.autoRollback && reason !== 'Superseded');
  return isWanted ? revisions.findLast(({ state }) => state === 'Committed') : undefined;
}

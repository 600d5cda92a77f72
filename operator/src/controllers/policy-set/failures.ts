import type { PolicySetStatus } from '@edict/crds';
import type { AbortReason } from '@edict/protocol';
import { isContentFailure, isFailure } from '../abort-cause.ts';
import type { ObservedSet, RevisionView } from './observed.ts';

/** Failed contents that a status remembers. */
const FAILED_DIGESTS_MAX = 10;
/** So many failures within the window stop a set. */
export const REPEATED_FAILURES = 3;
export const REPEATED_FAILURE_WINDOW_MS = 10 * 60_000;

export type FailedDigests = NonNullable<PolicySetStatus['failedDigests']>;

/**
 * Contents that PDPs refused since the set's spec last changed: an edit of the set is how a user asks for another try.
 * Taken from the history, and from the status for what the history has lost.
 */
export function failedDigests({ set, revisions }: Pick<ObservedSet, 'set' | 'revisions'>): FailedDigests {
  const isSameSpec = set.status?.observedGeneration === set.metadata.generation;
  const known = new Map((isSameSpec ? (set.status?.failedDigests ?? []) : []).map((entry) => [entry.digest, entry]));
  for (const revision of endedFor({ set, revisions }, isFailure)) {
    const { digest, cause, at } = revision;
    const entry = { digest, reason: (cause?.message ?? '').slice(0, 2048), at: new Date(at).toISOString() };
    if (!known.has(digest)) known.set(digest, entry);
  }
  return [...known.values()].slice(-FAILED_DIGESTS_MAX);
}

/** True for a content that failed for the set's present spec, whichever generation of its domains it was rendered from. */
export function hasFailedContent(observed: Pick<ObservedSet, 'set' | 'revisions'>, content: string): boolean {
  return endedFor(observed, isFailure).some((revision) => revision.content === content);
}

/** Revisions that were made for the set's present spec, and ended for one of these reasons. */
function endedFor(
  { set, revisions }: Pick<ObservedSet, 'set' | 'revisions'>,
  matches: (reason: AbortReason) => boolean,
): readonly RevisionView[] {
  return revisions.filter(
    ({ object, cause }) =>
      object.spec.setGeneration === set.metadata.generation && cause !== undefined && matches(cause.reason),
  );
}

/** How long the set has to rest after repeated failures; 0 when it need not. */
export function restMs(observed: ObservedSet): number {
  const recent = endedFor(observed, isContentFailure)
    .map(({ at }) => at + REPEATED_FAILURE_WINDOW_MS - observed.now)
    .filter((remaining) => remaining > 0)
    .sort((a, b) => b - a);
  return recent[REPEATED_FAILURES - 1] ?? 0;
}

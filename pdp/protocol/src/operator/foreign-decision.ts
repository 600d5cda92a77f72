import { isSameRevision } from '../identifiers.ts';
import type { Ledger } from './ledger.ts';
import type { AbortCause, RolloutRecord, SetObservation } from './observation.ts';
import { currentWave, isEnded, isLastSoak, type OpenRollout } from './open-rollout.ts';

/** What others decided about a rollout that this replica has open. */
export type ForeignDecision =
  | { readonly type: 'None' }
  /** Some waves more than this replica knew of. */
  | { readonly type: 'Waves'; readonly record: RolloutRecord }
  | { readonly type: 'Committed' }
  | { readonly type: 'Ended'; readonly cause: AbortCause }
  /** Decided long ago and no longer shown, or an old view of the store. */
  | { readonly type: 'Gone' };

const NONE: ForeignDecision = { type: 'None' };

/** Compares the rollout with what the store shows about its revision. */
export function foreignDecision(
  rollout: OpenRollout,
  ledger: Ledger,
  { aborted }: Pick<SetObservation, 'aborted'>,
): ForeignDecision {
  const { revision, phase, wave } = rollout;
  const isCommitted = isSameRevision(ledger.committed, revision);
  if (isCommitted && ledger.failed !== undefined && phase !== 'Aborted' && phase !== 'RolledBack') {
    return { type: 'Ended', cause: ledger.failed };
  }
  if (isEnded(rollout) || (isCommitted && isLastSoak(rollout))) return NONE;
  const isCommitting = phase === 'Committing';
  if (isCommitting && currentWave(rollout).final) return NONE;
  const open = ledger.open.find((candidate) => candidate.revision.n === revision.n);
  if (open !== undefined) {
    const known = wave + (isCommitting || phase === 'Soaking' ? 1 : 0);
    const hasMore = phase !== 'Pending' && open.record.decided.length > known;
    return hasMore ? { type: 'Waves', record: open.record } : NONE;
  }
  if (isCommitted) return phase === 'Pending' ? NONE : { type: 'Committed' };
  const stopped = ledger.stopped.find((candidate) => isSameRevision(candidate.revision, revision));
  const cause = stopped?.cause ?? (isSameRevision(aborted?.revision, revision) ? aborted?.cause : undefined);
  return cause === undefined ? { type: 'Gone' } : { type: 'Ended', cause };
}

import type { RevisionId } from '../identifiers.ts';
import type { Ledger } from './ledger.ts';
import type { AbortCause, RolloutOptions, SetObservation } from './observation.ts';
import type { OpenRollout } from './open-rollout.ts';

/** A cause after which the same content is not offered again by itself. */
export function isFailure({ reason }: AbortCause): boolean {
  return reason === 'Nack' || reason === 'Gate' || reason === 'Analysis';
}

/** What is gone back to: what is committed, or if that failed itself, what was before it. */
export function wayBack(ledger: Ledger, { predecessor }: Pick<SetObservation, 'predecessor'>): RevisionId | undefined {
  return ledger.failed === undefined ? ledger.committed : predecessor;
}

/** True if what was served before a revision that ended so is to come back. */
export function wantsBack({ reason }: AbortCause, { autoRollback }: Pick<RolloutOptions, 'autoRollback'>): boolean {
  return reason === 'User' || (reason !== 'Superseded' && autoRollback === true);
}

/**
 * What is to be gone back from: the rollout that was stopped, or what is committed and failed, if nothing came of what
 * followed. Undefined: nothing.
 */
export function comingBack(
  { phase, revision, cause }: OpenRollout,
  { committed, failed }: Ledger,
  options: RolloutOptions,
): { readonly revision: RevisionId; readonly cause: AbortCause } | undefined {
  if (phase === 'RolledBack' && cause !== undefined) return { revision, cause };
  const isLeft = phase === 'Aborted' && committed !== undefined && failed !== undefined && wantsBack(failed, options);
  return isLeft ? { revision: committed, cause: failed } : undefined;
}

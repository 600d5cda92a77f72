import { SignatureError, verifyDecision } from '@edict/bundle';
import { RefusalError, type Commit } from '@edict/protocol';

/** Whose word counts that a revision is decided: the operator's signature, or whoever is at the other end of the stream. */
export type DecisionTrust = 'Signed' | 'Any';

/**
 * What lets a Commit pass only if it bears the operator's signature under its decision, with a key that is trusted now.
 * Rejects with a `RefusalError` whose code is `Undecided` or that of the signature; a failure to read the keys as it is.
 */
export function commitVerifier(
  trustedKeys: () => Promise<ReadonlyMap<string, string>>,
  onRefused: () => void,
): (commit: Commit) => Promise<void> {
  return async ({ revision, share, decision }) => {
    const keys = await trustedKeys();
    try {
      verifyDecision(revision, share, decision, keys);
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      onRefused();
      const { code, message } = error;
      // Never for good: who brings the revision may be wrong where the next one is right.
      if (code === 'unsigned') throw new RefusalError('Verify', 'Undecided', false, { message }, { cause: error });
      throw new RefusalError('Verify', code, false, { message }, { cause: error });
    }
  };
}

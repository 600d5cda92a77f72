import type { RevisionId, SetKey } from '@edict/protocol';

/** What a PDP does for a revision; the names of its spans. */
export type RolloutWork = 'fetch manifest' | 'fetch bundles' | 'compile' | 'run tests' | 'swap' | 'split';

/** Tells how long the work on revisions takes, in the trace of their rollout. */
export interface RolloutTracer {
  /** Does `work` at once and gives what it gives: a promise for a promise, and what it throws or rejects with. */
  readonly measure: <T>(name: RolloutWork, set: SetKey, revision: RevisionId, work: () => T) => T;
}

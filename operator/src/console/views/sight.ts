import type { PolicyRevision, PolicySet } from '@edict/crds';
import type { RolloutProgress } from '@edict/protocol';

/** All that showing one set takes. */
export interface SetSight {
  readonly set: PolicySet;
  /** Of this very set object, ascending by n. */
  readonly revisions: readonly PolicyRevision[];
  /** What the distribution says at this moment; absent where only the objects are known, or nobody has been heard yet. */
  readonly progress?: RolloutProgress;
}

/** The report about revision `n`, if the distribution's last one is about it. */
export function toldOf({ progress }: SetSight, n: number): RolloutProgress | undefined {
  return progress?.revision === n ? progress : undefined;
}

/** The newest revision. */
export function newestOf({ revisions }: SetSight): PolicyRevision | undefined {
  return revisions.at(-1);
}

import { defaultDecisionLimits, type Snapshot } from '@edict/engine';
import type { ActiveSets } from '../active-sets.ts';
import { LocalComparing } from './comparing.ts';
import { startShadowThread } from './shadow-thread.ts';

/** What is compared in this process. */
export interface LocalComparingOptions {
  readonly sets: ActiveSets;
  readonly set: string;
  /** The candidate. */
  readonly snapshot: Snapshot;
  readonly samplePpm: number;
  /** As decisions are made here. */
  readonly maxSteps: number;
  readonly includeAll: boolean;
}

/** Throws where live requests cannot be put to a candidate: one that asks the network would ask in their name once more. */
export function checkComparable(set: string, { usesNetwork, documents }: Snapshot): void {
  if (!usesNetwork && documents?.usesNetwork !== true) return;
  throw new Error(`the candidate for ${set} asks the network, so live requests cannot be put to it`);
}

/** Begins to show a part of the requests that this process answers to a candidate, see {@link checkComparable}. */
export function localComparing(options: LocalComparingOptions): LocalComparing {
  const { sets, set, snapshot, samplePpm, maxSteps, includeAll } = options;
  const own = snapshot.serving.instance?.limits.maxSteps;
  return new LocalComparing({
    set,
    place: sets.shadows.of(set),
    terms: {
      compiled: snapshot.compiled,
      limits: { ...defaultDecisionLimits, maxSteps: own ?? maxSteps },
      includeAll,
    },
    samplePpm,
    startThread: startShadowThread,
    random: () => Math.random(),
    nowMs: () => Date.now(),
    later: (task) => void setImmediate(task),
  });
}

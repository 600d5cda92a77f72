import type { Consistency } from '@edict/bundle';
import {
  durationMs,
  percentageFraction,
  shareBasisPoints,
  type PolicyRevision,
  type PolicySet,
  type RolloutSpec,
  type RolloutWave,
} from '@edict/crds';
import type { AnalysisOptions, NodeSelection, RolloutOptions, ShadowOptions, Wave } from '@edict/protocol';
import { consistencyOf } from '../controllers/policy-set/consistency.ts';
import { manifestOf } from '../controllers/manifest-text.ts';
import { stateOf } from '../controllers/world.ts';

/** How a set is rolled out, in the words of the protocol. */
export function optionsOf({ spec }: PolicySet): RolloutOptions {
  const { rollout, minReady, federation } = spec;
  const { waves, shadow, analysis, commit, approval, autoRollback } = rollout;
  // Without waves of its own a set that wants approval has one, for all.
  const given = waves ?? (approval === 'Required' ? [{ all: true, soak: '0s' } as const] : undefined);
  return {
    requirePreparedPercent: Math.round(percentageFraction(rollout.requirePrepared) * 100),
    maxLaggardsPercent: Math.round(percentageFraction(rollout.maxLaggards) * 100),
    progressDeadlineMs: durationMs(rollout.progressDeadline),
    minReady,
    ...(given === undefined ? {} : { waves: wavesOf(given, approval) }),
    ...(shadow === undefined ? {} : { shadow: shadowOf(shadow) }),
    ...(analysis === undefined ? {} : { analysis: analysisOf(analysis) }),
    autoRollback,
    ...(federation?.mode === 'Barrier' ? { barrier: { maxLaggardSites: federation.maxLaggardSites } } : {}),
    ...(commit?.mode === 'Scheduled' ? { commitLeadMs: durationMs(commit.lead) } : {}),
  };
}

/** The set's waves; with one for all at the end, so that its approval is what the set says. */
function wavesOf(waves: readonly RolloutWave[], approval: RolloutSpec['approval']): readonly Wave[] {
  const last = waves.at(-1)?.all === true ? [] : [{ all: true, soak: '0s' } as const];
  return [...waves, ...last].map((wave) => waveOf(wave, approval));
}

function waveOf({ principals, nodes, soak, approval }: RolloutWave, byDefault: RolloutSpec['approval']): Wave {
  return {
    ...(principals === undefined ? {} : { principals: shareBasisPoints(principals) }),
    ...(nodes === undefined ? {} : { nodes: selectionOf(nodes) }),
    soakMs: durationMs(soak),
    needsApproval: (approval ?? byDefault) === 'Required',
  };
}

function selectionOf({ labels, zones, sharePercent }: NonNullable<RolloutWave['nodes']>): NodeSelection {
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(zones === undefined ? {} : { zones }),
    ...(sharePercent === undefined ? {} : { sharePercent }),
  };
}

function shadowOf(shadow: NonNullable<RolloutSpec['shadow']>): ShadowOptions {
  const { sampleRate, window, maxGrantToDeny, maxDenyToGrant, maxErrorIncrease, minSamples, onNoTraffic } = shadow;
  return {
    samplePpm: shareBasisPoints(sampleRate) * 100,
    windowMs: durationMs(window),
    minSamples,
    onNoTraffic,
    ...(maxGrantToDeny === undefined ? {} : { maxGrantToDeny: fractionOf(maxGrantToDeny) }),
    ...(maxDenyToGrant === undefined ? {} : { maxDenyToGrant: fractionOf(maxDenyToGrant) }),
    ...(maxErrorIncrease === undefined ? {} : { maxErrorIncrease: fractionOf(maxErrorIncrease) }),
  };
}

function analysisOf(analysis: NonNullable<RolloutSpec['analysis']>): AnalysisOptions {
  const { maxDenyRateIncrease, maxErrorRateIncrease, maxP99Increase, minDecisions, prometheus } = analysis;
  return {
    minDecisions,
    external: prometheus !== undefined,
    ...(maxDenyRateIncrease === undefined ? {} : { maxDenyRateIncrease: fractionOf(maxDenyRateIncrease) }),
    ...(maxErrorRateIncrease === undefined ? {} : { maxErrorRateIncrease: fractionOf(maxErrorRateIncrease) }),
    ...(maxP99Increase === undefined ? {} : { maxP99Factor: 1 + fractionOf(maxP99Increase) }),
  };
}

function fractionOf(share: string): number {
  return shareBasisPoints(share) / 10_000;
}

/**
 * The longest lease that a PDP of the set may hold: of what the set says, and of whatever may still be served. 0 for a set
 * that is not `Strict`, and has nothing left that was.
 */
export function strictLeaseMs(set: PolicySet, revisions: readonly PolicyRevision[]): number {
  const committed = revisions.findLastIndex((revision) => stateOf(revision) === 'Committed');
  const served = revisions.slice(Math.max(0, committed)).filter((revision) => stateOf(revision) !== 'Aborted');
  const promises = [consistencyOf(set.spec.consistency), ...served.map((revision) => manifestOf(revision).consistency)];
  return Math.max(0, ...promises.map(leaseOf));
}

function leaseOf(consistency: Consistency | undefined): number {
  return consistency?.mode === 'Strict' ? consistency.leaseMs : 0;
}

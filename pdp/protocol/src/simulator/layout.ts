import type { Consistency } from '@edict/bundle';
import { ROLLOUT_DEFAULTS, type RolloutOptions, type Wave } from '../operator/observation.ts';
import type { World } from './world.ts';

/** How the set of a run is rolled out, by chance. */
export interface Layout {
  readonly consistency: Consistency | undefined;
  readonly options: RolloutOptions;
}

function pick<T>(random: () => number, of: readonly T[]): T | undefined {
  return of[Math.floor(random() * of.length)];
}

const shadowLimits = { samplePpm: 100_000, maxGrantToDeny: 0.1, maxDenyToGrant: 0, minSamples: 100 } as const;

/** Some waves: by principals, by share of the PDPs, by zone or label, with and without approval; the last is for all. */
export function someWaves(random: () => number): readonly Wave[] {
  const part = (): Wave => {
    const soakMs = Math.floor(random() * 4_000);
    const needsApproval = random() < 0.15;
    const roll = random();
    if (roll < 0.5) return { principals: 1 + Math.floor(random() * 9_998), soakMs, needsApproval };
    if (roll < 0.65) return { nodes: { sharePercent: 1 + Math.floor(random() * 99) }, soakMs, needsApproval };
    if (roll < 0.85) return { nodes: { zones: [pick(random, ['a', 'b', 'c']) ?? 'a'] }, soakMs, needsApproval };
    return { nodes: { labels: { tier: 'gold' } }, soakMs, needsApproval };
  };
  const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, part);
  return [...parts, { soakMs: Math.max(0, Math.floor(random() * 8_000) - 4_000), needsApproval: random() < 0.1 }];
}

/** Lays out the set of a run. */
export function layOut(world: World): Layout {
  const random = world.stream('layout');
  const isStrict = random() < 0.4;
  // A Beat every 2.4 s and a read every second have to fit into it.
  const leaseMs = pick(random, [5_000, 8_000, 10_000]) ?? 10_000;
  const consistency: Consistency | undefined = isStrict
    ? {
        mode: 'Strict',
        leaseMs,
        onStale: pick(random, ['NotReady', 'Deny'] as const) ?? 'NotReady',
        onBoot: 'AfterLease',
        onControlPlaneLoss: pick(random, ['Serve', 'Stop'] as const) ?? 'Serve',
      }
    : undefined;
  const [deadline, laggards, prepared, shadow, analysis] = [random(), random(), random(), random(), random()];
  const waves = someWaves(random);
  const shadowMs = 500 + Math.floor(random() * 4_000);
  const options: RolloutOptions = {
    ...ROLLOUT_DEFAULTS,
    progressDeadlineMs: Math.floor(6_000 + deadline * 10_000),
    maxLaggardsPercent: laggards < 0.5 ? 0 : 40,
    requirePreparedPercent: prepared < 0.6 ? 100 : 60,
    ...(isStrict ? { strictLeaseMs: leaseMs } : {}),
    ...(world.has('waves') && random() < 0.7 ? { waves } : {}),
    ...(world.has('shadow') && shadow < 0.25
      ? {
          shadow: {
            ...shadowLimits,
            windowMs: shadowMs,
            onNoTraffic: pick(random, ['Pass', 'Wait', 'Fail'] as const) ?? 'Pass',
          },
        }
      : {}),
    ...(analysis < 0.4
      ? {
          analysis: { maxDenyRateIncrease: 0.2, minDecisions: 10, external: analysis < 0.1 },
          autoRollback: random() < 0.7,
        }
      : {}),
    ...(random() < 0.3 ? { commitLeadMs: 300 + Math.floor(random() * 1_000) } : {}),
  };
  return { consistency, options };
}

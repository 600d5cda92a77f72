import { z } from 'zod';
import { Duration, Percentage } from './object.ts';
import { withRules } from './rules.ts';

/** A share such as `5%` or `0.25%`, with at most two decimals. */
export const Share = z
  .string()
  .max(6)
  .regex(/^(100|[0-9]{1,2}(\.[0-9]{1,2})?)%$/);

/** Ten thousandths of a text that `Share` accepts. */
export function shareBasisPoints(text: string): number {
  return Math.round(Number.parseFloat(text) * 100);
}

const Rise = z
  .string()
  .max(8)
  .regex(/^[0-9]{1,4}(\.[0-9]{1,2})?%$/);

/** Waves of one rollout. */
export const ROLLOUT_WAVES_MAX = 16;

const WaveNodes = z.object({
  labels: z.record(z.string().max(316), z.string().max(63)).optional().meta({ description: 'Labels of their pods.' }),
  zones: z.array(z.string().min(1).max(63)).min(1).max(32).optional().meta({
    description: 'Zones that they run in, by the label topology.kubernetes.io/zone of their pods.',
    'x-kubernetes-list-type': 'set',
  }),
  sharePercent: z.int().min(1).max(100).optional().meta({
    description: 'Share of these PDPs, at least one. Which ones follows from their ids.',
  }),
});

const RolloutWave = withRules(
  z.object({
    principals: Share.optional().meta({
      description: 'This share of the principals, the same ones on every PDP. Each PDP then serves both revisions.',
    }),
    nodes: WaveNodes.optional().meta({ description: 'These PDPs entirely.' }),
    all: z.literal(true).optional().meta({ description: 'Everyone: the last wave. Added if no wave says so.' }),
    soak: Duration.default('0s').meta({
      description: 'How long the wave is watched, once it has reached everyone, before the next one begins.',
    }),
    approval: z.enum(['None', 'Required']).optional().meta({
      description: 'Whether somebody has to approve the wave. Default: what spec.rollout.approval says.',
    }),
  }),
  [
    {
      cel: '(has(self.principals) ? 1 : 0) + (has(self.nodes) ? 1 : 0) + (has(self.all) ? 1 : 0) == 1',
      at: 'all',
      message: 'a wave names one of principals, nodes and all',
      breaks: ({ principals, nodes, all }) =>
        [principals, nodes, all].filter((member) => member !== undefined).length !== 1,
    },
  ],
);
export type RolloutWave = z.output<typeof RolloutWave>;

const Shadow = z.object({
  sampleRate: Share.default('10%').meta({ description: 'Share of the live requests that the candidate answers too.' }),
  window: Duration.default('2m').meta({ description: 'How long they are compared.' }),
  maxGrantToDeny: Share.optional().meta({ description: 'Greatest share of grants that would become denials.' }),
  maxDenyToGrant: Share.optional().meta({ description: 'Greatest share of denials that would become grants.' }),
  maxErrorIncrease: Share.optional().meta({ description: 'Greatest share of answers that would become errors.' }),
  minSamples: z.int().min(1).max(1_000_000).default(100).meta({
    description: 'With fewer requests compared than this, by all PDPs together, nothing is proven.',
  }),
  onNoTraffic: z.enum(['Pass', 'Wait', 'Fail']).default('Pass').meta({
    description:
      'What that means at the end of the window. Pass: the rollout goes on, and the condition ShadowCompared says so. Wait: for requests, or the approval of wave 0. Fail: the revision is given up.',
  }),
});

const PrometheusQuery = withRules(
  z.object({
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s]+$/)
      .meta({ description: 'Base URL of the Prometheus API.' }),
    query: z.string().min(1).max(4096).meta({ description: 'PromQL that gives numbers: a vector or a scalar.' }),
    max: z.number().optional().meta({ description: 'Every number must be at most this.' }),
    min: z.number().optional().meta({ description: 'Every number must be at least this.' }),
    interval: Duration.default('15s').meta({ description: 'Time between two queries.' }),
    timeout: Duration.default('5s').meta({ description: 'Longest query.' }),
    onUnavailable: z.enum(['Pause', 'Pass']).default('Pause').meta({
      description:
        'What a Prometheus that is away, or that has no number, means at the end of the soak. Pause: somebody decides.',
    }),
  }),
  [
    {
      cel: 'has(self.max) || has(self.min)',
      at: 'max',
      message: 'max or min must be given',
      breaks: ({ max, min }) => max === undefined && min === undefined,
    },
  ],
);
export type PrometheusQuery = z.output<typeof PrometheusQuery>;

const Analysis = z.object({
  maxDenyRateIncrease: Share.optional().meta({ description: 'Greatest rise of the share of denials, in points.' }),
  maxErrorRateIncrease: Share.optional().meta({ description: 'Greatest rise of the share of errors, in points.' }),
  maxP99Increase: Rise.optional().meta({
    description: 'Greatest rise of the 99th percentile: 50% is half as long again.',
  }),
  minDecisions: z.int().min(1).max(1_000_000).default(100).meta({
    description: 'With fewer answers on either side nothing is compared.',
  }),
  prometheus: PrometheusQuery.optional().meta({ description: 'A query whose answer counts too.' }),
});

const Commit = z.object({
  mode: z.enum(['Eager', 'Scheduled']).default('Eager').meta({
    description: 'Eager: PDPs swap when told. Scheduled: they are told a moment ahead, and swap together.',
  }),
  lead: Duration.default('1s').meta({ description: 'With Scheduled: how far ahead.' }),
});

/** Where nothing is said. */
const DEFAULTS = {
  requirePrepared: '100%',
  maxLaggards: '0%',
  progressDeadline: '60s',
  approval: 'None',
  autoRollback: true,
} as const;

/** How a new revision reaches the PDPs. */
export const RolloutSpec = withRules(
  z.object({
    requirePrepared: Percentage.default(DEFAULTS.requirePrepared).meta({
      description: 'Share of the required PDPs that must have prepared before the commit.',
    }),
    maxLaggards: Percentage.default(DEFAULTS.maxLaggards).meta({
      description: 'Share of the required PDPs that may be left behind at the progress deadline.',
    }),
    progressDeadline: Duration.default(DEFAULTS.progressDeadline).meta({
      description: 'How long PDPs may take to prepare, for each wave, before the rollout is aborted.',
    }),
    waves: z.array(RolloutWave).max(ROLLOUT_WAVES_MAX).optional().meta({
      description:
        'Whom a revision reaches, one wave after the other; waves add up, and the last is everyone. Default: everyone at once.',
      'x-kubernetes-list-type': 'atomic',
    }),
    shadow: Shadow.optional().meta({
      description: 'Evaluation of the candidate on live requests before the first wave.',
    }),
    analysis: Analysis.optional().meta({ description: 'What the soak of a wave is judged by.' }),
    approval: z.enum(['None', 'Required']).default(DEFAULTS.approval).meta({
      description: 'Required: every wave waits for the annotation edict.dev/approve-wave on the PolicyRevision.',
    }),
    autoRollback: z.boolean().default(DEFAULTS.autoRollback).meta({
      description: 'What served before comes back when a wave fails. false: the rollout pauses, or stays where it is.',
    }),
    commit: Commit.optional().meta({ description: 'When PDPs swap. Default: when they are told.' }),
  }),
  [
    {
      cel: '!has(self.waves) || self.waves.filter(w, has(w.all)).size() == 0 || (self.waves.filter(w, has(w.all)).size() == 1 && has(self.waves[self.waves.size() - 1].all))',
      at: 'waves',
      message: 'only the last wave is for all',
      breaks: ({ waves = [] }) => waves.slice(0, -1).some(({ all }) => all === true),
    },
  ],
)
  .superRefine(({ waves = [] }, context) => {
    let before = 0;
    for (const [index, { principals }] of waves.entries()) {
      if (principals === undefined) continue;
      const share = shareBasisPoints(principals);
      if (share <= before || share >= 10_000) {
        const message = 'shares of principals rise from wave to wave, above 0% and below 100%';
        context.addIssue({ code: 'custom', path: ['waves', index, 'principals'], message });
      }
      before = share;
    }
  })
  .default({ ...DEFAULTS })
  .meta({ description: 'How a new revision reaches the PDPs.' });
export type RolloutSpec = z.output<typeof RolloutSpec>;

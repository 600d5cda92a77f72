import { z } from 'zod';
import { preserved, preservedList } from './kubernetes-parts.ts';
import { withRules } from './rules.ts';

/** As many pods as a fleet may have. */
export const FLEET_REPLICAS_MAX = 5000;

/** Share of the CPU request that pods are to use where `autoscaling` names no target. */
export const AUTOSCALING_CPU_PERCENT = 70;

/** The metric of pods that `autoscaling.targetDecisionsPerSecond` is about; docs/standalone.md has the rule that makes it. */
export const DECISIONS_METRIC = 'pdp_decisions_per_second';

const Replicas = z.int().min(1).max(FLEET_REPLICAS_MAX);

/** How an autoscaler sets the number of pods. */
export const FleetAutoscaling = withRules(
  z.object({
    minReplicas: Replicas.default(2).meta({ description: 'Fewest pods.' }),
    maxReplicas: Replicas.meta({ description: 'Most pods.' }),
    targetCPUUtilizationPercentage: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .meta({
        description: `CPU that a PDP is to use on average, in percent of its request; ${AUTOSCALING_CPU_PERCENT} where no target is named.`,
      }),
    targetDecisionsPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({
        description: `Decisions that a pod is to give each second on average: the metric ${DECISIONS_METRIC} of pods, which an adapter must serve.`,
      }),
    metrics: preservedList(
      'More metrics, as in a HorizontalPodAutoscaler (MetricSpec). The one that wants most pods counts.',
    ),
    behavior: preserved(
      'scaleUp and scaleDown as in a HorizontalPodAutoscaler; default: up at once, down by a tenth a minute after 5 calm minutes.',
    ),
  }),
  [
    {
      cel: 'self.minReplicas <= self.maxReplicas',
      at: 'minReplicas',
      message: 'minReplicas is at most maxReplicas',
      breaks: ({ minReplicas, maxReplicas }) => minReplicas > maxReplicas,
    },
  ],
);
export type FleetAutoscaling = z.output<typeof FleetAutoscaling>;

/** How pods are replaced where a rolling update does not say. */
export const FLEET_ROLLING_UPDATE = { maxSurge: '25%', minReadySeconds: 5 } as const;

/** How the pods of a fleet are replaced when their template changes: never fewer than wanted serve. */
export const FleetRollingUpdate = z.object({
  maxSurge: z
    .string()
    .max(4)
    .regex(/^([1-9][0-9]?%|100%|[1-9][0-9]{0,3})$/)
    .default(FLEET_ROLLING_UPDATE.maxSurge)
    .meta({ description: 'Pods that may be there beyond those wanted, as a number ("3") or a share of them ("25%").' }),
  minReadySeconds: z.int().min(0).max(3600).default(FLEET_ROLLING_UPDATE.minReadySeconds).meta({
    description:
      'A new pod must have served for so long before an old one goes; what a load balancer needs to find it.',
  }),
});

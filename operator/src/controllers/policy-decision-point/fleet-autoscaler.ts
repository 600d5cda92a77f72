import {
  AUTOSCALING_CPU_PERCENT,
  DECISIONS_METRIC,
  type FleetAutoscaling,
  type PolicyDecisionPointSpec,
} from '@edict/crds';

/** What the Deployment of a fleet says about its number of pods. */
export interface LiveReplicas {
  /** Its `spec.replicas`. */
  readonly wanted: number;
  /** Whether the last who set that number, and still answers for it, was the operator. */
  readonly isWantedByUs: boolean;
}

/** `spec` of the HorizontalPodAutoscaler of a fleet; undefined for a fleet without. Pure. */
export function autoscalerSpec(name: string, { autoscaling }: PolicyDecisionPointSpec): object | undefined {
  if (autoscaling === undefined) return undefined;
  const { minReplicas, maxReplicas, behavior = {} } = autoscaling;
  return {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
    minReplicas,
    maxReplicas,
    metrics: metrics(autoscaling),
    behavior: { ...BEHAVIOR, ...behavior },
  };
}

/** Whether the fleet is scaled by a share of its CPU request. */
export function scalesByCpu({ autoscaling }: PolicyDecisionPointSpec): boolean {
  return autoscaling !== undefined && cpuPercent(autoscaling) !== undefined;
}

/**
 * The number of pods that the operator sets; undefined while that is the autoscaler's. It is ours again where there is nothing
 * to scale: before there is a Deployment, and at 0, which an autoscaler takes for "turned off". Pure.
 */
export function replicasToSet(spec: PolicyDecisionPointSpec, live: LiveReplicas | undefined): number | undefined {
  const { autoscaling, replicas } = spec;
  if (autoscaling === undefined || replicas === 0) return replicas;
  if (live !== undefined && live.wanted > 0) return undefined;
  return Math.min(Math.max(replicas, autoscaling.minReplicas), autoscaling.maxReplicas);
}

/**
 * Up: every 15 s to twice as many, or by four, whichever is more, since a PDP serves 2 s after it was made. Down: by a tenth
 * or one a minute, and only when nothing more was wanted for five minutes; a pod too many costs less than a pod too few.
 */
const BEHAVIOR = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  },
  scaleDown: {
    stabilizationWindowSeconds: 300,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 10, periodSeconds: 60 },
      { type: 'Pods', value: 1, periodSeconds: 60 },
    ],
  },
} as const;

function cpuPercent(autoscaling: FleetAutoscaling): number | undefined {
  const { targetCPUUtilizationPercentage, targetDecisionsPerSecond, metrics: more = [] } = autoscaling;
  const isNamed = targetDecisionsPerSecond !== undefined || more.length > 0;
  return targetCPUUtilizationPercentage ?? (isNamed ? undefined : AUTOSCALING_CPU_PERCENT);
}

function metrics(autoscaling: FleetAutoscaling): readonly object[] {
  const averageUtilization = cpuPercent(autoscaling);
  const { targetDecisionsPerSecond, metrics: more = [] } = autoscaling;
  return [
    // Of our container alone: the one of a service mesh beside it may have no request, and says nothing about decisions.
    ...(averageUtilization === undefined
      ? []
      : [
          {
            type: 'ContainerResource',
            containerResource: { name: 'cpu', container: 'pdp', target: { type: 'Utilization', averageUtilization } },
          },
        ]),
    ...(targetDecisionsPerSecond === undefined
      ? []
      : [
          {
            type: 'Pods',
            pods: {
              metric: { name: DECISIONS_METRIC },
              target: { type: 'AverageValue', averageValue: String(targetDecisionsPerSecond) },
            },
          },
        ]),
    ...more,
  ];
}

import { z } from 'zod';
import { FLEET_ROLLING_UPDATE } from './fleet-scaling.ts';
import { LabelSelector } from './object.ts';
import type { Rule } from './rules.ts';

/** What a fleet of sidecars says besides what all fleets say. */
export const FleetSidecar = z.object({
  selector: LabelSelector.optional().meta({
    description:
      'Labels of the pods of this namespace that get a sidecar, an empty selector for all of them. Without a selector: pods that say so by label edict.dev/inject: enabled, on the pod or its namespace.',
  }),
});

/** What of a spec these rules look at. */
interface SidecarMembers {
  readonly form: 'Deployment' | 'Sidecar';
  readonly sidecar?: unknown;
  readonly replicas: number;
  readonly service: {
    readonly type: string;
    readonly port: number;
    readonly grpcPort?: unknown;
    readonly annotations?: unknown;
  };
  readonly podDisruptionBudget: { readonly maxUnavailable: number };
  readonly networkPolicy: {
    readonly enabled: boolean;
    readonly from?: unknown;
    readonly metricsFrom?: unknown;
    readonly egress?: unknown;
  };
  readonly podLabels?: unknown;
  readonly podAnnotations?: unknown;
  readonly nodeSelector?: unknown;
  readonly tolerations?: unknown;
  readonly affinity?: unknown;
  readonly topologySpreadConstraints?: unknown;
  readonly autoscaling?: unknown;
  readonly rollingUpdate: { readonly maxSurge: string; readonly minReadySeconds: number };
  readonly priorityClassName?: unknown;
}

/** Members with a default, which a spec that leaves them out has too: whoever says something else means a Deployment. */
const SIDECAR_DEFAULTS = {
  replicas: 2,
  servicePort: 8181,
  serviceType: 'ClusterIP',
  maxUnavailable: 1,
} as const;

/** Where a sidecar's pod is and how it is called is said by whoever makes the pod. */
const OF_PODS = [
  'podLabels',
  'podAnnotations',
  'nodeSelector',
  'tolerations',
  'affinity',
  'topologySpreadConstraints',
  'autoscaling',
  'priorityClassName',
] as const satisfies readonly (keyof SidecarMembers)[];

/** Refuses members that mean nothing to sidecars: their pods belong to others. */
export const SIDECAR_RULES: readonly Rule<SidecarMembers>[] = [
  {
    cel: "!has(self.sidecar) || self.form == 'Sidecar'",
    at: 'sidecar',
    message: 'sidecar goes with form Sidecar',
    breaks: ({ form, sidecar }) => sidecar !== undefined && form !== 'Sidecar',
  },
  {
    cel: `self.form != 'Sidecar' || self.replicas == ${SIDECAR_DEFAULTS.replicas}`,
    at: 'replicas',
    message: 'there are as many sidecars as pods that have one: leave replicas out, and scale the workloads',
    breaks: ({ form, replicas }) => form === 'Sidecar' && replicas !== SIDECAR_DEFAULTS.replicas,
  },
  {
    cel: `self.form != 'Sidecar' || (self.service.type == '${SIDECAR_DEFAULTS.serviceType}' && self.service.port == ${SIDECAR_DEFAULTS.servicePort} && !has(self.service.grpcPort) && !has(self.service.annotations))`,
    at: 'service',
    message: 'a sidecar answers in its own pod alone: leave service out',
    breaks: ({ form, service }) =>
      form === 'Sidecar' &&
      (service.type !== SIDECAR_DEFAULTS.serviceType ||
        service.port !== SIDECAR_DEFAULTS.servicePort ||
        service.grpcPort !== undefined ||
        service.annotations !== undefined),
  },
  {
    cel: `self.form != 'Sidecar' || self.podDisruptionBudget.maxUnavailable == ${SIDECAR_DEFAULTS.maxUnavailable}`,
    at: 'podDisruptionBudget',
    message: 'the pods of sidecars belong to others, and so do their disruption budgets: leave podDisruptionBudget out',
    breaks: ({ form, podDisruptionBudget }) =>
      form === 'Sidecar' && podDisruptionBudget.maxUnavailable !== SIDECAR_DEFAULTS.maxUnavailable,
  },
  {
    cel: `self.form != 'Sidecar' || (self.rollingUpdate.maxSurge == '${FLEET_ROLLING_UPDATE.maxSurge}' && self.rollingUpdate.minReadySeconds == ${FLEET_ROLLING_UPDATE.minReadySeconds})`,
    at: 'rollingUpdate',
    message: 'the pods of sidecars are replaced by the workloads that they belong to: leave rollingUpdate out',
    breaks: ({ form, rollingUpdate: { maxSurge, minReadySeconds } }) =>
      form === 'Sidecar' &&
      (maxSurge !== FLEET_ROLLING_UPDATE.maxSurge || minReadySeconds !== FLEET_ROLLING_UPDATE.minReadySeconds),
  },
  {
    cel: "self.form != 'Sidecar' || (self.networkPolicy.enabled && !has(self.networkPolicy.from) && !has(self.networkPolicy.metricsFrom) && !has(self.networkPolicy.egress))",
    at: 'networkPolicy',
    message: 'a NetworkPolicy would be that of the whole pod, which belongs to others: leave networkPolicy out',
    breaks: ({ form, networkPolicy: { enabled, from, metricsFrom, egress } }) =>
      form === 'Sidecar' && (!enabled || [from, metricsFrom, egress].some((member) => member !== undefined)),
  },
  ...OF_PODS.map((member) => ({
    cel: `self.form != 'Sidecar' || !has(self.${member})`,
    at: member,
    message: `the pods of sidecars belong to others, and so does what ${member} says of a pod: leave it out`,
    breaks: (spec: SidecarMembers) => spec.form === 'Sidecar' && spec[member] !== undefined,
  })),
];

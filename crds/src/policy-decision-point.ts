import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { AGE, conditionColumn, UNOBSERVED, type KindDefinition } from './kind-definition.ts';
import type { ApiObject } from './object.ts';

const preserved = (description: string) =>
  z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description, type: 'object', 'x-kubernetes-preserve-unknown-fields': true });

/** `spec` of a PolicyDecisionPoint: a fleet that the operator runs. */
export const PolicyDecisionPointSpec = z
  .object({
    form: z.enum(['Deployment']).default('Deployment').meta({ description: 'How the fleet runs.' }),
    replicas: z.int().min(0).max(5000).default(2).meta({ description: 'Number of PDP pods.' }),
    image: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: 'Image; default: the one the operator was installed with.' }),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional().meta({ description: 'As in a container.' }),
    service: z
      .object({
        type: z
          .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
          .default('ClusterIP')
          .meta({ description: 'Service type.' }),
        port: z.int().min(1).max(65_535).default(8181).meta({ description: 'Service port.' }),
      })
      .default({ type: 'ClusterIP', port: 8181 })
      .meta({ description: 'The Service in front of the pods.' }),
    podDisruptionBudget: z
      .object({
        maxUnavailable: z
          .int()
          .min(0)
          .max(5000)
          .default(1)
          .meta({ description: 'Pods that may be evicted at a time.' }),
      })
      .default({ maxUnavailable: 1 })
      .meta({ description: 'Limits voluntary evictions.' }),
    networkPolicy: z
      .object({
        enabled: z.boolean().default(true).meta({ description: 'Make a NetworkPolicy.' }),
        from: z
          .array(
            z.record(z.string(), z.unknown()).meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
          )
          .max(64)
          .optional()
          .meta({
            description: 'Peers that may ask for decisions (NetworkPolicyPeer); default: every pod of the namespace.',
            'x-kubernetes-list-type': 'atomic',
          }),
        egress: z
          .array(
            z.record(z.string(), z.unknown()).meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
          )
          .max(64)
          .optional()
          .meta({
            description:
              'What pods may reach besides DNS and the operator (NetworkPolicyEgressRule): audit sinks, hosts of http.send.',
            'x-kubernetes-list-type': 'atomic',
          }),
      })
      .default({ enabled: true })
      .meta({ description: 'Who may reach the pods, and whom they may reach.' }),
    resources: preserved('Requests and limits of the container (ResourceRequirements).'),
    podLabels: z.record(z.string(), z.string()).optional().meta({ description: 'More labels for the pods.' }),
    podAnnotations: z.record(z.string(), z.string()).optional().meta({ description: 'Annotations for the pods.' }),
    nodeSelector: z.record(z.string(), z.string()).optional().meta({ description: 'As in a pod.' }),
    tolerations: z
      .array(z.record(z.string(), z.unknown()).meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }))
      .max(64)
      .optional()
      .meta({ description: 'As in a pod.', 'x-kubernetes-list-type': 'atomic' }),
    affinity: preserved('As in a pod; default: spread over nodes.'),
    persistence: z
      .object({
        sizeLimit: z
          .string()
          .max(32)
          .default('256Mi')
          .meta({ description: 'Size limit of the volume for last-known-good policy.' }),
      })
      .default({ sizeLimit: '256Mi' })
      .meta({ description: 'Last-known-good policy survives container restarts in an emptyDir.' }),
    settings: z
      .record(z.string().regex(/^(EDICT_PDP|OTEL)_[A-Z0-9_]+$/), z.string().max(4096))
      .optional()
      .meta({
        description: 'Settings of the PDPs by the names that edict-pdp --help lists, such as EDICT_PDP_MAX_BATCH.',
      }),
    logLevel: z
      .enum(['error', 'warn', 'info', 'debug'])
      .default('info')
      .meta({ description: 'Log level of the PDPs.' }),
  })
  .meta({ description: 'A fleet of PDPs that the operator runs.' });
export type PolicyDecisionPointSpec = z.output<typeof PolicyDecisionPointSpec>;

export const PolicyDecisionPointStatus = z.object({
  observedGeneration: z.int().optional().meta({ description: 'Generation that this status describes.' }),
  replicas: z.int().optional().meta({ description: 'Pods that exist.' }),
  readyReplicas: z.int().optional().meta({ description: 'Pods that serve an active policy.' }),
  ready: z.string().optional().meta({ description: 'ready/desired, for kubectl get.' }),
  selector: z.string().optional().meta({ description: 'Label selector of the pods, for autoscalers.' }),
  sets: z.string().optional().meta({ description: 'Sets that the pods serve.' }),
  conditions: Conditions,
});
export type PolicyDecisionPointStatus = z.output<typeof PolicyDecisionPointStatus>;

export type PolicyDecisionPoint = ApiObject<PolicyDecisionPointSpec, PolicyDecisionPointStatus>;

export const policyDecisionPointKind: KindDefinition = {
  kind: 'PolicyDecisionPoint',
  plural: 'policydecisionpoints',
  singular: 'policydecisionpoint',
  shortNames: ['pdp'],
  description: 'A fleet of policy decision points that the operator runs.',
  spec: PolicyDecisionPointSpec,
  status: PolicyDecisionPointStatus,
  statusDefault: UNOBSERVED,
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  columns: [
    { name: 'Form', type: 'string', jsonPath: '.spec.form', description: 'How the fleet runs.' },
    { name: 'Ready', type: 'string', jsonPath: '.status.ready', description: 'Pods that serve, of those wanted.' },
    { name: 'Sets', type: 'string', jsonPath: '.status.sets', description: 'Sets that the pods serve.' },
    conditionColumn('Reason', 'Ready', 'reason', 1),
    AGE,
  ],
};

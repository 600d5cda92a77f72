import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { ObjectName } from './file-source.ts';
import { FleetAuthentication, FleetAuthZen, FleetTls } from './fleet-access.ts';
import { AUDIT_FOLDER, FleetAudit } from './fleet-audit.ts';
import { FLEET_PORTS, FleetNetworkPolicy, FleetPorts, FleetService, FleetTraces } from './fleet-network.ts';
import { FLEET_REPLICAS_MAX, FLEET_ROLLING_UPDATE, FleetAutoscaling, FleetRollingUpdate } from './fleet-scaling.ts';
import { SETTINGS_RULES } from './fleet-settings.ts';
import { FleetSidecar, SIDECAR_RULES } from './fleet-sidecar.ts';
import { AGE, conditionColumn, UNOBSERVED, type KindDefinition } from './kind-definition.ts';
import { EnvVariable, NamedVolume, preserved, preservedList, VolumeMount } from './kubernetes-parts.ts';
import type { ApiObject } from './object.ts';
import { withRules } from './rules.ts';

/** Volumes that every pod of a fleet has. */
const OWN_VOLUMES = ['data', 'token', 'trust', 'files', 'audit'] as const;

const FleetSpec = z.object({
  form: z
    .enum(['Deployment', 'Sidecar'])
    .default('Deployment')
    .meta({
      description: 'How the fleet runs: pods of its own, or a container in the pods of applications.',
      'x-kubernetes-validations': [
        { rule: 'self == oldSelf', message: 'form stays as it is: delete the PolicyDecisionPoint and make another' },
      ],
    }),
  sidecar: FleetSidecar.optional().meta({ description: 'Form Sidecar: which pods have one.' }),
  replicas: z.int().min(0).max(FLEET_REPLICAS_MAX).default(2).meta({
    description: 'Number of PDP pods. With autoscaling the number to begin with; 0 turns the fleet off either way.',
  }),
  autoscaling: FleetAutoscaling.optional().meta({
    description: 'A HorizontalPodAutoscaler sets the number of pods; none without.',
  }),
  image: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .meta({ description: 'Image; default: the one the operator was installed with.' }),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional().meta({ description: 'As in a container.' }),
  imagePullSecrets: z
    .array(z.object({ name: ObjectName.meta({ description: 'Name of a Secret in this namespace.' }) }))
    .max(16)
    .optional()
    .meta({ description: 'As in a pod.', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  workers: z.int().min(1).max(64).default(1).meta({
    description:
      'Processes of each pod that answer, about one for each CPU that it may use. Resources that are left to us grow with it.',
  }),
  ports: FleetPorts.default(FLEET_PORTS).meta({ description: 'The ports of the pods.' }),
  service: FleetService.default({ type: 'ClusterIP', port: 8181 }).meta({
    description: 'The Service in front of the pods.',
  }),
  tls: FleetTls.optional().meta({ description: 'TLS for HTTP and gRPC; clear text without.' }),
  authentication: FleetAuthentication.optional().meta({
    description: 'Who may ask for decisions; without it everybody who can reach a port.',
  }),
  authzen: FleetAuthZen.optional().meta({ description: 'What AuthZEN clients are told of the fleet.' }),
  audit: FleetAudit.optional().meta({
    description: 'Where records of decisions go, as docs/audit.md has it; default: to standard output.',
  }),
  traces: FleetTraces.optional().meta({
    description: 'Spans of decisions and of work for rollouts, for OpenTelemetry; none without.',
  }),
  podDisruptionBudget: z
    .object({
      maxUnavailable: z.int().min(0).max(5000).default(1).meta({ description: 'Pods that may be evicted at a time.' }),
    })
    .default({ maxUnavailable: 1 })
    .meta({ description: 'Limits voluntary evictions.' }),
  rollingUpdate: FleetRollingUpdate.default({ ...FLEET_ROLLING_UPDATE }).meta({
    description: 'How pods are replaced when they change; there are never fewer than wanted.',
  }),
  networkPolicy: FleetNetworkPolicy.default({ enabled: true }).meta({
    description: 'Who may reach the pods, and whom they may reach.',
  }),
  resources: preserved(
    'Requests and limits of the container (ResourceRequirements); default: what a PDP with as many workers needs.',
  ),
  podLabels: z.record(z.string(), z.string()).optional().meta({ description: 'More labels for the pods.' }),
  podAnnotations: z.record(z.string(), z.string()).optional().meta({ description: 'Annotations for the pods.' }),
  nodeSelector: z.record(z.string(), z.string()).optional().meta({ description: 'As in a pod.' }),
  tolerations: preservedList('As in a pod.'),
  affinity: preserved('As in a pod.'),
  topologySpreadConstraints: preservedList(
    'As in a pod; default: over zones and over nodes where that can be. Without a labelSelector one counts the pods of the fleet.',
  ),
  priorityClassName: z.string().max(253).optional().meta({ description: 'As in a pod.' }),
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
  volumes: z
    .array(NamedVolume)
    .max(16)
    .optional()
    .meta({
      description: 'More volumes (Volume), for files that settings and audit name.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
  volumeMounts: z
    .array(VolumeMount)
    .max(16)
    .optional()
    .meta({
      description: 'Where these are mounted (VolumeMount).',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['mountPath'],
    }),
  env: z
    .array(EnvVariable)
    .max(64)
    .optional()
    .meta({
      description: 'More environment variables, as in a container: proxies, OTEL_EXPORTER_OTLP_HEADERS from a Secret.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
  settings: z.record(z.string().max(253), z.string().max(4096)).optional().meta({
    description:
      'Settings of the PDPs that have no member of their own, by the names that edict-pdp --help lists, such as EDICT_PDP_MAX_BATCH.',
    maxProperties: 128,
  }),
  logLevel: z.enum(['error', 'warn', 'info', 'debug']).default('info').meta({ description: 'Log level of the PDPs.' }),
});

/** `spec` of a PolicyDecisionPoint: a fleet that the operator runs. */
export const PolicyDecisionPointSpec = withRules(FleetSpec, [
  {
    cel: 'self.ports.http != self.ports.health && (!has(self.ports.grpc) || !(self.ports.grpc in [self.ports.http, self.ports.health]))',
    at: 'ports',
    message: 'ports.http, ports.grpc and ports.health are different ports',
    breaks: ({ ports: { http, grpc, health } }) => http === health || grpc === http || grpc === health,
  },
  {
    cel: '!has(self.service.grpcPort) || has(self.ports.grpc)',
    at: 'service.grpcPort',
    message: 'service.grpcPort leads to ports.grpc, and there is none',
    breaks: ({ service, ports }) => service.grpcPort !== undefined && ports.grpc === undefined,
  },
  {
    cel: '!has(self.ports.grpc) || (has(self.service.grpcPort) ? self.service.grpcPort : self.ports.grpc) != self.service.port',
    at: 'service.grpcPort',
    message: 'the Service has service.port for HTTP: gRPC (service.grpcPort, else ports.grpc) needs another',
    breaks: ({ service, ports }) => ports.grpc !== undefined && (service.grpcPort ?? ports.grpc) === service.port,
  },
  {
    cel: "!has(self.authentication) || !(self.authentication.mode in ['Certificate', 'CertificateOrBearer']) || (has(self.tls) && has(self.tls.clientCa))",
    at: 'tls.clientCa',
    message: 'authentication.mode Certificate and CertificateOrBearer need tls.clientCa: who signs the certificates',
    breaks: ({ authentication, tls }) =>
      ['Certificate', 'CertificateOrBearer'].includes(authentication?.mode ?? '') && tls?.clientCa === undefined,
  },
  {
    cel: `!has(self.volumes) || self.volumes.all(volume, !(volume.name in [${OWN_VOLUMES.map((name) => `'${name}'`).join(', ')}]))`,
    at: 'volumes',
    message: `the pods have volumes ${OWN_VOLUMES.join(', ')} of their own`,
    breaks: ({ volumes = [] }) => volumes.some(({ name }) => (OWN_VOLUMES as readonly string[]).includes(name)),
  },
  ...(['path', 'deadLetterFile'] as const).map((member) => ({
    cel: `!has(self.audit) || self.audit.sinks.all(sink, !has(sink.${member}) || sink.${member}.startsWith('${AUDIT_FOLDER}/') || (has(self.volumeMounts) && self.volumeMounts.exists(mount, sink.${member}.startsWith(mount.mountPath + '/'))))`,
    at: 'audit.sinks',
    message: `${member} lies below ${AUDIT_FOLDER} or a mountPath of volumeMounts: nothing else can be written`,
    breaks: ({ audit, volumeMounts = [] }: z.output<typeof FleetSpec>) =>
      (audit?.sinks ?? []).some(({ [member]: path }) => path !== undefined && !isBelow(path, volumeMounts)),
  })),
  ...SIDECAR_RULES,
  ...SETTINGS_RULES,
]).meta({ description: 'A fleet of PDPs that the operator runs.' });
export type PolicyDecisionPointSpec = z.output<typeof PolicyDecisionPointSpec>;

function isBelow(path: string, mounts: readonly { readonly mountPath: string }[]): boolean {
  return [AUDIT_FOLDER, ...mounts.map(({ mountPath }) => mountPath)].some((folder) => path.startsWith(`${folder}/`));
}

export const PolicyDecisionPointStatus = z.object({
  observedGeneration: z.int().optional().meta({ description: 'Generation that this status describes.' }),
  replicas: z.int().optional().meta({ description: 'Pods that exist.' }),
  desiredReplicas: z.int().optional().meta({ description: 'Pods that are wanted, by spec or by the autoscaler.' }),
  readyReplicas: z.int().optional().meta({ description: 'Pods that serve an active policy.' }),
  ready: z.string().optional().meta({ description: 'ready/desired, for kubectl get.' }),
  selector: z.string().optional().meta({ description: 'Label selector of the pods, for autoscalers.' }),
  sets: z.string().optional().meta({ description: 'Sets that the pods serve.' }),
  podsWithoutPdp: z.int().optional().meta({
    description: 'Form Sidecar: pods that should have a PDP and have none. Condition Injected names the first.',
  }),
  outdated: z
    .int()
    .optional()
    .meta({ description: 'Form Sidecar: pods whose PDP is of an earlier spec. They get the newest when made anew.' }),
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
    {
      name: 'Without',
      type: 'integer',
      jsonPath: '.status.podsWithoutPdp',
      description: 'Pods that should have a PDP and have none.',
    },
    conditionColumn('Reason', 'Ready', 'reason', 1),
    AGE,
  ],
};

import { AUDIT_FOLDER, type PolicyDecisionPoint, type PolicyDecisionPointSpec } from '@edict/crds';
import { auditVolume } from './fleet-audit.ts';
import { scalesByCpu } from './fleet-autoscaler.ts';
import { FILES_FOLDER, filesVolume, type FleetPart, type NamedVolume } from './fleet-part.ts';
import { environment, fleetPart } from './fleet-settings.ts';
import { TOKEN_AUDIENCE, type FleetDefaults } from './fleet-defaults.ts';
import { MANAGED_BY, selectorLabels } from './fleet-labels.ts';
import { spreadConstraints } from './fleet-spread.ts';

const TOKEN_SECONDS = 3600;
/** Defaults of EDICT_PDP_DRAIN_DELAY_MS and EDICT_PDP_DRAIN_TIMEOUT_MS. */
const DRAIN_MS = { delay: 5000, timeout: 15_000 } as const;
/** After these a PDP writes down its last records and ends. */
const ENDING_MS = 13_000;
/**
 * What one process asks for, and how much memory it may have. Where a share of the CPU request decides how many pods there are,
 * the request is what a busy PDP uses: of 50m, an idle one already uses a good part.
 */
const PROCESS = { cpuMillis: 50, cpuMillisToScaleBy: 250, memoryMib: 96, memoryLimitMib: 256 } as const;

/** Where a PDP's container stands: alone in its pod, or with containers of others, whose names it must not take. */
export interface ContainerPlace {
  readonly containerName: string;
  /** Before the names of volumes and ports. */
  readonly prefix: string;
}

const ALONE: ContainerPlace = { containerName: 'pdp', prefix: '' };

/** The pods of a fleet, as the template of its Deployment. */
export function podTemplate({ metadata: { name }, spec }: PolicyDecisionPoint, defaults: FleetDefaults): object {
  const labels = selectorLabels(name);
  const part = fleetPart(spec);
  return {
    metadata: {
      labels: { ...spec.podLabels, ...MANAGED_BY, ...labels },
      ...(spec.podAnnotations === undefined ? {} : { annotations: spec.podAnnotations }),
    },
    spec: {
      serviceAccountName: name,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: graceSeconds(spec),
      ...(spec.imagePullSecrets === undefined ? {} : { imagePullSecrets: spec.imagePullSecrets }),
      ...(spec.priorityClassName === undefined ? {} : { priorityClassName: spec.priorityClassName }),
      // No user is named: the image runs as one of its own, and as any that a platform (OpenShift) gives it.
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
      ...(spec.tolerations === undefined ? {} : { tolerations: spec.tolerations }),
      ...(spec.affinity === undefined ? {} : { affinity: spec.affinity }),
      topologySpreadConstraints: spreadConstraints(spec, labels),
      containers: [pdpContainer(spec, part, defaults)],
      volumes: pdpVolumes(spec, part, defaults),
    },
  };
}

/** The container of a PDP, with what {@link pdpVolumes} gives its pod. */
export function pdpContainer(
  spec: PolicyDecisionPointSpec,
  part: FleetPart,
  defaults: FleetDefaults,
  { containerName, prefix }: ContainerPlace = ALONE,
) {
  const { http, grpc, health } = spec.ports;
  const ports = [
    { name: `${prefix}http`, containerPort: http, protocol: 'TCP' },
    ...(grpc === undefined ? [] : [{ name: `${prefix}grpc`, containerPort: grpc, protocol: 'TCP' }]),
    { name: `${prefix}health`, containerPort: health, protocol: 'TCP' },
  ];
  const port = `${prefix}health`;
  return {
    name: containerName,
    image: spec.image ?? defaults.image,
    imagePullPolicy: spec.imagePullPolicy ?? defaults.imagePullPolicy,
    ports,
    env: environment(spec, part.variables, defaults),
    resources: spec.resources ?? defaultResources(spec),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // Alive means that the process answers; ready, and so reachable by the Service, that a policy is active. A pod
    // without policy is not restarted: it waits for the operator. Probes have no certificates, hence the port of their own.
    startupProbe: { httpGet: { path: '/healthz', port }, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/healthz', port }, periodSeconds: 10, timeoutSeconds: 5 },
    readinessProbe: {
      httpGet: { path: '/readyz', port },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 2,
    },
    volumeMounts: [
      { name: `${prefix}data`, mountPath: '/var/lib/edict' },
      { name: `${prefix}token`, mountPath: '/var/run/secrets/edict', readOnly: true },
      { name: `${prefix}trust`, mountPath: '/etc/edict/trust', readOnly: true },
      ...(part.files.length === 0 ? [] : [{ name: `${prefix}files`, mountPath: FILES_FOLDER, readOnly: true }]),
      ...(auditVolume(spec.audit, spec.workers) === undefined
        ? []
        : [{ name: `${prefix}audit`, mountPath: AUDIT_FOLDER }]),
      ...(spec.volumeMounts ?? []),
    ],
  };
}

/** With several workers there is one process more, which prepares policy. */
function defaultResources(spec: PolicyDecisionPointSpec): object {
  const processes = spec.workers === 1 ? 1 : spec.workers + 1;
  const cpuMillis = scalesByCpu(spec) ? PROCESS.cpuMillisToScaleBy : PROCESS.cpuMillis;
  return {
    requests: { cpu: `${cpuMillis * processes}m`, memory: `${PROCESS.memoryMib * processes}Mi` },
    limits: { memory: `${PROCESS.memoryLimitMib * processes}Mi` },
  };
}

/** Longer than all that a PDP does after it was asked to end, whatever its settings say of draining. */
function graceSeconds({ settings = {} }: PolicyDecisionPointSpec): number {
  const milliseconds = (name: string, otherwise: number): number => {
    const text = settings[name] ?? '';
    return /^[0-9]+$/.test(text) ? Number(text) : otherwise;
  };
  const delay = milliseconds('EDICT_PDP_DRAIN_DELAY_MS', DRAIN_MS.delay);
  const timeout = milliseconds('EDICT_PDP_DRAIN_TIMEOUT_MS', DRAIN_MS.timeout);
  return Math.ceil((delay + timeout + ENDING_MS) / 1000);
}

/** The volumes that {@link pdpContainer} mounts. */
export function pdpVolumes(
  spec: PolicyDecisionPointSpec,
  { files }: FleetPart,
  defaults: FleetDefaults,
  { prefix }: ContainerPlace = ALONE,
): readonly NamedVolume[] {
  const audit = auditVolume(spec.audit, spec.workers);
  const own: readonly NamedVolume[] = [
    { name: 'data', emptyDir: { sizeLimit: spec.persistence.sizeLimit } },
    {
      name: 'token',
      projected: {
        sources: [
          { serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        ],
      },
    },
    { name: 'trust', configMap: { name: defaults.trustConfigMap } },
    ...(files.length === 0 ? [] : [filesVolume(files)]),
    ...(audit === undefined ? [] : [audit]),
  ];
  return [...own.map((volume) => ({ ...volume, name: `${prefix}${volume.name}` })), ...(spec.volumes ?? [])];
}

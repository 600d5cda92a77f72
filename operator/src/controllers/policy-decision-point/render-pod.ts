import { AUDIT_FOLDER, type PolicyDecisionPoint, type PolicyDecisionPointSpec } from '@edict/crds';
import { auditVolume } from './fleet-audit.ts';
import { FILES_FOLDER, filesVolume, type FleetPart } from './fleet-part.ts';
import { environment, fleetPart } from './fleet-settings.ts';
import { TOKEN_AUDIENCE, type FleetDefaults } from './fleet-defaults.ts';
import { MANAGED_BY, selectorLabels } from './fleet-labels.ts';

const UID = 65_532;
const TOKEN_SECONDS = 3600;
/** Defaults of EDICT_PDP_DRAIN_DELAY_MS and EDICT_PDP_DRAIN_TIMEOUT_MS. */
const DRAIN_MS = { delay: 2000, timeout: 15_000 } as const;
/** After these a PDP writes down its last records and ends. */
const ENDING_MS = 13_000;
/** What one process asks for, and how much memory it may have. */
const PROCESS = { cpuMillis: 50, memoryMib: 96, memoryLimitMib: 256 } as const;

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
      securityContext: {
        runAsNonRoot: true,
        runAsUser: UID,
        runAsGroup: UID,
        fsGroup: UID,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
      ...(spec.tolerations === undefined ? {} : { tolerations: spec.tolerations }),
      ...(spec.affinity === undefined ? {} : { affinity: spec.affinity }),
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: labels },
        },
      ],
      containers: [container(spec, part, defaults)],
      volumes: volumes(spec, part, defaults),
    },
  };
}

function container(spec: PolicyDecisionPointSpec, part: FleetPart, defaults: FleetDefaults): object {
  const { http, grpc, health } = spec.ports;
  const ports = [
    { name: 'http', containerPort: http, protocol: 'TCP' },
    ...(grpc === undefined ? [] : [{ name: 'grpc', containerPort: grpc, protocol: 'TCP' }]),
    { name: 'health', containerPort: health, protocol: 'TCP' },
  ];
  return {
    name: 'pdp',
    image: spec.image ?? defaults.image,
    imagePullPolicy: spec.imagePullPolicy ?? defaults.imagePullPolicy,
    ports,
    env: environment(spec, part.variables, defaults),
    resources: spec.resources ?? defaultResources(spec.workers),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // Alive means that the process answers; ready, and so reachable by the Service, that a policy is active. A pod
    // without policy is not restarted: it waits for the operator. Probes have no certificates, hence the port of their own.
    startupProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 10, timeoutSeconds: 5 },
    readinessProbe: {
      httpGet: { path: '/readyz', port: 'health' },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 2,
    },
    volumeMounts: [
      { name: 'data', mountPath: '/var/lib/edict' },
      { name: 'token', mountPath: '/var/run/secrets/edict', readOnly: true },
      { name: 'trust', mountPath: '/etc/edict/trust', readOnly: true },
      ...(part.files.length === 0 ? [] : [{ name: 'files', mountPath: FILES_FOLDER, readOnly: true }]),
      ...(auditVolume(spec.audit, spec.workers) === undefined ? [] : [{ name: 'audit', mountPath: AUDIT_FOLDER }]),
      ...(spec.volumeMounts ?? []),
    ],
  };
}

/** With several workers there is one process more, which prepares policy. */
function defaultResources(workers: number): object {
  const processes = workers === 1 ? 1 : workers + 1;
  return {
    requests: { cpu: `${PROCESS.cpuMillis * processes}m`, memory: `${PROCESS.memoryMib * processes}Mi` },
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

function volumes(spec: PolicyDecisionPointSpec, { files }: FleetPart, defaults: FleetDefaults): readonly object[] {
  const audit = auditVolume(spec.audit, spec.workers);
  return [
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
    ...(spec.volumes ?? []),
  ];
}

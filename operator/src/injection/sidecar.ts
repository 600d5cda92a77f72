import { createHash } from 'node:crypto';
import type { PolicyDecisionPoint, PolicyDecisionPointSpec } from '@edict/crds';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';
import { fleetPart, SIDECAR_HOST } from '../controllers/policy-decision-point/fleet-settings.ts';
import type { NamedVolume } from '../controllers/policy-decision-point/fleet-part.ts';
import { pdpContainer, pdpVolumes } from '../controllers/policy-decision-point/render-pod.ts';
import { SIDECAR_NAME, SIDECAR_PREFIX } from './names.ts';
import { quantityValue } from './quantity.ts';

/**
 * What one process asks for, and how much memory it may have. The CPU is what 200 decisions a second use, and no limit is set: where a
 * node is full, who asks for less waits longer for a core, and with it every decision; see docs/sidecars.md for what was measured.
 */
const PROCESS = { cpuMillis: 50, memoryMib: 64, memoryLimitMib: 256 } as const;
/** With less, a process that compiles policy is killed; see docs/sidecars.md for what was measured. */
const LEAST_MEMORY_MIB = 128;
/** Seconds that a sidecar may wait for its first policy before the kubelet starts it again. It waits on after that. */
const STARTUP_SECONDS = 600;
/** Where Kubernetes puts the token of the pod's service account into every container: not into ours. */
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const NO_TOKEN_VOLUME = `${SIDECAR_PREFIX}no-account`;
/** Longest value of a label, and so of the name of a fleet that pods name. */
const LABEL_MAX = 63;

/** What a fleet of sidecars puts into a pod. */
export interface Sidecar {
  readonly container: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  };
  readonly volumes: readonly NamedVolume[];
  readonly imagePullSecrets: readonly { readonly name: string }[];
  /** Where the other containers of the pod ask. */
  readonly url: string;
  /** Changes whenever anything of the above does. */
  readonly hash: string;
}

/**
 * The sidecar of a fleet: a native one (an init container that is restarted always), which runs before the application starts
 * and ends after it has ended. The application starts only once a policy is active. Pure.
 */
export function renderSidecar({ spec }: PolicyDecisionPoint, defaults: FleetDefaults): Sidecar {
  const part = fleetPart(spec);
  const place = { containerName: SIDECAR_NAME, prefix: SIDECAR_PREFIX };
  const base = pdpContainer(spec, part, defaults, place);
  const container = {
    ...base,
    restartPolicy: 'Always',
    resources: spec.resources ?? defaultResources(spec.workers),
    // Who it is, the pod says, or the platform, or the image: see sidecar-user.ts.
    securityContext: {
      ...base.securityContext,
      runAsNonRoot: true,
      privileged: false,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // Started means that a policy is active: what comes after in the pod starts with a PDP that answers.
    startupProbe: { ...base.readinessProbe, failureThreshold: STARTUP_SECONDS },
    volumeMounts: [...base.volumeMounts, { name: NO_TOKEN_VOLUME, mountPath: ACCOUNT_FOLDER, readOnly: true }],
  };
  const volumes = [...pdpVolumes(spec, part, defaults, place), { name: NO_TOKEN_VOLUME, emptyDir: {} }];
  const imagePullSecrets = spec.imagePullSecrets ?? [];
  const url = urlOf(spec);
  const text = JSON.stringify([container, volumes, imagePullSecrets, url]);
  return {
    container,
    volumes,
    imagePullSecrets,
    url,
    hash: createHash('sha256').update(text).digest('hex').slice(0, 16),
  };
}

/** Why no pod can have a sidecar of this fleet; undefined if one can. */
export function sidecarProblem({ metadata, spec }: PolicyDecisionPoint): string | undefined {
  if (metadata.name.length > LABEL_MAX) {
    return `its name is longer than the ${LABEL_MAX} characters of a label: make one with a shorter name`;
  }
  const { limits } = (spec.resources ?? {}) as { readonly limits?: Readonly<Record<string, unknown>> };
  const limit = limits?.['memory'];
  if (limit === undefined) return undefined;
  const bytes = quantityValue(limit);
  if (bytes === undefined) return `spec.resources.limits.memory: ${JSON.stringify(limit)} is no quantity such as 256Mi`;
  const least = LEAST_MEMORY_MIB * processesOf(spec.workers);
  return bytes < least * 2 ** 20
    ? `spec.resources.limits.memory: ${JSON.stringify(limit)} is too little: a PDP with ${spec.workers} worker${spec.workers === 1 ? '' : 's'} needs ${least}Mi at least, and policies come on top`
    : undefined;
}

/** With several workers there is one process more, which prepares policy. */
function processesOf(workers: number): number {
  return workers === 1 ? 1 : workers + 1;
}

function defaultResources(workers: number): object {
  const processes = processesOf(workers);
  return {
    requests: { cpu: `${PROCESS.cpuMillis * processes}m`, memory: `${PROCESS.memoryMib * processes}Mi` },
    limits: { memory: `${PROCESS.memoryLimitMib * processes}Mi` },
  };
}

/** A certificate bears a name, hence localhost with TLS. */
function urlOf({ tls, ports: { http } }: PolicyDecisionPointSpec): string {
  return tls === undefined ? `http://${SIDECAR_HOST}:${http}` : `https://localhost:${http}`;
}

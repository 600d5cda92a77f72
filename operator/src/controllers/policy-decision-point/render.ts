import type { PolicyDecisionPoint } from '@edict/crds';

/** What the operator knows and every fleet needs. */
export interface FleetDefaults {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** `host:port` of the distribution stream. */
  readonly operatorAddress: string;
  /** https URL of manifests and bundles. */
  readonly bundlesUrl: string;
  /** ConfigMap in the fleet's namespace with `ca.crt` and `keys.json`. */
  readonly trustConfigMap: string;
  /** Namespace of the operator, which its PDPs must reach. */
  readonly operatorNamespace: string;
  /** Network built-ins that policies may call, by name. */
  readonly allowedBuiltins: readonly string[];
}

/** One object to apply. */
export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: RenderedKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly [member: string]: unknown;
}
export type RenderedKind = 'ServiceAccount' | 'Deployment' | 'Service' | 'PodDisruptionBudget' | 'NetworkPolicy';

/** Label that names the fleet on everything made for it. */
const FLEET_LABEL = 'edict.dev/pdp';
/** What owned objects are watched by. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'edict-operator' } as const;
/** Audience of the token that a PDP proves itself with. */
export const TOKEN_AUDIENCE = 'edict-distribution';

const UID = 65_532;
const TOKEN_SECONDS = 3600;
const PORT = 8181;
/** Longer than drain delay and drain time-out together. */
const GRACE_SECONDS = 30;
const DEFAULT_RESOURCES = { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } };

/** Labels that select the pods of a fleet. Immutable in a Deployment, so nothing of the spec is in them. */
export function selectorLabels(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'edict-pdp', 'app.kubernetes.io/component': 'pdp', [FLEET_LABEL]: name };
}

/** Everything that a fleet is made of. Pure: the same fleet gives the same objects. */
export function renderFleet(fleet: PolicyDecisionPoint, defaults: FleetDefaults): readonly RenderedObject[] {
  const { name, namespace = '', uid = '' } = fleet.metadata;
  const { apiVersion, kind, spec } = fleet;
  const metadata = {
    name,
    namespace,
    labels: { ...MANAGED_BY, ...selectorLabels(name) },
    ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }],
  };
  const selector = { matchLabels: selectorLabels(name) };
  const objects: RenderedObject[] = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deploymentSpec(fleet, defaults) },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        type: spec.service.type,
        selector: selector.matchLabels,
        ports: [{ name: 'http', port: spec.service.port, targetPort: 'http', protocol: 'TCP' }],
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { maxUnavailable: spec.podDisruptionBudget.maxUnavailable, selector },
    },
  ];
  if (spec.networkPolicy.enabled) {
    objects.push({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata,
      spec: networkPolicySpec(fleet, selector, defaults),
    });
  }
  return objects;
}

function deploymentSpec({ metadata: { name }, spec }: PolicyDecisionPoint, defaults: FleetDefaults): object {
  const labels = selectorLabels(name);
  return {
    replicas: spec.replicas,
    selector: { matchLabels: labels },
    // A new pod must serve before an old one goes: an update leaves no gap.
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: {
        labels: { ...spec.podLabels, ...MANAGED_BY, ...labels },
        ...(spec.podAnnotations === undefined ? {} : { annotations: spec.podAnnotations }),
      },
      spec: {
        serviceAccountName: name,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: GRACE_SECONDS,
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
        containers: [container(spec, defaults)],
        volumes: volumes(spec, defaults),
      },
    },
  };
}

function container(spec: PolicyDecisionPoint['spec'], defaults: FleetDefaults): object {
  return {
    name: 'pdp',
    image: spec.image ?? defaults.image,
    imagePullPolicy: spec.imagePullPolicy ?? defaults.imagePullPolicy,
    ports: [{ name: 'http', containerPort: PORT, protocol: 'TCP' }],
    env: environment(spec, defaults),
    resources: spec.resources ?? DEFAULT_RESOURCES,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // Alive means that the process answers; ready, and so reachable by the Service, that a policy is active. A pod
    // without policy is not restarted: it waits for the operator.
    startupProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 10, timeoutSeconds: 5 },
    readinessProbe: {
      httpGet: { path: '/readyz', port: 'http' },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 2,
    },
    volumeMounts: [
      { name: 'data', mountPath: '/var/lib/edict' },
      { name: 'token', mountPath: '/var/run/secrets/edict', readOnly: true },
      { name: 'trust', mountPath: '/etc/edict/trust', readOnly: true },
    ],
  };
}

/** What the operator decides goes before what the fleet sets: a PDP that dials somebody else is none of ours. */
function environment(spec: PolicyDecisionPoint['spec'], defaults: FleetDefaults): readonly object[] {
  const decided: readonly EnvironmentVariable[] = [
    { name: 'EDICT_PDP_OPERATOR_ADDRESS', value: defaults.operatorAddress },
    { name: 'EDICT_PDP_BUNDLES_URL', value: defaults.bundlesUrl },
    { name: 'EDICT_PDP_LOG_LEVEL', value: spec.logLevel },
    { name: 'EDICT_PDP_NODE_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } },
    // The operator refuses domains that call others, so a PDP that took them would only seem to.
    ...(defaults.allowedBuiltins.length === 0
      ? []
      : [{ name: 'EDICT_PDP_ALLOWED_BUILTINS', value: defaults.allowedBuiltins.join(',') }]),
  ];
  const names = new Set(decided.map(({ name }) => name));
  const set = Object.entries(spec.settings ?? {})
    .filter(([name]) => !names.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]): EnvironmentVariable => ({ name, value }));
  return [...decided, ...set];
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

function volumes(spec: PolicyDecisionPoint['spec'], defaults: FleetDefaults): readonly object[] {
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
  ];
}

function networkPolicySpec({ spec }: PolicyDecisionPoint, podSelector: object, defaults: FleetDefaults): object {
  const operator = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': defaults.operatorNamespace } },
  };
  return {
    podSelector,
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      {
        from: spec.networkPolicy.from ?? [{ podSelector: {} }, operator],
        ports: [{ port: 'http', protocol: 'TCP' }],
      },
    ],
    // A PDP speaks to DNS and to its operator, and to nobody whom the fleet does not name.
    egress: [
      { to: [operator] },
      {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
      ...(spec.networkPolicy.egress ?? []),
    ],
  };
}

import type { PolicyDecisionPoint, PolicyDecisionPointSpec } from '@edict/crds';
import { autoscalerSpec, replicasToSet, type LiveReplicas } from './fleet-autoscaler.ts';
import type { FleetDefaults } from './fleet-defaults.ts';
import { MANAGED_BY, selectorLabels } from './fleet-labels.ts';
import { networkPolicySpec } from './fleet-network.ts';
import { podTemplate } from './render-pod.ts';

/** One object to apply. */
export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: RenderedKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly [member: string]: unknown;
}
/** Kinds that a fleet has or has not, as its spec says. */
export const OPTIONAL_KINDS = ['NetworkPolicy', 'HorizontalPodAutoscaler'] as const;
export type RenderedKind =
  'ServiceAccount' | 'Deployment' | 'Service' | 'PodDisruptionBudget' | (typeof OPTIONAL_KINDS)[number];

/**
 * Everything that a fleet is made of: nothing for sidecars, which are in objects of others. Pure: the same fleet gives the same objects, but for the number of pods, which is left
 * out while `live` is one that the autoscaler sets.
 */
export function renderFleet(
  fleet: PolicyDecisionPoint,
  defaults: FleetDefaults,
  live?: LiveReplicas,
): readonly RenderedObject[] {
  if (fleet.spec.form === 'Sidecar') return [];
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
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deploymentSpec(fleet, defaults, live) },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata:
        spec.service.annotations === undefined ? metadata : { ...metadata, annotations: spec.service.annotations },
      spec: { type: spec.service.type, selector: selector.matchLabels, ports: servicePorts(spec) },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: {
        maxUnavailable: spec.podDisruptionBudget.maxUnavailable,
        // A pod that serves nothing may always be evicted: otherwise a fleet without policy would hold up every drained node.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector,
      },
    },
  ];
  if (spec.networkPolicy.enabled) {
    objects.push({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata,
      spec: networkPolicySpec(spec, selector, defaults),
    });
  }
  const autoscaler = autoscalerSpec(name, spec);
  if (autoscaler !== undefined) {
    objects.push({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, spec: autoscaler });
  }
  return objects;
}

function deploymentSpec(fleet: PolicyDecisionPoint, defaults: FleetDefaults, live: LiveReplicas | undefined): object {
  const { maxSurge, minReadySeconds } = fleet.spec.rollingUpdate;
  const replicas = replicasToSet(fleet.spec, live);
  return {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: selectorLabels(fleet.metadata.name) },
    minReadySeconds,
    strategy: {
      type: 'RollingUpdate',
      // A new pod must serve before an old one goes: an update leaves no gap.
      rollingUpdate: { maxUnavailable: 0, maxSurge: maxSurge.endsWith('%') ? maxSurge : Number(maxSurge) },
    },
    template: podTemplate(fleet, defaults),
  };
}

function servicePorts({ service, ports: { grpc }, tls }: PolicyDecisionPointSpec): readonly object[] {
  const http = { name: 'http', port: service.port, targetPort: 'http', protocol: 'TCP' };
  if (grpc === undefined) return [http];
  return [
    http,
    {
      name: 'grpc',
      port: service.grpcPort ?? grpc,
      targetPort: 'grpc',
      protocol: 'TCP',
      // HTTP/2 from the first byte; with TLS both sides agree on it by themselves.
      ...(tls === undefined ? { appProtocol: 'kubernetes.io/h2c' } : {}),
    },
  ];
}

import type { PolicyDecisionPoint, PolicyDecisionPointSpec } from '@edict/crds';
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
export type RenderedKind = 'ServiceAccount' | 'Deployment' | 'Service' | 'PodDisruptionBudget' | 'NetworkPolicy';

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
      metadata:
        spec.service.annotations === undefined ? metadata : { ...metadata, annotations: spec.service.annotations },
      spec: { type: spec.service.type, selector: selector.matchLabels, ports: servicePorts(spec) },
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
      spec: networkPolicySpec(spec, selector, defaults),
    });
  }
  return objects;
}

function deploymentSpec(fleet: PolicyDecisionPoint, defaults: FleetDefaults): object {
  return {
    replicas: fleet.spec.replicas,
    selector: { matchLabels: selectorLabels(fleet.metadata.name) },
    // A new pod must serve before an old one goes: an update leaves no gap.
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
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

import { isIP } from 'node:net';
import type { PolicyDecisionPointSpec } from '@edict/crds';
import type { FleetDefaults } from './fleet-defaults.ts';

/**
 * The NetworkPolicy of a fleet. A PDP speaks to DNS, to its operator, and to whom its spec names: by URLs of members as closely
 * as a NetworkPolicy can tell, and by `networkPolicy.egress`.
 */
export function networkPolicySpec(spec: PolicyDecisionPointSpec, podSelector: object, defaults: FleetDefaults): object {
  const operator = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': defaults.operatorNamespace } },
  };
  const { from, metricsFrom, egress } = spec.networkPolicy;
  const callers = from ?? [{ podSelector: {} }, operator];
  const decisions = ['http', ...(spec.ports.grpc === undefined ? [] : ['grpc'])];
  return {
    podSelector,
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      { from: callers, ports: decisions.map((port) => ({ port, protocol: 'TCP' })) },
      { from: metricsFrom ?? callers, ports: [{ port: 'health', protocol: 'TCP' }] },
    ],
    egress: [
      { to: [operator] },
      {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
      ...urlsOf(spec).map(egressTo),
      ...(egress ?? []),
    ],
  };
}

/** Whom a PDP asks by members of its spec, and for policy while the operator is away; each once. */
function urlsOf({ authentication, traces, audit, settings = {} }: PolicyDecisionPointSpec): readonly string[] {
  const named = [
    authentication?.bearer?.jwksUrl,
    traces?.url,
    ...(audit?.sinks ?? []).map(({ url }) => url),
    ...(settings['EDICT_PDP_FALLBACK_SOURCES'] ?? '').split(',').map((url) => url.trim()),
  ];
  return [
    ...new Set(named.filter((url) => url !== undefined && URL.canParse(url)).map((url) => new URL(url ?? '').origin)),
  ];
}

/** `service.namespace.svc`, with the domain of the cluster or without. */
const IN_CLUSTER = /^(?:[^.]+\.)+([^.]+)\.svc(?:\.|$)/;

function egressTo(origin: string): object {
  const { protocol, hostname, port } = new URL(origin);
  const ports = [{ port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port), protocol: 'TCP' }];
  const address = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(address);
  if (family !== 0) return { to: [{ ipBlock: { cidr: `${address}/${family === 4 ? 32 : 128}` } }], ports };
  const namespace = IN_CLUSTER.exec(hostname)?.[1];
  // Behind a Service the pods may listen on other ports than the URL says.
  if (namespace !== undefined) {
    return { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }] };
  }
  if (!hostname.includes('.')) return { to: [{ podSelector: {} }] };
  // Names of the world have no selector: their port is open.
  return { ports };
}

import { z } from 'zod';
import { FLEET_TRACE_SAMPLERS } from './fleet-access.ts';
import { preservedList, texts } from './kubernetes-parts.ts';
import { withRules } from './rules.ts';

/** A port of the pods: they have no rights for those below 1024. */
const PodPort = z.int().min(1024).max(65_535);
const ServicePort = z.int().min(1).max(65_535);

/** The ports of the pods that are there unless a spec says otherwise. */
export const FLEET_PORTS = { http: 8181, health: 8282 } as const;

/** The ports of a fleet's pods. */
export const FleetPorts = z.object({
  http: PodPort.default(FLEET_PORTS.http).meta({ description: 'Decisions over HTTP, all APIs.' }),
  grpc: PodPort.optional().meta({
    description: 'Decisions over gRPC: our own API, and the ext_authz of Envoy. Not served without.',
  }),
  health: PodPort.default(FLEET_PORTS.health).meta({
    description: 'Health, status and metrics, in clear text; for probes and Prometheus. The Service does not have it.',
  }),
});

/** The Service of a fleet. */
export const FleetService = z.object({
  type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP').meta({ description: 'Service type.' }),
  port: ServicePort.default(8181).meta({ description: 'Service port for HTTP.' }),
  grpcPort: ServicePort.optional().meta({ description: 'Service port for gRPC; default: ports.grpc.' }),
  annotations: texts('Annotations of the Service, as load balancers read them.'),
});

/** Where spans of a fleet go. */
export const FleetTraces = withRules(
  z.object({
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s/]+[^\s]*$/)
      .meta({
        description: 'Where spans go (OTLP over HTTP), such as http://collector.observability.svc:4318/v1/traces.',
      }),
    sampler: z.enum(FLEET_TRACE_SAMPLERS).default('parentbased_always_on').meta({
      description: 'Which requests are traced; parentbased: as the traceparent header of the request says.',
    }),
    ratio: z
      .string()
      .max(16)
      .regex(/^(0(\.[0-9]+)?|1(\.0+)?)$/)
      .optional()
      .meta({
        description: 'With samplers by ratio: the share of traces that begin here and are kept, such as "0.05".',
      }),
  }),
  [
    {
      cel: "self.sampler.endsWith('traceidratio') == has(self.ratio)",
      at: 'ratio',
      message: 'ratio goes with the samplers traceidratio and parentbased_traceidratio',
      breaks: ({ sampler, ratio }) => sampler.endsWith('traceidratio') !== (ratio !== undefined),
    },
  ],
);

/** Who may reach the pods of a fleet, and whom they may reach. */
export const FleetNetworkPolicy = z.object({
  enabled: z.boolean().default(true).meta({ description: 'Make a NetworkPolicy.' }),
  from: preservedList('Peers that may ask for decisions (NetworkPolicyPeer); default: every pod of the namespace.'),
  metricsFrom: preservedList(
    'Peers that may read health, status and metrics (NetworkPolicyPeer), such as Prometheus; default: as from.',
  ),
  egress: preservedList(
    'What pods may reach besides DNS, the operator and the URLs of this spec (NetworkPolicyEgressRule), such as hosts of http.send.',
  ),
});

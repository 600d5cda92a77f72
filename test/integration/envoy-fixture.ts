import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readDomain, type DomainModel } from '@edict/bundle';
import { Serving } from '@edict/crds';
import { compileSnapshot, loadSnapshot } from '@edict/engine';
import {
  ActiveSets,
  createDecisionCore,
  createGrpcEdge,
  createHttpEdge,
  createMetrics,
  lineSink,
  type GrpcServer,
  type Listener,
  type PdpMetrics,
} from '@edict/server';
import { load } from 'js-yaml';
import type { z } from 'zod';

const examples = join(import.meta.dirname, '../../docs/examples');

/** The domain of `docs/examples/envoy.yaml`. */
export function exampleDomain(): DomainModel {
  const [text = ''] = readFileSync(join(examples, 'envoy.yaml'), 'utf8').split('\n---\n');
  const read = readDomain(text, 'envoy.yaml');
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('\n'));
  return read.domain;
}

/** A PDP's core and both its edges in this process, so that tests can swap revisions. */
export interface TestPdp {
  readonly sets: ActiveSets;
  readonly metrics: PdpMetrics;
  readonly records: string[];
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly serve: (set: string, n: number, domain: DomainModel, serving: z.input<typeof Serving>) => void;
  readonly stop: () => Promise<void>;
}

/** Starts it without any policy. */
export async function startTestPdp(): Promise<TestPdp> {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const records: string[] = [];
  const core = createDecisionCore({
    sets,
    metrics,
    audit: lineSink({ hasRoom: true, offer: (line) => records.push(line) > 0 }, 'Drop'),
  });
  const onError = (error: unknown): void => {
    throw error;
  };
  const grpc: GrpcServer = await createGrpcEdge({
    listen: { host: '127.0.0.1', port: 0 },
    core,
    metrics,
    isReady: () => true,
    maxBatch: 10,
    onError,
  });
  const http: Listener = await createHttpEdge({
    host: '127.0.0.1',
    port: 0,
    core,
    metrics,
    readiness: () => ({ ready: true, loading: [] }),
    status: () => ({}),
    onError,
  });
  if (typeof grpc.address === 'string') throw new Error('the gRPC server has no port');
  return {
    sets,
    metrics,
    records,
    grpcPort: grpc.address.port,
    httpPort: http.address.port,
    serve: (set, n, domain, serving) => {
      const compiled = compileSnapshot([domain], { serving: Serving.parse(serving) });
      if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('\n'));
      const digest = `sha256:${String(n).repeat(64).slice(0, 64)}`;
      sets.swap({ set, setUid: set, n, digest, snapshot: loadSnapshot(compiled.compiled), activatedAtMs: 0 });
    },
    stop: async () => {
      await Promise.all([grpc.drain(1_000), http.drain(1_000)]);
      core.close();
    },
  };
}

/** What an upstream behind Envoy got. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An upstream that answers with what it got. */
export async function startUpstream(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const { method = '', url = '', headers } = message;
      const received: Received = { method, url, headers, body: Buffer.concat(chunks).toString() };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(received));
    });
  });
  // Envoy keeps connections for later: one that closes as it is used would be a 503 of the upstream's.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

/** Where everything listens. */
export interface Ports {
  /** Envoy's: with gRPC, with gRPC to a PDP that is away and leave to pass then, and with HTTP. */
  readonly envoyGrpc: number;
  readonly envoyOpen: number;
  readonly envoyHttp: number;
  readonly upstream: number;
  readonly grpc: number;
  readonly http: number;
  /** Where nobody listens. */
  readonly nowhere: number;
}

type Json = Record<string, unknown>;

/** `docs/examples/envoy-bootstrap.yaml` on other ports, and two listeners more. `accessLog` is a file. */
export function bootstrapOf(ports: Ports, accessLog: string): object {
  const document = load(readFileSync(join(examples, 'envoy-bootstrap.yaml'), 'utf8')) as {
    static_resources: { listeners: Json[]; clusters: Json[] };
  };
  const { listeners, clusters } = document.static_resources;
  const [example] = listeners;
  const [service, pdp] = clusters;
  if (example === undefined || service === undefined || pdp === undefined) throw new Error('the example has changed');
  const listener = (name: string, port: number, change: (filter: Json) => Json): Json => {
    const text = JSON.stringify(example).replace('"port_value":8080', `"port_value":${port}`);
    const copy = JSON.parse(text) as {
      filter_chains: { filters: { typed_config: { access_log: unknown; http_filters: { typed_config: Json }[] } }[] }[];
    };
    const manager = copy.filter_chains[0]?.filters[0]?.typed_config;
    const authorization = manager?.http_filters[0];
    if (manager === undefined || authorization === undefined) throw new Error('the example has changed');
    manager.access_log = [fileLog(accessLog)];
    authorization.typed_config = change(authorization.typed_config);
    return { ...copy, name };
  };
  const at = (cluster: Json, from: number, to: number): Json =>
    JSON.parse(JSON.stringify(cluster).replaceAll(`"port_value":${from}`, `"port_value":${to}`)) as Json;
  const named = (cluster: Json, name: string): Json => ({ ...cluster, name });
  const { health_checks: _checks, ...unchecked } = at(pdp, 9191, ports.nowhere);
  const { typed_extension_protocol_options: _options, health_checks: _more, ...plain } = at(pdp, 9191, ports.http);
  return {
    static_resources: {
      listeners: [
        listener('grpc', ports.envoyGrpc, (filter) => ({
          ...filter,
          with_request_body: { max_request_bytes: 64, allow_partial_message: true },
          // Time for a loaded machine: what is tested is the answer.
          grpc_service: { ...(filter['grpc_service'] as Json), timeout: '10s' },
        })),
        listener('open', ports.envoyOpen, (filter) => ({
          ...filter,
          failure_mode_allow: true,
          failure_mode_allow_header_add: true,
          grpc_service: { envoy_grpc: { cluster_name: 'away' }, timeout: '1s' },
        })),
        listener('http', ports.envoyHttp, ({ grpc_service: _grpc, ...filter }) => ({
          ...filter,
          with_request_body: { max_request_bytes: 64 },
          allowed_headers: { patterns: [{ exact: 'content-type' }] },
          http_service: {
            server_uri: { uri: `http://127.0.0.1:${ports.http}`, cluster: 'pdp-http', timeout: '10s' },
            path_prefix: '/envoy/authz',
            authorization_request: { headers_to_add: [{ key: 'policy-set', value: 'shop/shop' }] },
            authorization_response: {
              allowed_upstream_headers: { patterns: [{ exact: 'x-user' }] },
              allowed_client_headers: { patterns: [{ exact: 'location' }] },
            },
          },
        })),
      ],
      clusters: [
        at(service, 8000, ports.upstream),
        at(pdp, 9191, ports.grpc),
        named(unchecked, 'away'),
        named(plain, 'pdp-http'),
      ],
    },
  };
}

function fileLog(path: string): object {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path,
      log_format: {
        json_format: {
          path: '%REQ(:PATH)%',
          status: '%RESPONSE_CODE%',
          decision: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%',
        },
      },
    },
  };
}

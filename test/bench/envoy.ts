/**
 * Measures Envoy's checks against a whole PDP process on this machine, which serves a revision from its disk, beside the
 * OPA-Envoy plugin with the same rule, in turns:
 *
 *   node test/bench/envoy.ts [--seconds N] [--connections N] [--rounds N] [--style rule|mapper] [--behind-envoy [--envoy-threads N]]
 *     [--plugin FILE] [--also FILE] [--source] [--workers N] [--records file|none] [--cpu-prof DIR]
 *
 * Prints Checks per second, latencies as the client sees them, and the CPU of the server per Check, each the middle of all
 * rounds. `--behind-envoy` sends requests to a real Envoy that asks the server about each; wrk sends them where it is installed,
 * since it costs less than a client in Node, and the CPU of Envoy is printed too. `--plugin` names the built plugin (`go build ./cmd/opa-envoy-plugin` in its
 * repository); without it only the PDP is measured. The plugin writes no decision log, as by default, while the PDP keeps a
 * record of every decision, unless `--records none` has it write none either. `--also` names the `main.js` of another build of the PDP, which takes its turn too. `--source` runs
 * the PDP from its source in place of the bundle. Exits with 1 on a wrong answer; figures decide nothing, because machines
 * differ.
 */
import { CHECK, CHECK_TYPES, decodeMessage, encodeMessage } from '../support/envoy-client.ts';
import { startEnvoy, type Envoy } from '../support/envoy.ts';
import { quantile } from '../support/figures.ts';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { measureHttp } from '../support/http-load.ts';
import { domainOf, libraryDomain, startPdpFromDisk } from '../support/pdp-from-disk.ts';
import { measureUnary } from '../support/unary-load.ts';
import { startPlugin } from './server/envoy-plugin.ts';
import { loadGatewayWithWrk } from './server/gateway-load.ts';
import { NO_RECORDS } from './server/no-records.ts';
import { pdpProgram } from './server/pdp-program.ts';
import { cpuSecondsOf } from './server/process-figures.ts';
import { hasWrk, type WrkFigures } from './server/wrk.ts';
import { readArguments } from '../support/read-arguments.ts';

const options = readArguments(import.meta.filename, {
  seconds: { type: 'string', default: '5' },
  rounds: { type: 'string', default: '3' },
  connections: { type: 'string', default: '16' },
  style: { type: 'string', default: 'rule' },
  plugin: { type: 'string' },
  also: { type: 'string' },
  source: { type: 'boolean', default: false },
  workers: { type: 'string' },
  records: { type: 'string', default: 'file' },
  'behind-envoy': { type: 'boolean', default: false },
  'envoy-threads': { type: 'string', default: '1' },
  'cpu-prof': { type: 'string' },
});

/** Roles by the path and the method, as gateways have them. */
const RULE = `package envoy.authz

import rego.v1

default allow := false

http := input.attributes.request.http

allow if {
  input.parsed_path[0] == "health"
}

allow if {
  some role in roles
  some grant in grants[role]
  grant.method == http.method
  grant.path == input.parsed_path[0]
}

roles := split(http.headers["x-roles"], ",")

grants := {
  "guest": [{"method": "GET", "path": "catalog"}],
  "clerk": [{"method": "GET", "path": "orders"}, {"method": "POST", "path": "orders"}],
}
`;

const MAPPER_DOMAIN = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: gateway}
spec:
  policies:
    - {mrn: gate, rego: "package authz\\ndefault allow = 0"}
    - mrn: granted
      rego: |
        package authz
        default allow = false
        allow { input.principal.mannotations.methods[_] == input.context.method }
    - {mrn: anyone, rego: "package authz\\ndefault allow = true"}
  roles:
    - {mrn: clerk, policy: granted, annotations: [{name: methods, value: [GET, POST]}]}
  resource-groups:
    - {mrn: orders, default: true, policy: anyone}
  operations:
    - {name: all, selector: ['http:.*'], policy: gate}
  mappers:
    - name: gateway
      selector: ['.*']
      rego: |
        package mapper
        http := input.request.http
        porc := {
          "principal": {"sub": "ada", "mroles": split(http.headers["x-roles"], ",")},
          "operation": sprintf("http:%s", [http.method]),
          "resource": sprintf("mrn:http:%s", [http.path]),
          "context": {"method": http.method},
        }
`;

/** What Envoy sends of a request of a browser. */
const REQUEST = {
  attributes: {
    source: {
      address: { socketAddress: { address: '10.0.0.7', portValue: 51234 } },
      principal: 'spiffe://shop/ns/web/sa/front',
    },
    destination: { address: { socketAddress: { address: '10.0.0.9', portValue: 8080 } } },
    request: {
      time: '2026-01-02T03:04:05.678Z',
      http: {
        id: '13359530607844510314',
        method: 'POST',
        path: '/orders/17?notify=true',
        host: 'shop.example',
        scheme: 'https',
        protocol: 'HTTP/1.1',
        headers: {
          ':authority': 'shop.example',
          ':method': 'POST',
          ':path': '/orders/17?notify=true',
          ':scheme': 'https',
          accept: 'application/json',
          'accept-encoding': 'gzip, deflate, br',
          'content-length': '0',
          'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) shop/1.0',
          'x-forwarded-proto': 'https',
          'x-request-id': '6b2a1c1e-5c9b-4f43-9a55-3f3a8a0f9c11',
          'x-roles': 'guest,clerk',
        },
      },
    },
    metadataContext: {},
    routeMetadataContext: {},
  },
};

/** What came of a load. */
type LoadedFigures = Pick<WrkFigures, 'requests' | 'p50Ms' | 'p99Ms'>;

interface Target {
  readonly name: string;
  /** Keeps the server busy for so long. */
  readonly load: (seconds: number) => Promise<LoadedFigures>;
  readonly cpuSeconds: () => number;
  /** Of the Envoy in front of it. */
  readonly envoyCpuSeconds: (() => number) | undefined;
}

interface Figures {
  readonly envoyCpuMicros: number | undefined;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

/** A server that is asked for checks. */
interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

const servers: Server[] = [];
const envoys: Envoy[] = [];
try {
  const program = await pdpProgram(options.source);
  servers.push(await startPdp('edict', program));
  if (options.also !== undefined) servers.push(await startPdp('the other edict', { ...program, main: options.also }));
  if (options.plugin !== undefined) {
    if (options.style !== 'rule') throw new Error('the plugin knows no mappers');
    servers.push({ name: 'plugin', ...(await startPlugin(options.plugin, RULE)) });
  }
  await measureInTurns();
} finally {
  for (const envoy of envoys) await envoy.stop();
  for (const server of servers) await server.stop();
}

async function measureInTurns(): Promise<void> {
  const targets: Target[] = [];
  for (const { name, port, pid } of servers) {
    const cpuSeconds = (): number => cpuSecondsOf(pid);
    if (!options['behind-envoy']) targets.push({ name, load: checks(port), cpuSeconds, envoyCpuSeconds: undefined });
    else {
      const { envoy, load } = await requestsThrough(port);
      targets.push({ name, load, cpuSeconds, envoyCpuSeconds: () => cpuSecondsOf(envoy.pid) });
    }
  }
  const results = new Map<string, Figures[]>();
  for (const target of targets) await measure(target, 2); // lets the server compile what it runs often
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const target of targets) {
      const figures = await measure(target, Number(options.seconds));
      results.set(target.name, [...(results.get(target.name) ?? []), figures]);
    }
  }
  for (const [name, rounds] of results) print(name, rounds);
}

/** Asks a server itself. */
function checks(port: number): Target['load'] {
  const message = encodeMessage(CHECK_TYPES[0], REQUEST);
  let answers = 0;
  const verify = (answer: Buffer): void => {
    // Reading every answer as a whole would cost more than giving it.
    if (answers++ % 1000 > 0) return;
    const { status } = decodeMessage(CHECK_TYPES[1], answer) as { readonly status?: { readonly code?: number } };
    if (status === undefined || status.code !== undefined) throw new Error('a wrong answer: the request is allowed');
  };
  const connections = Number(options.connections);
  return async (seconds) => figuresOf(await measureUnary({ port, path: CHECK, message, connections, seconds, verify }));
}

/** Sends requests to an Envoy that asks a server about each and then answers itself. */
async function requestsThrough(port: number): Promise<{ readonly envoy: Envoy; readonly load: Target['load'] }> {
  const [listener = 0] = await freePorts(1);
  const envoy = await startEnvoy(bootstrapOf(listener, port), Number(options['envoy-threads']));
  envoys.push(envoy);
  const { headers, path, method } = REQUEST.attributes.request.http;
  const sent = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  const connections = Number(options.connections);
  if (hasWrk()) {
    // wrk writes the length itself.
    const own = sent.filter(([name]) => name !== 'content-length');
    return {
      envoy,
      load: (seconds) => loadGatewayWithWrk({ port: listener, method, path, headers: own, connections, seconds }),
    };
  }
  const lines = sent.map(([name, value]) => `${name}: ${value}`);
  const request = Buffer.from([`${method} ${path} HTTP/1.1`, 'host: shop.example', ...lines, '', ''].join('\r\n'));
  const load = async (seconds: number): Promise<LoadedFigures> =>
    figuresOf(await measureHttp({ port: listener, request, connections, seconds, answer: 'HTTP/1.1 200 ' }));
  return { envoy, load };
}

function figuresOf(latencies: readonly number[]): LoadedFigures {
  return { requests: latencies.length, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

function bootstrapOf(listener: number, port: number): object {
  const at = (value: number) => ({ socket_address: { address: '127.0.0.1', port_value: value } });
  const typed = (type: string, members: object) => ({
    '@type': `type.googleapis.com/envoy.extensions.${type}`,
    ...members,
  });
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];
  const authorization = typed('filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'pdp' }, timeout: '10s' },
  });
  const manager = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'bench',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [
      { name: 'envoy.filters.http.ext_authz', typed_config: authorization },
      { name: 'envoy.filters.http.router', typed_config: typed('filters.http.router.v3.Router', {}) },
    ],
  });
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  const http2 = typed('upstreams.http.v3.HttpProtocolOptions', {
    explicit_http_config: { http2_protocol_options: {} },
  });
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(port) } }] }];
  return {
    static_resources: {
      listeners: [{ name: 'bench', address: at(listener), filter_chains: [{ filters }] }],
      clusters: [
        {
          name: 'pdp',
          type: 'STATIC',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: { cluster_name: 'pdp', endpoints },
        },
      ],
    },
  };
}

async function startPdp(
  name: string,
  { main, nodeArgs = [], env: variables }: Awaited<ReturnType<typeof pdpProgram>>,
): Promise<Server> {
  const profile = options['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options['cpu-prof']}`];
  const set =
    options.style === 'mapper'
      ? { set: 'bench/gateway', domains: [domainOf(MAPPER_DOMAIN)], serving: { envoy: {} } }
      : {
          set: 'bench/gateway',
          domains: [libraryDomain('gateway', { gateway: RULE })],
          serving: { documents: {}, envoy: { result: 'Rule' as const } },
        };
  const env = {
    ...variables,
    ...(options.workers === undefined ? {} : { EDICT_PDP_WORKERS: options.workers }),
    ...(options.records === 'none' ? NO_RECORDS : {}),
  };
  const { grpcPort, process, stop } = await startPdpFromDisk([set], {
    env,
    nodeArgs: [...nodeArgs, ...profile],
    ...(main === undefined ? {} : { main }),
  });
  return { name, port: grpcPort, pid: process.pid ?? 0, stop };
}

async function measure({ load, cpuSeconds, envoyCpuSeconds }: Target, seconds: number): Promise<Figures> {
  const before = cpuSeconds();
  const envoyBefore = envoyCpuSeconds?.() ?? 0;
  const { requests, p50Ms, p99Ms } = await load(seconds);
  const cpu = cpuSeconds() - before;
  const envoyCpuMicros = envoyCpuSeconds && ((envoyCpuSeconds() - envoyBefore) / requests) * 1e6;
  return { perSecond: requests / seconds, p50Ms, p99Ms, cpuMicros: (cpu / requests) * 1e6, envoyCpuMicros };
}

function print(name: string, rounds: readonly Figures[]): void {
  const middle = (of: (figures: Figures) => number): number => quantile(rounds.map(of), 0.5);
  console.log(
    [
      `${name}: ${Math.round(middle(({ perSecond }) => perSecond)).toLocaleString('en')} Checks/s over ${options.connections} connections`,
      `p50 ${middle(({ p50Ms }) => p50Ms).toFixed(2)} ms, p99 ${middle(({ p99Ms }) => p99Ms).toFixed(2)} ms`,
      `${middle(({ cpuMicros }) => cpuMicros).toFixed(1)} µs CPU per Check`,
      ...(options['behind-envoy']
        ? [`and ${middle(({ envoyCpuMicros = NaN }) => envoyCpuMicros).toFixed(1)} µs of Envoy`]
        : []),
    ].join('; '),
  );
}

/**
 * Measures Envoy's checks against a whole PDP process on this machine, which serves a revision from its disk:
 * `node test/bench/envoy.ts [--seconds N] [--connections N] [--rounds N] [--style rule|mapper] [--behind-envoy]
 * [--peer-port PORT --peer-pid PID] [--cpu-prof DIR]`. Prints Checks per second, latencies as the client sees them, and the CPU of
 * the server per Check, each the middle of all rounds. `--behind-envoy` sends requests to a real Envoy that asks the server about
 * each. With `--peer-port` the same is asked of another server that listens there, in turns (the OPA-Envoy plugin with the rule
 * that `--print-rule` prints). Exits with 1 on a wrong answer.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CHECK, CHECK_TYPES, decodeMessage, encodeMessage } from '../support/envoy-client.ts';
import { startEnvoy, type Envoy } from '../support/envoy.ts';
import { quantile } from '../support/figures.ts';
import { freePorts } from '../support/free-port.ts';
import { measureHttp } from '../support/http-load.ts';
import { domainOf, libraryDomain, startPdpFromDisk, type DiskPdp } from '../support/pdp-from-disk.ts';
import { measureUnary } from '../support/unary-load.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '16' },
    style: { type: 'string', default: 'rule' },
    'peer-port': { type: 'string' },
    'peer-pid': { type: 'string' },
    'behind-envoy': { type: 'boolean', default: false },
    'print-rule': { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
  },
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

interface Target {
  readonly name: string;
  /** Keeps the server busy for so long; gives latencies in milliseconds. */
  readonly load: (seconds: number) => Promise<readonly number[]>;
  readonly cpuSeconds: () => number;
}

interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

if (options['print-rule']) console.log(RULE);
else await run();

async function run(): Promise<void> {
  const pdp = await start();
  const envoys: Envoy[] = [];
  try {
    const servers = [{ name: 'edict', port: pdp.grpcPort, cpuSeconds: pdp.cpuSeconds }];
    if (options['peer-port'] !== undefined) {
      servers.push({ name: 'peer', port: Number(options['peer-port']), cpuSeconds: peerCpu });
    }
    const targets: Target[] = [];
    for (const server of servers) {
      targets.push({
        ...server,
        load: options['behind-envoy'] ? await requestsThrough(server.port, envoys) : checks(server.port),
      });
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
  } finally {
    for (const envoy of envoys) await envoy.stop();
    await pdp.stop();
  }
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
  return (seconds) => measureUnary({ port, path: CHECK, message, connections, seconds, verify });
}

/** Sends requests to an Envoy that asks a server about each and then answers itself. */
async function requestsThrough(port: number, envoys: Envoy[]): Promise<Target['load']> {
  const [listener = 0] = await freePorts(1);
  envoys.push(await startEnvoy(bootstrapOf(listener, port)));
  const { headers, path, method } = REQUEST.attributes.request.http;
  const lines = Object.entries(headers).flatMap(([name, value]) => (name.startsWith(':') ? [] : [`${name}: ${value}`]));
  const request = Buffer.from([`${method} ${path} HTTP/1.1`, 'host: shop.example', ...lines, '', ''].join('\r\n'));
  const connections = Number(options.connections);
  return (seconds) => measureHttp({ port: listener, request, connections, seconds, answer: 'HTTP/1.1 200 ' });
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

async function start(): Promise<DiskPdp> {
  const profile = options['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options['cpu-prof']}`];
  const set =
    options.style === 'mapper'
      ? { set: 'bench/gateway', domains: [domainOf(MAPPER_DOMAIN)], serving: { envoy: {} } }
      : {
          set: 'bench/gateway',
          domains: [libraryDomain('gateway', { gateway: RULE })],
          serving: { documents: {}, envoy: { result: 'Rule' as const } },
        };
  return await startPdpFromDisk([set], { nodeArgs: profile });
}

async function measure({ load, cpuSeconds }: Target, seconds: number): Promise<Figures> {
  const before = cpuSeconds();
  const latencies = await load(seconds);
  const cpu = cpuSeconds() - before;
  return {
    perSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMicros: (cpu / latencies.length) * 1e6,
  };
}

function print(name: string, rounds: readonly Figures[]): void {
  const middle = (of: (figures: Figures) => number): number => quantile(rounds.map(of), 0.5);
  console.log(
    [
      `${name}: ${Math.round(middle(({ perSecond }) => perSecond)).toLocaleString('en')} Checks/s over ${options.connections} connections`,
      `p50 ${middle(({ p50Ms }) => p50Ms).toFixed(2)} ms, p99 ${middle(({ p99Ms }) => p99Ms).toFixed(2)} ms`,
      `${middle(({ cpuMicros }) => cpuMicros).toFixed(1)} µs CPU per Check`,
    ].join('; '),
  );
}

/** User and system time of the peer, all threads, in seconds. */
function peerCpu(): number {
  const pid = options['peer-pid'];
  if (pid === undefined) return NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

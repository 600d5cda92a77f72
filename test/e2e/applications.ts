import type { ClusterClient } from '../support/cluster-client.ts';
import type { LoadTarget } from '../support/load-generator.ts';
import { waitFor } from '../support/wait-for.ts';
import { NODE_PATH } from '../../scripts/images/runtime-layer.ts';
import type { Environment } from './environment.ts';
import type { Pod } from './objects.ts';

/** A pod with init containers, as the API has it. */
export interface AppPod extends Pod {
  readonly metadata: Pod['metadata'] & { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly initContainers?: readonly {
      readonly name: string;
      readonly securityContext?: Readonly<Record<string, unknown>>;
    }[];
  };
  readonly status?: Pod['status'] & {
    readonly initContainerStatuses?: readonly { readonly name: string; readonly containerID?: string }[];
  };
}

/** What an application says of itself. */
export interface AppReport {
  /** When its process began: milliseconds since the epoch. */
  readonly startedAt: number;
  /** Its PDP_URL. */
  readonly url?: string;
  /** HTTP status of the decision that it asked for first thing; 0 when nobody answered. */
  readonly first?: number;
}

/** Times of decisions as the application saw them, milliseconds. What was asked while it warmed up is in none of them. */
export interface AppMeasurement {
  readonly asked: number;
  readonly failed: number;
  /** From the sending of a question to the end of its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  /** 99th percentile from when a question was due, whether or not the application came to send it then. */
  readonly dueP99: number;
  /** 99th percentile of how late the application itself was: it shares its core with everything else. */
  readonly lateP99: number;
  /** Time that the application collected garbage, warm-up included. */
  readonly collecting: number;
}

/** The port that applications of these tests serve. */
export const APP_PORT = 9000;

/**
 * An application: asks its PDP as soon as it runs, then is a PEP that hands every `POST /decision` on to it. `APP_ONCE` makes it end
 * after the first answer. It shuts down at once when it is told to.
 */
const SCRIPT = `
const { Agent, createServer, request } = require('node:http');
const { connect } = require('node:net');
const { PerformanceObserver } = require('node:perf_hooks');
const startedAt = Date.now();
const url = process.env.PDP_URL;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const question = JSON.stringify({ principal: { sub: 'ann', mroles: ['mrn:iam:role:reader'] }, operation: 'notes:read', resource: 'mrn:notes:note:1', context: { edit: 1 } });
const ask = (body) => new Promise((resolve) => {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const call = request(url + '/decision', { method: 'POST', headers, agent }, (response) => {
    let text = '';
    response.on('data', (part) => (text += part)).on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
  });
  call.on('error', (error) => resolve({ status: 0, headers: {}, text: error.message })).end(body);
});
const { hostname, port } = new URL(url ?? 'http://127.0.0.1:0');
const bytes = Buffer.from('POST /decision HTTP/1.1\\r\\nhost: pdp\\r\\ncontent-type: application/json\\r\\ncontent-length: ' + Buffer.byteLength(question) + '\\r\\n\\r\\n' + question);
const idle = [];
const connection = () => {
  const socket = connect(Number(port), hostname).setNoDelay(true);
  const own = { socket, text: '', answered: () => {} };
  const end = (status) => { const { answered } = own; own.text = ''; own.answered = () => {}; answered(status); };
  socket.on('data', (part) => {
    own.text += part.toString('latin1');
    const head = own.text.indexOf('\\r\\n\\r\\n');
    if (head < 0 || own.text.length < head + 4 + Number(/content-length: ([0-9]+)/i.exec(own.text)[1])) return;
    const status = Number(own.text.slice(9, 12));
    idle.push(own);
    end(status);
  });
  socket.on('error', () => end(0)).on('close', () => { if (idle.includes(own)) idle.splice(idle.indexOf(own), 1); end(0); });
  return own;
};
const askLean = (answered) => {
  const own = idle.pop() ?? connection();
  own.answered = answered;
  own.socket.write(bytes);
};
const measure = (rate, seconds, warmUp) => new Promise((resolve) => {
  const times = [], waits = [], late = [];
  let failed = 0, asked = 0, answered = 0, collecting = 0;
  const first = rate * warmUp, all = first + rate * seconds;
  const pauses = new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) collecting += duration; });
  pauses.observe({ entryTypes: ['gc'] });
  const began = performance.now();
  const at = (list, share) => list.sort((a, b) => a - b)[Math.floor(list.length * share)];
  const timer = setInterval(() => {
    for (; asked < all && began + asked / rate * 1000 <= performance.now(); asked += 1) {
      const due = began + asked / rate * 1000;
      const counts = asked >= first;
      const sent = performance.now();
      askLean((status) => {
        const now = performance.now();
        if (counts) {
          times.push(now - sent);
          waits.push(now - due);
          late.push(sent - due);
          if (status !== 200) failed += 1;
        }
        if (++answered < all) return;
        clearInterval(timer);
        pauses.disconnect();
        for (const { socket } of idle.splice(0)) socket.destroy();
        resolve({ asked: times.length, failed, p50: at(times, 0.5), p99: at(times, 0.99), worst: Math.max(...times), dueP99: at(waits, 0.99), lateP99: at(late, 0.99), collecting });
      });
    }
  }, 1);
});
const main = async () => {
  const first = url === undefined ? undefined : (await ask(question)).status;
  if (process.env.APP_ONCE !== undefined) process.exit(first === 200 ? 0 : 1);
  createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url, 'http://app');
    const send = (body) => outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (pathname === '/measure') return void measure(...['rate', 'seconds', 'warm-up'].map((name) => Number(searchParams.get(name)))).then(send);
    if (pathname !== '/decision') return send({ startedAt, url, first });
    let body = '';
    incoming.on('data', (part) => (body += part)).on('end', () => void ask(body).then(({ status, headers, text }) => {
      const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('policy-')));
      outgoing.writeHead(status || 502, kept).end(text);
    }));
  }).listen(${APP_PORT});
};
process.once('SIGTERM', () => process.exit(0));
main();
`;

/** A container of such an application, from the image of the PDP: another one is nowhere to be had. */
export function appContainer(environment: Environment, over: object = {}): object {
  return {
    name: 'app',
    image: `edict-pdp:${environment.imageTag}`,
    command: [NODE_PATH, '-e', SCRIPT],
    ports: [{ name: 'http', containerPort: APP_PORT }],
    resources: { requests: { cpu: '10m', memory: '32Mi' } },
    ...over,
  };
}

/** A bare pod with one such container. */
export function appPod(
  environment: Environment,
  metadata: { readonly name: string; readonly namespace: string; readonly labels?: object },
  spec: object = {},
): object {
  const containers = [appContainer(environment)];
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { terminationGracePeriodSeconds: 5, containers, ...spec } };
}

/** A pod of that name, once its application serves. */
export async function servingApp(cluster: ClusterClient, namespace: string, name: string): Promise<AppPod> {
  return waitFor(
    `the application of ${namespace}/${name}`,
    async () => {
      const pod = await cluster.get<AppPod>({ apiVersion: 'v1', kind: 'Pod', namespace, name });
      if (pod?.status?.podIP === undefined) return undefined;
      await reportOf(pod);
      return pod;
    },
    { intervalMs: 50 },
  );
}

/** Every pod with that label, once there are `count` of them and the application of each serves. */
export async function servingApps(
  cluster: ClusterClient,
  namespace: string,
  selector: string,
  count: number,
): Promise<readonly AppPod[]> {
  const pods = await waitFor(`${count} pods with ${selector}`, async () => {
    const all = await cluster.list<AppPod>('v1', 'Pod', namespace, selector);
    return all.length === count ? all : undefined;
  });
  return Promise.all(pods.map(({ metadata }) => servingApp(cluster, namespace, metadata.name)));
}

/** Where an application is asked, which asks its PDP. */
export function appTarget(pod: Pod): LoadTarget {
  return { name: pod.metadata.name, url: `http://${pod.status?.podIP ?? ''}:${APP_PORT}` };
}

/** What the application of a pod says of itself; rejects while it does not serve. */
export async function reportOf(pod: Pod): Promise<AppReport> {
  return (await (await fetch(appTarget(pod).url, { signal: AbortSignal.timeout(2_000) })).json()) as AppReport;
}

/**
 * Has the application ask its PDP at a rate, for some seconds after some of warming up. It asks when a question is due, whether or not
 * earlier ones have been answered, over connections that stay open, by a client that does as little as can be: what a larger one takes
 * for itself is not the PDP's.
 */
export async function measureFrom(
  pod: Pod,
  rate: number,
  seconds: number,
  warmUpSeconds: number,
): Promise<AppMeasurement> {
  const query = `rate=${rate}&seconds=${seconds}&warm-up=${warmUpSeconds}`;
  const answer = await fetch(`${appTarget(pod).url}/measure?${query}`);
  return (await answer.json()) as AppMeasurement;
}

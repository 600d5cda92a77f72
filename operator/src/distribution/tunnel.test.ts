import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { generateSigningKey, parseManifest, verifyRevision, type Digest } from '@edict/bundle';
import { Registry } from 'prom-client';
import {
  createArtifactClient,
  createPdpClient,
  dialGrpc,
  dialTunnel,
  PDP_DEFAULTS,
  PeerError,
  StreamConnection,
  summarizeManifest,
  systemClock,
  type Certificate,
  type PdpClient,
  type PeerIdentity,
} from '@edict/protocol';
import { selfSigned } from '../testing/self-signed.ts';
import { MemoryBackend } from './memory-backend.ts';
import { createDistributionMetrics } from './metrics.ts';
import { createDistributor, type Distributor } from './distributor.ts';
import { createDistributionServer, type DistributionServer } from './server.ts';
import { createTunnelMetrics } from './tunnel-metrics.ts';

const SET = 'default/payments';
const log = { info: () => undefined, warn: () => undefined };
const encode = (text: string) => new TextEncoder().encode(text);
const key = generateSigningKey();

let folder = '';
let certificate: Certificate;
const running: { close: () => unknown }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-tunnel-'));
  certificate = await selfSigned();
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
});
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Tokens name who has them: `pdp-1`, or `operator-1`. */
function judge(kind: string, serviceAccount: string): (token: string) => Promise<PeerIdentity> {
  return (token) =>
    token.startsWith(`${kind}-`)
      ? Promise.resolve({
          nodeId: `uid-${token}`,
          podName: token,
          namespace: 'default',
          serviceAccount,
          sets: [SET],
        })
      : Promise.reject(new PeerError('InvalidToken', `${token} is not one of the ${serviceAccount}s`));
}

/** Replicas of one operator, over one store: who leads is for the test to say. */
class Cluster {
  readonly backend = new MemoryBackend(SET, 'uid-1', key);
  readonly #replicas = new Map<string, Replica>();
  leader: string | undefined;

  /** `token`: by what it shows the others that it is one of them. */
  async start(name: string, token = name): Promise<Replica> {
    const replica = await Replica.start(name, token, this);
    this.#replicas.set(name, replica);
    return replica;
  }

  /** Makes it the leader, whoever was one before. */
  lead(replica: Replica): void {
    this.leader = replica.name;
    replica.lead();
  }

  portOf(name: string): number | undefined {
    return this.#replicas.get(name)?.server.streamPort;
  }
}

class Replica {
  readonly name: string;
  readonly server: DistributionServer;
  readonly #cluster: Cluster;
  readonly #registry: Registry;
  readonly #metrics: ReturnType<typeof createDistributionMetrics>;
  readonly #holder: { distributor: Distributor | undefined };
  readonly #ticketKey: Uint8Array;

  private constructor(parts: {
    readonly name: string;
    readonly server: DistributionServer;
    readonly cluster: Cluster;
    readonly registry: Registry;
    readonly metrics: ReturnType<typeof createDistributionMetrics>;
    readonly holder: { distributor: Distributor | undefined };
    readonly ticketKey: Uint8Array;
  }) {
    this.name = parts.name;
    this.server = parts.server;
    this.#cluster = parts.cluster;
    this.#registry = parts.registry;
    this.#metrics = parts.metrics;
    this.#holder = parts.holder;
    this.#ticketKey = parts.ticketKey;
  }

  static async start(name: string, token: string, cluster: Cluster): Promise<Replica> {
    const registry = new Registry();
    const metrics = createDistributionMetrics(registry);
    const holder: { distributor: Distributor | undefined } = { distributor: undefined };
    const tokenFile = join(folder, `replica-${name}`);
    await writeFile(tokenFile, token);
    // Each replica has a key of its own: what is fetched at a follower has to be by the leader's.
    const ticketKey = crypto.getRandomValues(new Uint8Array(32));
    const server = await createDistributionServer({
      host: '127.0.0.1',
      streamPort: 0,
      artifactsPort: 0,
      tls: () => certificate,
      reviewToken: judge('pdp', 'pdp'),
      ticketKey,
      leading: () => holder.distributor && { accept: holder.distributor.accept, artifacts: cluster.backend },
      tunnel: {
        replica: name,
        reviewReplica: judge('operator', 'operator'),
        admit: ({ podName }) => {
          if (podName === 'pdp-unknown') throw new PeerError('UnknownPeer', 'no such pod');
        },
        leader: () => cluster.leader,
        findLeader: () => {
          const port = cluster.leader === name ? undefined : cluster.portOf(cluster.leader ?? '');
          if (port === undefined) return Promise.resolve(undefined);
          const address = `127.0.0.1:${port}`;
          const tls = { ca: certificate.cert, serverName: 'localhost' };
          return Promise.resolve(dialTunnel({ address, ...tls, tokenFile, clock: systemClock }));
        },
        artifacts: cluster.backend,
        metrics: createTunnelMetrics(registry),
      },
      clock: systemClock,
      random: Math.random,
      log,
      metrics,
    });
    const replica = new Replica({ name, server, cluster, registry, metrics, holder, ticketKey });
    running.push({ close: () => replica.die() });
    return replica;
  }

  lead(): void {
    const { backend } = this.#cluster;
    this.#holder.distributor = createDistributor({
      backend,
      replica: this.name,
      // Nobody can fetch from there: what is fetched comes by the connections of the streams.
      artifactsUrl: 'https://127.0.0.1:1',
      ticketKey: this.#ticketKey,
      clock: systemClock,
      random: Math.random,
      log,
      metrics: this.#metrics,
      tuning: { settleMs: 0, spreadMs: 20 },
    });
  }

  get distributor(): Distributor {
    const { distributor } = this.#holder;
    if (distributor === undefined) throw new Error(`${this.name} does not lead`);
    return distributor;
  }

  /** The process ends. */
  async die(): Promise<void> {
    this.#holder.distributor?.close();
    this.#holder.distributor = undefined;
    await this.server.close();
  }

  async metric(name: string): Promise<number | undefined> {
    const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(await this.#registry.metrics()) ?? [];
    return value === undefined ? undefined : Number(value);
  }
}

interface TestPdp {
  readonly client: PdpClient;
  readonly served: () => number;
  readonly held: ReadonlyMap<Digest, Uint8Array>;
}

/** A real PDP client that dials whichever replica `port` names. */
async function startPdp(name: string, port: () => number): Promise<TestPdp> {
  const tokenFile = join(folder, `token-${name}`);
  await writeFile(tokenFile, name);
  const caFile = join(folder, 'ca.pem');
  const held = new Map<Digest, Uint8Array>();
  let served = 0;
  const tls = { caFile, serverName: 'localhost', clock: systemClock };
  const connection = new StreamConnection();
  const artifacts = createArtifactClient({ url: 'https://127.0.0.1:1', ...tls, connection, random: Math.random });
  const client = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: { name: 'edict', version: '1.0.0', features: [] } },
    records: new Map(),
    clock: systemClock,
    random: Math.random,
    log,
    backoff: { baseMs: 5, maxMs: 20, healthyMs: 1000, refusedMinMs: 5, refusedMaxMs: 20 },
    dial: (handlers) => dialGrpc({ address: `127.0.0.1:${port()}`, tokenFile, ...tls, connection })(handlers),
    ports: {
      fetchManifest: async (request, signal) => {
        verifyRevision(request.revision, new Map([[key.keyId, key.publicKey]]));
        const bytes = await artifacts.fetch(request, request.revision.digest, signal);
        return summarizeManifest(parseManifest(bytes));
      },
      fetchBundles: async (request, missing, signal) => {
        for (const digest of missing) held.set(digest, await artifacts.fetch(request, digest, signal));
      },
      compile: () => Promise.resolve({ compileMs: 1, heapDeltaBytes: 1 }),
      runTests: () => Promise.resolve({ passed: 0, failed: 0 }),
      persist: () => Promise.resolve(),
      swap: (_set, revision) => {
        served = revision.n;
      },
      retain: () => undefined,
      assigned: () => undefined,
    },
  });
  running.push(client, artifacts);
  client.start();
  return { client, served: () => served, held };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const publish = (backend: MemoryBackend, ...texts: string[]) =>
  backend.publish(texts.map(encode), (bytes) => gzipSync(bytes), new Date().toISOString());

test('PDPs that dial a follower prepare, commit and are counted by name at the leader, and fetch from the follower', async () => {
  const cluster = new Cluster();
  const [leader, follower] = [await cluster.start('operator-0'), await cluster.start('operator-1')];
  cluster.lead(leader);
  await until(async () => (await follower.metric('operator_tunnel_connected')) === 1);
  const ports = [follower.server.streamPort, follower.server.streamPort, leader.server.streamPort];
  const pdps = await Promise.all(ports.map((port, index) => startPdp(`pdp-${index}`, () => port)));
  await until(() => leader.distributor.pdps().filter(({ connected }) => connected).length === 3);
  publish(cluster.backend, 'a', 'b');
  await until(() => leader.distributor.progress(SET)?.ready.status === 'True');
  expect(pdps.map(({ served }) => served())).toEqual([1, 1, 1]);
  expect(pdps.map(({ held }) => held.size)).toEqual([2, 2, 2]);
  expect(leader.distributor.pdps()).toMatchObject([
    { pod: 'default/pdp-0', connected: true, sets: [{ active: 1 }] },
    { pod: 'default/pdp-1', connected: true, sets: [{ active: 1 }] },
    { pod: 'default/pdp-2', connected: true, sets: [{ active: 1 }] },
  ]);
  expect(await leader.metric('operator_tunnel_followers')).toBe(1);
  expect(await leader.metric('operator_tunnel_pdps')).toBe(2);
  expect(await follower.metric('operator_tunnel_streams')).toBe(2);
  const sent = (kind: string) => `operator_artifact_requests_total\\{kind="${kind}",outcome="sent"\\}`;
  expect(await follower.metric(sent('bundle'))).toBe(4);
  expect(await leader.metric(sent('bundle'))).toBe(2);
});

test('a leader that dies costs its carried PDPs nothing but a dial: the next leader has them, by the same follower', async () => {
  const cluster = new Cluster();
  const [first, next, follower] = [
    await cluster.start('operator-0'),
    await cluster.start('operator-1'),
    await cluster.start('operator-2'),
  ];
  cluster.lead(first);
  await until(async () => (await follower.metric('operator_tunnel_connected')) === 1);
  const pdp = await startPdp('pdp-0', () => follower.server.streamPort);
  publish(cluster.backend, 'a');
  await until(() => pdp.served() === 1);
  await first.die();
  await until(() => pdp.client.state().connection === 'Down');
  cluster.lead(next);
  await until(() => next.distributor.pdps().some(({ connected }) => connected));
  publish(cluster.backend, 'b');
  await until(() => pdp.served() === 2);
  expect(await follower.metric('operator_tunnel_streams_ended_total\\{reason="cut"\\}')).toBeGreaterThan(0);
  expect(await next.metric('operator_tunnel_pdps')).toBe(1);
});

test('a follower that becomes the leader carries nothing any more, and serves who comes back', async () => {
  const cluster = new Cluster();
  const [first, follower] = [await cluster.start('operator-0'), await cluster.start('operator-1')];
  cluster.lead(first);
  await until(async () => (await follower.metric('operator_tunnel_connected')) === 1);
  const pdp = await startPdp('pdp-0', () => follower.server.streamPort);
  publish(cluster.backend, 'a');
  await until(() => pdp.served() === 1);
  // The old one lives on and believes that it leads, as one does that is cut off.
  cluster.lead(follower);
  await until(() => follower.distributor.pdps().some(({ connected }) => connected));
  await until(async () => (await first.metric('operator_tunnel_followers')) === 0);
  publish(cluster.backend, 'b');
  await until(() => pdp.served() === 2);
  expect(await follower.metric('operator_tunnel_connected')).toBe(0);
});

test.each([
  ['a PDP', 'pdp-7'],
  ['another program', 'console-1'],
])('the tunnel of %s is refused; PDPs that dial it get nothing', async (_who, token) => {
  const cluster = new Cluster();
  const leader = await cluster.start('operator-0');
  const forger = await cluster.start('operator-1', token);
  cluster.lead(leader);
  await until(
    async () => ((await leader.metric('operator_pdp_authentications_total\\{outcome="refused"\\}')) ?? 0) > 0,
  );
  const [lost, good] = [
    await startPdp('pdp-0', () => forger.server.streamPort),
    await startPdp('pdp-1', () => leader.server.streamPort),
  ];
  publish(cluster.backend, 'a');
  await until(() => good.served() === 1);
  expect(lost.served()).toBe(0);
  expect(await leader.metric('operator_tunnel_followers')).toBe(0);
  expect(await forger.metric('operator_tunnel_connected')).toBe(0);
  expect(leader.distributor.pdps().map(({ pod }) => pod)).toEqual(['default/pdp-1']);
});

test('a PDP whom only the follower knows is not let in', async () => {
  const cluster = new Cluster();
  const [leader, follower] = [await cluster.start('operator-0'), await cluster.start('operator-1')];
  cluster.lead(leader);
  await until(async () => (await follower.metric('operator_tunnel_connected')) === 1);
  const unknown = await startPdp('pdp-unknown', () => follower.server.streamPort);
  const known = await startPdp('pdp-0', () => follower.server.streamPort);
  publish(cluster.backend, 'a');
  await until(() => known.served() === 1);
  expect(unknown.served()).toBe(0);
  expect(leader.distributor.pdps().map(({ pod }) => pod)).toEqual(['default/pdp-0']);
});

test('a follower that stops asks its PDPs to leave and takes no more; a leader that stops ends its tunnels', async () => {
  const cluster = new Cluster();
  const [leader, follower, other] = [
    await cluster.start('operator-0'),
    await cluster.start('operator-1'),
    await cluster.start('operator-2'),
  ];
  cluster.lead(leader);
  for (const replica of [follower, other]) {
    await until(async () => (await replica.metric('operator_tunnel_connected')) === 1);
  }
  let port = follower.server.streamPort;
  const pdp = await startPdp('pdp-0', () => port);
  publish(cluster.backend, 'a');
  await until(() => pdp.served() === 1);
  port = other.server.streamPort;
  await follower.server.drain('the operator is shutting down', 5_000);
  expect(await follower.metric('operator_tunnel_streams')).toBe(0);
  await until(async () => (await other.metric('operator_tunnel_streams')) === 1);
  await leader.server.drain('the operator is shutting down', 0);
  await until(async () => (await other.metric('operator_tunnel_connected')) === 0);
  await until(() => pdp.client.state().connection === 'Down');
  expect(await other.metric('operator_tunnel_streams_ended_total\\{reason="cut"\\}')).toBe(1);
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
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
  encodePdpMessage,
  MESSAGE_MAX_BYTES,
  PDP_DEFAULTS,
  PeerError,
  summarizeManifest,
  systemClock,
  type Certificate,
  type HelloSet,
  type PdpClient,
} from '@edict/protocol';
import { selfSigned } from '../testing/self-signed.ts';
import { MemoryBackend } from './memory-backend.ts';
import { createDistributionMetrics } from './metrics.ts';
import { createDistributor, type Distributor } from './distributor.ts';
import { createDistributionServer, type DistributionServer } from './server.ts';

const SET = 'default/payments';
const log = { info: () => undefined, warn: () => undefined };
const encode = (text: string) => new TextEncoder().encode(text);
const key = generateSigningKey();

let folder = '';
let certificate: Certificate;
const running: { close: () => unknown }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-distribution-'));
  certificate = await selfSigned();
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
});
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A replica of an operator: the server, and the distributor that it has while it leads. */
interface Replica extends DistributionServer {
  readonly lead: () => void;
  readonly follow: () => void;
  readonly distributor: () => Distributor | undefined;
  readonly progress: (set: string) => ReturnType<Distributor['progress']>;
  readonly pdps: () => ReturnType<Distributor['pdps']>;
  /** Its metrics. */
  readonly text: () => Promise<string>;
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Tokens are `good-<n>`, for the pod of that number. */
async function startServer(backend: MemoryBackend): Promise<Replica> {
  const registry = new Registry();
  const metrics = createDistributionMetrics(registry);
  const ticketKey = new Uint8Array(32).fill(3);
  let distributor: Distributor | undefined;
  const server = await createDistributionServer({
    host: '127.0.0.1',
    streamPort: 0,
    artifactsPort: 0,
    tls: () => certificate,
    reviewToken: (token) => {
      const [, index] = /^good-(\d+)$/.exec(token) ?? [];
      if (index === undefined) return Promise.reject(new PeerError('InvalidToken', 'the token is revoked'));
      return Promise.resolve({
        nodeId: `node-${index}`,
        podName: `pdp-${index}`,
        namespace: 'default',
        serviceAccount: 'pdp',
        sets: [SET],
      });
    },
    ticketKey,
    leading: () => distributor && { accept: distributor.accept, artifacts: backend },
    clock: systemClock,
    random: Math.random,
    log,
    metrics,
  });
  const follow = () => {
    distributor?.close();
    distributor = undefined;
  };
  running.push({
    close: async () => {
      follow();
      await server.close();
    },
  });
  return {
    ...server,
    lead: () => {
      distributor ??= createDistributor({
        backend,
        replica: 'operator-0',
        artifactsUrl: '',
        ticketKey,
        clock: systemClock,
        random: Math.random,
        log,
        metrics,
        tuning: { settleMs: 0, spreadMs: 20 },
      });
    },
    follow,
    distributor: () => distributor,
    progress: (set) => distributor?.progress(set),
    pdps: () => distributor?.pdps() ?? [],
    text: () => registry.metrics(),
  };
}

interface TestPdp {
  readonly client: PdpClient;
  readonly served: () => number;
  readonly held: ReadonlyMap<Digest, Uint8Array>;
}

async function startPdp(server: Replica, index: number, token = `good-${index}`): Promise<TestPdp> {
  const tokenFile = join(folder, `token-${index}`);
  await writeFile(tokenFile, token);
  const caFile = join(folder, 'ca.pem');
  const held = new Map<Digest, Uint8Array>();
  let served = 0;
  const artifacts = createArtifactClient({
    url: `https://127.0.0.1:${server.artifactsPort}`,
    caFile,
    serverName: 'localhost',
    clock: systemClock,
    random: Math.random,
  });
  const client = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: { name: 'edict', version: '1.0.0', features: [] } },
    records: new Map(),
    clock: systemClock,
    random: Math.random,
    log,
    backoff: { baseMs: 5, maxMs: 20, healthyMs: 1000, refusedMinMs: 5, refusedMaxMs: 20 },
    dial: dialGrpc({
      address: `127.0.0.1:${server.streamPort}`,
      caFile,
      tokenFile,
      serverName: 'localhost',
      clock: systemClock,
    }),
    ports: {
      fetchManifest: async (request, signal) => {
        verifyRevision(request.revision, new Map([[key.keyId, key.publicKey]]));
        const bytes = await artifacts.fetch(request, request.revision.digest, signal);
        return summarizeManifest(parseManifest(bytes));
      },
      fetchBundles: async (request, missing, signal) => {
        await Promise.all(
          missing.map(async (digest) => {
            held.set(digest, await artifacts.fetch(request, digest, signal));
          }),
        );
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

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const publish = (backend: MemoryBackend, ...texts: string[]) =>
  backend.publish(texts.map(encode), (bytes) => gzipSync(bytes), new Date().toISOString());

test('over real sockets: fetched by ticket, verified, prepared by all, decided, served; the next moves only what changed', async () => {
  const backend = new MemoryBackend(SET, 'uid-1', key);
  const server = await startServer(backend);
  server.lead();
  const pdps = await Promise.all([0, 1, 2].map((index) => startPdp(server, index)));
  await until(() => server.pdps().filter(({ connected }) => connected).length === 3);
  publish(backend, 'a', 'b');
  await until(() => server.progress(SET)?.ready.status === 'True');
  expect(pdps.map(({ served }) => served())).toEqual([1, 1, 1]);
  expect(pdps.map(({ held }) => held.size)).toEqual([2, 2, 2]);
  publish(backend, 'a', 'c');
  await until(() => server.progress(SET)?.ready.status === 'True' && server.progress(SET)?.revision === 2);
  expect(pdps.map(({ held }) => held.size)).toEqual([3, 3, 3]);
  expect(server.pdps()).toMatchObject([
    { pod: 'default/pdp-0', sets: [{ active: 2 }] },
    { pod: 'default/pdp-1', sets: [{ active: 2 }] },
    { pod: 'default/pdp-2', sets: [{ active: 2 }] },
  ]);
});

test('a replica that does not lead takes nobody; when it leads, the PDPs come and get what is committed', async () => {
  const backend = new MemoryBackend(SET, 'uid-1', key);
  const server = await startServer(backend);
  publish(backend, 'a');
  const pdp = await startPdp(server, 0);
  expect(server.pdps()).toEqual([]);
  expect(server.distributor()).toBeUndefined();
  server.lead();
  await until(() => pdp.served() === 1);
  server.follow();
  expect(server.progress(SET)).toBeUndefined();
  await until(() => pdp.client.state().connection === 'Down');
  expect(pdp.served()).toBe(1);
  publish(backend, 'b');
  server.lead();
  await until(() => pdp.served() === 2);
});

test('a revoked token gets nothing', async () => {
  const backend = new MemoryBackend(SET, 'uid-1', key);
  const server = await startServer(backend);
  server.lead();
  publish(backend, 'a');
  const refused = await startPdp(server, 7, 'revoked');
  const good = await startPdp(server, 1);
  await until(() => good.served() === 1);
  expect(refused.served()).toBe(0);
  expect(server.pdps().map(({ pod }) => pod)).toEqual(['default/pdp-1']);
});

test('a PDP that sends a message over the limit loses its stream, is told as missing with the cause, and serves what it has', async () => {
  const backend = new MemoryBackend(SET, 'uid-1', key);
  const server = await startServer(backend);
  server.lead();
  publish(backend, 'a');
  const good = await startPdp(server, 1);
  await until(() => good.served() === 1);
  const token = 'good-2';
  const session = connect(`https://127.0.0.1:${server.streamPort}`, { ca: certificate.cert, servername: 'localhost' });
  running.push({
    close: () => {
      session.destroy();
    },
  });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/edict.distribution.v1.DistributionService/Connect',
    'content-type': 'application/grpc',
    authorization: `Bearer ${token}`,
  });
  stream.on('error', () => undefined);
  const sets: readonly HelloSet[] = [];
  const engine = { name: 'edict', version: '1.0.0', features: [] };
  const hello = encodePdpMessage({ type: 'Hello', protocol: 1, engine, sets, bootReason: 'Fresh', capacityBytes: 0 });
  stream.write(framed(hello));
  await until(() => server.progress(SET)?.counts.connected === 2);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(MESSAGE_MAX_BYTES + 1, 1);
  stream.write(head);
  await until(() => server.progress(SET)?.counts.connected === 1);
  expect(server.progress(SET)?.exceptions).toMatchObject([
    { node: 'default/pdp-2', state: 'Missing', reason: expect.stringMatching(/^no live stream: Protocol: .*bytes/) },
  ]);
  expect(await server.text()).toContain('operator_pdp_streams_closed_total{reason="protocol"} 1');
  publish(backend, 'b');
  await until(() => good.served() === 2);
});

test('a bundle whose bytes are not what the manifest names aborts nothing that serves, and is refused', async () => {
  const backend = new MemoryBackend(SET, 'uid-1', key);
  const server = await startServer(backend);
  server.lead();
  const pdp = await startPdp(server, 0);
  await until(() => server.pdps().some(({ connected }) => connected));
  publish(backend, 'a');
  await until(() => pdp.served() === 1);
  backend.setOptions({ progressDeadlineMs: 5_000 });
  const { held } = pdp;
  const revision = backend.publish([encode('b')], () => gzipSync(encode('something else')), new Date().toISOString());
  await until(() => backend.decisionOf(revision.n) !== undefined);
  expect(backend.decisionOf(revision.n)).toMatchObject({ type: 'Abort', cause: { reason: 'Timeout' } });
  expect(JSON.stringify(backend.decisionOf(revision.n))).toContain('DigestMismatch');
  expect(pdp.served()).toBe(1);
  expect(held.size).toBe(1);
});

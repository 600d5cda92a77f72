import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { formatTrustedKeys, generateSigningKey, parseManifest, verifyRevision } from '@edict/bundle';
import { Registry } from 'prom-client';
import {
  createArtifactClient,
  createPdpClient,
  dialGrpc,
  PDP_DEFAULTS,
  PeerError,
  siteIdentity,
  summarizeManifest,
  systemClock,
  type Certificate,
  type PdpClient,
} from '@edict/protocol';
import { createDistributor, type Distributor } from '../distribution/distributor.ts';
import { createDistributionMetrics, createDistributionServer } from '../distribution/index.ts';
import { MemoryBackend } from '../distribution/memory-backend.ts';
import { selfSigned } from '../testing/self-signed.ts';

const SET = 'default/payments';
const SITE = 'eu-west';
const log = { info: () => undefined, warn: () => undefined };
const key = generateSigningKey();
const MAIN = new URL('../main.ts', import.meta.url).pathname;

let folder = '';
let certificate: Certificate;
const running: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-relay-'));
  certificate = await selfSigned();
  const pdps = [0, 1, 2].map((index) => ({
    name: `pdp-${index}`,
    namespace: 'default',
    tokenSha256: createHash('sha256').update(`secret-${index}`).digest('hex'),
  }));
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
  await writeFile(join(folder, 'key.pem'), certificate.key);
  await writeFile(join(folder, 'keys.json'), formatTrustedKeys([key.publicKey]));
  await writeFile(join(folder, 'site-token'), 'token-of-the-site');
  await writeFile(join(folder, 'tokens.json'), JSON.stringify({ pdps }));
  for (const index of [0, 1, 2]) await writeFile(join(folder, `token-${index}`), `secret-${index}`);
});
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A line to the hub that can be cut: from then on nothing passes, and nobody is let in. */
class Line {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    if (this.isCut) {
      socket.destroy();
      return;
    }
    const far = connect(this.#target, '127.0.0.1');
    for (const end of [socket, far]) {
      this.#sockets.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        this.#sockets.delete(end);
        socket.destroy();
        far.destroy();
      });
    }
    socket.pipe(far).pipe(socket);
  });
  readonly #target: number;
  isCut = false;

  constructor(target: number) {
    this.#target = target;
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    running.push(() => {
      this.cut();
      this.#server.close();
    });
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.isCut = false;
  }
}

interface Hub {
  readonly backend: MemoryBackend;
  readonly distributor: Distributor;
  readonly lines: readonly Line[];
  readonly ports: { readonly streams: number; readonly artifacts: number };
}

async function startHub(): Promise<Hub> {
  const backend = new MemoryBackend(SET, 'uid-1', key);
  backend.setSites([SITE]);
  backend.setMembers(new Map());
  const metrics = createDistributionMetrics(new Registry());
  const ticketKey = new Uint8Array(32).fill(3);
  const common = { clock: systemClock, random: Math.random, log, metrics };
  const rest = { backend, replica: 'hub-0', artifactsUrl: 'https://10.0.0.1:9445', ticketKey };
  const distributor = createDistributor({ ...common, ...rest, tuning: { settleMs: 0, spreadMs: 20 } });
  const server = await createDistributionServer({
    ...common,
    host: '127.0.0.1',
    streamPort: 0,
    artifactsPort: 0,
    tls: () => certificate,
    reviewToken: (token) =>
      token === 'token-of-the-site'
        ? Promise.resolve(siteIdentity(SITE, 'relay'))
        : Promise.reject(new PeerError('InvalidToken', 'not a token of a relay')),
    ticketKey,
    leading: () => ({ accept: distributor.accept, artifacts: backend }),
  });
  running.push(() => {
    distributor.close();
    return server.close();
  });
  const lines = [new Line(server.streamPort), new Line(server.artifactsPort)];
  const [streams = 0, artifacts = 0] = await Promise.all(lines.map((line) => line.open()));
  return { backend, distributor, lines, ports: { streams, artifacts } };
}

interface RelayProcess {
  readonly ports: { readonly streams: number; readonly artifacts: number; readonly http: number };
  /** What it wrote. */
  readonly output: () => readonly string[];
  readonly kill: (signal: 'SIGKILL' | 'SIGTERM') => Promise<number | null>;
}

async function startRelay({ ports }: Hub, stateDir: string): Promise<RelayProcess> {
  const file = (name: string): string => join(folder, name);
  const options = {
    site: SITE,
    upstream: `127.0.0.1:${ports.streams}`,
    'upstream-bundles': `https://127.0.0.1:${ports.artifacts}`,
    'upstream-ca': file('ca.pem'),
    'upstream-token': file('site-token'),
    'upstream-server-name': 'localhost',
    set: SET,
    keys: file('keys.json'),
    'state-dir': stateDir,
    'tls-cert': file('ca.pem'),
    'tls-key': file('key.pem'),
    'pdp-tokens': file('tokens.json'),
    host: '127.0.0.1',
    port: '0',
    'bundles-port': '0',
    'http-port': '0',
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'relay', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  let output = '';
  const started = new Promise<RelayProcess['ports']>((resolve, reject) => {
    const hear = (piece: Buffer): void => {
      output += piece.toString();
      const line = output.split('\n').find((text) => text.includes('"relay started"') && text.endsWith('}'));
      if (line === undefined) return;
      const { streamPort, artifactsPort, httpPort } = JSON.parse(line) as Record<string, number>;
      resolve({ streams: streamPort ?? 0, artifacts: artifactsPort ?? 0, http: httpPort ?? 0 });
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    void ended.then((code) => {
      reject(new Error(`the relay ended with ${code}: ${output}`));
    });
  });
  const kill = (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return ended;
  };
  running.push(() => kill('SIGKILL'));
  return { ports: await started, output: () => output.trim().split('\n'), kill };
}

interface SitePdp {
  readonly client: PdpClient;
  readonly served: () => number;
}

function startPdp({ ports }: RelayProcess, index: number): SitePdp {
  const caFile = join(folder, 'ca.pem');
  const common = { caFile, serverName: 'localhost', clock: systemClock, random: Math.random };
  const artifacts = createArtifactClient({ ...common, url: `https://127.0.0.1:${ports.artifacts}` });
  const address = `127.0.0.1:${ports.streams}`;
  let served = 0;
  const client = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: { name: 'edict', version: '1.0.0', features: [] } },
    records: new Map(),
    clock: systemClock,
    random: Math.random,
    log,
    backoff: { baseMs: 5, maxMs: 20, healthyMs: 1000, refusedMinMs: 5, refusedMaxMs: 20 },
    dial: dialGrpc({ ...common, address, tokenFile: join(folder, `token-${index}`) }),
    ports: {
      fetchManifest: async (request, signal) => {
        verifyRevision(request.revision, new Map([[key.keyId, key.publicKey]]));
        return summarizeManifest(parseManifest(await artifacts.fetch(request, request.revision.digest, signal)));
      },
      fetchBundles: async (request, missing, signal) => {
        await Promise.all(missing.map((digest) => artifacts.fetch(request, digest, signal)));
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
  running.push(() => client.close(), artifacts.close);
  client.start();
  return { client, served: () => served };
}

async function until(what: string, condition: () => boolean, describe: () => unknown = () => ''): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never came true: ${what}; ${JSON.stringify(describe())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const publish = (backend: MemoryBackend, ...texts: string[]) =>
  backend.publish(
    texts.map((text) => new TextEncoder().encode(text)),
    (bytes) => gzipSync(bytes),
    new Date().toISOString(),
  );

test('a site serves what the hub decides; cut off, it keeps what it has and catches up; it outlives the hub', async () => {
  const stateDir = join(folder, 'state');
  const hub = await startHub();
  const { backend, distributor, lines } = hub;
  publish(backend, 'a', 'b');
  let relay = await startRelay(hub, stateDir);
  let pdps = [0, 1, 2].map((index) => startPdp(relay, index));
  const site = () => distributor.progress(SET)?.sites?.[0];
  await until('the site serves revision 1', () => pdps.every(({ served }) => served() === 1), relay.output);
  await until('the hub has counted', () => site()?.report?.counts.active === 3 && site()?.active === 1, site);
  expect(site()).toMatchObject({ site: SITE, connected: true, prepared: true });

  publish(backend, 'a', 'c');
  await until('the site serves revision 2', () => pdps.every(({ served }) => served() === 2), site);

  for (const line of lines) line.cut();
  await until('the hub sees it', () => site()?.connected === false);
  publish(backend, 'a', 'd');
  await until('decided without the site', () => backend.decisionOf(3)?.type === 'Commit');
  expect(pdps.map(({ served }) => served())).toEqual([2, 2, 2]);
  expect(pdps.map(({ client }) => client.state().connection)).toEqual(['Up', 'Up', 'Up']);
  for (const line of lines) line.heal();
  await until('the missed commit is installed', () => pdps.every(({ served }) => served() === 3), site);
  await until('the hub knows', () => site()?.active === 3 && site()?.report?.counts.active === 3, site);

  for (const line of lines) line.cut();
  await Promise.all(pdps.map(({ client }) => client.close()));
  await relay.kill('SIGKILL');
  relay = await startRelay(hub, stateDir);
  pdps = [0].map((index) => startPdp(relay, index));
  await until('a PDP without a disk gets what was decided last', () => pdps[0]?.served() === 3);
  const lease = pdps[0]?.client.state().sets.get(SET)?.lease;
  expect(lease?.stableRev ?? 0).toBeLessThanOrEqual(3);
  const metrics = await (await fetch(`http://127.0.0.1:${relay.ports.http}/metrics`)).text();
  expect(metrics).toContain('operator_relay_hub_connected 0');
  expect(metrics).toContain(`operator_relay_revision_committed{set="${SET}"} 3`);
  // One manifest and two bundles: what was before is not kept.
  expect(await readdir(join(stateDir, 'artifacts'))).toHaveLength(3);

  const damaged = join(stateDir, 'sets', `${encodeURIComponent(SET)}.json`);
  await Promise.all(pdps.map(({ client }) => client.close()));
  expect(await relay.kill('SIGTERM')).toBe(0);
  await writeFile(damaged, '{"set":');
  relay = await startRelay(hub, stateDir);
  pdps = [startPdp(relay, 1)];
  await until('the relay lets it in', () => pdps[0]?.client.state().connection === 'Up');
  expect(pdps[0]?.served()).toBe(0);
  publish(backend, 'a', 'e');
  for (const line of lines) line.heal();
  await until('it begins anew from its hub', () => pdps[0]?.served() === 4, site);
});

test('what is wrong with its options is said all at once', async () => {
  const child = spawn(process.execPath, [MAIN, 'relay', '--site', 'Not a site', '--set', 'x', '--port', '70000']);
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(1);
  for (const option of ['site', 'set', 'port', 'upstream', 'state-dir', 'keys']) expect(said).toContain(option);
});

import { createServer, type Server } from 'node:https';
import { gzipSync } from 'node:zlib';
import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { canonicalJson, createManifest, digestOf, type Digest } from '@edict/bundle';
import { systemClock } from '../clock.ts';
import { createAuthority, createFolder, type TestAuthority } from '../testing/certificates.ts';
import { createArtifactClient, type ArtifactClientOptions } from './artifact-client.ts';
import { serveArtifacts, type ArtifactOutcome, type ArtifactServerOptions } from './artifact-server.ts';
import { issueTicket, TICKET_LIFETIME_MS } from './ticket.ts';

const log = { info: () => undefined, warn: () => undefined };
const key = new Uint8Array(32).fill(7);
const content = new TextEncoder().encode('bundle content');
const bundle = digestOf(content);
const gzip = gzipSync(content);
const foreign = digestOf('another bundle');
const manifestText = canonicalJson(
  createManifest({
    setUid: 'uid-1',
    engineMin: '0.1.0',
    policies: 1,
    domains: [
      {
        namespace: 'default',
        name: 'a',
        uid: 'u',
        generation: 1,
        digest: bundle,
        size: content.length,
        gzSize: gzip.length,
      },
    ],
  }),
);
const manifest = digestOf(manifestText);
const stored = new Map<Digest, Uint8Array>([
  [manifest, new TextEncoder().encode(manifestText)],
  [bundle, gzip],
  [foreign, gzip],
]);

let authority: TestAuthority;
let folder: Awaited<ReturnType<typeof createFolder>>;
let caFile = '';
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await createAuthority('test authority');
  folder = await createFolder();
  caFile = await folder.write('ca.pem', authority.caPem);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => folder.remove());

async function startServer(
  over: Partial<ArtifactServerOptions> = {},
): Promise<{ url: string; outcomes: ArtifactOutcome[] }> {
  const issued = await authority.issue('02', ['127.0.0.1']);
  const outcomes: ArtifactOutcome[] = [];
  const server = await serveArtifacts({
    host: '127.0.0.1',
    port: 0,
    certificate: { current: () => issued, onChange: () => () => undefined },
    store: {
      getManifest: (digest) => Promise.resolve(stored.get(digest)),
      getBundle: (digest) => Promise.resolve(stored.get(digest)),
    },
    ticketKey: () => key,
    clock: systemClock,
    log,
    onRequest: (_kind, outcome) => {
      outcomes.push(outcome);
    },
    ...over,
  });
  closing.push(() => server.close());
  return { url: `https://127.0.0.1:${server.port}`, outcomes };
}

/** A server that answers as it is told, for what a real one would never send. */
async function startFaultyServer(listener: RequestListener): Promise<string> {
  const { cert, key: privateKey } = await authority.issue('05');
  const server: Server = createServer({ cert, key: privateKey }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

function aClient(url: string, change: Partial<ArtifactClientOptions> = {}) {
  const client = createArtifactClient({
    url,
    caFile,
    serverName: 'localhost',
    clock: systemClock,
    random: Math.random,
    retryBaseMs: 1,
    ...change,
  });
  closing.push(client.close);
  return client;
}

const aTicket = (change: { manifest?: Digest; now?: number; key?: Uint8Array } = {}) =>
  issueTicket({ nodeId: 'node-1', manifest: change.manifest ?? manifest }, change.key ?? key, change.now ?? Date.now());
const never = new AbortController().signal;

test('the manifest and its bundles are fetched with the ticket of the offer', async () => {
  const { url, outcomes } = await startServer();
  const client = aClient(url);
  const location = { artifactsUrl: '', ticket: aTicket() };
  const [first, second] = await Promise.all([
    client.fetch(location, manifest, never),
    client.fetch(location, bundle, never),
  ]);
  expect(Buffer.from(first).toString()).toBe(manifestText);
  expect(Buffer.from(second)).toEqual(gzip);
  expect(outcomes).toEqual(['sent', 'sent']);
});

test('an operator that is known by its address is trusted if its certificate has it', async () => {
  const { url } = await startServer();
  const client = aClient(url, { serverName: '127.0.0.1' });
  await expect(client.fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never)).resolves.toBeDefined();
});

test('the address in the Welcome is preferred to the configured one', async () => {
  const { url } = await startServer();
  const client = aClient('https://127.0.0.1:1');
  await expect(client.fetch({ artifactsUrl: url, ticket: aTicket() }, bundle, never)).resolves.toBeDefined();
});

test.each([
  ['a ticket signed with another key is refused', aTicket({ key: new Uint8Array(32) }), bundle, 'TicketRefused'],
  ['an expired ticket is refused', aTicket({ now: Date.now() - TICKET_LIFETIME_MS - 1 }), bundle, 'TicketRefused'],
  ['no ticket is refused', 'x', bundle, 'TicketRefused'],
  ['a bundle that the manifest does not name is refused', aTicket(), foreign, 'TicketRefused'],
  ['a manifest that is not there is missing', aTicket({ manifest: foreign }), bundle, 'NotFound'],
])('%s', async (_name, ticket, digest, code) => {
  const { url } = await startServer();
  stored.delete(foreign);
  await expect(aClient(url).fetch({ artifactsUrl: '', ticket }, digest, never)).rejects.toMatchObject({
    name: 'RefusalError',
    phase: 'Fetch',
    code,
    deterministic: false,
  });
});

test('a replica that does not have it is not asked again because its connection is kept', async () => {
  const ports: (number | undefined)[] = [];
  let status = 200;
  const url = await startFaultyServer((request, response) => {
    ports.push(request.socket.remotePort);
    response.writeHead(status).end(status === 200 ? gzip : 'gone');
  });
  const client = aClient(url);
  const fetched = () => client.fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never);
  await fetched();
  status = 404;
  await expect(fetched()).rejects.toMatchObject({ code: 'NotFound' });
  status = 200;
  await fetched();
  expect(ports[1]).toBe(ports[0]);
  expect(ports[2]).not.toBe(ports[1]);
});

test('wrong bytes are refused by their digest and not asked for again', async () => {
  let requests = 0;
  const url = await startFaultyServer((_request, response) => {
    requests += 1;
    response.end(gzipSync('something else'));
  });
  await expect(aClient(url).fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never)).rejects.toMatchObject({
    phase: 'Verify',
    code: 'DigestMismatch',
  });
  expect(requests).toBe(1);
});

test('a body that breaks off is fetched again', async () => {
  let requests = 0;
  const url = await startFaultyServer((_request, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': String(gzip.length) });
    if (requests > 2) response.end(gzip);
    else response.write(gzip.subarray(0, 5), () => response.destroy());
  });
  await expect(aClient(url).fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never)).resolves.toHaveLength(
    gzip.length,
  );
  expect(requests).toBe(3);
});

test('a server that is busy for a while is asked again', async () => {
  let requests = 0;
  const url = await startFaultyServer((_request, response) => {
    requests += 1;
    if (requests < 3) response.writeHead(503).end();
    else response.end(gzip);
  });
  await expect(aClient(url).fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never)).resolves.toHaveLength(
    gzip.length,
  );
});

test.each([
  ['announced', { 'content-length': String(2 * 1024 * 1024) }],
  ['not announced', {}],
])('a body over the limit is refused, its length %s', async (_name, headers) => {
  const url = await startFaultyServer((_request, response) => {
    response.writeHead(200, headers);
    response.end(Buffer.alloc(2 * 1024 * 1024));
  });
  await expect(aClient(url).fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never)).rejects.toMatchObject({
    code: 'TooLarge',
  });
});

test('a server that says nothing is given up, and the end of the wait ends the tries and names what failed last', async () => {
  let asked = 0;
  const stop = new AbortController();
  const url = await startFaultyServer(() => {
    asked += 1;
    if (asked === 3) stop.abort();
  });
  // Every try shakes hands within it too.
  const waiting = aClient(url, { idleTimeoutMs: 1_000 }).fetch(
    { artifactsUrl: '', ticket: aTicket() },
    bundle,
    stop.signal,
  );
  await expect(waiting).rejects.toMatchObject({
    name: 'RefusalError',
    phase: 'Fetch',
    code: 'Timeout',
    detail: { message: `${bundle}: given up; tries that failed: 2; the last one: nothing came for 1000 ms` },
  });
});

test('a fetch whose end comes within its first try says that there was none', async () => {
  const stop = new AbortController();
  const url = await startFaultyServer(() => stop.abort());
  const waiting = aClient(url).fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, stop.signal);
  await expect(waiting).rejects.toMatchObject({ phase: 'Fetch', code: 'Cancelled' });
});

test('an operator that cannot be reached until the end of the wait is what the refusal names', async () => {
  const stop = new AbortController();
  const random = (): number => (stop.abort(), 0);
  const waiting = aClient('https://127.0.0.1:1', { random }).fetch(
    { artifactsUrl: '', ticket: aTicket() },
    bundle,
    stop.signal,
  );
  await expect(waiting).rejects.toMatchObject({
    code: 'ECONNREFUSED',
    detail: { message: expect.stringContaining('tries that failed: 1; the last one: connect ECONNREFUSED') },
  });
});

test('no more than the allowed number of transfers run at a time', async () => {
  const held: (() => void)[] = [];
  let most = 0;
  // Answers nobody until four wait: with fewer at a time the test would never end.
  const url = await startFaultyServer((_request, response) => {
    held.push(() => response.end(gzip));
    most = Math.max(most, held.length);
    if (held.length === 4) for (const release of held.splice(0)) release();
  });
  const client = aClient(url);
  await Promise.all(
    Array.from({ length: 20 }, () => client.fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never)),
  );
  expect(most).toBe(4);
});

test('artifacts are never fetched without TLS', async () => {
  await expect(
    aClient('http://127.0.0.1:1').fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, never),
  ).rejects.toMatchObject({ code: 'BadUrl' });
});

test('a replica with all its transfers in use asks to come back', async () => {
  const { url, outcomes } = await startServer({ transfersMax: 0, transfersWaitingMax: 0 });
  const stop = new AbortController();
  const waiting = aClient(url).fetch({ artifactsUrl: '', ticket: aTicket() }, bundle, stop.signal);
  while (!outcomes.includes('busy')) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ phase: 'Fetch' });
});

test('transfers beyond those at a time wait for their turn, and none is refused', async () => {
  const { url, outcomes } = await startServer({ transfersMax: 1 });
  const clients = Array.from({ length: 8 }, () => aClient(url));
  const location = { artifactsUrl: '', ticket: aTicket() };
  await Promise.all(clients.map((client) => client.fetch(location, bundle, never)));
  expect(outcomes).toEqual(Array.from({ length: 8 }, () => 'sent'));
});

test('one PDP gets no more transfers at a time than may be, and others go on', async () => {
  const held: (() => void)[] = [];
  const { url, outcomes } = await startServer({
    transfersPerNodeMax: 1,
    store: {
      getManifest: (digest) =>
        new Promise((resolve) => {
          held.push(() => resolve(stored.get(digest)));
        }),
      getBundle: (digest) => Promise.resolve(stored.get(digest)),
    },
  });
  const stop = new AbortController();
  const fetched = (nodeId: string, signal: AbortSignal): Promise<Uint8Array> => {
    const ticket = issueTicket({ nodeId, manifest }, key, Date.now());
    return aClient(url).fetch({ artifactsUrl: '', ticket }, manifest, signal);
  };
  const first = fetched('greedy', never);
  while (held.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = fetched('greedy', stop.signal);
  while (!outcomes.includes('busy')) await new Promise((resolve) => setTimeout(resolve, 5));
  const other = fetched('modest', never);
  while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await expect(second).rejects.toMatchObject({ phase: 'Fetch' });
  for (const release of held) release();
  expect((await first).length).toBe((await other).length);
});

import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { digestOf } from '@edict/bundle';
import { encodeBlock } from '../http2/hpack-encoder.ts';
import { FLAG, FRAME, PREFACE } from '../http2/protocol.ts';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import { systemClock, type Clock } from '../clock.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import { createAuthority, createFolder, type TestAuthority } from '../testing/certificates.ts';
import { until } from '../testing/conditions.ts';
import { callBlock, RawHttp2Client, rawFrame } from '../testing/raw-http2.ts';
import { FRESH_HELLO } from '../testing/builders.ts';
import type { AcceptStream } from './accept.ts';
import { watchCertificate, type Certificate, type RotatingCertificate } from './certificate.ts';
import { dialGrpc } from './grpc-client.ts';
import { createArtifactClient } from './artifact-client.ts';
import { IDLE_CONNECTION_MS, serveGrpc, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';
import { CONNECT_PATH, KEEPALIVE_INTERVAL_MS } from './grpc-service.ts';
import { PeerError } from './peer-error.ts';
import type { Dial, MessageStream, StreamClose } from './stream.ts';
import { StreamConnection } from './stream-connection.ts';

const log = { info: () => undefined, warn: () => undefined };
const peer: PeerIdentity = {
  nodeId: 'node-1',
  podName: 'pdp-1',
  namespace: 'default',
  serviceAccount: 'pdp',
  sets: [],
};
const hello: PdpMessage = FRESH_HELLO;
const welcome: OperatorMessage = {
  type: 'Welcome',
  replica: 'operator-0',
  sets: [],
  heartbeatMs: 2000,
  artifactsUrl: '',
};

let authority: TestAuthority;
let folder: Awaited<ReturnType<typeof createFolder>>;
let caFile = '';
let tokenFile = '';
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await createAuthority('test authority');
  folder = await createFolder();
  caFile = await folder.write('ca.pem', authority.caPem);
  tokenFile = await folder.write('token', 'good\n');
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await writeFile(tokenFile, 'good\n');
});
afterAll(() => folder.remove());

interface Heard {
  readonly messages: PdpMessage[];
  readonly closes: StreamClose[];
  drains: number;
  stream?: MessageStream<OperatorMessage>;
}

async function startServer(options: {
  readonly leading?: () => boolean;
  readonly authenticate?: (token: string) => Promise<PeerIdentity>;
  readonly certificate?: RotatingCertificate;
  readonly identify?: GrpcServerOptions['identify'];
  readonly get?: GrpcServerOptions['get'];
  readonly clock?: Clock;
  readonly connectionsMax?: number;
  readonly accept?: AcceptStream;
  readonly leader?: GrpcServerOptions['leader'];
}): Promise<{ server: GrpcServer; heard: Heard }> {
  const heard: Heard = { messages: [], closes: [], drains: 0 };
  const accept: AcceptStream = (_identity, stream) => {
    heard.stream = stream;
    return {
      onOpen: () => undefined,
      onMessage: (message) => {
        heard.messages.push(message);
      },
      onDrain: () => {
        heard.drains += 1;
      },
      onClose: (close) => {
        heard.closes.push(close);
      },
    };
  };
  const issued = await authority.issue('02');
  const server = await serveGrpc({
    host: '127.0.0.1',
    port: 0,
    certificate: options.certificate ?? { current: () => issued, onChange: () => () => undefined },
    authenticate:
      options.authenticate ??
      ((token) =>
        token === 'good'
          ? Promise.resolve(peer)
          : Promise.reject(new PeerError('InvalidToken', 'the token is revoked'))),
    acceptor: () => (options.leading?.() === false ? undefined : (options.accept ?? accept)),
    notLeaderRetryMs: () => 1234,
    log,
    ...(options.leader === undefined ? {} : { leader: options.leader }),
    ...(options.get === undefined ? {} : { get: options.get }),
    ...(options.identify === undefined ? {} : { identify: options.identify }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.connectionsMax === undefined ? {} : { connectionsMax: options.connectionsMax }),
  });
  closing.push(() => server.close());
  return { server, heard };
}

interface Dialled {
  readonly messages: OperatorMessage[];
  readonly stream: MessageStream<PdpMessage>;
  readonly opened: Promise<void>;
  readonly ended: Promise<StreamClose>;
}

function dial(port: number, ca = caFile, serverName: string | null = 'localhost'): Dialled {
  return dialBy(
    dialGrpc({
      address: `127.0.0.1:${port}`,
      caFile: ca,
      tokenFile,
      ...(serverName === null ? {} : { serverName }),
      clock: systemClock,
    }),
  );
}

function dialBy(open: Dial<PdpMessage, OperatorMessage>): Dialled {
  const messages: OperatorMessage[] = [];
  const opened = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<StreamClose>();
  const stream = open({
    onOpen: () => {
      opened.resolve(undefined);
    },
    onMessage: (message) => {
      messages.push(message);
    },
    onDrain: () => undefined,
    onClose: ended.resolve,
  });
  closing.push(() => {
    stream.close({ code: 'Closed', reason: 'test ends' });
  });
  return { messages, stream, opened: opened.promise, ended: ended.promise };
}

test('messages pass both ways over TLS, and an orderly end reaches the other side', async () => {
  const { server, heard } = await startServer({});
  const pdp = dial(server.port);
  await pdp.opened;
  pdp.stream.send(hello);
  await until(() => heard.messages.length === 1);
  expect(heard.messages).toEqual([hello]);
  heard.stream?.send(welcome);
  await until(() => pdp.messages.length === 1);
  expect(pdp.messages).toEqual([welcome]);
  heard.stream?.close({ code: 'Closed', reason: 'done', retryAfterMs: 77 });
  await expect(pdp.ended).resolves.toMatchObject({ code: 'Closed', retryAfterMs: 77 });
});

test('the end of a PDP is seen by the operator', async () => {
  const { server, heard } = await startServer({});
  const pdp = dial(server.port);
  await pdp.opened;
  pdp.stream.close({ code: 'Closed', reason: 'bye' });
  await until(() => heard.closes.length === 1);
  expect(heard.closes[0]?.code).toMatch(/Closed|Unavailable/);
});

test('a refused token ends the stream as Unauthenticated with the reason, and nothing is accepted', async () => {
  const { server, heard } = await startServer({});
  await writeFile(tokenFile, 'revoked');
  const pdp = dial(server.port);
  await expect(pdp.ended).resolves.toEqual({ code: 'Unauthenticated', reason: 'the token is revoked' });
  expect(heard.stream).toBeUndefined();
});

test('a new token in the file is used by the next dial', async () => {
  const { server } = await startServer({});
  await writeFile(tokenFile, 'revoked');
  await dial(server.port).ended;
  await writeFile(tokenFile, 'good');
  await dial(server.port).opened;
});

test('a replica that does not lead says so, and when to come back', async () => {
  let leading = false;
  const { server } = await startServer({ leading: () => leading });
  await expect(dial(server.port).ended).resolves.toEqual({
    code: 'Unavailable',
    reason: 'not leader',
    retryAfterMs: 1234,
  });
  leading = true;
  await dial(server.port).opened;
});

/** Two replicas, of which the second leads if anybody does, and a PDP that knows the first by a name of both. */
async function startReplicas(leader: (second: number) => StreamClose['leader']) {
  const first = await startServer({ leading: () => false, leader: () => leader(second.server.port) });
  const second = await startServer({});
  const address = `localhost:${first.server.port}`;
  return { first, second, open: dialGrpc({ address, caFile, tokenFile, clock: systemClock }) };
}
const NOT_LEADER = { code: 'Unavailable', reason: 'not leader' } as const;

test('a replica that does not lead names the one that does: that is dialled next, by the name that both have', async () => {
  const { second, open } = await startReplicas((port) => ({ address: `127.0.0.1:${port}`, afterMs: 7 }));
  await expect(dialBy(open).ended).resolves.toEqual({ ...NOT_LEADER, retryAfterMs: 7 });
  const pdp = dialBy(open);
  await pdp.opened;
  second.heard.stream?.close({ code: 'Closed', reason: 'done' });
  await pdp.ended;
  // Once, and not for ever: who leads now, the replicas say.
  await expect(dialBy(open).ended).resolves.toMatchObject(NOT_LEADER);
});

test('a leader that is named and does not answer is dialled once; then it is waited for as if nobody had been named', async () => {
  const nobody = await startServer({});
  await nobody.server.close();
  const { open } = await startReplicas(() => ({ address: `127.0.0.1:${nobody.server.port}`, afterMs: 0 }));
  await expect(dialBy(open).ended).resolves.toEqual({ ...NOT_LEADER, retryAfterMs: 0 });
  const named = await dialBy(open).ended;
  expect(named).toMatchObject({ code: 'Unavailable', reason: expect.stringContaining('ECONNREFUSED') });
  for (let turn = 0; turn < 2; turn += 1) {
    await expect(dialBy(open).ended).resolves.toEqual({ ...NOT_LEADER, retryAfterMs: 1234 });
  }
});

test('a leader that another authority vouches for is not trusted, whoever named it', async () => {
  const issued = await (await createAuthority('another authority')).issue('06');
  const other = await startServer({ certificate: { current: () => issued, onChange: () => () => undefined } });
  const { open } = await startReplicas(() => ({ address: `127.0.0.1:${other.server.port}`, afterMs: 0 }));
  await dialBy(open).ended;
  await expect(dialBy(open).ended).resolves.toMatchObject({ code: 'Unavailable', tlsProblem: 'UntrustedAuthority' });
  expect(other.heard.stream).toBeUndefined();
});

test('a certificate of an unknown authority is not trusted', async () => {
  const { server } = await startServer({});
  const other = await createAuthority('another authority');
  const pdp = dial(server.port, await folder.write('other.pem', other.caPem));
  await expect(pdp.ended).resolves.toMatchObject({ code: 'Unavailable' });
});

test.each([
  ['the address that is dialled', null],
  ['an address that is named', '127.0.0.1'],
])('an operator that is known by %s is trusted if its certificate has it', async (_name, serverName) => {
  const issued = await authority.issue('04', ['127.0.0.1']);
  const { server } = await startServer({ certificate: { current: () => issued, onChange: () => () => undefined } });
  await dial(server.port, caFile, serverName).opened;
});

test('a certificate of another address is not trusted', async () => {
  const issued = await authority.issue('05', ['127.0.0.2']);
  const { server } = await startServer({ certificate: { current: () => issued, onChange: () => () => undefined } });
  const { ended } = dial(server.port, caFile, null);
  await expect(ended).resolves.toMatchObject({ code: 'Unavailable', reason: expect.stringContaining('127.0.0.1') });
});

test('a rotated certificate serves the next stream without a restart', async () => {
  const first = await authority.issue('03');
  const next = await createAuthority('the next authority');
  const second = await next.issue('04');
  let current: Certificate = first;
  const listeners: ((certificate: Certificate) => void)[] = [];
  const { server } = await startServer({
    certificate: {
      current: () => current,
      onChange: (listener) => {
        listeners.push(listener);
        return () => undefined;
      },
    },
  });
  await dial(server.port).opened;
  current = second;
  for (const listener of listeners) listener(second);
  await dial(server.port, await folder.write('next.pem', next.caPem)).opened;
});

test('a watched certificate tells its listeners of a change, once', () => {
  let certificate: Certificate = { cert: 'a', key: 'a' };
  const tasks: (() => void)[] = [];
  const clock = {
    ...systemClock,
    schedule: (_delayMs: number, task: () => void) => (tasks.push(task), () => undefined),
  };
  const watched = watchCertificate(() => certificate, clock);
  const told: string[] = [];
  watched.onChange(({ cert }) => told.push(cert));
  tasks.shift()?.();
  certificate = { cert: 'b', key: 'b' };
  tasks.shift()?.();
  tasks.shift()?.();
  expect(told).toEqual(['b']);
  expect(watched.current().cert).toBe('b');
});

/** A client that speaks no protocol: raw bytes on a good token. */
function rawStream(port: number, token: string, path = CONNECT_PATH) {
  const options = { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' };
  const client = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(authority.caPem)), options);
  closing.push(() => {
    client.close();
  });
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  const stream = client.makeBidiStreamRequest(path, asBuffer, (bytes) => bytes, metadata);
  stream.on('data', () => undefined);
  stream.on('error', () => undefined);
  return {
    stream,
    ended: new Promise<number>((resolve) =>
      stream.on('status', ({ code }) => {
        resolve(code);
      }),
    ),
  };
}

test('bytes that are not a message end the stream as a breach of the protocol', async () => {
  const { server, heard } = await startServer({});
  const { stream, ended } = rawStream(server.port, 'good');
  stream.write(new Uint8Array([255, 255, 255]));
  await expect(ended).resolves.toBe(status.INVALID_ARGUMENT);
  await until(() => heard.closes.length === 1);
  expect(heard.closes[0]?.code).toBe('Protocol');
});

test('a message over the limit is refused before it is read whole', async () => {
  const { server } = await startServer({});
  const { stream, ended } = rawStream(server.port, 'good');
  stream.write(new Uint8Array(MESSAGE_MAX_BYTES + 1024));
  await expect(ended).resolves.toBe(status.RESOURCE_EXHAUSTED);
});

test('a stream without a token is refused', async () => {
  const { server } = await startServer({});
  await expect(rawStream(server.port, '').ended).resolves.toBe(status.UNAUTHENTICATED);
});

test('a PDP that does not read is sent no more than its window lets, and told on when it does', async () => {
  const { server, heard } = await startServer({});
  const { stream } = rawStream(server.port, 'good');
  stream.pause();
  await until(() => heard.stream !== undefined);
  const large: OperatorMessage = { ...welcome, artifactsUrl: 'u'.repeat(50_000) };
  let sent = 0;
  while (heard.stream?.send(large) === true) sent += 1;
  expect(sent).toBeGreaterThan(0);
  expect(heard.drains).toBe(0);
  stream.resume();
  await until(() => heard.drains === 1);
  expect(heard.stream?.send(welcome)).toBe(true);
});

/** A client that sends what it is told to, behind a handshake as PDPs make it. */
async function rawClient(port: number, preface?: Uint8Array, protocols = ['h2']): Promise<RawHttp2Client> {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: authority.caPem,
    ALPNProtocols: protocols,
  });
  closing.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return new RawHttp2Client(socket, preface);
}

const settingsFrame = rawFrame(FRAME.settings, 0, 0);
const connectHead = (stream: number, token: string): Buffer =>
  rawFrame(FRAME.headers, FLAG.endHeaders, stream, callBlock(CONNECT_PATH, { authorization: `Bearer ${token}` }));

test.each<[string, Uint8Array]>([
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')],
  [
    'a frame that is too large',
    Buffer.concat([PREFACE, settingsFrame, rawFrame(FRAME.data, 0, 1, Buffer.alloc(70_000))]),
  ],
  [
    'headers that are too large',
    Buffer.concat([
      PREFACE,
      settingsFrame,
      rawFrame(FRAME.headers, 0, 1),
      ...Array<Buffer>(3).fill(rawFrame(FRAME.continuation, 0, 1, Buffer.alloc(16_000))),
    ]),
  ],
  [
    'a table of headers that is none',
    Buffer.concat([
      PREFACE,
      settingsFrame,
      rawFrame(FRAME.headers, FLAG.endHeaders, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])),
    ]),
  ],
  [
    'a flood of pings',
    Buffer.concat([PREFACE, settingsFrame, ...Array<Buffer>(1_500).fill(rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8)))]),
  ],
])('a peer that sends %s loses its connection, and a PDP keeps its own', async (_, bytes) => {
  const { server, heard } = await startServer({});
  const pdp = dial(server.port);
  await pdp.opened;
  const one = await rawClient(server.port, bytes);
  await until(() => one.isClosed);
  heard.stream?.send(welcome);
  await until(() => pdp.messages.length === 1);
});

test('whatever bytes come behind the preface, the next PDP is served', async () => {
  const { server } = await startServer({});
  const frame = fc
    .tuple(fc.nat(12), fc.nat(255), fc.constantFrom(0, 1, 2, 3, 5), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, stream, payload]) => rawFrame(type, flags, stream, payload));
  const call = fc.constantFrom('good', 'bad').map((token) => connectHead(1, token));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(frame, call, fc.uint8Array({ maxLength: 30 })), { maxLength: 12 }),
      async (parts) => {
        const one = await rawClient(server.port, Buffer.concat([PREFACE, settingsFrame, ...parts]));
        one.socket.end();
        await until(() => one.isClosed);
      },
    ),
    { numRuns: 100 },
  );
  await dial(server.port).opened;
});

test.each([
  ['no protocol', []],
  ['another protocol', ['http/1.1']],
])('a peer that offers %s in its handshake is not served', async (_, protocols) => {
  const { server } = await startServer({});
  const socket = connectTls({
    port: server.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: authority.caPem,
    ALPNProtocols: protocols,
  });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.on('close', resolve));
  await dial(server.port).opened;
});

test('a fault in taking a stream ends it, and the server goes on', async () => {
  let faults = 0;
  const accept: AcceptStream = () => {
    faults += 1;
    throw new Error('a fault');
  };
  const { server } = await startServer({ accept });
  await expect(dial(server.port).ended).resolves.toMatchObject({ code: 'Unavailable' });
  await expect(dial(server.port).ended).resolves.toMatchObject({ code: 'Unavailable' });
  expect(faults).toBe(2);
});

test('more connections than may be are closed at once, until one of the others ends', async () => {
  const { server } = await startServer({ connectionsMax: 1 });
  const first = dial(server.port);
  await first.opened;
  await expect(dial(server.port).ended).resolves.toMatchObject({ code: 'Unavailable' });
  first.stream.close({ code: 'Unavailable', reason: 'test' });
  await until(async () => {
    const next = dial(server.port);
    return Promise.race([next.opened.then(() => true), next.ended.then(() => false)]);
  });
});

test('what a peer sends before its token is judged is held up to its window, and no further', async () => {
  const { server } = await startServer({ authenticate: () => new Promise(() => undefined) });
  const one = await rawClient(server.port);
  const piece = rawFrame(FRAME.data, 0, 1, Buffer.alloc(16_384));
  one.send(connectHead(1, 'good'), piece, piece, piece, piece);
  expect(await one.goAway()).toBe('FLOW_CONTROL_ERROR');
});

test('a second stream has its own end, and trailers of a PDP end its stream', async () => {
  const { server, heard } = await startServer({});
  const one = await rawClient(server.port);
  one.send(connectHead(1, 'good'), connectHead(3, 'revoked'));
  await one.first(FRAME.headers, 3);
  expect(one.hasEnded(3)).toBe(true);
  expect(one.hasEnded(1)).toBe(false);
  one.send(rawFrame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, encodeBlock([['x-end', '1']])));
  await until(() => one.hasEnded(1));
  expect(heard.closes).toEqual([{ code: 'Closed', reason: 'the PDP ended the stream' }]);
});

const artifact = Buffer.from('the bytes of an artifact');

/** A PDP's two clients, with one connection for both; without that connection nothing can be fetched. */
async function dialAndFetch(get: GrpcServerOptions['get'], clock: Clock = systemClock) {
  const { server } = await startServer(get === undefined ? {} : { get });
  const connection = new StreamConnection();
  const opened = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<StreamClose>();
  const stream = dialGrpc({
    address: `127.0.0.1:${server.port}`,
    caFile,
    tokenFile,
    serverName: 'localhost',
    connection,
    clock,
  })({
    onOpen: () => opened.resolve(undefined),
    onMessage: () => undefined,
    onDrain: () => undefined,
    onClose: ended.resolve,
  });
  closing.push(() => stream.close({ code: 'Closed', reason: 'test ends' }));
  await opened.promise;
  const url = 'https://127.0.0.1:1';
  const client = createArtifactClient({ url, caFile, connection, clock: systemClock, random: Math.random });
  closing.push(client.close);
  return { connection, client, ended: ended.promise, stream };
}

test('artifacts are fetched by the connection of the stream, and no more once that has ended', async () => {
  const asked: string[] = [];
  const { connection, client, stream, ended } = await dialAndFetch(({ method, path, authorization, answer }) => {
    asked.push(`${method} ${path} ${authorization}`);
    void answer(200, { 'content-length': String(artifact.length) }, artifact);
  });
  const digest = digestOf(artifact);
  const bytes = await client.fetch({ artifactsUrl: '', ticket: 't' }, digest, new AbortController().signal);
  expect(Buffer.from(bytes)).toEqual(artifact);
  expect(asked).toEqual([`GET /v1/bundles/${digest} Bearer t`]);
  stream.close({ code: 'Closed', reason: 'bye' });
  await ended;
  expect(connection.current).toBeUndefined();
});

test.each([
  [403, 'TicketRefused'],
  [404, 'NotFound'],
])('an answer of %d by the connection of the stream is what it is by any other', async (status, code) => {
  const { client } = await dialAndFetch(({ answer }) => void answer(status, {}));
  const fetched = client.fetch({ artifactsUrl: '', ticket: 't' }, digestOf(artifact), new AbortController().signal);
  await expect(fetched).rejects.toMatchObject({ code });
});

test('an operator that serves no artifacts by its streams is not asked for them there', async () => {
  const { connection } = await dialAndFetch(undefined);
  expect(connection.current).toBeUndefined();
});

test('a ping that is due when the connection has just broken ends nothing but the stream', async () => {
  const due: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    schedule: (delayMs, task) => {
      if (delayMs === KEEPALIVE_INTERVAL_MS) due.push(task);
      return systemClock.schedule(delayMs, task);
    },
  };
  const { connection, ended } = await dialAndFetch(() => undefined, clock);
  await until(() => due.length === 1);
  connection.current?.destroy();
  expect(due[0]).not.toThrow();
  await expect(ended).resolves.toMatchObject({ code: 'Unavailable' });
});

test('a connection without a stream is closed after a while', async () => {
  let now = 0;
  const sweeps: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonic: () => now,
    schedule: (_delayMs, task) => (sweeps.push(task), () => undefined),
  };
  const { server } = await startServer({ clock });
  const session = connect(`https://localhost:${server.port}`, { ca: authority.caPem });
  const closed = once(session, 'close');
  await once(session, 'remoteSettings');
  now = IDLE_CONNECTION_MS;
  sweeps.shift()?.();
  expect(session.closed).toBe(false);
  now += 1;
  sweeps.shift()?.();
  await closed;
});

test('a method that there is not is not implemented', async () => {
  const { server } = await startServer({});
  await expect(rawStream(server.port, 'good', '/edict.distribution.v1.DistributionService/Other').ended).resolves.toBe(
    status.UNIMPLEMENTED,
  );
});

test('an unreachable operator and a missing file both end the dial as Unavailable', async () => {
  const { server } = await startServer({});
  const { port } = server;
  await server.close();
  await expect(dial(port).ended).resolves.toMatchObject({ code: 'Unavailable' });
  await expect(dial(port, 'no-such-file.pem').ended).resolves.toMatchObject({ code: 'Unavailable' });
});

/** Dials with a certificate of `issuer` and without a token. */
async function dialWithCertificate(port: number, issuer: TestAuthority | undefined): Promise<StreamClose | 'opened'> {
  const { cert, key } = (await issuer?.issue('07')) ?? {};
  const files =
    cert === undefined || key === undefined
      ? undefined
      : [await folder.write('client.pem', cert), await folder.write('client.key', key)];
  const { promise, resolve } = Promise.withResolvers<StreamClose | 'opened'>();
  const stream = dialGrpc({
    address: `127.0.0.1:${port}`,
    caFile,
    serverName: 'localhost',
    clock: systemClock,
    ...(files === undefined ? {} : { certificate: { certFile: files[0] ?? '', keyFile: files[1] ?? '' } }),
  })({
    onOpen: () => resolve('opened'),
    onMessage: () => undefined,
    onDrain: () => undefined,
    onClose: resolve,
  });
  const end = await promise;
  stream.close({ code: 'Closed', reason: 'done' });
  return end;
}

test('whoever has no token is known by a certificate that an authority of clients has signed, and by no other', async () => {
  const clients = await createAuthority('clients');
  const issued = await authority.issue('02');
  const rotated = Promise.withResolvers<(certificate: Certificate) => void>();
  const seen: (readonly string[])[] = [];
  const { server } = await startServer({
    certificate: {
      current: () => ({ ...issued, clientCa: clients.caPem }),
      onChange: (listener) => {
        rotated.resolve(listener);
        return () => undefined;
      },
    },
    identify: (names) => {
      seen.push(names);
      return peer;
    },
  });
  expect(await dialWithCertificate(server.port, clients)).toBe('opened');
  expect(seen).toStrictEqual([['localhost']]);
  // The server's own authority is none of clients.
  const refused = { code: 'Unauthenticated', reason: 'no bearer token' };
  expect(await dialWithCertificate(server.port, authority)).toMatchObject(refused);
  expect(await dialWithCertificate(server.port, undefined)).toMatchObject(refused);
  // PDPs with tokens are asked for a certificate, and need none.
  await dial(server.port).opened;
  expect(seen).toHaveLength(1);
  // Authorities are replaced while the server runs.
  const next = await createAuthority('next clients');
  (await rotated.promise)({ ...issued, clientCa: next.caPem });
  expect(await dialWithCertificate(server.port, clients)).toMatchObject(refused);
  expect(await dialWithCertificate(server.port, next)).toBe('opened');
});

test('a certificate whose name nobody knows is refused, and without certificates nobody is asked for one', async () => {
  const clients = await createAuthority('clients');
  const issued = await authority.issue('02');
  const certificate = { current: () => ({ ...issued, clientCa: clients.caPem }), onChange: () => () => undefined };
  const { server } = await startServer({
    certificate,
    identify: () => {
      throw new PeerError('InvalidToken', 'no site is known by localhost');
    },
  });
  expect(await dialWithCertificate(server.port, clients)).toMatchObject({
    code: 'Unauthenticated',
    reason: 'no site is known by localhost',
  });
  const { server: plain } = await startServer({});
  expect(await dialWithCertificate(plain.port, clients)).toMatchObject({ reason: 'no bearer token' });
});

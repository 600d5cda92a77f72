import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { digestOf } from '@edict/bundle';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import { systemClock, type Clock } from '../clock.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import { createAuthority, createFolder, type TestAuthority } from '../testing/certificates.ts';
import type { AcceptStream } from './accept.ts';
import { watchCertificate, type Certificate, type RotatingCertificate } from './certificate.ts';
import { dialGrpc } from './grpc-client.ts';
import { createArtifactClient } from './artifact-client.ts';
import { IDLE_CONNECTION_MS, serveGrpc, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';
import { CONNECT_PATH, KEEPALIVE_INTERVAL_MS } from './grpc-service.ts';
import { PeerError } from './peer-error.ts';
import type { MessageStream, StreamClose } from './stream.ts';
import { StreamConnection } from './stream-connection.ts';

const log = { info: () => undefined, warn: () => undefined };
const peer: PeerIdentity = {
  nodeId: 'node-1',
  podName: 'pdp-1',
  namespace: 'default',
  serviceAccount: 'pdp',
  sets: [],
};
const hello: PdpMessage = {
  type: 'Hello',
  protocol: 1,
  engine: { name: 'edict', version: '1.0.0', features: [] },
  sets: [],
  bootReason: 'Fresh',
  capacityBytes: 0,
};
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
  stream?: MessageStream<OperatorMessage>;
}

async function startServer(options: {
  readonly leading?: () => boolean;
  readonly authenticate?: (token: string) => Promise<PeerIdentity>;
  readonly certificate?: RotatingCertificate;
  readonly get?: GrpcServerOptions['get'];
  readonly clock?: Clock;
}): Promise<{ server: GrpcServer; heard: Heard }> {
  const heard: Heard = { messages: [], closes: [] };
  const accept: AcceptStream = (_identity, stream) => {
    heard.stream = stream;
    return {
      onOpen: () => undefined,
      onMessage: (message) => {
        heard.messages.push(message);
      },
      onDrain: () => undefined,
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
    acceptor: () => (options.leading?.() === false ? undefined : accept),
    notLeaderRetryMs: () => 1234,
    log,
    ...(options.get === undefined ? {} : { get: options.get }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
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
  const messages: OperatorMessage[] = [];
  const opened = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<StreamClose>();
  const stream = dialGrpc({
    address: `127.0.0.1:${port}`,
    caFile: ca,
    tokenFile,
    ...(serverName === null ? {} : { serverName }),
    clock: systemClock,
  })({
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

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
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
  const { connection, client, stream, ended } = await dialAndFetch((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.writeHead(200, { 'content-length': String(artifact.length) });
    response.end(artifact);
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
  const { client } = await dialAndFetch((_request, response) => {
    response.writeHead(status);
    response.end();
  });
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
  const scheduled: { readonly delayMs: number; readonly task: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    schedule: (delayMs, task) => {
      scheduled.push({ delayMs, task });
      return () => undefined;
    },
  };
  const { server } = await startServer({ clock });
  const session = connect(`https://localhost:${server.port}`, { ca: authority.caPem });
  await once(session, 'remoteSettings');
  expect(scheduled.map(({ delayMs }) => delayMs)).toEqual([IDLE_CONNECTION_MS]);
  const closed = once(session, 'close');
  scheduled[0]?.task();
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

import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { until } from '../testing/conditions.ts';
import { frame } from './frames.ts';
import { FRAME_HEAD_BYTES, type GrpcCall, type UnaryAnswer, type UnaryMethod } from './grpc-method.ts';
import { listenGrpc, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';
import { failure } from './status.ts';

const CHECK = '/test.Service/Check';

const servers: GrpcServer[] = [];
const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  for (const server of servers.splice(0)) await server.drain(0);
});

interface Counted {
  readonly calls: string[];
  readonly errors: unknown[];
}

async function serve(
  handle: (message: Buffer, call: GrpcCall) => UnaryAnswer | Promise<UnaryAnswer>,
  over: Partial<GrpcServerOptions> = {},
): Promise<Counted & { readonly session: ClientHttp2Session; readonly server: GrpcServer }> {
  const calls: string[] = [];
  const errors: unknown[] = [];
  const server = await listenGrpc({
    listen: { host: '127.0.0.1', port: 0 },
    methods: [{ kind: 'unary', path: CHECK, label: 'Check', handle }],
    onCall: (method, code) => calls.push(`${method} ${code}`),
    onError: (error) => errors.push(error),
    ...over,
  });
  servers.push(server);
  const session = connect(`http://127.0.0.1:${(server.address as AddressInfo).port}`);
  session.on('error', () => undefined); // some tests have the server break the connection
  sessions.push(session);
  return { calls, errors, session, server };
}

function framed(message: Uint8Array): Buffer {
  return frame(Buffer.concat([Buffer.alloc(FRAME_HEAD_BYTES), message]));
}

function answer(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(FRAME_HEAD_BYTES), Buffer.from(text)]);
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function open(session: ClientHttp2Session, headers: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': CHECK,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => undefined);
  return stream;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const body: Buffer[] = [];
    stream.on('response', (received) => (headers = received));
    stream.on('trailers', (received) => (trailers = received));
    stream.on('data', (piece: Buffer) => body.push(piece));
    stream.on('close', () => resolve({ headers, trailers: { ...headers, ...trailers }, body: Buffer.concat(body) }));
  });
}

async function ask(session: ClientHttp2Session, bytes: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const stream = open(session, headers);
  stream.end(bytes);
  return await answerOf(stream);
}

test('a message gets an answer, with OK in the trailers', async () => {
  const { session, calls } = await serve((message) => answer(`got ${message.toString()}`));
  const { headers, trailers, body } = await ask(session, framed(Buffer.from('this')));
  expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc' });
  expect(body.toString('latin1')).toBe('\0\0\0\0\x08got this');
  expect(trailers).toMatchObject({ 'grpc-status': '0' });
  expect(calls).toStrictEqual(['Check OK']);
});

test('a message that comes in pieces is put together', async () => {
  const { session } = await serve((message) => answer(String(message.length)));
  const stream = open(session);
  const bytes = framed(Buffer.alloc(100_000, 7));
  for (const cut of [bytes.subarray(0, 3), bytes.subarray(3, 10), bytes.subarray(10, 60_000), bytes.subarray(60_000)]) {
    stream.write(cut);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  expect((await answerOf(stream)).body.subarray(5).toString()).toBe('100000');
});

test('a failure ends the call with its code, message and trailers', async () => {
  const { session, calls } = await serve(() => failure('UNAVAILABLE', 'no “policy”', { 'edict-problem': 'no-policy' }));
  const { trailers } = await ask(session, framed(Buffer.alloc(1)));
  expect(trailers).toMatchObject({ 'grpc-status': '14', 'edict-problem': 'no-policy' });
  expect(trailers['grpc-message']).toBe('no %E2%80%9Cpolicy%E2%80%9D');
  expect(calls).toStrictEqual(['Check UNAVAILABLE']);
});

test.each([
  [
    'a method that throws',
    () => {
      throw new Error('secret');
    },
  ],
  ['a method that rejects', () => Promise.reject(new Error('secret'))],
])('%s is a bug, which the caller is told nothing of', async (_, handle) => {
  const { session, errors } = await serve(handle);
  const { trailers } = await ask(session, framed(Buffer.alloc(1)));
  expect(trailers).toMatchObject({ 'grpc-status': '13', 'grpc-message': 'internal error' });
  expect(String(errors[0])).toBe('Error: secret');
});

const SMALL = { maxMessageBytes: 10 };
test.each<[string, Buffer, Record<string, string>, string]>([
  ['no message', Buffer.alloc(0), {}, '3'],
  ['half a message', framed(Buffer.alloc(4)).subarray(0, 7), {}, '3'],
  ['two messages', Buffer.concat([framed(Buffer.alloc(1)), framed(Buffer.alloc(1))]), {}, '3'],
  ['a message that is too large', framed(Buffer.alloc(11)), {}, '8'],
  ['a compressed message', Buffer.from([1, 0, 0, 0, 1, 0]), {}, '12'],
  ['a method that is not served', framed(Buffer.alloc(1)), { ':path': '/a.B/C' }, '12'],
])('%s is refused', async (_, bytes, headers, code) => {
  const { session } = await serve(() => answer('never'), SMALL);
  expect((await ask(session, bytes, headers)).trailers).toMatchObject({ 'grpc-status': code });
  // The connection goes on.
  expect((await ask(session, framed(Buffer.alloc(1)))).trailers).toMatchObject({ 'grpc-status': '0' });
});

test.each([
  ['a method of HTTP that is not POST', { ':method': 'GET' }, 405],
  ['a content type that is none of gRPC', { 'content-type': 'application/grpc-web' }, 415],
])('%s gets a status of HTTP', async (_, headers, status) => {
  const { session } = await serve(() => answer('never'));
  const stream = open(session, headers);
  if (!stream.writableEnded) stream.end();
  expect((await answerOf(stream)).headers[':status']).toBe(status);
});

test('messages under way have a bound on their memory, which is free again afterwards', async () => {
  const { session } = await serve(() => answer('ok'), { maxHeldBytes: 1_000 });
  const one = open(session);
  one.write(framed(Buffer.alloc(900)).subarray(0, 800));
  await until(() => one.id !== undefined);
  const refused = await ask(session, framed(Buffer.alloc(700)).subarray(0, 600));
  expect(refused.trailers).toMatchObject({ 'grpc-status': '8' });
  one.end(framed(Buffer.alloc(900)).subarray(800));
  expect((await answerOf(one)).trailers).toMatchObject({ 'grpc-status': '0' });
  expect((await ask(session, framed(Buffer.alloc(900)))).trailers).toMatchObject({ 'grpc-status': '0' });
});

test('a caller that sends too slowly is given up', async () => {
  const { session, calls } = await serve(() => answer('never'), { requestTimeoutMs: 1 });
  const stream = open(session);
  stream.write(framed(Buffer.alloc(5)).subarray(0, 6));
  expect((await answerOf(stream)).trailers).toMatchObject({ 'grpc-status': '4' });
  expect(calls).toStrictEqual(['Check DEADLINE_EXCEEDED']);
});

test('a caller that goes is told to whoever works for it, and counted', async () => {
  let gone = false;
  const { session, calls } = await serve(
    (_, { onGone }) =>
      new Promise<UnaryAnswer>((resolve) => {
        onGone(() => {
          gone = true;
          resolve(answer('too late'));
        });
      }),
  );
  const stream = open(session);
  stream.end(framed(Buffer.alloc(1)));
  await until(() => stream.id !== undefined);
  await new Promise((resolve) => setImmediate(resolve));
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => gone && calls.length > 0);
  expect(calls).toStrictEqual(['Check CANCELLED']);
});

test('the deadline of a caller ends the work for it', async () => {
  let gone = false;
  const { session, calls } = await serve(
    (_, { onGone }) =>
      new Promise<UnaryAnswer>((resolve) => onGone(() => resolve(((gone = true), answer('too late'))))),
  );
  const { trailers } = await ask(session, framed(Buffer.alloc(1)), { 'grpc-timeout': '20m' });
  expect(trailers).toMatchObject({ 'grpc-status': '4' });
  expect([gone, calls]).toStrictEqual([true, ['Check DEADLINE_EXCEEDED']]);
});

test('what is under way is answered while the server drains, and no connection is taken any more', async () => {
  let finish: () => void = () => undefined;
  const { session, server } = await serve(() => new Promise((resolve) => (finish = () => resolve(answer('late')))));
  const asked = ask(session, framed(Buffer.alloc(1)));
  await until(() => String(finish).includes('late'));
  const goingAway = new Promise((resolve) => session.once('goaway', resolve));
  server.dismissClients();
  await goingAway;
  const drained = server.drain(30_000);
  finish();
  expect((await asked).body.subarray(5).toString()).toBe('late');
  await drained;
  const { port } = server.address as AddressInfo;
  await expect(new Promise((_, reject) => connectTcp(port, '127.0.0.1').on('error', reject))).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('draining gives up what takes too long', async () => {
  const { session, server } = await serve(() => new Promise<UnaryAnswer>(() => undefined));
  const stream = open(session);
  stream.end(framed(Buffer.alloc(1)));
  const closed = answerOf(stream);
  await until(() => stream.id !== undefined);
  await server.drain(10);
  expect((await closed).trailers['grpc-status']).toBeUndefined();
});

test('bytes that are no HTTP/2 end their connection and nothing else', async () => {
  const { session, server, errors } = await serve(() => answer('ok'));
  const { port } = server.address as AddressInfo;
  await new Promise<void>((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.resume();
  });
  expect((await ask(session, framed(Buffer.alloc(1)))).trailers).toMatchObject({ 'grpc-status': '0' });
  expect(errors).toStrictEqual([]);
});

test('a unix socket is served', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edict-grpc-'));
  try {
    const path = join(folder, 'pdp.sock');
    await serve(() => answer('ok'), { listen: { host: '127.0.0.1', port: 0 } });
    const server = await listenGrpc({
      listen: { path },
      methods: [{ kind: 'unary', path: CHECK, label: 'Check', handle: () => answer('by a file') }],
      onCall: () => undefined,
      onError: () => undefined,
    });
    servers.push(server);
    const session = connect('http://localhost', { createConnection: () => connectTcp(path) });
    sessions.push(session);
    expect((await ask(session, framed(Buffer.alloc(1)))).body.subarray(5).toString()).toBe('by a file');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ['a caller', { kind: 'caller', caller: 'ada' } as const, '0'],
  ['nobody', failure('UNAUTHENTICATED', 'who are you?'), '16'],
])('authentication finds %s', async (_, who, code) => {
  const callers: (string | undefined)[] = [];
  const { session } = await serve((_message, { caller }) => (callers.push(caller), answer('ok')), {
    authenticate: () => Promise.resolve(who),
  });
  expect((await ask(session, framed(Buffer.alloc(1)))).trailers).toMatchObject({ 'grpc-status': code });
  expect(callers).toStrictEqual(code === '0' ? ['ada'] : []);
});

test('a public method is answered to everybody, and no other', async () => {
  const method = (path: string, isPublic: boolean): UnaryMethod => ({
    kind: 'unary',
    path,
    label: 'Check',
    isPublic,
    handle: () => answer('ok'),
  });
  const { session } = await serve(() => answer('never'), {
    methods: [method(CHECK, false), method('/test.Health/Check', true)],
    authenticate: () => failure('UNAUTHENTICATED', 'who are you?'),
  });
  const status = async (path: string) =>
    (await ask(session, framed(Buffer.alloc(1)), { ':path': path })).trailers['grpc-status'];
  expect([await status('/test.Health/Check'), await status(CHECK)]).toStrictEqual(['0', '16']);
});

import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { encodeBlock, FLAG, FRAME, PREFACE, SETTING, type Http2ErrorCode } from '@edict/protocol/http2';
import { callBlock, RawHttp2Client, rawFrame, settings, uint32 } from '@edict/protocol/testing';
import { until } from '../testing/conditions.ts';
import { FRAME_HEAD_BYTES, type UnaryAnswer } from './grpc-method.ts';
import { listenGrpc, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';

const PATH = '/test.Service/Check';
const { endStream, endHeaders, padded, ack } = FLAG;
const NOTHING = Buffer.alloc(0);
const FULL_FRAME = Buffer.alloc(16_384);

const servers: GrpcServer[] = [];
const clients: RawHttp2Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  for (const server of servers.splice(0)) await server.drain(0);
});

interface Served {
  readonly port: number;
  readonly server: GrpcServer;
  readonly broken: Http2ErrorCode[];
  readonly calls: string[];
  readonly errors: unknown[];
}

/** A server whose method answers with `bytes` bytes, or never. */
async function serve(bytes = 2, over: Partial<GrpcServerOptions> = {}): Promise<Served> {
  const broken: Http2ErrorCode[] = [];
  const calls: string[] = [];
  const errors: unknown[] = [];
  const answer = (): UnaryAnswer | Promise<UnaryAnswer> =>
    bytes < 0 ? new Promise<UnaryAnswer>(() => undefined) : Buffer.alloc(FRAME_HEAD_BYTES + bytes, 7);
  const server = await listenGrpc({
    listen: { host: '127.0.0.1', port: 0 },
    methods: [{ kind: 'unary', path: PATH, label: 'Check', handle: answer }],
    onCall: (_, code) => calls.push(code),
    onBroken: (code) => broken.push(code),
    onError: (error) => errors.push(error),
    ...over,
  });
  servers.push(server);
  return { port: (server.address as AddressInfo).port, server, broken, calls, errors };
}

function client(port: number, preface?: Uint8Array): RawHttp2Client {
  const made = new RawHttp2Client(port, preface);
  clients.push(made);
  return made;
}

const MESSAGE = Buffer.from([0, 0, 0, 0, 1, 42]);
const head = (stream: number, flags: number = endHeaders, block = callBlock(PATH)): Buffer =>
  rawFrame(FRAME.headers, flags, stream, block);
const call = (stream: number): Buffer =>
  Buffer.concat([head(stream), rawFrame(FRAME.data, endStream, stream, MESSAGE)]);

async function answered(one: RawHttp2Client, stream: number): Promise<Buffer> {
  await until(() => one.hasEnded(stream));
  return one.dataOf(stream);
}

test('calls on one connection are answered each on its stream', async () => {
  const { port } = await serve();
  const one = client(port);
  one.send(call(1), call(3), call(9));
  expect((await answered(one, 9)).toString('hex')).toBe('00000000020707');
  expect([one.hasEnded(1), one.hasEnded(3)]).toStrictEqual([true, true]);
});

test('a call that comes byte by byte is answered', async () => {
  const { port } = await serve();
  const one = client(port, NOTHING);
  one.socket.setNoDelay(true);
  for (const byte of Buffer.concat([PREFACE, rawFrame(FRAME.settings, 0, 0), call(1)])) {
    one.socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await answered(one, 1)).toHaveLength(7);
});

test('padding, priority, CONTINUATION, trailers and unknown frames are taken', async () => {
  const { port } = await serve();
  const one = client(port);
  const block = callBlock(PATH);
  one.send(
    rawFrame(FRAME.priority, 0, 1, Buffer.alloc(5)),
    rawFrame(
      FRAME.headers,
      padded | FLAG.priority,
      1,
      Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), block.subarray(0, 9), Buffer.alloc(3)]),
    ),
    rawFrame(FRAME.continuation, 0, 1, block.subarray(9, 20)),
    rawFrame(FRAME.continuation, endHeaders, 1, block.subarray(20)),
    rawFrame(99, 255, 1, Buffer.from('what?')),
    rawFrame(FRAME.data, padded, 1, Buffer.concat([Buffer.from([2]), MESSAGE, Buffer.alloc(2)])),
    head(1, endHeaders | endStream, encodeBlock([['x-checksum', '1']])),
  );
  expect(await answered(one, 1)).toHaveLength(7);
});

test('a ping is answered with its own bytes, and settings with an acknowledgement', async () => {
  const { port } = await serve();
  const one = client(port);
  one.send(rawFrame(FRAME.ping, 0, 0, Buffer.from('8 octets')));
  expect(await one.first(FRAME.ping, 0)).toMatchObject({ flags: ack, payload: Buffer.from('8 octets') });
  expect(one.frames.filter(({ type, flags }) => type === FRAME.settings && flags === ack)).toHaveLength(1);
});

test('an answer is sent as the windows of stream and connection let, and in frames that everybody takes', async () => {
  const { port } = await serve(100_000);
  const one = client(port);
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 10])), call(1));
  await until(() => one.dataOf(1).length === 10);
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 30])));
  await until(() => one.dataOf(1).length === 30);
  one.send(rawFrame(FRAME.windowUpdate, 0, 1, uint32(1_000_000)));
  await until(() => one.dataOf(1).length === 65_535); // the window of the connection
  one.send(rawFrame(FRAME.windowUpdate, 0, 0, uint32(1_000_000)));
  expect(await answered(one, 1)).toHaveLength(100_005);
  expect(Math.max(...one.frames.map(({ payload }) => payload.length))).toBe(16_384);
});

test('a large message is taken, since windows are widened again', async () => {
  const { port } = await serve();
  const one = client(port);
  const bytes = Buffer.alloc(3_000_005);
  bytes.writeUInt32BE(3_000_000, 1);
  one.send(head(1));
  const granted = (stream: number): number =>
    one.frames
      .filter((frame) => frame.type === FRAME.windowUpdate && frame.stream === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  await until(() => granted(0) > 0);
  for (let at = 0; at < bytes.length; at += 16_384) {
    const end = Math.min(at + 16_384, bytes.length);
    await until(() => granted(0) + 65_535 >= end && granted(1) + 262_144 >= end);
    one.send(rawFrame(FRAME.data, end === bytes.length ? endStream : 0, 1, bytes.subarray(at, end)));
  }
  expect(await answered(one, 1)).toHaveLength(7);
});

test('a client that makes its table of headers smaller is told that none is used', async () => {
  const { port } = await serve();
  const one = client(port);
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.headerTableSize, 0])), call(1), call(3));
  await answered(one, 3);
  expect((await one.first(FRAME.headers, 1)).payload[0]).toBe(0x20);
  expect((await one.first(FRAME.headers, 3)).payload[0]).not.toBe(0x20);
});

const request = (fields: Readonly<Record<string, string>>, last: readonly (readonly [string, string])[] = []): Buffer =>
  encodeBlock([...Object.entries(fields), ...last]);
const GOOD = { ':method': 'POST', ':scheme': 'http', ':path': PATH, 'content-type': 'application/grpc' };

test.each<[string, Buffer]>([
  ['a name in capitals', request({ ...GOOD, 'X-Big': '1' })],
  ['a name that is none', request({ ...GOOD, 'x y': '1' })],
  ['an empty name', request({ ...GOOD, '': '1' })],
  ['a header of a connection', request({ ...GOOD, connection: 'close' })],
  ['a transfer encoding', request({ ...GOOD, 'transfer-encoding': 'chunked' })],
  ['another te than trailers', request({ ...GOOD, te: 'gzip' })],
  ['a line feed in a value', request({ ...GOOD, 'x-split': 'a\r\nb: c' })],
  ['a space before a value', request({ ...GOOD, 'x-space': ' a' })],
  ['an unknown pseudo header', request({ ':extra': '1', ...GOOD })],
  ['a pseudo header of answers', request({ ':status': '200', ...GOOD })],
  ['a pseudo header behind others', request({ ...GOOD, ':authority': 'x' })],
  ['the same pseudo header twice', request({}, [[':path', '/a'], ...Object.entries(GOOD)])],
  ['no method', request({ ':scheme': 'http', ':path': PATH })],
  ['no path', request({ ':method': 'POST', ':scheme': 'http' })],
  ['an empty path', request({ ...GOOD, ':path': '' })],
  ['no scheme', request({ ':method': 'POST', ':path': PATH })],
  ['a length that is no number', request({ ...GOOD, 'content-length': '1x' })],
  ['a length that is not that of the content', request({ ...GOOD, 'content-length': '7' })],
])('a request with %s is reset, and the connection goes on', async (_, block) => {
  const { port, calls } = await serve();
  const one = client(port);
  one.send(head(1, endHeaders, block), rawFrame(FRAME.data, endStream, 1, MESSAGE), call(3));
  expect(await one.resetOf(1)).toBe('PROTOCOL_ERROR');
  await answered(one, 3);
  expect(calls.filter((code) => code === 'OK')).toHaveLength(1);
});

test('headers that are larger than may be get the status of HTTP for that', async () => {
  const { port } = await serve();
  const one = client(port);
  // A few bytes on the wire, each of which stands for a long header of the table.
  const long = Buffer.concat([Buffer.from([0x40]), encodeBlock([['x-long', 'v'.repeat(3_900)]]).subarray(1)]);
  one.send(head(1, endHeaders | endStream, Buffer.concat([callBlock(PATH), long, Buffer.alloc(30, 0xbe)])), call(3));
  expect((await one.first(FRAME.headers, 1)).payload.toString('latin1')).toContain('431');
  expect(await answered(one, 3)).toHaveLength(7);
});

test('more streams than may be are refused, until there is room', async () => {
  const { port } = await serve(-1, { maxConcurrentStreams: 2 });
  const one = client(port);
  one.send(call(1), call(3), call(5));
  expect(await one.resetOf(5)).toBe('REFUSED_STREAM');
  one.send(rawFrame(FRAME.reset, 0, 1, uint32(8)), call(7), rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await one.first(FRAME.ping, 0);
  expect(one.frames.some(({ type, stream }) => type === FRAME.reset && stream === 7)).toBe(false);
});

test.each<[string, Buffer, Http2ErrorCode]>([
  ['data behind the end', rawFrame(FRAME.data, endStream, 1, MESSAGE), 'STREAM_CLOSED'],
  ['a window widened by nothing', rawFrame(FRAME.windowUpdate, 0, 1, uint32(0)), 'PROTOCOL_ERROR'],
  ['a window that is too large', rawFrame(FRAME.windowUpdate, 0, 1, uint32(2 ** 31 - 1)), 'FLOW_CONTROL_ERROR'],
])('%s resets the stream', async (_, frame, code) => {
  const { port, calls } = await serve(-1);
  const one = client(port);
  one.send(call(1), frame);
  expect(await one.resetOf(1)).toBe(code);
  expect(calls).toStrictEqual(['CANCELLED']);
});

test('more than the window of a stream lets resets it', async () => {
  const { port } = await serve(-1, { authenticate: () => new Promise(() => undefined) });
  const one = client(port);
  one.send(head(1), ...Array<Buffer>(17).fill(rawFrame(FRAME.data, 0, 1, FULL_FRAME)));
  expect(await one.resetOf(1)).toBe('FLOW_CONTROL_ERROR');
});

test('what comes on a stream that was answered early is passed over', async () => {
  const { port, broken } = await serve(2, { maxMessageBytes: 3 });
  const one = client(port);
  one.send(head(1), rawFrame(FRAME.data, 0, 1, Buffer.from([0, 0, 0, 0, 9, 1])));
  expect(await one.resetOf(1)).toBe('NO_ERROR');
  expect(one.hasEnded(1)).toBe(true);
  one.send(
    rawFrame(FRAME.data, 0, 1, MESSAGE),
    head(1, endHeaders | endStream, encodeBlock([['x-late', '1']])),
    call(3),
  );
  expect(await answered(one, 3)).toHaveLength(7);
  expect(broken).toStrictEqual([]);
});

test.each<[string, readonly Buffer[], Http2ErrorCode]>([
  ['a first frame that is none of settings', [rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8))], 'PROTOCOL_ERROR'],
  ['an acknowledgement in place of settings', [rawFrame(FRAME.settings, ack, 0)], 'PROTOCOL_ERROR'],
])('%s ends the connection', async (_, frames, code) => {
  const { port, broken } = await serve();
  const one = client(port, Buffer.concat([PREFACE, ...frames]));
  expect(await one.goAway()).toBe(code);
  await until(() => one.isClosed);
  expect(broken).toStrictEqual([code]);
});

test.each<[string, readonly Buffer[], Http2ErrorCode]>([
  ['a frame that is too large', [rawFrame(FRAME.data, 0, 1, Buffer.alloc(16_385))], 'FRAME_SIZE_ERROR'],
  ['data of no stream', [rawFrame(FRAME.data, 0, 0, MESSAGE)], 'PROTOCOL_ERROR'],
  ['data of a stream that is not open', [rawFrame(FRAME.data, 0, 1, MESSAGE)], 'PROTOCOL_ERROR'],
  ['a reset of a stream that is not open', [rawFrame(FRAME.reset, 0, 1, uint32(8))], 'PROTOCOL_ERROR'],
  ['a reset of no stream', [rawFrame(FRAME.reset, 0, 0, uint32(8))], 'PROTOCOL_ERROR'],
  ['a reset that is too short', [call(1), rawFrame(FRAME.reset, 0, 1, Buffer.alloc(3))], 'FRAME_SIZE_ERROR'],
  ['a window of a stream that is not open', [rawFrame(FRAME.windowUpdate, 0, 1, uint32(1))], 'PROTOCOL_ERROR'],
  ['a window of no size', [rawFrame(FRAME.windowUpdate, 0, 0, Buffer.alloc(3))], 'FRAME_SIZE_ERROR'],
  ['a window of the connection widened by nothing', [rawFrame(FRAME.windowUpdate, 0, 0, uint32(0))], 'PROTOCOL_ERROR'],
  ['a window that is too large', [rawFrame(FRAME.windowUpdate, 0, 0, uint32(2 ** 31 - 1))], 'FLOW_CONTROL_ERROR'],
  ['a stream of a server', [head(2)], 'PROTOCOL_ERROR'],
  ['headers of no stream', [head(0)], 'PROTOCOL_ERROR'],
  ['a stream that was used before', [call(3), call(1)], 'STREAM_CLOSED'],
  ['nothing but padding', [head(1), rawFrame(FRAME.data, padded, 1, Buffer.from([9, 0]))], 'PROTOCOL_ERROR'],
  ['padding without its length', [head(1), rawFrame(FRAME.data, padded, 1)], 'FRAME_SIZE_ERROR'],
  [
    'headers without their priority',
    [rawFrame(FRAME.headers, endHeaders | FLAG.priority, 1, Buffer.alloc(4))],
    'FRAME_SIZE_ERROR',
  ],
  ['a priority of another size', [rawFrame(FRAME.priority, 0, 1, Buffer.alloc(4))], 'FRAME_SIZE_ERROR'],
  ['a priority of no stream', [rawFrame(FRAME.priority, 0, 0, Buffer.alloc(5))], 'PROTOCOL_ERROR'],
  ['a push', [rawFrame(FRAME.pushPromise, endHeaders, 1, Buffer.alloc(4))], 'PROTOCOL_ERROR'],
  ['a ping of a stream', [rawFrame(FRAME.ping, 0, 1, Buffer.alloc(8))], 'PROTOCOL_ERROR'],
  ['a ping of another size', [rawFrame(FRAME.ping, 0, 0, Buffer.alloc(7))], 'FRAME_SIZE_ERROR'],
  ['settings of a stream', [rawFrame(FRAME.settings, 0, 1)], 'PROTOCOL_ERROR'],
  ['settings of another size', [rawFrame(FRAME.settings, 0, 0, Buffer.alloc(5))], 'FRAME_SIZE_ERROR'],
  ['an acknowledgement that says something', [rawFrame(FRAME.settings, ack, 0, Buffer.alloc(6))], 'FRAME_SIZE_ERROR'],
  ['a push setting that is none', [rawFrame(FRAME.settings, 0, 0, settings([2, 2]))], 'PROTOCOL_ERROR'],
  ['a frame size that is too small', [rawFrame(FRAME.settings, 0, 0, settings([5, 16_383]))], 'PROTOCOL_ERROR'],
  [
    'a window setting that is too large',
    [rawFrame(FRAME.settings, 0, 0, settings([4, 2 ** 31]))],
    'FLOW_CONTROL_ERROR',
  ],
  ['a goodbye of a stream', [rawFrame(FRAME.goAway, 0, 1, Buffer.alloc(8))], 'PROTOCOL_ERROR'],
  ['a goodbye that is too short', [rawFrame(FRAME.goAway, 0, 0, Buffer.alloc(7))], 'FRAME_SIZE_ERROR'],
  ['a block that is interrupted', [head(1, 0), rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8))], 'PROTOCOL_ERROR'],
  ['a block of another stream', [head(1, 0), rawFrame(FRAME.continuation, endHeaders, 3)], 'PROTOCOL_ERROR'],
  ['a block that was not begun', [rawFrame(FRAME.continuation, endHeaders, 1)], 'PROTOCOL_ERROR'],
  [
    'a block that never ends',
    [head(1, 0), ...Array<Buffer>(65).fill(rawFrame(FRAME.continuation, 0, 1))],
    'ENHANCE_YOUR_CALM',
  ],
  [
    'a block that grows and grows',
    [head(1, 0), ...Array<Buffer>(5).fill(rawFrame(FRAME.continuation, 0, 1, Buffer.alloc(16_000)))],
    'ENHANCE_YOUR_CALM',
  ],
  ['headers that point at nothing', [head(1, endHeaders, Buffer.from([0xfe]))], 'COMPRESSION_ERROR'],
  [
    'more than the window of the connection lets',
    [1, 3, 5, 7, 9].flatMap((id) => [head(id), ...Array<Buffer>(16).fill(rawFrame(FRAME.data, 0, id, FULL_FRAME))]),
    'FLOW_CONTROL_ERROR',
  ],
])('%s ends the connection, and no other', async (_, frames, code) => {
  // Nobody takes what comes, so that windows stay as they are.
  const { port, broken, errors } = await serve(-1, { authenticate: () => new Promise(() => undefined) });
  const other = client(port);
  const one = client(port);
  one.send(...frames);
  expect(await one.goAway()).toBe(code);
  await until(() => one.isClosed);
  other.send(rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await other.first(FRAME.ping, 0);
  expect([broken, errors]).toStrictEqual([[code], []]);
});

const FLOOD = { floodBurst: 50, floodPerSecond: 0.001 };
test.each<[string, (n: number) => Buffer]>([
  [
    'streams that are given up',
    (n) => Buffer.concat([head(2 * n + 1), rawFrame(FRAME.reset, 0, 2 * n + 1, uint32(8))]),
  ],
  ['pings', () => rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['settings', () => rawFrame(FRAME.settings, 0, 0)],
  ['priorities', () => rawFrame(FRAME.priority, 0, 1, Buffer.alloc(5))],
  ['unknown frames', () => rawFrame(77, 0, 1)],
  ['empty data', (n) => (n === 0 ? head(1) : rawFrame(FRAME.data, 0, 1))],
  ['requests that are reset here', (n) => head(2 * n + 1, endHeaders, request({ ...GOOD, 'X-Big': '1' }))],
  ['data of closed streams', (n) => (n === 0 ? call(1) : rawFrame(FRAME.data, 0, 1, MESSAGE))],
])('a flood of %s ends the connection', async (_, frame) => {
  const { port, broken } = await serve(2, FLOOD);
  const one = client(port);
  one.send(...Array.from({ length: 60 }, (_none, n) => frame(n)));
  expect(await one.goAway()).toBe('ENHANCE_YOUR_CALM');
  expect(broken).toStrictEqual(['ENHANCE_YOUR_CALM']);
});

test('as many cancelled calls as a proxy has are borne', async () => {
  const { port, broken } = await serve(-1);
  const one = client(port);
  for (let n = 0; n < 5_000; n++) one.send(call(2 * n + 1), rawFrame(FRAME.reset, 0, 2 * n + 1, uint32(8)));
  one.send(rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await one.first(FRAME.ping, 0);
  expect(broken).toStrictEqual([]);
});

test.each<[string, Buffer]>([
  ['never begins', NOTHING],
  ['stops within the preface', PREFACE.subarray(0, 7)],
  ['stops before its settings', PREFACE],
  ['stops within a frame', Buffer.concat([PREFACE, rawFrame(FRAME.settings, 0, 0), call(1).subarray(0, 20)])],
  ['stops within a block', Buffer.concat([PREFACE, rawFrame(FRAME.settings, 0, 0), head(1, 0)])],
])('a client that %s is given up', async (_, bytes) => {
  const { port, broken } = await serve(2, { requestTimeoutMs: 1 });
  const one = client(port, bytes);
  expect(await one.goAway()).toBe('ENHANCE_YOUR_CALM');
  await until(() => one.isClosed);
  expect(broken).toStrictEqual(['ENHANCE_YOUR_CALM']);
});

test('an answer that its client does not take is given up', async () => {
  const { port } = await serve(100, { writeTimeoutMs: 1 });
  const one = client(port);
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 10])), call(1));
  expect(await one.resetOf(1)).toBe('CANCEL');
});

test('a client that reads nothing is given up', async () => {
  const { port, calls, broken } = await serve(1_000_000, { writeTimeoutMs: 1 });
  const one = client(port);
  one.socket.pause();
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 2 ** 31 - 1])));
  one.send(rawFrame(FRAME.windowUpdate, 0, 0, uint32(2 ** 30)));
  for (let n = 0; n < 100; n++) one.send(call(2 * n + 1));
  await until(() => broken.length > 0);
  expect(broken).toStrictEqual(['ENHANCE_YOUR_CALM']);
  expect(calls.length).toBeLessThan(100); // it was not read any more
});

test('draining refuses what comes late, answers the rest, and closes', async () => {
  let finish: (answer: UnaryAnswer) => void = () => undefined;
  const { port, server } = await serve(2, {
    methods: [
      { kind: 'unary', path: PATH, label: 'Check', handle: () => new Promise((resolve) => (finish = resolve)) },
    ],
  });
  const one = client(port);
  one.send(call(1), rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await one.first(FRAME.ping, 0);
  const drained = server.drain(30_000);
  expect((await one.first(FRAME.goAway, 0)).payload.readUInt32BE(0)).toBe(1);
  one.send(call(3));
  expect(await one.resetOf(3)).toBe('REFUSED_STREAM');
  finish(Buffer.alloc(FRAME_HEAD_BYTES + 2, 7));
  await drained;
  await until(() => one.isClosed);
  expect(one.dataOf(1)).toHaveLength(7);
});

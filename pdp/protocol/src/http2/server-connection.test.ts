import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { until } from '../testing/conditions.ts';
import { callBlock, RawHttp2Client, rawFrame, settings, uint32 } from '../testing/raw-http2.ts';
import { encodeBlock } from './hpack-encoder.ts';
import { FLAG, FRAME, SETTING } from './protocol.ts';
import { ServerConnection, type ConnectionLimits } from './server-connection.ts';
import type { ServerStream } from './server-stream.ts';

/** What every connection here may do; what its server's own bounds are for is tested with the gRPC server of the PDP. */
const LIMITS: ConnectionLimits = {
  maxConcurrentStreams: 10,
  maxHeaderBytes: 16_384,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  readTimeoutMs: 60_000,
  writeTimeoutMs: 60_000,
  idleTimeoutMs: 1_000,
  floodBurst: 1_000,
  floodPerSecond: 100,
};
const HEAD = encodeBlock([[':status', '200']]);
const TRAILERS = encodeBlock([['x-end', '1']]);

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Served {
  readonly one: RawHttp2Client;
  readonly connection: () => ServerConnection;
  readonly streams: ServerStream[];
  readonly heard: string[];
  readonly clock: { now: number };
}

/** One connection whose streams are handed out, with what their client does; time stands still. */
async function serve(onStream: (stream: ServerStream) => void = () => undefined): Promise<Served> {
  const streams: ServerStream[] = [];
  const heard: string[] = [];
  const clock = { now: 0 };
  let connection: ServerConnection | undefined;
  const server: Server = createServer((socket: Socket) => {
    connection = new ServerConnection({
      socket,
      limits: LIMITS,
      nowMs: () => clock.now,
      repeatsHeads: false,
      writes: { add: (writer) => setImmediate(() => writer.writeNow()) },
      onRequest: (stream) => {
        streams.push(stream);
        stream.receive({
          data: (piece) => heard.push(`data ${piece.length}`),
          ended: () => heard.push('ended'),
          gone: () => heard.push('gone'),
          sent: () => heard.push('sent'),
          drained: () => heard.push('drained'),
        });
        onStream(stream);
      },
      onBroken: (code) => heard.push(code),
      onClosed: () => heard.push('closed'),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const one = new RawHttp2Client((server.address() as AddressInfo).port);
  closing.push(
    () => one.socket.destroy(),
    () => server.close(),
  );
  await until(() => connection !== undefined);
  return {
    one,
    connection: () => {
      if (connection === undefined) throw new Error('there is no connection');
      return connection;
    },
    streams,
    heard,
    clock,
  };
}

const open = (stream: number, flags: number = FLAG.endHeaders): Buffer =>
  rawFrame(FRAME.headers, flags, stream, callBlock('/a'));

test('whoever sends is told to wait by the first bytes that have to, and to go on when all of them are out', async () => {
  const { one, streams, heard } = await serve();
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 10])), open(1));
  const stream = await until(() => streams[0]);
  stream.headers(HEAD, false);
  expect(stream.data(Buffer.alloc(10))).toBe(true);
  expect(stream.data(Buffer.alloc(5))).toBe(false);
  one.send(rawFrame(FRAME.windowUpdate, 0, 1, uint32(4)));
  await until(() => one.dataOf(1).length === 14);
  expect(heard).toStrictEqual([]);
  one.send(rawFrame(FRAME.windowUpdate, 0, 1, uint32(4)));
  await until(() => heard.length > 0);
  expect(heard).toStrictEqual(['drained']);
  expect(stream.data(Buffer.alloc(3))).toBe(true);
});

test.each([
  ['at once', 7],
  ['when their client takes them', 100_000],
])('bytes end a stream %s, without trailers', async (_, length) => {
  const { one, heard } = await serve((stream) => {
    stream.headers(HEAD, false);
    stream.data(Buffer.alloc(length), true);
  });
  one.send(open(1, FLAG.endHeaders | FLAG.endStream));
  await until(() => one.dataOf(1).length === Math.min(length, 65_535));
  one.send(rawFrame(FRAME.windowUpdate, 0, 0, uint32(length)), rawFrame(FRAME.windowUpdate, 0, 1, uint32(length)));
  await until(() => one.hasEnded(1));
  expect(one.dataOf(1)).toHaveLength(length);
  expect(one.frames.filter(({ type, stream }) => type === FRAME.headers && stream === 1)).toHaveLength(1);
  expect(heard).toStrictEqual(['ended', 'sent']);
});

test('trailers wait for the bytes before them', async () => {
  const { one, streams, heard } = await serve();
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 1])), open(1));
  const stream = await until(() => streams[0]);
  stream.headers(HEAD, false);
  stream.data(Buffer.alloc(2));
  stream.headers(TRAILERS, true);
  await until(() => one.dataOf(1).length === 1);
  expect(one.hasEnded(1)).toBe(false);
  one.send(rawFrame(FRAME.windowUpdate, 0, 1, uint32(1)));
  await until(() => one.hasEnded(1));
  expect(heard).toStrictEqual(['sent']);
});

test('of a large answer no more is made into frames than a few MB, however large the windows; all of it arrives', async () => {
  const bytes = 8_000_000;
  const room: number[] = [];
  const { one, connection } = await serve((stream) => {
    stream.headers(HEAD, false);
    stream.data(Buffer.alloc(bytes), true);
    room.push(connection().room);
  });
  one.socket.pause();
  one.send(
    rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 2 ** 31 - 1])),
    rawFrame(FRAME.windowUpdate, 0, 0, uint32(2 ** 30)),
    open(1, FLAG.endHeaders | FLAG.endStream),
  );
  await until(() => room.length > 0);
  // Frames have heads, which are not counted beforehand.
  expect(room[0]).toBeGreaterThan(-16_384);
  one.socket.resume();
  await until(() => one.hasEnded(1));
  expect(one.dataOf(1)).toHaveLength(bytes);
});

test('a connection without a stream is closed after its time, and says so', async () => {
  const { one, connection, streams, heard, clock } = await serve();
  one.send(open(1, FLAG.endHeaders | FLAG.endStream));
  const stream = await until(() => streams[0]);
  clock.now = 5_000;
  connection().check(clock.now);
  stream.headers(HEAD, true);
  await until(() => one.hasEnded(1));
  connection().check((clock.now += 1_000));
  one.send(rawFrame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await one.first(FRAME.ping, 0);
  connection().check((clock.now += 1));
  expect(await one.goAway()).toBe('NO_ERROR');
  await until(() => one.isClosed);
  expect(heard).toStrictEqual(['ended', 'sent', 'closed']);
});

test('whoever leaves while an answer waits is gone, and its answer is not sent', async () => {
  const { one, streams, heard } = await serve();
  one.send(rawFrame(FRAME.settings, 0, 0, settings([SETTING.initialWindowSize, 0])), open(1));
  const stream = await until(() => streams[0]);
  stream.headers(HEAD, false);
  expect(stream.data(Buffer.alloc(1), true)).toBe(false);
  one.send(rawFrame(FRAME.reset, 0, 1, uint32(8)));
  await until(() => heard.length > 0);
  expect(heard).toStrictEqual(['gone']);
  expect([stream.isClosed, stream.data(Buffer.alloc(1))]).toStrictEqual([true, true]);
});

import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { until } from '../../testing/conditions.ts';
import { useFolders } from '../../testing/folders.ts';
import { listen, type Listener, type ListenerOptions } from '../listener.ts';
import { jsonReply } from '../reply.ts';
import type { RouteRequest } from '../route.ts';
import type { DropReason } from './connection-host.ts';

const newFolder = useFolders();
const open: { readonly close: () => unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

const echo = ({ method, path, query, body }: RouteRequest) =>
  jsonReply(200, { method, path, query, body: body.toString() });

async function start(over: Partial<ListenerOptions> = {}) {
  const dropped: DropReason[] = [];
  const refused: string[] = [];
  const errors: unknown[] = [];
  const protocols: string[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 10_000,
    requestTimeoutMs: 10_000,
    handle: echo,
    onError: (error) => errors.push(error),
    onRefused: (problem) => refused.push(problem),
    onDropped: (reason) => dropped.push(reason),
    onConnection: (protocol) => protocols.push(protocol),
    ...over,
  });
  open.push({ close: () => listener.drain(0) });
  return { listener, dropped, refused, errors, protocols };
}

/** A connection that says what it is told, byte by byte. */
function raw({ address }: Listener) {
  return rawOn(connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true }));
}
function rawOn(socket: Socket) {
  open.push({ close: () => socket.destroy() });
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  socket.on('error', () => undefined);
  const ended = once(socket, 'end');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, ended, closed, text: () => text };
}
const statuses = (text: string): readonly string[] =>
  [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code = '']) => code);

const GET = 'GET /a HTTP/1.1\r\nhost: h\r\n\r\n';
const post = (body: string, path = '/p'): string =>
  `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

test('it does not matter in what pieces requests arrive', async () => {
  const { listener } = await start();
  const client = raw(listener);
  for (const byte of `\r\n${post('hello')}${GET}`) {
    client.socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => statuses(client.text()).length === 2);
  expect(client.text()).toContain('"body":"hello"');
  expect(client.text()).toContain('"path":"/a"');
});

test('pipelined requests are answered in their order, though the first one takes longest', async () => {
  const { listener } = await start({
    handle: (request) =>
      request.path === '/slow' ? new Promise((resolve) => setTimeout(() => resolve(echo(request)), 30)) : echo(request),
  });
  const client = raw(listener);
  client.socket.write(post('', '/slow') + post('', '/second') + post('', '/third'));
  await until(() => statuses(client.text()).length === 3);
  const paths = [...client.text().matchAll(/"path":"([^"]*)"/g)].map(([, path]) => path);
  expect(paths).toStrictEqual(['/slow', '/second', '/third']);
});

test('a client that sends the same head again and again, and then another, is answered each time for what it said', async () => {
  const { listener } = await start();
  const client = raw(listener);
  client.socket.write(post('one') + post('two') + post('three') + GET + post('six'));
  await until(() => statuses(client.text()).length === 5);
  const bodies = [...client.text().matchAll(/"body":"([^"]*)"/g)].map(([, body]) => body);
  expect(bodies).toStrictEqual(['one', 'two', 'three', '', 'six']);
});

test('a chunked body is read, and the request behind it', async () => {
  const { listener } = await start();
  const client = raw(listener);
  client.socket.write('POST /c HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
  client.socket.write(`2\r\nde\r\n0\r\n\r\n${GET}`);
  await until(() => statuses(client.text()).length === 2);
  expect(client.text()).toContain('"body":"abcde"');
});

test('a client that closed its own direction gets its answer', async () => {
  const { listener } = await start({
    handle: async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return echo(request);
    },
  });
  const client = raw(listener);
  client.socket.end(post('x') + GET);
  await client.closed;
  expect(statuses(client.text())).toStrictEqual(['200', '200']);
});

test('a client that goes within a request is counted, one that goes between requests is not', async () => {
  const { listener, dropped } = await start();
  const idle = raw(listener);
  idle.socket.end(GET);
  await idle.closed;
  const broken = raw(listener);
  broken.socket.end(post('hello').slice(0, -1));
  await broken.closed;
  expect([statuses(idle.text()), statuses(broken.text()), dropped]).toStrictEqual([['200'], [], ['incomplete']]);
});

test('a handler is told when its client goes, and only if it goes before it has its answer', async () => {
  const gone: string[] = [];
  const entered = Promise.withResolvers<undefined>();
  const { listener } = await start({
    handle: (request) => {
      request.onGone(() => gone.push(request.path));
      if (request.path !== '/slow') return echo(request);
      entered.resolve(undefined);
      return new Promise(() => undefined);
    },
  });
  const client = raw(listener);
  client.socket.write(GET + post('', '/slow'));
  await entered.promise;
  client.socket.destroy();
  await until(() => gone.length > 0);
  expect(gone).toStrictEqual(['/slow']);
});

test('a client that only sends no more is not closed: who can still answer goes on', async () => {
  const told: string[] = [];
  const { listener } = await start({
    handle: (request) =>
      new Promise((resolve) => {
        request.onClosed(() => told.push('closed'));
        request.onGone(() => {
          told.push('gone');
          setImmediate(() => resolve(echo(request)));
        });
      }),
  });
  const half = raw(listener);
  half.socket.end(post('x'));
  await half.closed;
  expect([statuses(half.text()), told]).toStrictEqual([['200'], ['gone']]);
});

test('a handler is told when its client is reset', async () => {
  const closed = Promise.withResolvers<undefined>();
  const entered = Promise.withResolvers<undefined>();
  const { listener } = await start({
    handle: (request) => {
      request.onClosed(() => closed.resolve(undefined));
      entered.resolve(undefined);
      return new Promise(() => undefined);
    },
  });
  const client = raw(listener);
  client.socket.write(post('x'));
  await entered.promise;
  client.socket.resetAndDestroy();
  await closed.promise;
});

test.each([
  ['at the end of every line', 'GET / HTTP/1.1\nhost: h\n\n'],
  ['at the end of the last', 'GET / HTTP/1.1\r\nhost: h\r\n\n'],
])('bare line feeds %s of a head are told at once', async (_, text) => {
  const { listener, dropped } = await start();
  const client = raw(listener);
  client.socket.write(text);
  await client.ended;
  expect([statuses(client.text()), dropped]).toStrictEqual([['400'], ['malformed']]);
});

test('HTTP/2: a header that cannot be sent as it is, is not sent as another', async () => {
  const { listener, errors } = await start({
    handle: () => ({ status: 200, headers: { 'x-user': '\u0161dmin' }, body: 'ok' }),
  });
  const { status, text } = await ask(http2Client(listener), { ':path': '/' });
  expect([status, text, errors.length]).toStrictEqual([500, '{"message":"internal error"}\n', 1]);
});

test('leave to send a body is given once, and the answer follows', async () => {
  const { listener } = await start();
  const client = raw(listener);
  client.socket.write('POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n');
  await until(() => client.text().includes('100 Continue\r\n\r\n'));
  client.socket.write('hi');
  await until(() => client.text().includes('"body":"hi"'));
});

test.each([
  ['a header block that does not end', `GET / HTTP/1.1\r\nhost: h\r\nx: ${'a'.repeat(40_000)}`, '431'],
  ['a header block that is too large', `GET / HTTP/1.1\r\nhost: h\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`, '431'],
  ['the handshake of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '400'],
  ['what is no request', 'hello\r\n\r\n', '400'],
  [
    'a length beside chunks',
    'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    '400',
  ],
  ['a broken chunk', 'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', '400'],
  ['a body that says to be too large', 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10001\r\n\r\n', '413'],
  [
    'a chunked body that is too large',
    `POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n4e20\r\n${'x'.repeat(10_001)}`,
    '413',
  ],
])(
  '%s is answered with a status, the connection ends, and nothing behind it is heard',
  async (_name, bytes, status) => {
    const handled: string[] = [];
    const { listener, errors } = await start({
      handle: (request) => {
        handled.push(request.path);
        return echo(request);
      },
    });
    const client = raw(listener);
    client.socket.write(Buffer.from(`${bytes}\r\n\r\n${GET}`, 'latin1'));
    await client.ended;
    expect([statuses(client.text()), handled, errors]).toStrictEqual([[status], [], []]);
    expect(client.text()).toContain('connection: close\r\n');
  },
);

test('a slow client is let go: within its head, within its body, and between requests', async () => {
  const { listener, dropped } = await start({ requestTimeoutMs: 1_000, keepAliveMs: 1_000 });
  const [head, body, idle] = [raw(listener), raw(listener), raw(listener)];
  head.socket.write('GET / HT');
  body.socket.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n');
  const drip = setInterval(() => body.socket.write('x'), 20);
  await Promise.all([head.ended, body.ended, idle.ended]);
  clearInterval(drip);
  expect([head, body, idle].map(({ text }) => statuses(text()))).toStrictEqual([['408'], ['408'], []]);
  expect(dropped).toStrictEqual(['request-timeout', 'request-timeout']);
});

test('a client that does not take its answers is let go, and is not answered without bound meanwhile', async () => {
  let handled = 0;
  const { listener, dropped } = await start({
    writeTimeoutMs: 200,
    handle: () => {
      handled++;
      return jsonReply(200, 'x'.repeat(100_000));
    },
  });
  const client = connect(listener.address.port, '127.0.0.1');
  client.on('error', () => undefined);
  client.pause();
  const closed = new Promise((resolve) => client.once('close', resolve));
  const sending = setInterval(() => client.write(GET.repeat(1_000)), 5);
  await until(() => dropped.includes('write-timeout'));
  clearInterval(sending);
  client.destroy();
  await closed;
  expect(handled).toBeLessThan(500);
});

test('requests that wait for their answers are bounded, and what is beyond is refused', async () => {
  const release = Promise.withResolvers<undefined>();
  const { listener, refused } = await start({
    maxRequests: 1,
    handle: async (request) => {
      await release.promise;
      return echo(request);
    },
  });
  const first = raw(listener);
  first.socket.write(GET);
  const second = raw(listener);
  await until(() => {
    second.socket.write(GET);
    return second.text().includes('urn:edict:problem:overloaded');
  });
  expect(refused).toContain('overloaded');
  release.resolve(undefined);
  await until(() => statuses(first.text()).length === 1);
});

test('a connection ends after as many requests as it may have', async () => {
  const { listener } = await start({ maxRequestsPerConnection: 2 });
  const client = raw(listener);
  client.socket.write(GET.repeat(3));
  await client.ended;
  expect(statuses(client.text())).toStrictEqual(['200', '200']);
});

test('a header that a handler cannot send is a 500 and a bug, not two headers', async () => {
  const { listener, errors } = await start({
    handle: () => ({ status: 200, headers: { a: 'b\r\nset-cookie: c' }, body: '' }),
  });
  const client = raw(listener);
  client.socket.write(GET);
  await until(() => statuses(client.text()).length === 1);
  expect([statuses(client.text()), client.text().includes('set-cookie')]).toStrictEqual([['500'], false]);
  expect(errors).toHaveLength(1);
});

test('an answer beyond ASCII has the length of its bytes, and HEAD has none of them', async () => {
  const { listener } = await start({ handle: () => ({ status: 200, headers: {}, body: 'naïve' }) });
  const url = `http://127.0.0.1:${listener.address.port}/`;
  expect(await (await fetch(url)).text()).toBe('naïve');
  const client = raw(listener);
  client.socket.write('HEAD / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  await client.ended;
  expect(client.text()).toContain('content-length: 6\r\n');
  expect(client.text().endsWith('\r\n\r\n')).toBe(true);
});

test('a unix socket is served with the mode that it is to have, and what a killed process left of it is replaced', async () => {
  const folder = await newFolder();
  const path = join(folder, 'pdp.sock');
  await leaveSocket(path);
  await start({ socket: { path, mode: 0o620 } });
  expect((await stat(path)).mode & 0o777).toBe(0o620);
  const client = rawOn(connect(path));
  client.socket.write(GET);
  await until(() => statuses(client.text()).length === 1);
  await expect(start({ socket: { path, mode: 0o620 } })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(start({ socket: { path: folder, mode: 0o620 } })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

/** A socket's file that nobody listens on. */
async function leaveSocket(path: string): Promise<void> {
  const { rename } = await import('node:fs/promises');
  const server = createServer().listen(`${path}.old`);
  await once(server, 'listening');
  await rename(`${path}.old`, path);
  server.close();
}

function http2Client({ address }: Listener): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${address.port}`);
  session.on('error', () => undefined);
  open.push({ close: () => session.destroy() });
  return session;
}

async function ask(session: ClientHttp2Session, headers: Record<string, string>, body = '') {
  const stream = session.request({ ':method': 'POST', ...headers });
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  stream.end(body);
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
  await once(stream, 'close');
  return { status: answer[':status'], text };
}

test('HTTP/2 by prior knowledge: many requests at once, and a request arrives in its parts', async () => {
  const { listener, protocols } = await start();
  const session = http2Client(listener);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => ask(session, { ':path': `/${index}?q` }, `body ${index}`)),
  );
  for (const [index, { status, text }] of answers.entries()) {
    expect([status, JSON.parse(text)]).toStrictEqual([
      200,
      { method: 'POST', path: `/${index}`, query: 'q', body: `body ${index}` },
    ]);
  }
  expect(protocols).toStrictEqual(['http1', 'http2']);
});

test('HTTP/2: a body over the limit is a 413, and other streams of the connection go on', async () => {
  const { listener } = await start();
  const session = http2Client(listener);
  expect((await ask(session, { ':path': '/' }, 'x'.repeat(10_001))).status).toBe(413);
  expect((await ask(session, { ':path': '/' }, 'x'.repeat(10_000))).status).toBe(200);
});

test('HTTP/2: a slow request is answered with 408, and an idle connection is closed', async () => {
  const { listener, dropped } = await start({ requestTimeoutMs: 1_000, keepAliveMs: 1_000 });
  const session = http2Client(listener);
  const closed = once(session, 'close');
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.write('x');
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(answer[':status']).toBe(408);
  stream.resume();
  await closed;
  expect(dropped).toStrictEqual(['request-timeout']);
});

test('HTTP/2: a client that opens and resets without end is cut off, and no more is handled than it may reset', async () => {
  let handled = 0;
  const { listener } = await start({
    handle: () => {
      handled++;
      return new Promise(() => undefined);
    },
  });
  const session = http2Client(listener);
  let sent = 0;
  await once(session, 'connect');
  const closed = new Promise((resolve) => session.once('close', resolve));
  const isOpen = (): boolean => !session.destroyed && !session.closed;
  while (isOpen()) {
    for (let i = 0; i < 50 && isOpen(); i++, sent++) {
      const stream = session.request({ ':method': 'GET', ':path': '/' }, { endStream: true });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  expect(handled).toBeLessThan(1_500);
  expect(sent).toBeLessThan(50_000);
  const other = http2Client(listener);
  void other.request({ ':method': 'GET', ':path': '/' }).on('error', () => undefined);
  const before = handled;
  await until(() => handled > before);
});

test('HTTP/2: clients that are dismissed are told to go, and get the answers to what they have asked', async () => {
  const release = Promise.withResolvers<undefined>();
  const entered = Promise.withResolvers<undefined>();
  const { listener } = await start({
    handle: async (request) => {
      entered.resolve(undefined);
      await release.promise;
      return echo(request);
    },
  });
  const session = http2Client(listener);
  const told = once(session, 'goaway');
  const answer = ask(session, { ':path': '/last' });
  await entered.promise;
  listener.dismissClients();
  expect((await told).slice(0, 2)).toStrictEqual([constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1]);
  const drained = listener.drain(10_000);
  release.resolve(undefined);
  expect((await answer).status).toBe(200);
  await drained;
});

test('HTTP/2: a handler is told when its client cancels', async () => {
  const gone = Promise.withResolvers<undefined>();
  const entered = Promise.withResolvers<undefined>();
  const { listener } = await start({
    handle: (request) => {
      request.onGone(() => gone.resolve(undefined));
      entered.resolve(undefined);
      return new Promise(() => undefined);
    },
  });
  const session = http2Client(listener);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await entered.promise;
  stream.close(constants.NGHTTP2_CANCEL);
  await gone.promise;
});

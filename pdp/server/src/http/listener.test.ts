import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { listen, type Listener, type ListenerOptions } from './listener.ts';
import { jsonReply } from './reply.ts';

const open: Listener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.drain(0)));
});
async function start(
  over: Partial<ListenerOptions> = {},
): Promise<{ listener: Listener; url: string; errors: unknown[]; refused: string[] }> {
  const errors: unknown[] = [];
  const refused: string[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1000,
    requestTimeoutMs: 5000,
    handle: ({ headers, ...request }) =>
      jsonReply(200, { ...request, contentType: headers['content-type'], body: request.body.toString() }),
    onError: (error) => errors.push(error),
    onRefused: (problem) => refused.push(problem),
    ...over,
  });
  open.push(listener);
  return { listener, url: `http://127.0.0.1:${listener.address.port}`, errors, refused };
}

test('a request arrives in its parts', async () => {
  const { url } = await start();
  const answer = await fetch(`${url}/a/b?x=1&y`, {
    method: 'POST',
    body: 'hello',
    headers: { 'content-type': 'text/x', 'policy-set': 'a/b' },
  });
  expect(await answer.json()).toStrictEqual({
    method: 'POST',
    path: '/a/b',
    query: 'x=1&y',
    client: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as unknown,
    contentType: 'text/x',
    instance: 'a/b',
    body: 'hello',
  });
});

test('a body over the limit is a 413 and ends the connection', async () => {
  const { url } = await start();
  const answer = await fetch(url, { method: 'POST', body: 'x'.repeat(1001) });
  expect([answer.status, answer.headers.get('connection')]).toStrictEqual([413, 'close']);
  expect((await fetch(url, { method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200);
});

test('a handler that throws or rejects is a 500 without details, and is told', async () => {
  const boom = new Error('secret');
  const thrown = await start({
    handle: () => {
      throw boom;
    },
  });
  const rejected = await start({ handle: () => Promise.reject(boom) });
  for (const { url, errors } of [thrown, rejected]) {
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toStrictEqual([500, '{"message":"internal error"}\n']);
    expect(errors).toStrictEqual([boom]);
  }
});

test('draining answers the request that is under way, tells its client to close, and takes no new connection', async () => {
  let release: () => void = () => undefined;
  const entered = Promise.withResolvers<undefined>();
  const { listener, url } = await start({
    handle: async () => {
      entered.resolve(undefined);
      await new Promise<void>((resolve) => (release = resolve));
      return jsonReply(200, 'done');
    },
  });
  const underWay = fetch(url);
  await entered.promise;
  const drained = listener.drain(10_000);
  await expect(fetch(url)).rejects.toThrow();
  release();
  const answer = await underWay;
  expect([answer.status, answer.headers.get('connection')]).toStrictEqual([200, 'close']);
  await drained;
});

test('a client that never ends its request does not hold the drain up', async () => {
  const { listener } = await start();
  const socket = connect(listener.address.port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.write('POST /decision HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc');
  await new Promise((resolve) => socket.once('connect', resolve));
  await listener.drain(50);
  await closed;
});

test('clients are dismissed one by one: answers end their connections while new ones are still taken', async () => {
  const { listener, url } = await start();
  expect((await fetch(url)).headers.get('connection')).toBe('keep-alive');
  listener.dismissClients();
  expect((await fetch(url)).headers.get('connection')).toBe('close');
  expect((await fetch(url)).status).toBe(200);
});

/** Sends bytes on a connection of its own; `text` is everything that came back so far. */
function rawClient({ address }: Listener) {
  const socket = connect(address.port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.on('error', () => undefined);
  const received = async (part: string): Promise<void> => {
    while (!text.includes(part)) await new Promise((resolve) => socket.once('data', resolve));
  };
  return { socket, closed, received, text: () => text };
}

test('bodies that are not finished may hold so many bytes together, and give them back when they end', async () => {
  const { listener, url, refused } = await start({ maxBodyBytes: 10_000, maxHeldBytes: 1000 });
  const slow = rawClient(listener);
  slow.socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 901\r\n\r\n${'a'.repeat(450)}`);
  await new Promise((resolve) => slow.socket.once('connect', resolve));
  const second = rawClient(listener);
  second.socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n');
  while (!second.text().includes('503')) {
    second.socket.write('b'.repeat(200));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(second.text()).toContain('urn:edict:problem:overloaded');
  expect(second.text().toLowerCase()).toContain('connection: close');
  expect(refused).toStrictEqual(['overloaded']);
  second.socket.destroy();
  slow.socket.write('a'.repeat(451));
  await slow.received('a'.repeat(901));
  slow.socket.destroy();
  const body = 'c'.repeat(900);
  expect(await (await fetch(url, { method: 'POST', body })).json()).toMatchObject({ body });
});

test('a connection beyond the bound is closed and counted', async () => {
  const { listener, refused } = await start({ maxConnections: 1 });
  const first = rawClient(listener);
  first.socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await first.received('200 OK');
  await rawClient(listener).closed;
  expect(refused).toStrictEqual(['overloaded']);
  first.socket.destroy();
});

test('a client that takes too long to send its request is told so and let go', async () => {
  const { listener } = await start({ requestTimeoutMs: 100 });
  const client = rawClient(listener);
  client.socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc');
  await client.closed;
  expect(client.text()).toContain('408 Request Timeout');
});

test('an answer without content has no content-length', async () => {
  const { url } = await start({ handle: () => ({ status: 204, headers: { allow: 'POST' }, body: '' }) });
  const answer = await fetch(url, { method: 'OPTIONS' });
  expect([answer.status, answer.headers.get('allow'), answer.headers.get('content-length')]).toStrictEqual([
    204,
    'POST',
    null,
  ]);
});

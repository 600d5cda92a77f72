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
): Promise<{ listener: Listener; url: string; errors: unknown[] }> {
  const errors: unknown[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1000,
    requestTimeoutMs: 5000,
    handle: (request) => jsonReply(200, { ...request, body: request.body.toString() }),
    onError: (error) => errors.push(error),
    ...over,
  });
  open.push(listener);
  return { listener, url: `http://127.0.0.1:${listener.address.port}`, errors };
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
    contentType: 'text/x',
    set: 'a/b',
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

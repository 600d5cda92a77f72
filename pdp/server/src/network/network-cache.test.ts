import { expect, test } from '@jest/globals';
import type { HttpAnswer } from '@edict/engine';
import { bodyOf, useNetwork } from '../testing/use-network.ts';

const { serve, serveRaw, open } = useNetwork();

const NOW = Date.UTC(2026, 0, 2);

test('a policy that wants it gets the kept answer until it expires, and asks then whether it still holds', async () => {
  let nowMs = NOW;
  const server = await serve(({ headers }, response) => {
    response.setHeader('Date', new Date(nowMs).toUTCString());
    response.setHeader('Cache-Control', 'max-age=60');
    response.setHeader('ETag', '"v1"');
    response.setHeader('X-Time', String(nowMs - NOW));
    if (headers['if-none-match'] === '"v1"') response.statusCode = 304;
    response.end(response.statusCode === 304 ? undefined : 'text');
  });
  const { send, outcomes } = open({ nowMs: () => nowMs });
  const caching = { forceSeconds: undefined };
  const timeOf = (answer: HttpAnswer) =>
    answer.ok && [
      answer.response.statusCode,
      bodyOf(answer),
      answer.response.headers.find(([name]) => name === 'X-Time')?.[1],
    ];
  expect(timeOf(await send(server.url, { caching }))).toStrictEqual([200, 'text', '0']);
  nowMs += 59_000;
  expect(timeOf(await send(server.url, { caching }))).toStrictEqual([200, 'text', '0']);
  nowMs += 2_000;
  expect(timeOf(await send(server.url, { caching }))).toStrictEqual([200, 'text', '61000']);
  expect(timeOf(await send(server.url, { caching }))).toStrictEqual([200, 'text', '61000']);
  expect(timeOf(await send(server.url))).toStrictEqual([200, 'text', '61000']); // who does not want it asks
  expect(server.received).toHaveLength(3);
  expect(outcomes()).toStrictEqual(['answered', 'cached', 'cached', 'cached', 'answered']);
});

test('a policy can keep an answer longer than its server says', async () => {
  let nowMs = NOW;
  const server = await serve((_request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    response.end('text');
  });
  const { send, outcomes } = open({ nowMs: () => nowMs });
  for (const forceSeconds of [30, 30, undefined]) {
    await send(`${server.url}/${String(forceSeconds)}`, { caching: { forceSeconds } });
  }
  nowMs += 30_001;
  await send(`${server.url}/30`, { caching: { forceSeconds: 30 } });
  await send(`${server.url}/undefined`, { caching: { forceSeconds: undefined } });
  expect(outcomes()).toStrictEqual(['answered', 'cached', 'answered', 'answered', 'answered']);
});

test('failures are not kept', async () => {
  const server = await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const { send } = open();
  const caching = { forceSeconds: 60 };
  await send(server.url, { caching });
  await send(server.url, { caching });
  expect(server.sockets).toHaveLength(2);
});

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from '@jest/globals';
import { ask, failuresOf, type LoadTarget } from './load-generator.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function startServer(handle: RequestListener): Promise<LoadTarget> {
  const listening = createServer(handle);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { name: 'one', url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}` };
}

const DECISION = { 'policy-set': 'a/b', 'policy-revision': '3', 'policy-digest': 'd' };

test('a decision of a named revision is no failure', async () => {
  const target = await startServer((_, response) => response.writeHead(200, DECISION).end('{"allow":false}'));
  const answer = await ask(target, {});
  expect(answer).toMatchObject({ status: 200, set: 'a/b', revision: 3, digest: 'd', allow: false });
  expect(failuresOf([answer])).toEqual([]);
});

test.each([
  ['a decision of no revision', 200, '{"allow":true}', /one: 200 after [\d.]+ ms: no revision is named$/],
  ['no decision', 200, '{"ok":1}', /one: 200 after [\d.]+ ms: \{"ok":1\}$/],
  ['a refusal', 503, '{"title":"No active policy"}', /one: 503 after [\d.]+ ms: \{"title":"No active policy"\}$/],
])('%s is a failure, told in a line', async (_, status, body, line) => {
  const target = await startServer((_request, response) => response.writeHead(status).end(body));
  const [failure, ...others] = failuresOf([await ask(target, {})]);
  expect(failure).toMatch(line);
  expect(others).toEqual([]);
});

test('of what got no answer the state of its connection is told', async () => {
  const target = await startServer((request) => request.socket.destroy());
  expect(failuresOf([await ask(target, {})])[0]).toMatch(
    /^\d{4}-\S+Z one: 0 after [\d.]+ ms: .+ \(new connection from port \d+, 0 bytes read\)$/,
  );
  server?.close();
  expect(failuresOf([await ask(target, {})])[0]).toMatch(/ECONNREFUSED.* \(new connection, 0 bytes read\)$/);
});

test('what does not answer in time has failed to', async () => {
  const target = await startServer(() => undefined);
  expect(failuresOf([await ask(target, {}, undefined, 100)])[0]).toMatch(/no answer in 100 ms \(new connection/);
});

/** In a thread of its own, since the one that asks stands still. */
const SLOW_SERVER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:http').createServer((request, response) => {
    request.resume();
    parentPort.postMessage('asked');
    setTimeout(() => response.writeHead(200, ${JSON.stringify(DECISION)}).end('{"allow":true}'), workerData);
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
const STILL_MS = 400;

test.each([
  ['meanwhile', 50],
  ['so long as the server did', STILL_MS + 50],
])('the time in which whoever asked stood still counts for nothing: answered %s', async (_, answerAfterMs) => {
  const worker = new Worker(SLOW_SERVER, { eval: true, workerData: answerAfterMs });
  try {
    const port = await new Promise<number>((resolve) => worker.once('message', resolve));
    const asked = new Promise((resolve) => worker.once('message', resolve));
    const asking = ask({ name: 'one', url: `http://127.0.0.1:${port}` }, {}, undefined, STILL_MS / 2);
    await asked;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STILL_MS);
    expect(failuresOf([await asking])).toEqual([]);
  } finally {
    await worker.terminate();
  }
});

import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { systemClock, type Clock } from '../clock.ts';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import type { PdpMessage } from '../messages.ts';
import { createAuthority, createFolder, type TestAuthority } from '../testing/certificates.ts';
import { dialGrpc, LINGER_MS, TCP_CONNECT_TIMEOUT_MS } from './grpc-client.ts';
import { frameOf } from './grpc-frames.ts';
import { KEEPALIVE_INTERVAL_MS, KEEPALIVE_TIMEOUT_MS } from './grpc-service.ts';
import type { MessageStream, StreamClose } from './stream.ts';

/** An operator of bare HTTP/2 that opens every stream, writes what it is to, and never ends one. */
async function startOperator(written: readonly Uint8Array[] = [], issuer = authority, movedMs = 0) {
  const { cert, key } = await issuer.issue('02', [], movedMs);
  const server = createSecureServer({ cert, key });
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.resume();
    for (const bytes of written) stream.write(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sessions };
}

/** A clock whose tasks run when the test says so. */
function manualClock() {
  const tasks = new Map<symbol, { readonly delayMs: number; readonly task: () => void }>();
  const clock: Clock = {
    ...systemClock,
    schedule: (delayMs, task) => {
      const id = Symbol('task');
      tasks.set(id, { delayMs, task });
      return () => tasks.delete(id);
    },
  };
  return {
    clock,
    waiting: (delayMs: number) => [...tasks.values()].filter((task) => task.delayMs === delayMs).length,
    run: (delayMs: number) => {
      for (const [id, task] of [...tasks]) {
        if (task.delayMs !== delayMs) continue;
        tasks.delete(id);
        task.task();
      }
    },
  };
}

let authority: TestAuthority;
let folder: Awaited<ReturnType<typeof createFolder>>;
let files: { readonly caFile: string; readonly tokenFile: string };
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await createAuthority('test authority');
  folder = await createFolder();
  files = {
    caFile: await folder.write('ca.pem', authority.caPem),
    tokenFile: await folder.write('token', 'good\n'),
  };
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => folder.remove());

/** A dial whose stream nobody has accepted yet. */
function begin(port: number, clock: Clock) {
  const opened = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<StreamClose>();
  const stream = dialGrpc({ address: `127.0.0.1:${port}`, serverName: 'localhost', ...files, clock })({
    onOpen: () => {
      opened.resolve(undefined);
    },
    onMessage: () => undefined,
    onDrain: () => undefined,
    onClose: ended.resolve,
  });
  closing.push(() => {
    stream.close({ code: 'Unavailable', reason: 'test ends' });
  });
  return { stream, opened: opened.promise, ended: ended.promise };
}

async function dial(
  port: number,
  clock: Clock,
): Promise<{ stream: MessageStream<PdpMessage>; ended: Promise<StreamClose> }> {
  const { opened, ...dialled } = begin(port, clock);
  await opened;
  return dialled;
}

/** Attempts to connect that are under way in this process. */
function connecting(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'ConnectWrap').length;
}

/**
 * A port that lets attempts to connect go unanswered, as the address of a pod does whose node is gone: a server that accepts
 * nobody, with as many waiting as it has room for.
 */
async function startSilence(): Promise<number> {
  const server = new Worker(
    `const { createServer } = require('node:net');
     const { parentPort } = require('node:worker_threads');
     const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  closing.push(() => server.terminate());
  const [port] = (await once(server, 'message')) as [number];
  // The kernel takes one more than the backlog says.
  for (let waiting = 0; waiting < 2; waiting++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    closing.push(() => socket.destroy());
    await once(socket, 'connect');
  }
  return port;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('an address that does not answer at all is given up sooner than an operator that is slow to accept', async () => {
  const { clock, waiting, run } = manualClock();
  const port = await startSilence();
  const { ended } = begin(port, clock);
  await until(() => waiting(TCP_CONNECT_TIMEOUT_MS) === 1);
  expect(connecting()).toBe(1);
  run(TCP_CONNECT_TIMEOUT_MS);
  await expect(ended).resolves.toEqual({ code: 'Unavailable', reason: `nobody answers at 127.0.0.1:${port}` });
  await until(() => connecting() === 0);
});

test('who is connected is not waited for any more', async () => {
  const { port } = await startOperator();
  const { clock, waiting } = manualClock();
  await dial(port, clock);
  expect(waiting(TCP_CONNECT_TIMEOUT_MS)).toBe(0);
});

test('an answered ping is followed by the next', async () => {
  const { port } = await startOperator();
  const { clock, waiting, run } = manualClock();
  await dial(port, clock);
  await until(() => waiting(KEEPALIVE_INTERVAL_MS) === 1);
  run(KEEPALIVE_INTERVAL_MS);
  await until(() => waiting(KEEPALIVE_INTERVAL_MS) === 1);
  expect(waiting(KEEPALIVE_TIMEOUT_MS)).toBe(0);
});

test('an operator that answers no ping in time is given up', async () => {
  const { port } = await startOperator();
  const { clock, waiting, run } = manualClock();
  const { ended } = await dial(port, clock);
  await until(() => waiting(KEEPALIVE_INTERVAL_MS) === 1);
  run(KEEPALIVE_INTERVAL_MS);
  run(KEEPALIVE_TIMEOUT_MS);
  await expect(ended).resolves.toEqual({ code: 'Unavailable', reason: 'the operator answers no pings' });
  expect(waiting(KEEPALIVE_INTERVAL_MS)).toBe(0);
});

test('an operator that does not end its half of a stream is waited for no longer than is said', async () => {
  const { port, sessions } = await startOperator();
  const { clock, waiting, run } = manualClock();
  const { stream, ended } = await dial(port, clock);
  stream.close({ code: 'Closed', reason: 'bye' });
  await expect(ended).resolves.toMatchObject({ code: 'Closed' });
  expect(waiting(LINGER_MS)).toBe(1);
  const [session] = sessions;
  if (session === undefined) throw new Error('there is no session');
  expect(session.destroyed).toBe(false);
  const closed = once(session, 'close');
  run(LINGER_MS);
  await closed;
});

test('a stream that the operator breaks off may be dialled again', async () => {
  const { port, sessions } = await startOperator();
  const { ended } = await dial(port, manualClock().clock);
  sessions[0]?.destroy();
  await expect(ended).resolves.toMatchObject({ code: 'Unavailable' });
});

test.each([
  ['no message', frameOf(new Uint8Array([255, 255, 255]))],
  ['a message over the limit', frameOf(new Uint8Array(MESSAGE_MAX_BYTES + 1)).subarray(0, 100)],
])('%s ends the stream as a breach of the protocol', async (_name, bytes) => {
  const { port } = await startOperator([bytes]);
  const { ended } = await dial(port, manualClock().clock);
  await expect(ended).resolves.toMatchObject({ code: 'Protocol' });
});

test('a message over the limit is not sent', async () => {
  const { port } = await startOperator();
  const { stream, ended } = await dial(port, manualClock().clock);
  const podName = 'x'.repeat(MESSAGE_MAX_BYTES);
  stream.send({
    type: 'Hello',
    protocol: 1,
    engine: { name: podName, version: '1.0.0', features: [] },
    sets: [],
    bootReason: 'Fresh',
    capacityBytes: 0,
  });
  await expect(ended).resolves.toMatchObject({ code: 'Protocol', reason: expect.stringContaining('Hello') });
});

const TWO_HOURS_MS = 7_200_000;
test.each([
  ['is over', -TWO_HOURS_MS, false, 'CertificateExpired'],
  ['is not valid yet', TWO_HOURS_MS, false, 'CertificateNotYetValid'],
  ['is of an authority that is not in the file', 0, true, 'UntrustedAuthority'],
] as const)('a certificate that %s is told by name, with what to do', async (_name, movedMs, isForeign, problem) => {
  const issuer = isForeign ? await createAuthority('another authority') : authority;
  const { port } = await startOperator([], issuer, movedMs);
  const close = await new Promise<StreamClose>((resolve) => {
    dialGrpc({ address: `localhost:${port}`, ...files, clock: systemClock })({
      onOpen: () => undefined,
      onMessage: () => undefined,
      onDrain: () => undefined,
      onClose: resolve,
    });
  });
  expect(close).toMatchObject({ code: 'Unavailable', tlsProblem: problem });
  expect(close.reason).toContain(`${problem}: `);
  expect(close.reason).toContain('; ');
});

import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import type { Socket } from 'node:net';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Certificate } from '@edict/protocol';
import { Registry } from 'prom-client';
import { createLogger } from 'winston';
import { createMetrics } from '../observability/metrics.ts';
import { selfSigned } from '../testing/self-signed.ts';
import { startWebhookServer, type Judge, type WebhookServer } from './webhook-server.ts';

let certificate: Certificate;
beforeAll(async () => {
  certificate = await selfSigned();
});
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const allow: Judge = () => Promise.resolve({ allowed: true });

async function start(judge: Judge = allow): Promise<WebhookServer> {
  const server = await startWebhookServer({
    port: 0,
    host: '127.0.0.1',
    certificate: certificate.cert,
    privateKey: certificate.key,
    judges: (path) => (path === '/validate' ? judge : undefined),
    logger: createLogger({ silent: true }),
    metrics: createMetrics(new Registry()),
  });
  ending.push(() => server.close());
  return server;
}

const review = (uid: string): object => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid,
    kind: { group: 'edict.dev', version: 'v1beta1', kind: 'PolicyDomain' },
    namespace: 'shop',
    name: 'orders',
    operation: 'CREATE',
    userInfo: { username: 'ann' },
    object: {},
  },
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly socket: Socket;
}

/** Posts a review as the apiserver does: on a connection that it would like to keep. */
async function post({ port }: WebhookServer, uid: string, path = '/validate'): Promise<Answer> {
  const agent = new Agent({ keepAlive: true, ca: certificate.cert, servername: 'localhost' });
  ending.push(() => {
    agent.destroy();
  });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const call = request({ agent, host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
    const { statusCode: status, headers, socket } = response;
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () => {
      resolve({ status, headers, body: text === '' ? undefined : JSON.parse(text), socket });
    });
  });
  call.on('error', reject).end(JSON.stringify(review(uid)));
  return await promise;
}

const allowed = (uid: string): object => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  response: { uid, allowed: true },
});

test('a review is answered by who judges at its path, and the connection is kept', async () => {
  const asked: unknown[] = [];
  const server = await start(({ uid, name, userInfo }) => {
    asked.push([uid, name, userInfo.username]);
    return Promise.resolve({ allowed: true });
  });
  const { status, headers, body } = await post(server, 'uid-1');
  expect([status, headers['content-type'], headers.connection]).toStrictEqual([200, 'application/json', 'keep-alive']);
  expect(body).toStrictEqual(allowed('uid-1'));
  expect(asked).toStrictEqual([['uid-1', 'orders', 'ann']]);
  expect((await post(server, 'uid-2', '/other')).status).toBe(404);
});

test('who is dismissed loses an idle connection, and is answered on another that ends with the answer', async () => {
  const server = await start();
  const { socket } = await post(server, 'uid-1');
  const closed = once(socket, 'close');
  server.dismissClients();
  await closed;
  for (const uid of ['uid-2', 'uid-3']) {
    const { status, headers, body } = await post(server, uid);
    expect([status, headers.connection]).toStrictEqual([200, 'close']);
    expect(body).toStrictEqual(allowed(uid));
  }
});

test('the end waits for an answer that is under way, and takes no new connection meanwhile', async () => {
  const isAsked = Promise.withResolvers<undefined>();
  const verdict = Promise.withResolvers<Awaited<ReturnType<Judge>>>();
  const server = await start(() => {
    isAsked.resolve(undefined);
    return verdict.promise;
  });
  const answered = post(server, 'uid-1');
  await isAsked.promise;
  server.dismissClients();
  let isClosed = false;
  const closed = server.close().then(() => (isClosed = true));
  await expect(post(server, 'uid-2')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(isClosed).toBe(false);
  verdict.resolve({ allowed: true });
  const { status, headers, body } = await answered;
  expect([status, headers.connection, body]).toStrictEqual([200, 'close', allowed('uid-1')]);
  await closed;
});

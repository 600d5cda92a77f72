import { once } from 'node:events';
import { Agent, createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { digestOf, generateOpaSigningKey, isDigest } from '@edict/bundle';
import { systemClock } from '@edict/protocol';
import { Registry } from 'prom-client';
import type { FolderStore } from '../store/folder/folder-store.ts';
import { aDomain, aLog, aSet, eventually, NAMESPACE, regoPermitting } from '../testing/fixtures.ts';
import { openFolderStage, type FolderStage } from '../testing/folder-stage.ts';
import { BundleAccessError } from './bundle-access.ts';
import { BUNDLE_LIMITS, type BundleLimits } from './bundle-limits.ts';
import { createBundleMetrics } from './bundle-metrics.ts';
import { watchCommittedSets } from './committed-sets.ts';
import { BUNDLE_CONTENT_TYPE, createBundleEndpoint, type BundleEndpoint } from './endpoint.ts';
import { UnmanagedPdps } from './unmanaged-pdps.ts';

const SET = `${NAMESPACE}/till`;
let stage: FolderStage;
let store: FolderStore;
let server: Server;
let endpoint: BundleEndpoint;
let registry: Registry;
let unmanaged: UnmanagedPdps | undefined;
const agent = new Agent({ keepAlive: true });
const changes: string[] = [];

beforeEach(async () => {
  stage = await openFolderStage();
  ({ store } = stage);
  await stage.start();
  await store.create(aSet('till'));
  await store.create(aDomain('orders'));
  await untilCommitted(1);
});
afterEach(async () => {
  await endpoint.close();
  unmanaged?.close();
  server.closeAllConnections();
  server.close();
  await stage.close();
});

async function untilCommitted(n: number): Promise<void> {
  await eventually(`revision ${n} is committed`, async () => {
    const set = await store.get('PolicySet', { namespace: NAMESPACE, name: 'till' });
    return set?.status?.committedRevision === n ? set : undefined;
  });
}

/** Tokens are `<user>`; `stranger` may have no set, `unknown` is nobody. */
async function listen(limits: Partial<BundleLimits> = {}): Promise<void> {
  registry = new Registry();
  changes.length = 0;
  unmanaged = new UnmanagedPdps(systemClock, { ...BUNDLE_LIMITS, ...limits }, (set) => void changes.push(set));
  endpoint = createBundleEndpoint({
    committed: () => watchCommittedSets(store),
    readBundle: async (namespace, digest) => {
      const found = await store.get('PolicyBundle', { namespace, name: digest.replace(':', '-') });
      return found === undefined ? undefined : Buffer.from(found.spec.data, 'base64');
    },
    key: generateOpaSigningKey(),
    review: (token, set) => {
      if (token === 'unknown') return Promise.reject(new BundleAccessError('InvalidToken', 'the token is not valid'));
      if (token === 'stranger' && set !== undefined)
        return Promise.reject(new BundleAccessError('Forbidden', 'stranger may not get it'));
      return Promise.resolve({ user: token });
    },
    unmanaged: () => unmanaged,
    clock: systemClock,
    log: aLog(),
    metrics: createBundleMetrics(registry),
    limits,
  });
  server = createServer((incoming, response) => {
    void endpoint.handle(incoming, response).then((taken) => {
      if (!taken) response.writeHead(404).end('not ours');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Ask {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

function ask(path: string, { method = 'GET', token = 'opa', headers = {}, body, signal }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo;
    const authorization: Readonly<Record<string, string>> = token === '' ? {} : { authorization: `Bearer ${token}` };
    const outgoing = request(
      {
        port,
        host: '127.0.0.1',
        path,
        method,
        agent,
        headers: { ...authorization, ...headers },
        ...(signal && { signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const bundlePath = `/v1/bundles/${SET}`;
const waiting = (etag: string | undefined, seconds: number) => ({
  'if-none-match': etag ?? '',
  prefer: `modes=snapshot,delta;wait=${seconds}`,
});

async function metric(name: string): Promise<number> {
  const found = (await registry.metrics()).split('\n').find((line) => line.startsWith(`${name} `));
  return Number(found?.split(' ')[1] ?? 0);
}
const untilWaiting = (count: number) =>
  eventually(`${count} requests wait`, async () =>
    (await metric('operator_opa_bundle_waiters')) === count ? true : undefined,
  );

async function edit(): Promise<void> {
  await eventually('the domain is changed', async () => {
    const domain = await store.get('PolicyDomain', { namespace: NAMESPACE, name: 'orders' });
    if (domain === undefined) return undefined;
    const spec = {
      ...aDomain('orders').spec,
      policies: [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting('bob') }],
    };
    return store.update<'PolicyDomain'>({ ...domain, spec }).catch(() => undefined);
  });
}

const statusOf = (id: string, revision = `${SET}@1`, code?: string): string =>
  JSON.stringify({
    labels: { id, version: '1.22.0' },
    bundles: { till: { name: 'till', active_revision: revision, ...(code === undefined ? {} : { code }) } },
  });
const report = (body: string, token = 'opa', path = '/v1/status'): Promise<Answer> =>
  ask(path, { method: 'POST', body, token });

test('the committed revision is served with an ETag, and nothing is sent to who has it', async () => {
  await listen();
  const first = await ask(bundlePath);
  expect(first).toMatchObject({ status: 200, headers: { 'content-type': BUNDLE_CONTENT_TYPE } });
  const archive = gunzipSync(first.body).toString('latin1');
  expect(archive).toContain(`"revision":"${SET}@1"`);
  expect(isDigest(digestOf(first.body))).toBe(true);
  const { etag } = first.headers;
  const again = await ask(bundlePath, { headers: { 'if-none-match': etag ?? '' } });
  expect(again).toMatchObject({ status: 304, headers: { etag, 'content-type': BUNDLE_CONTENT_TYPE } });
  expect(again.body).toHaveLength(0);
  // OPA names the bundles that it had before too.
  const several = await ask(bundlePath, { headers: { 'if-none-match': `${etag ?? ''}, "older"` } });
  expect(several.status).toBe(304);
  expect((await ask(bundlePath, { headers: { 'if-none-match': '"older"' } })).status).toBe(200);
});

test('a request that waits is answered by the next committed revision', async () => {
  await listen();
  const { headers } = await ask(bundlePath);
  const next = ask(bundlePath, { headers: waiting(headers.etag, 60) });
  await untilWaiting(1);
  await edit();
  const answer = await next;
  expect(answer.status).toBe(200);
  expect(answer.headers.etag).not.toBe(headers.etag);
  expect(gunzipSync(answer.body).toString('latin1')).toContain(`"revision":"${SET}@2"`);
  expect(await metric('operator_opa_bundle_waiters')).toBe(0);
});

test('a wait ends after the time that was asked for, or the longest that is allowed', async () => {
  await listen({ waitMaxMs: 50 });
  const { headers } = await ask(bundlePath);
  expect((await ask(bundlePath, { headers: waiting(headers.etag, 3600) })).status).toBe(304);
});

test('no more requests wait than may, and a client that goes away waits no longer', async () => {
  await listen({ waitersMax: 1 });
  const { headers } = await ask(bundlePath);
  const controller = new AbortController();
  const first = ask(bundlePath, { headers: waiting(headers.etag, 60), signal: controller.signal });
  await untilWaiting(1);
  const second = await ask(bundlePath, { headers: waiting(headers.etag, 60) });
  expect(second).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  // News are not for waiting: they are sent all the same.
  expect((await ask(bundlePath, { headers: waiting('"older"', 60) })).status).toBe(200);
  controller.abort();
  await expect(first).rejects.toMatchObject({ code: 'ABORT_ERR' });
  await untilWaiting(0);
});

test('when the endpoint closes, those who wait are sent elsewhere', async () => {
  await listen();
  const { headers } = await ask(bundlePath);
  const waits = ask(bundlePath, { headers: waiting(headers.etag, 60) });
  await untilWaiting(1);
  await endpoint.close();
  expect(await waits).toMatchObject({ status: 304, headers: { connection: 'close' } });
});

test.each<[string, string, Ask, number]>([
  ['without a token', bundlePath, { token: '' }, 401],
  ['with a token that is none', bundlePath, { token: 'unknown' }, 401],
  ['of somebody without the right', bundlePath, { token: 'stranger' }, 403],
  ['for a set that is not there', `/v1/bundles/${NAMESPACE}/none`, {}, 404],
  ['for the bundle without /v1', `/bundles/${SET}`, {}, 200],
  ['to write a bundle', bundlePath, { method: 'PUT' }, 405],
  ['for a path of nobody', '/v1/other', {}, 404],
  ['to read the status', '/v1/status', {}, 405],
])('a request %s', async (_what, path, options, status) => {
  await listen();
  expect((await ask(path, options)).status).toBe(status);
});

test('those that report are counted once each, per set, until they are silent for long', async () => {
  await listen();
  for (const path of ['/v1/status', '/status', '/status/eu', '/v1/status/']) {
    expect((await report(statusOf('a'), 'opa', path)).status).toBe(200);
  }
  await report(statusOf('b'));
  await report(statusOf('a', `${SET}@1`, 'bundle_error'), 'another');
  expect(unmanaged?.count(SET)).toBe(3);
  expect(changes).toEqual([SET, SET, SET]);
  expect(unmanaged?.list()).toMatchObject([
    { id: 'a', user: 'opa', n: 1, healthy: true },
    { id: 'b', user: 'opa' },
    { id: 'a', user: 'another', healthy: false },
  ]);
});

test.each<[string, string, string, number]>([
  ['without a token', statusOf('a'), '', 401],
  ['with a token that is none', statusOf('a'), 'unknown', 401],
  ['about a set that the caller has no right to', statusOf('a'), 'stranger', 403],
  ['that is no JSON', '{', 'opa', 400],
  ['without an id', JSON.stringify({ labels: {} }), 'opa', 400],
  ['about bundles of others', statusOf('a', 'v1.2.3'), 'opa', 200],
])('a report %s counts nobody', async (_what, body, token, status) => {
  await listen();
  expect((await report(body, token)).status).toBe(status);
  expect(unmanaged?.counts().size).toBe(0);
});

test('a report that is too large is not read, and no more are counted than may be', async () => {
  await listen({ statusMaxBytes: 200, unmanagedMax: 1 });
  const large = ask('/v1/status', { method: 'POST', body: statusOf('a'.repeat(300)) });
  expect(await large).toMatchObject({ status: 413, headers: { connection: 'close' } });
  expect((await report(statusOf('a'))).status).toBe(200);
  expect((await report(statusOf('b'))).status).toBe(503);
  expect((await report(statusOf('a'))).status).toBe(200);
  expect(unmanaged?.count(SET)).toBe(1);
});

test('a replica that does not count sends who reports to another', async () => {
  await listen();
  unmanaged?.close();
  unmanaged = undefined;
  expect(await report(statusOf('a'))).toMatchObject({ status: 503, headers: { connection: 'close' } });
});

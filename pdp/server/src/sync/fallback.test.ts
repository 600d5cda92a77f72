import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import {
  fallbackArtifactPath,
  fallbackIndexPath,
  formatFallbackIndex,
  signDecision,
  type DecisionSignature,
  type FallbackIndex,
} from '@edict/bundle';
import type { Dial, OperatorMessage, PdpMessage } from '@edict/protocol';
import { createLogger } from '../observability/logger.ts';
import { startPdp, type Pdp, type PdpOptions } from '../pdp.ts';
import { until } from '../testing/conditions.ts';
import { useFolders } from '../testing/folders.ts';
import {
  craneDomain,
  liftRequest,
  publish,
  SET,
  SIGNING_KEY,
  TRUSTED_KEYS,
  type Published,
} from '../testing/revisions.ts';
import { storeRevisions } from '../testing/stored-revisions.ts';
import { TestOperator } from '../testing/test-operator.ts';
import { createFallbackClient } from './fallback-client.ts';

const newFolder = useFolders();
const running: { end: () => Promise<void> | void }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.end();
});

/** A web server that holds files. */
interface Site {
  readonly url: string;
  readonly files: Map<string, string | Uint8Array>;
  readonly requests: IncomingMessage[];
  readonly server: Server;
}

async function aSite(): Promise<Site> {
  const files = new Map<string, string | Uint8Array>();
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const file = files.get((request.url ?? '').replace('/mirror/', ''));
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push({
    end: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror`, files, requests, server };
}

function put(
  { files }: Site,
  { revision, artifacts }: Published,
  over: object = {},
  rest: Partial<FallbackIndex> = {},
): void {
  const exportedAt = '2026-01-01T00:00:00Z';
  files.set(fallbackIndexPath(SET), formatFallbackIndex({ revision: { ...revision, ...over }, exportedAt, ...rest }));
  for (const [digest, bytes] of artifacts) files.set(fallbackArtifactPath(digest), bytes);
}

/** Nobody is there; what dials is told so at once, and told to come back. */
const nobody: Dial<PdpMessage, OperatorMessage> = ({ onClose }) => {
  queueMicrotask(() => onClose({ code: 'Unavailable', reason: 'connection refused', retryAfterMs: 50 }));
  return { send: () => true, close: () => undefined };
};

async function aPdp(dataDir: string, sources: readonly string[], over: Partial<PdpOptions> = {}) {
  const logs: string[] = [];
  const pdp = await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    maxBodyBytes: 1_000_000,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    writeRecords: (_bytes, done) => done(null),
    logger: createLogger('info', (line) => logs.push(line)),
    dial: nobody,
    fetchArtifact: () => Promise.reject(new Error('there is no operator to fetch from')),
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    ...over,
    fallback: {
      sources,
      sets: [SET],
      get: createFallbackClient({ caFile: '', tokenFile: '', timeoutMs: 5_000 }),
      times: { afterMs: 10, retryBaseMs: 20, retryMaxMs: 50 },
      ...over.fallback,
    },
  });
  running.push({ end: () => pdp.drain(0, 100) });
  return { pdp, logs };
}

async function lift({ url }: Pdp, tons: number): Promise<{ status: number; revision: string | null; text: string }> {
  const response = await fetch(`${url}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(liftRequest(tons)),
  });
  return { status: response.status, revision: response.headers.get('policy-revision'), text: await response.text() };
}

const serving = (pdp: Pdp, n: number) => () => pdp.sets.all.get(SET)?.n === n;
const readyz = async ({ url }: Pdp): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, text: await response.text() };
};
const looks = async ({ metrics }: Pdp, outcome: string): Promise<number> => {
  const { values } = await metrics.fallbackLoads.get();
  return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
};

test('a start from nothing without an operator serves what a fallback source has, and says so', async () => {
  const site = await aSite();
  put(site, publish(3, [craneDomain(3)]));
  const dataDir = await newFolder();
  const { pdp } = await aPdp(dataDir, [`${site.url}/`]);
  await until(serving(pdp, 3));
  expect(await lift(pdp, 3)).toEqual({ status: 200, revision: '3', text: '{"allow":true}\n' });
  expect((await readyz(pdp)).status).toBe(200);
  expect(pdp.status()).toMatchObject({
    connected: false,
    sets: [{ set: SET, active: { revision: 3, source: 'Fallback', persisted: true } }],
  });
  // It is on disk now like any other: the next start needs nobody.
  const asked = site.requests.length;
  await pdp.drain(0, 100);
  const { pdp: next } = await aPdp(dataDir, [site.url]);
  await until(serving(next, 3));
  expect(next.status().sets[0]?.active?.source).toBe('Disk');
  expect(site.requests).toHaveLength(asked);
});

test('while no source has anything, it is not ready, says why, and asks again until one has', async () => {
  const site = await aSite();
  const { pdp } = await aPdp(await newFolder(), [site.url]);
  await until(async () => (await looks(pdp, 'unreachable')) >= 3);
  const { status, text } = await readyz(pdp);
  expect(status).toBe(503);
  expect(text).toContain('the answer is 404');
  expect((await lift(pdp, 1)).status).toBe(503);
  put(site, publish(1, [craneDomain(1)]));
  await until(serving(pdp, 1));
});

test.each<[string, object, string]>([
  ['whose number was changed', { n: 9 }, 'does not bear a valid signature'],
  ['that nobody signed', { signature: '', keyId: '' }, 'keyId is missing'],
  ['of a key that is not trusted', { keyId: '0123456789abcdef' }, 'is not trusted'],
  ['of another set', { set: 'harbour/other' }, 'it is of set harbour/other'],
])('a revision %s is not served', async (_what, over, problem) => {
  const site = await aSite();
  put(site, publish(1, [craneDomain(1)]), over);
  const { pdp, logs } = await aPdp(await newFolder(), [site.url]);
  await until(async () => (await looks(pdp, 'refused')) > 0);
  expect(logs.join('\n')).toContain(problem);
  expect(pdp.sets.held.size).toBe(0);
});

const decided = (published: Published, final = true): DecisionSignature =>
  signDecision(published.revision, { final }, SIGNING_KEY.privateKey);

test.each<[string, (published: Published) => Partial<FallbackIndex>, string]>([
  ['that bears no decision', () => ({}), 'the decision to serve revision 2 of harbour/cranes is not signed'],
  [
    'with the decision of another revision',
    () => ({ decision: decided(publish(1, [craneDomain(1)])) }),
    'does not bear a valid signature',
  ],
  ['decided for some PDPs alone', (own) => ({ decision: decided(own, false) }), 'is decided for some PDPs alone'],
])(
  'where decisions have to be signed a revision %s is not served, and one that is decided is',
  async (_what, over, problem) => {
    const site = await aSite();
    const published = publish(2, [craneDomain(2)]);
    put(site, published, {}, over(published));
    const { pdp, logs } = await aPdp(await newFolder(), [site.url], { decisions: 'Signed' });
    await until(async () => (await looks(pdp, 'refused')) > 0);
    expect(logs.join('\n')).toContain(problem);
    expect(pdp.sets.held.size).toBe(0);
    put(site, published, {}, { decision: decided(published) });
    await until(serving(pdp, 2));
  },
);

test('artifacts that are not what their names say are not served, and right ones are once they are there', async () => {
  const site = await aSite();
  const published = publish(1, [craneDomain(1)]);
  put(site, published);
  for (const [digest] of published.artifacts) {
    if (digest !== published.revision.digest) site.files.set(fallbackArtifactPath(digest), 'something else');
  }
  const { pdp } = await aPdp(await newFolder(), [site.url]);
  await until(async () => (await looks(pdp, 'offered')) >= 2);
  expect(pdp.sets.held.size).toBe(0);
  put(site, published);
  await until(serving(pdp, 1));
});

test('nothing older than what the disk held is taken in its place', async () => {
  const [older, newer] = [publish(1, [craneDomain(1)]), publish(2, [craneDomain(2)])];
  const dataDir = await newFolder();
  await storeRevisions(dataDir, [newer]);
  // Its bytes are gone, its record is not.
  await rm(join(dataDir, 'artifacts', newer.revision.digest.replace(':', '-')));
  const site = await aSite();
  put(site, older);
  const { pdp, logs } = await aPdp(dataDir, [site.url]);
  await until(async () => (await looks(pdp, 'older')) > 0);
  expect(logs.join('\n')).toContain('revision 1 is not as new as the stored 2');
  expect(pdp.sets.held.size).toBe(0);
  put(site, newer);
  await until(serving(pdp, 2));
});

test('of several sources the newest revision counts, and its bytes come from whoever has them', async () => {
  const [stale, fresh] = [await aSite(), await aSite()];
  const newer = publish(2, [craneDomain(2)]);
  put(stale, publish(1, [craneDomain(1)]));
  put(fresh, newer);
  const { pdp } = await aPdp(await newFolder(), ['http://127.0.0.1:9/', stale.url, fresh.url]);
  await until(serving(pdp, 2));
});

test('an operator that is there is asked first, and what it says replaces what a source gave', async () => {
  const site = await aSite();
  put(site, publish(1, [craneDomain(1)]));
  const operator = new TestOperator();
  running.push({ end: () => operator.close() });
  let isThere = false;
  const dial: Dial<PdpMessage, OperatorMessage> = (handlers) => (isThere ? operator.dial('pdp-0') : nobody)(handlers);
  const { pdp } = await aPdp(await newFolder(), [site.url], { dial, fetchArtifact: operator.fetch });
  await until(serving(pdp, 1));
  operator.publish(publish(1, [craneDomain(1)]));
  operator.publish(publish(2, [craneDomain(2)]));
  isThere = true;
  await until(serving(pdp, 2));
  expect(pdp.status().sets[0]?.active).toMatchObject({ revision: 2, source: 'Operator' });
});

test('with an operator no source is asked', async () => {
  const site = await aSite();
  put(site, publish(1, [craneDomain(1)]));
  const operator = new TestOperator();
  running.push({ end: () => operator.close() });
  const { pdp } = await aPdp(await newFolder(), [site.url], {
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
    fallback: {
      sources: [site.url],
      sets: [SET],
      get: createFallbackClient({ caFile: '', tokenFile: '' }),
      times: { afterMs: 200 },
    },
  });
  await until(() => pdp.status().connected);
  operator.publish(publish(5, [craneDomain(5)]));
  await until(serving(pdp, 5));
  expect(site.requests).toHaveLength(0);
});

test('what the operator said of sources and sets is remembered for a start without it', async () => {
  const site = await aSite();
  const dataDir = await newFolder();
  const operator = new TestOperator({ fallbackSources: [site.url] });
  running.push({ end: () => operator.close() });
  const revision = publish(4, [craneDomain(4)]);
  operator.publish(revision);
  const { pdp } = await aPdp(dataDir, [], {
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
  });
  await until(serving(pdp, 4));
  const stored = join(dataDir, 'fallback.json');
  await until(async () => (await readFile(stored, 'utf8').catch(() => '')) !== '');
  expect(JSON.parse(await readFile(stored, 'utf8'))).toEqual({ sources: [site.url], sets: [SET] });
  await pdp.drain(0, 100);
  for (const folder of ['artifacts', 'sets', 'compiled']) await rm(join(dataDir, folder), { recursive: true });
  put(site, revision);
  const { pdp: next } = await aPdp(dataDir, [], {
    fallback: {
      sources: [],
      sets: [],
      get: createFallbackClient({ caFile: '', tokenFile: '' }),
      times: { afterMs: 10 },
    },
  });
  await until(serving(next, 4));
  expect(next.status().sets[0]?.active?.source).toBe('Fallback');
});

test('a remembered file that cannot be read is as none', async () => {
  const dataDir = await newFolder();
  await writeFile(join(dataDir, 'fallback.json'), '{"sources":7}');
  const { logs } = await aPdp(dataDir, []);
  expect(logs.join('\n')).toContain('fallback.json');
});

test('answers are bounded in size and time, and tokens are sent by https alone', async () => {
  const site = await aSite();
  site.files.set('large', 'x'.repeat(2000));
  const tokenFile = join(await newFolder(), 'token');
  await writeFile(tokenFile, 'secret');
  const get = createFallbackClient({ caFile: '', tokenFile });
  const { signal } = new AbortController();
  await expect(get(`${site.url}/large`, 1000, signal)).rejects.toThrow(/large: the answer has more than 1000 bytes/);
  expect((await get(`${site.url}/large`, 2000, signal)).length).toBe(2000);
  expect(site.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  site.server.removeAllListeners('request');
  site.server.on('request', () => undefined);
  const hasty = createFallbackClient({ caFile: '', tokenFile, timeoutMs: 100 });
  await expect(hasty(`${site.url}/never`, 1000, signal)).rejects.toThrow('never: no whole answer in time');
});

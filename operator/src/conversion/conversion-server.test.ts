import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { settleCertificates } from '../certificates/rotate.ts';
import { trustBundle, type CertificateState } from '../certificates/plan.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { eventually } from '../testing/fixtures.ts';
import { readCertificateFiles, watchCertificateFiles, type CertificateFiles } from './certificate-files.ts';
import { createConversionMetrics } from './conversion-metrics.ts';
import { loadConversionConfig } from './conversion-config.ts';
import { probeConversion } from './conversion-probe.ts';
import { startConversionServer, type ConversionLimits, type ConversionServer } from './conversion-server.ts';
import { aLog } from '../testing/fixtures.ts';

const NAME = 'localhost';
let state: CertificateState;
let directory: string;
let server: ConversionServer | undefined;
let registry: Registry;

beforeAll(async () => {
  state = await settleCertificates(undefined, [NAME], Date.now());
  directory = await mkdtemp(path.join(tmpdir(), 'edict-conversion-'));
});
afterAll(() => rm(directory, { recursive: true }));
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(limits: Partial<ConversionLimits> = {}): Promise<ConversionServer> {
  registry = new Registry();
  server = await startConversionServer({
    host: '127.0.0.1',
    port: 0,
    ...state.serving,
    metrics: createConversionMetrics(registry),
    onError: (error) => {
      throw error;
    },
    limits,
  });
  return server;
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | undefined;
}

/** Sends the parts, one when the one before has been sent; `whole` is false for a call that goes on. */
function call(
  port: number,
  body: string,
  { path: at = '/convert', method = 'POST', length = body.length } = {},
): {
  readonly reply: Promise<Reply>;
  readonly finish: () => void;
} {
  const headers = { 'content-length': length };
  const options = { host: '127.0.0.1', port, servername: NAME, ca: trustBundle(state), agent: false as const };
  let finish = (): void => undefined;
  const reply = new Promise<Reply>((resolve, reject) => {
    const outgoing = request({ ...options, path: at, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: text, retryAfter: response.headers['retry-after'] }),
      );
    });
    outgoing.on('error', reject);
    outgoing.write(body);
    if (length === body.length) outgoing.end();
    finish = () => {
      outgoing.on('error', () => undefined);
      outgoing.destroy();
    };
  });
  return { reply, finish };
}

const REVIEW = JSON.stringify({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'ConversionReview',
  request: {
    uid: 'u',
    desiredAPIVersion: 'iamlite.manetu.io/v1beta1',
    objects: [{ apiVersion: 'iamlite.manetu.io/v1alpha3', kind: 'PolicyDomain', metadata: { name: 'a' } }],
  },
});
const metric = async (line: string): Promise<boolean> => (await registry.metrics()).includes(line);

test('a review is answered over TLS, and counted', async () => {
  const { port } = await start();
  const { status, body } = await call(port, REVIEW).reply;
  expect(status).toBe(200);
  expect(body).toContain('"status":"Success"');
  expect(await metric('conversion_requests_total{outcome="converted"} 1')).toBe(true);
  expect(await metric('conversion_objects_total{to="v1beta1"} 1')).toBe(true);
});

test.each([
  ['another path', { path: '/validate' }, REVIEW, 404],
  ['another method', { method: 'PUT' }, REVIEW, 404],
  ['a body that is no review', {}, '{}', 400],
])('%s is refused', async (_name, options, body, status) => {
  const { port } = await start();
  expect((await call(port, body, options).reply).status).toBe(status);
});

test('a body over the bound is not read to its end, and one at the bound is', async () => {
  const { port } = await start({ maxBodyBytes: REVIEW.length });
  expect((await call(port, REVIEW).reply).status).toBe(200);
  const { status, body } = await call(port, ` ${REVIEW}`).reply;
  expect([status, body]).toEqual([413, expect.stringContaining(String(REVIEW.length))]);
  expect(await metric('conversion_requests_total{outcome="too-large"} 1')).toBe(true);
  const unfinished = call(port, ` ${REVIEW}`, { length: 10_000_000 });
  expect((await unfinished.reply).status).toBe(413);
  unfinished.finish();
});

test('more calls at a time than the bound are told to come again', async () => {
  const { port } = await start({ maxCalls: 1 });
  const open = call(port, '{', { length: 100 });
  open.reply.catch(() => undefined);
  const refused = await eventually('the second to be refused', async () => {
    const reply = await call(port, REVIEW).reply;
    return reply.status === 503 ? reply : undefined;
  });
  expect(refused.retryAfter).toBe('1');
  open.finish();
  await eventually('the next to be taken', async () =>
    (await call(port, REVIEW).reply).status === 200 ? true : undefined,
  );
});

test('more bytes at a time than the bound are told to come again, and are forgotten once they are gone', async () => {
  const { port } = await start({ maxHeldBytes: REVIEW.length + 10 });
  const open = call(port, ' '.repeat(20), { length: 100 });
  open.reply.catch(() => undefined);
  await eventually('the second to be refused', async () =>
    (await call(port, REVIEW).reply).status === 503 ? true : undefined,
  );
  open.finish();
  await eventually('the next to be taken', async () =>
    (await call(port, REVIEW).reply).status === 200 ? true : undefined,
  );
});

test('a call that does not come to its end is ended', async () => {
  const { port } = await start({ requestTimeoutMs: 20 });
  const open = call(port, '{', { length: 100 });
  const outcome = await open.reply.then(
    ({ status }) => String(status),
    () => 'broken off',
  );
  expect(['408', 'broken off']).toContain(outcome);
});

test('the probe tells whether the webhook converts, and again when that changes', async () => {
  const { port } = await start();
  const clock = new ManualClock();
  const results: boolean[] = [];
  const log = aLog();
  const stop = probeConversion({
    host: NAME,
    port,
    trustBundle: () => trustBundle(state),
    clock,
    log,
    onResult: (isUp) => results.push(isUp),
  });
  await eventually('the first result', () => results[0]);
  await server?.close();
  server = undefined;
  await eventually('a result with the webhook away', async () => {
    await clock.advance(15_000);
    return results.at(-1) === false ? true : undefined;
  });
  stop();
  expect(results[0]).toBe(true);
  expect(log.lines.map((line) => line.split(' ')[0])).toEqual(['info', 'warn']);
});

test('files that change are served; files that do not fit are told, and the last ones stay', async () => {
  const write = async ({ certificate, privateKey }: { certificate: string; privateKey: string }): Promise<void> => {
    await writeFile(path.join(directory, 'tls.key'), privateKey);
    await writeFile(path.join(directory, 'tls.crt'), certificate);
  };
  await write(state.serving);
  const current = await readCertificateFiles(directory);
  const clock = new ManualClock();
  const seen: CertificateFiles[] = [];
  const errors: unknown[] = [];
  const stop = watchCertificateFiles({
    directory,
    current,
    clock,
    onChange: (files) => seen.push(files),
    onError: (error) => errors.push(error),
  });
  const other = await settleCertificates(undefined, [NAME], Date.now());
  await write({ ...state.serving, privateKey: other.serving.privateKey });
  await eventually('the misfit to be told', async () => {
    await clock.advance(10_000);
    return errors[0];
  });
  expect(seen).toEqual([]);
  await write(other.serving);
  await eventually('the change to be seen', async () => {
    await clock.advance(10_000);
    return seen[0];
  });
  stop();
  expect(seen).toMatchObject([{ certificate: other.serving.certificate }]);
  expect(current.expiresAtMs).toBeGreaterThan(Date.now());
});

test('a folder without a certificate is refused', async () => {
  await expect(readCertificateFiles(path.join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('the folder of the certificate has to be named', () => {
  expect(() => loadConversionConfig({})).toThrow(/EDICT_CONVERSION_CERTIFICATE_DIR: is required/);
  expect(loadConversionConfig({ EDICT_CONVERSION_CERTIFICATE_DIR: '/x' })).toMatchObject({
    EDICT_CONVERSION_PORT: 9443,
    EDICT_CONVERSION_DRAIN_MS: 5000,
  });
});

import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from '@jest/globals';
import { createAuthority } from '../../../../protocol/src/testing/certificates.ts';
import { useFolders } from '../../testing/folders.ts';
import { httpTarget, type HttpTargetOptions } from './http-target.ts';
import type { Target } from './target.ts';

const newFolder = useFolders();
const open: { readonly close: () => unknown }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

interface Upload {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly socketPort: number | undefined;
}

/** An answer: a status, or a status with `Retry-After`. */
type Answer = number | readonly [status: number, retryAfter: string];

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A receiver that answers as it is told. */
function receiver(answer: (upload: Upload, nth: number) => Answer) {
  const uploads: Upload[] = [];
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const bytes = Buffer.concat(parts);
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
      const upload = { headers: request.headers, text, socketPort: request.socket.remotePort };
      uploads.push(upload);
      const told = answer(upload, uploads.length);
      const [status, retryAfter] = typeof told === 'number' ? [told, undefined] : told;
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end('answer');
    });
  };
  return { uploads, listener };
}

function aTarget(url: string, over: Partial<HttpTargetOptions> = {}): Target {
  const target = httpTarget({
    ...{ url, body: 'JsonArray', compress: true, timeoutMs: 10_000, headers: {}, tokenFile: undefined },
    ...{ caFile: undefined, clock: { now: () => 0 } },
    ...over,
  });
  open.push(target);
  return target;
}

async function served(answer: (upload: Upload, nth: number) => Answer, over: Partial<HttpTargetOptions> = {}) {
  const { uploads, listener } = receiver(answer);
  const port = await listen(createServer(listener));
  return { uploads, target: aTarget(`http://127.0.0.1:${port}/logs?x=1`, over) };
}

test('a batch is one compressed array, as OPA uploads it, over a connection that is kept', async () => {
  const { uploads, target } = await served(() => 200, { headers: { 'x-tenant': 't1' } });
  expect(await target.deliver(['{"a":1}', '{"b":"ö"}'])).toStrictEqual({ rejected: [], cause: '' });
  await target.deliver(['{}']);
  expect(uploads.map(({ text }) => text)).toStrictEqual(['[{"a":1},{"b":"ö"}]', '[{}]']);
  expect(uploads[0]?.headers).toMatchObject({
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'x-tenant': 't1',
  });
  expect(uploads[0]?.socketPort).toBe(uploads[1]?.socketPort);
});

test('or lines, in clear', async () => {
  const { uploads, target } = await served(() => 204, { body: 'JsonLines', compress: false });
  await target.deliver(['{"a":1}', '{"b":2}']);
  expect(uploads[0]).toMatchObject({ text: '{"a":1}\n{"b":2}\n', headers: { 'content-type': 'application/x-ndjson' } });
});

test('the token is read again for each request', async () => {
  const tokenFile = join(await newFolder(), 'token');
  await writeFile(tokenFile, 'one\n');
  const { uploads, target } = await served(() => 200, { tokenFile });
  await target.deliver(['1']);
  await writeFile(tokenFile, 'two\n');
  await target.deliver(['2']);
  expect(uploads.map(({ headers }) => headers.authorization)).toStrictEqual(['Bearer one', 'Bearer two']);
});

test.each<[Answer, number | undefined]>([
  [503, undefined],
  [[503, '7'], 7_000],
  [[429, 'Thu, 01 Jan 1970 00:00:03 GMT'], 3_000],
  [[429, '999999'], 300_000],
  [[503, 'soon'], undefined],
  [500, undefined],
  [401, undefined],
  [404, undefined],
  [302, undefined],
])('the answer %j may get better, after %p ms', async (answer, retryAfterMs) => {
  const { target } = await served(() => answer);
  expect(await target.deliver(['1', '2'])).toMatchObject({
    rejected: [],
    left: ['1', '2'],
    error: { code: 'NotDelivered', retryAfterMs },
  });
});

test.each([400, 413, 422])(
  'of a batch that is refused with %d all arrive but those that are at fault',
  async (status) => {
    const taken: unknown[] = [];
    const { target } = await served(({ text }) => {
      const records = JSON.parse(text) as readonly number[];
      if (records.some((record) => record === 3 || record === 6)) return status;
      taken.push(...records);
      return 200;
    });
    const delivery = await target.deliver(['1', '2', '3', '4', '5', '6', '7']);
    expect(delivery).toStrictEqual({ rejected: ['3', '6'], cause: `status ${status}` });
    expect(taken).toStrictEqual([1, 2, 4, 5, 7]);
  },
);

test('a failure among the halves leaves only what was not taken', async () => {
  const { target } = await served((_upload, nth) => [413, 200, 503][nth - 1] ?? 200);
  expect(await target.deliver(['1', '2', '3'])).toMatchObject({ left: ['3'], error: { message: 'status 503' } });
});

test('a receiver that is slow, gone, or hangs up in the middle is an error', async () => {
  const silent = await listen(createTcpServer((socket) => socket.resume()));
  const slow = aTarget(`http://127.0.0.1:${silent}/`, { timeoutMs: 50 });
  expect(await slow.deliver(['1'])).toMatchObject({ left: ['1'], error: { message: 'timed out' } });
  const rude = await listen(createTcpServer((socket) => socket.once('data', () => socket.destroy())));
  expect(await aTarget(`http://127.0.0.1:${rude}/`).deliver(['1'])).toMatchObject({ left: ['1'] });
  const gone = createTcpServer();
  const port = await listen(gone);
  gone.close();
  const lost = await aTarget(`http://127.0.0.1:${port}/`).deliver(['1']);
  expect(lost.error?.message).toContain('ECONNREFUSED');
});

test('only a receiver whose certificate the CA file vouches for gets records, and the file may change', async () => {
  const authority = await createAuthority('right');
  const { cert, key } = await authority.issue('02');
  const { uploads, listener } = receiver(() => 200);
  const port = await listen(createTlsServer({ cert, key }, listener));
  const caFile = join(await newFolder(), 'ca.crt');
  await writeFile(caFile, (await createAuthority('wrong')).caPem);
  const target = aTarget(`https://localhost:${port}/`, { caFile });
  expect(await target.deliver(['1'])).toMatchObject({ left: ['1'] });
  await writeFile(caFile, authority.caPem);
  expect(await target.deliver(['1'])).toStrictEqual({ rejected: [], cause: '' });
  expect(uploads).toHaveLength(1);
});

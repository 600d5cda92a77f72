import { expect, test } from '@jest/globals';
import { aRequest } from '../testing/requests.ts';
import { jsonReply, PROBLEMS } from './reply.ts';
import type { Route } from './route.ts';
import { createRouter } from './router.ts';
import { MAX_LISTED_SETS, serviceRoutes, type Readiness } from './service-routes.ts';

const READY: Readiness = { ready: true, loading: [] };

const answered = (method: string, path: string, name: string, prefix = false): Route => ({
  ...{ method, path, prefix },
  handle: () => jsonReply(200, name),
});

const ROUTES: readonly Route[] = [
  answered('POST', '/decision', 'decision'),
  answered('OPTIONS', '/decision', 'options'),
  answered('GET', '/v1/data/', 'data', true),
  answered('POST', '/v1/data/', 'data', true),
  answered('PUT', '/v1/data/special/', 'special', true),
  answered('*', '/any/', 'any', true),
  answered('GET', '/any/', 'got', true),
];

function send(method: string, path: string, readiness: Readiness = READY) {
  const service = serviceRoutes({
    readiness: () => readiness,
    status: () => ({ ready: true, sets: [] }),
    metrics: () => Promise.resolve({ text: 'pdp_x 1\n', contentType: 'text/plain' }),
    openApi: 'openapi: 3.1.0',
  });
  return createRouter([...ROUTES, ...service])(aRequest({ method, path }));
}

test.each([
  ['POST', '/decision', 200, undefined],
  ['OPTIONS', '/decision', 200, undefined],
  ['GET', '/decision', 405, 'OPTIONS, POST'],
  ['HEAD', '/decision', 405, 'OPTIONS, POST'],
  ['GET', '/healthz', 200, undefined],
  ['HEAD', '/healthz', 200, undefined],
  ['POST', '/healthz', 405, 'GET, HEAD'],
  ['GET', '/readyz', 200, undefined],
  ['GET', '/metrics', 200, undefined],
  ['GET', '/v1/status', 200, undefined],
  ['GET', '/openapi.yaml', 200, undefined],
  ['GET', '/', 404, undefined],
  ['POST', '/v1/decision', 404, undefined],
  ['POST', '//decision', 404, undefined],
  ['GET', '/constructor', 404, undefined],
  ['GET', '__proto__', 404, undefined],
  ['GET', '/v1/data', 404, undefined],
  ['GET', '/v1/data/', 200, undefined],
  ['PUT', '/v1/data/a', 405, 'GET, HEAD, POST'],
  ['GET', '/v1/data/special/a', 405, 'PUT'],
])('%s %s is %i', async (method, path, status, allow) => {
  const answer = await send(method, path);
  expect([answer.status, answer.headers['allow']]).toStrictEqual([status, allow]);
});

test.each([
  ['the row of the whole path', 'POST', '/decision', 'decision'],
  ['the longest prefix', 'PUT', '/v1/data/special/x', 'special'],
  ['any method', 'PATCH', '/any/x', 'any'],
  ['a method of its own before any', 'GET', '/any/x', 'got'],
])('a request goes to %s', async (_name, method, path, name) => {
  expect((await send(method, path)).body).toBe(`"${name}"\n`);
});

test('two routes of the same method and path are a mistake', () => {
  expect(() => createRouter([answered('GET', '/a', 'x'), answered('GET', '/a', 'y')])).toThrow(
    'two routes answer GET /a',
  );
});

test.each([
  ['no-policy', 'No policy is active yet.'],
  ['draining', 'The process is shutting down.'],
] as const)('not ready because of %s is a problem that says so', async (problem, detail) => {
  const answer = await send('GET', '/readyz', { ready: false, problem, detail });
  expect([answer.status, answer.headers['content-type']]).toStrictEqual([503, 'application/problem+json']);
  expect(JSON.parse(answer.body)).toStrictEqual({
    type: `urn:edict:problem:${problem}`,
    title: PROBLEMS[problem].title,
    status: 503,
    detail,
  });
});

test('the sets that are still loading are listed, ready or not, and not without end', async () => {
  const loading = Array.from({ length: MAX_LISTED_SETS + 1 }, (_, index) => `a/${index}`);
  const ready = await send('GET', '/readyz', { ready: true, loading });
  expect([ready.status, JSON.parse(ready.body)]).toStrictEqual([
    200,
    { status: 'ready', loading: loading.slice(0, MAX_LISTED_SETS) },
  ]);
  const not = await send('GET', '/readyz', { ready: false, problem: 'loading', detail: 'Wait.', loading: ['a/b'] });
  expect([not.status, JSON.parse(not.body)]).toMatchObject([
    503,
    { type: 'urn:edict:problem:loading', loading: ['a/b'] },
  ]);
});

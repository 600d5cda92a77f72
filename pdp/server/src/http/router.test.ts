import { expect, test } from '@jest/globals';
import { OPEN_API } from './open-api.ts';
import { jsonReply, PROBLEMS } from './reply.ts';
import { createRouter, type Readiness, type RouterDeps } from './router.ts';

function route(method: string, path: string, over: Partial<RouterDeps> = {}) {
  const router = createRouter({
    decision: () => jsonReply(200, { allow: true }),
    readiness: () => ({ ready: true }),
    status: () => ({ ready: true, sets: [] }),
    metrics: () => Promise.resolve({ text: 'pdp_x 1\n', contentType: 'text/plain' }),
    openApi: OPEN_API,
    ...over,
  });
  return router({ method, path, query: '', contentType: undefined, set: undefined, body: Buffer.alloc(0) });
}

test.each([
  ['POST', '/decision', 200, undefined],
  ['OPTIONS', '/decision', 204, 'OPTIONS, POST'],
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
])('%s %s is %i', async (method, path, status, allow) => {
  const answer = await route(method, path);
  expect([answer.status, answer.headers['allow']]).toStrictEqual([status, allow]);
});

test.each([
  ['no-policy', 'No policy is active yet.'],
  ['draining', 'The process is shutting down.'],
] as const)('not ready because of %s is a problem that says so', async (problem, detail) => {
  const readiness = (): Readiness => ({ ready: false, problem, detail });
  const answer = await route('GET', '/readyz', { readiness });
  expect([answer.status, answer.headers['content-type']]).toStrictEqual([503, 'application/problem+json']);
  expect(JSON.parse(answer.body)).toStrictEqual({
    type: `urn:edict:problem:${problem}`,
    title: PROBLEMS[problem].title,
    status: 503,
    detail,
  });
});

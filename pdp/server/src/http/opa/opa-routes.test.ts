import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import type { Serving } from '@edict/bundle';
import { ActiveSets } from '../../active-sets.ts';
import { lineSink } from '../../audit/line-sink.ts';
import { createDecisionCore } from '../../core/decision-core.ts';
import { createMetrics } from '../../observability/metrics.ts';
import { aRequest } from '../../testing/requests.ts';
import { craneDomain } from '../../testing/revisions.ts';
import { snapshotOf } from '../../testing/snapshots.ts';
import { MAX_NESTING } from '../json-shape.ts';
import type { Reply } from '../reply.ts';
import type { RouteRequest } from '../route.ts';
import { createRouter } from '../router.ts';
import type { Readiness } from '../service-routes.ts';
import { opaRoutes } from './opa-routes.ts';

/** Bodies that are no Buffer are sent as JSON. */
type Over = Partial<Omit<RouteRequest, 'body'>> & { readonly body?: unknown };

const SET = 'harbour/cranes';
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const SERVING: Serving = { documents: { policies: [] }, opa: { defaultDecision: 'loads/most' } };
const REGO = `package loads

most = data.limits.most { true }
fits { input.tons <= data.limits.most }
noted { trace("note") }
split = 1 { input.a }
split = 2 { input.b }
`;

function start({
  serving = SERVING,
  rego = REGO,
  readiness,
}: { serving?: Serving; rego?: string; readiness?: Readiness } = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const lines: string[] = [];
  let ids = 0;
  let ticks = 0;
  const core = createDecisionCore({
    sets,
    metrics,
    audit: lineSink({ hasRoom: true, offer: (line) => lines.push(line) > 0 }, 'Drop'),
    newId: () => `record-${++ids}`,
  });
  const route = createRouter(
    opaRoutes({
      core,
      readiness: () => readiness ?? { ready: true, loading: [] },
      maxInflatedBytes: 1000,
      monotonicNs: () => (ticks += 100),
    }),
  );
  const library = { mrn: 'lib', name: '', description: '', rego, dependencies: [] };
  const domain = craneDomain(5, { libraries: [library], data: '{"limits":{"most":7.50}}' });
  const swap = (n = 3): void =>
    sets.swap({
      ...{ set: SET, setUid: 'uid', n, digest: DIGEST, activatedAtMs: 0 },
      snapshot: snapshotOf([domain], { serving }),
    });
  const send = (method: string, path: string, over: Over = {}): Reply => {
    const [plain = '', query = ''] = path.split('?');
    const reply = route(aRequest({ method, path: plain, query, ...over }));
    if (reply instanceof Promise) throw new Error('the answer is a promise');
    return reply;
  };
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  /** Requests that were counted as wrong before anything was decided. */
  const invalid = async (): Promise<number | undefined> => {
    const counted = await metrics.registry.getSingleMetric('pdp_invalid_requests_total')?.get();
    return counted?.values.find(({ labels }) => labels['api'] === 'opa')?.value;
  };
  return { swap, send, records, invalid };
}

const bodyOf = ({ body }: Reply) => JSON.parse(body) as Record<string, unknown>;

test('a document comes with its decision id and the revision that gave it', () => {
  const { swap, send, records } = start();
  swap();
  const reply = send('POST', '/v1/data/loads/fits', { body: { input: { tons: 5 } } });
  expect(reply).toMatchObject({ status: 200, body: '{"decision_id":"record-1","result":true}\n' });
  expect(reply.headers).toMatchObject({
    'content-type': 'application/json',
    'policy-set': SET,
    'policy-revision': '3',
    'policy-digest': DIGEST,
  });
  expect(records()).toHaveLength(1);
  expect(send('GET', '/v1/data/loads/fits').body).toBe('{"decision_id":"record-2"}\n');
  expect(records()).toHaveLength(2);
});

test('what nests too deeply is refused before anything is made of it; what does not is recorded whole', () => {
  const { swap, send, records } = start();
  swap();
  const nested = (depth: number): Buffer => Buffer.from(`{"input":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  expect(send('POST', '/v1/data/loads/fits', { body: nested(MAX_NESTING - 1) }).status).toBe(200);
  expect(JSON.stringify(records()[0]?.['input'])).toHaveLength(2 * (MAX_NESTING - 1));
  const refused = send('POST', '/v1/data/loads/fits', { body: nested(MAX_NESTING) });
  expect([refused.status, bodyOf(refused)['message']]).toStrictEqual([
    400,
    'body contains malformed input document: exceeded max depth of 2000',
  ]);
  expect(send('POST', '/v0/data/loads/fits', { body: nested(4_000_000) }).status).toBe(400);
});

test('what a set takes is looked at before the body is, and again when it is inflated', () => {
  const limits = { maxBodyBytes: 200 };
  const instance = {
    names: [],
    load: 'Ahead',
    grace: '5m',
    labels: {},
    decisionCache: { entries: 0 },
    limits,
  } as const;
  const { swap, send } = start({ serving: { ...SERVING, instance: { ...instance, names: [] } } });
  swap();
  const path = '/v1/data/loads/fits';
  expect(send('POST', path, { body: Buffer.from('x'.repeat(201)) }).status).toBe(413);
  const headers = { 'content-encoding': 'gzip' };
  const body = gzipSync(JSON.stringify({ input: { tons: 5, text: 'x'.repeat(300) } }));
  expect(body.length).toBeLessThan(200);
  expect(send('POST', path, { headers, body }).status).toBe(413);
  const small = gzipSync(JSON.stringify({ input: { tons: 5, text: 'x'.repeat(100) } }));
  expect(send('POST', path, { headers, body: small }).status).toBe(200);
});

test('the folder of health answers probes as health does', () => {
  const { swap, send } = start();
  expect(send('GET', '/health/').status).toBe(200);
  swap();
  expect(send('GET', '/health/?bundles').status).toBe(200);
  expect(
    start({ readiness: { ready: false, problem: 'no-policy', detail: 'none' } }).send('GET', '/health/?bundles').status,
  ).toBe(500);
});

test.each(['/v1/policies', '/v1/policies/a', '/v1/config'])(
  '%s cannot be changed, and nothing is allowed there',
  (path) => {
    expect(start().send('PUT', path)).toMatchObject({ status: 405, headers: { allow: '' } });
  },
);

test('flags add what they name, in the order in which OPA prints it', () => {
  const { swap, send } = start({ rego: 'package loads\n\nmost = data.limits.most { true }\n' });
  swap();
  const query = 'provenance&metrics&explain=notes&pretty';
  expect(send('POST', `/v1/data/loads/most?${query}`).body).toBe(`{
  "decision_id": "record-1",
  "provenance": {
    "version": "0.1.0",
    "build_commit": "",
    "build_timestamp": "",
    "build_hostname": "",
    "bundles": {
      "harbour/cranes": {
        "revision": "3"
      }
    }
  },
  "explanation": [],
  "metrics": {
    "timer_rego_input_parse_ns": 100,
    "timer_rego_query_eval_ns": 100,
    "timer_server_handler_ns": 200
  },
  "result": 7.50,
  "warning": {
    "code": "api_usage_warning",
    "message": "'input' key missing from the request"
  }
}
`);
});

test.each([
  ['POST', '/', {}, 200, '7.50\n'],
  ['POST', '/v0/data/loads/fits', { tons: 5 }, 200, 'true\n'],
  ['POST', '/v0/data/limits', {}, 200, '{"most":7.50}\n'],
])('%s %s gives the document itself', (method, path, body, status, expected) => {
  const { swap, send } = start();
  swap();
  expect(send(method, path, { body })).toMatchObject({ status, body: expected });
});

test('the old API tells what is missing from what is undefined', () => {
  const { swap, send } = start();
  swap();
  const missing = (path: string) => {
    const reply = send('POST', path, { body: {} });
    return [reply.status, bodyOf(reply)];
  };
  expect(missing('/v0/data/loads/fits')).toStrictEqual([
    404,
    { code: 'undefined_document', message: 'document undefined: data.loads.fits' },
  ]);
  expect(missing('/v0/data/nowhere')).toStrictEqual([
    404,
    { code: 'undefined_document', message: 'document missing: data.nowhere' },
  ]);
});

test('an evaluation that fails is an error with its place, and is recorded', () => {
  const { swap, send, records } = start();
  swap();
  const reply = send('POST', '/v1/data/loads/split', { body: { input: { a: true, b: true } } });
  expect([reply.status, bodyOf(reply)]).toMatchObject([
    500,
    {
      code: 'internal_error',
      message: 'error(s) occurred while evaluating query',
      errors: [{ code: 'eval_conflict_error', location: { file: 'cranes/lib', row: 7, col: 1 } }],
    },
  ]);
  expect(reply.headers['policy-revision']).toBe('3');
  expect(records()).toHaveLength(1);
});

const zipped = (body: string) => ({ body: gzipSync(body), headers: { 'content-encoding': 'gzip' } });
test('gzip and YAML bodies are read, whatever the spelling of the type', () => {
  const { swap, send } = start();
  swap();
  const fits = (over: Over) => bodyOf(send('POST', '/v1/data/loads/fits', over))['result'];
  expect(fits(zipped('{"input":{"tons":5}}'))).toBe(true);
  const yaml = Buffer.from('input: {tons: 5}');
  for (const type of ['application/x-yaml', 'text/yaml; charset=utf-8', 'application/yaml']) {
    expect(fits({ body: yaml, headers: { 'content-type': type } })).toBe(true);
  }
});

test.each<[string, string, string, Over, number]>([
  ['a body that is no JSON', 'POST', '/v1/data/loads', { body: Buffer.from('{') }, 400],
  ['a body that is no object', 'POST', '/v1/data/loads', { body: Buffer.from('1') }, 400],
  ['an old body that is no JSON', 'POST', '/v0/data/loads', { body: Buffer.from('{') }, 400],
  ['an input that is no JSON', 'GET', '/v1/data/loads?input=%7B', {}, 400],
  ['an escape that is none', 'GET', '/v1/data/%zz', {}, 400],
  [
    'a body that is no gzip',
    'POST',
    '/v1/data/loads',
    { headers: { 'content-encoding': 'gzip' }, body: Buffer.from('x') },
    400,
  ],
  ['a body that inflates beyond the limit', 'POST', '/v1/data/loads', zipped(JSON.stringify('x'.repeat(2000))), 413],
  ['a trace', 'GET', '/v1/data/loads?explain=full', {}, 400],
  ['notes of policies that take some', 'GET', '/v1/data/loads?explain=notes', {}, 400],
  ['a write of data', 'PUT', '/v1/data/limits', {}, 405],
  ['a patch of data', 'PATCH', '/v1/data', {}, 405],
  ['a deletion of data', 'DELETE', '/v1/data/limits/most', {}, 405],
  ['a write of policy', 'PUT', '/v1/policies/a', {}, 405],
  ['a deletion of policy', 'DELETE', '/v1/policies/a/b', {}, 405],
  ['the old API by GET', 'GET', '/v0/data/loads', {}, 405],
  ['policies', 'GET', '/v1/policies', {}, 501],
  ['a policy', 'GET', '/v1/policies/a', {}, 501],
  ['a query', 'POST', '/v1/query', {}, 501],
  ['partial evaluation', 'POST', '/v1/compile', {}, 501],
  ['filters', 'POST', '/v1/compile/a/b', {}, 501],
  ['configuration', 'GET', '/v1/config', {}, 501],
])(
  '%s is refused in the form of an OPA error, and counted as no decision',
  async (_name, method, path, over, status) => {
    const { swap, send, records, invalid } = start();
    swap();
    const reply = send(method, path, over);
    expect([reply.status, reply.headers['content-type']]).toStrictEqual([status, 'application/json']);
    expect(bodyOf(reply)).toStrictEqual({ code: expect.any(String), message: expect.any(String) });
    if (status === 405) expect(reply.headers['allow']).toBeDefined();
    expect([records().length, await invalid()]).toStrictEqual([0, 1]);
  },
);

test('without policy, below a required revision, or for another set there is an error and no result', () => {
  const { swap, send } = start();
  const nothing = send('GET', '/v1/data/loads/most');
  expect([nothing.status, bodyOf(nothing)]).toMatchObject([
    503,
    { code: 'internal_error', type: 'urn:edict:problem:no-policy', message: expect.any(String) },
  ]);
  expect(nothing.headers).toMatchObject({ 'content-type': 'application/json', 'retry-after': '1' });
  swap();
  const early = send('GET', '/v1/data/loads/most', { headers: { 'policy-at-least': `${SET}@4` } });
  expect([early.status, bodyOf(early)]).toMatchObject([412, { code: 'invalid_parameter', active: 3, required: 4 }]);
  const other = send('GET', '/v1/data/loads/most', { instance: 'harbour/other' });
  expect(other.status).toBe(503);
});

test('a set that does not say that it serves this API does not', () => {
  const { swap, send, records } = start({ serving: { documents: { policies: [] } } });
  swap();
  for (const [method, path] of [
    ['GET', '/v1/data/loads/most'],
    ['POST', '/'],
    ['POST', '/v0/data/loads/most'],
  ] as const) {
    const reply = send(method, path);
    expect([reply.status, bodyOf(reply)]).toMatchObject([
      404,
      { code: 'resource_not_found', message: expect.stringContaining('spec.serving.opa') },
    ]);
  }
  expect(records()).toHaveLength(0);
});

test('health is that of the process, of its policy where that is asked, or of a rule', () => {
  const health = 'package system.health\n\nalive { input.plugins_ready }\nodd = 1 { true }\n';
  const { swap, send, records } = start({ rego: health });
  const told = (path: string) => {
    const { status, body } = send('GET', path);
    return [status, body];
  };
  const failed = (error: string) => [500, `${JSON.stringify({ error })}\n`];
  expect(told('/health/alive')[0]).toBe(500);
  swap();
  for (const path of ['/health', '/health?bundles', '/health?plugins=true', '/health/alive']) {
    expect(told(path)).toStrictEqual([200, '{}\n']);
  }
  expect(told('/health/odd')).toStrictEqual(failed('health check (data.system.health.odd) returned unexpected value'));
  expect(told('/health/none')).toStrictEqual(failed('health check (data.system.health.none) was undefined'));
  expect(records()).toHaveLength(0);
  const unready = start({ rego: health, readiness: { ready: false, problem: 'no-policy', detail: 'nothing yet' } });
  unready.swap();
  const of = (path: string) => unready.send('GET', path).status;
  expect([of('/health'), of('/health?bundles=false'), of('/health?bundles'), of('/health/alive')]).toStrictEqual([
    200, 200, 500, 500,
  ]);
});

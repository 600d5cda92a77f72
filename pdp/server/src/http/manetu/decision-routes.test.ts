import { expect, test } from '@jest/globals';
import { encodeToken } from '@edict/bundle';
import { ActiveSets } from '../../active-sets.ts';
import { lineSink, type LineTarget } from '../../audit/line-sink.ts';
import { createDecisionCore } from '../../core/decision-core.ts';
import type { RulesQuestion } from '../../explain/explain-policies.ts';
import type { FindRules } from '../../explain/rule-explainer.ts';
import { LoadMeter } from '../../observability/load-meter.ts';
import { createMetrics } from '../../observability/metrics.ts';
import { aRequest } from '../../testing/requests.ts';
import { craneDomainWithRego, liftRequest } from '../../testing/revisions.ts';
import { craneSnapshot, snapshotOf } from '../../testing/snapshots.ts';
import type { Reply } from '../reply.ts';
import type { RouteRequest } from '../route.ts';
import { createRouter } from '../router.ts';
import { MAX_EXPLAINED_ITEMS } from './batch.ts';
import { manetuRoutes } from './decision-routes.ts';
import type { Explanation } from './explanation.ts';

const SET = 'harbour/cranes';
const RULES = { decided: [], failed: [] };
const DIGEST = `sha256:${'ab'.repeat(32)}`;

interface Setup {
  readonly target?: LineTarget;
  readonly onFull?: 'Drop' | 'Refuse';
  readonly maxSteps?: number;
  readonly maxBatch?: number;
  readonly findRules?: FindRules;
}

function start({ target, onFull = 'Drop', maxSteps = 10_000_000, maxBatch = 10, findRules }: Setup = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const meter = new LoadMeter(() => 1);
  const lines: string[] = [];
  const offer = (line: string): boolean => lines.push(line) > 0;
  let ids = 0;
  const core = createDecisionCore({
    sets,
    audit: lineSink(target ?? { hasRoom: true, offer }, onFull),
    metrics,
    meter,
    setLimits: { maxSteps },
    newId: () => `record-${++ids}`,
  });
  const route = createRouter(manetuRoutes({ core, maxBatch, findRules }));
  const swap = (n: number, limit: number, set = SET): void =>
    sets.swap({ set, setUid: 'uid', n, digest: DIGEST, snapshot: craneSnapshot(limit), activatedAtMs: 0 });
  const send = (path: string, body: unknown, request: Partial<RouteRequest> = {}): Reply | Promise<Reply> =>
    route(aRequest({ path, ...request, body: request.body ?? body }));
  /** `POST /decision`, which is answered at once where nothing waits. */
  const ask = (porc: unknown, request: Partial<RouteRequest> = {}): Reply => {
    const answer = send('/decision', porc, request);
    if (answer instanceof Promise) throw new Error('the answer is a promise');
    return answer;
  };
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const counts = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values
      .filter(({ labels }) => labels['api'] === 'manetu')
      .map(({ labels, value }) => [...Object.values(labels).slice(1), value]);
  return { sets, swap, ask, send, records, metrics, meter, counts };
}

const typed = (contentType: string | undefined) => ({ headers: { 'content-type': contentType } });

test('GRANT and DENY are 200s that name set, revision and digest, and so do their records', async () => {
  const { swap, ask, records, counts, meter } = start();
  swap(7, 5);
  const headers = {
    'content-type': 'application/json',
    'policy-set': SET,
    'policy-revision': '7',
    'policy-digest': DIGEST,
    'policy-token': encodeToken({ setUid: 'uid', n: 7 }),
  };
  expect(ask(liftRequest(5))).toStrictEqual({ status: 200, headers, body: '{"allow":true}\n' });
  expect(ask(liftRequest(6))).toStrictEqual({ status: 200, headers, body: '{"allow":false}\n' });
  const metadata = { policySet: SET, policyRevision: '7', policyDigest: DIGEST };
  expect(records()).toMatchObject([
    { decision: 'GRANT', metadata: { ...metadata, id: 'record-1' } },
    { decision: 'DENY', metadata: { ...metadata, id: 'record-2' } },
  ]);
  expect(await counts('pdp_decisions_total')).toStrictEqual([
    ['permit', 1],
    ['deny', 1],
    ['answer', 0],
  ]);
  expect(meter.take()).toMatchObject({ decisions: 2, denied: 1, errors: 0 });
});

test('the answer after a swap is that of the new revision, and says so', () => {
  const { swap, ask } = start();
  swap(1, 5);
  expect(ask(liftRequest(6)).body).toBe('{"allow":false}\n');
  swap(2, 6);
  const answer = ask(liftRequest(6));
  expect([answer.body, answer.headers['policy-revision']]).toStrictEqual(['{"allow":true}\n', '2']);
});

test('a probe decides, is counted, and leaves no record', async () => {
  const { swap, ask, records, counts } = start();
  swap(1, 5);
  expect(ask(liftRequest(5), { query: 'probe=true' }).body).toBe('{"allow":true}\n');
  expect(records()).toStrictEqual([]);
  expect(await counts('pdp_decisions_total')).toStrictEqual([
    ['permit', 1],
    ['deny', 0],
    ['answer', 0],
  ]);
});

test.each([
  ['no policy at all', [], undefined, 503, 'no-policy'],
  ['a set that is not served', ['a/a'], 'b/b', 503, 'unknown-set'],
  ['several sets and none named', ['a/a', 'b/b'], undefined, 400, 'set-required'],
])('%s is a problem, counted, and never a decision', async (_name, served, set, status, problem) => {
  const { swap, ask, records, counts, meter } = start();
  for (const one of served) swap(1, 5, one);
  const answer = ask(liftRequest(1), { instance: set });
  expect([answer.status, answer.headers]).toStrictEqual([
    status,
    {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(status === 503 ? { 'retry-after': '1' } : {}),
    },
  ]);
  const body = JSON.parse(answer.body) as Record<string, unknown>;
  expect(body).toMatchObject({ type: `urn:edict:problem:${problem}`, status });
  expect(Object.keys(body)).toStrictEqual(['type', 'title', 'status', 'detail']);
  expect(records()).toStrictEqual([]);
  expect(await counts('pdp_refused_total')).toStrictEqual([[problem, 1]]);
  expect(meter.take()).toMatchObject({ decisions: 0, errors: 1 });
});

test('the Policy-Set header chooses among several sets', () => {
  const { swap, ask } = start();
  swap(1, 5, 'a/a');
  swap(2, 9, 'b/b');
  const answer = ask(liftRequest(9), { instance: 'b/b' });
  expect([answer.body, answer.headers['policy-set']]).toStrictEqual(['{"allow":true}\n', 'b/b']);
});

test('a full audit buffer refuses the decision where records are required, but not a probe', () => {
  const { swap, ask, meter } = start({ onFull: 'Refuse', target: { hasRoom: false, offer: () => false } });
  swap(1, 5);
  const answer = ask(liftRequest(1));
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
    503,
    { type: 'urn:edict:problem:audit-unavailable' },
  ]);
  expect(ask(liftRequest(1), { query: 'probe=1' }).status).toBe(200);
  expect(meter.take()).toMatchObject({ decisions: 1, errors: 1 });
});

test('a full audit buffer loses the record and gives the decision where records may be dropped', () => {
  const offered: string[] = [];
  const { swap, ask } = start({ target: { hasRoom: false, offer: (line) => offered.push(line) < 0 } });
  swap(1, 5);
  expect(ask(liftRequest(1)).status).toBe(200);
  expect(offered).toHaveLength(1); // the sink counts what it does not take
});

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
test.each([
  ['JSON', json, '{"operation":"crane:lift"}', 200],
  ['JSON with parameters', 'application/json;charset=utf-8', '{}', 200],
  ['a form', form, 'operation=crane:lift', 200],
  [
    'a multipart form',
    'multipart/form-data; boundary=B',
    '--B\r\nContent-Disposition: form-data; name="operation"\r\n\r\nx\r\n--B--\r\n',
    200,
  ],
  ['an empty body', json, '', 400],
  ['an empty form', form, '', 400],
  ['null', json, 'null', 400],
  ['an array', json, '[]', 400],
  ['text that is no JSON', json, '{"a":', 400],
  ['a number beyond doubles', json, '{"a":1e400}', 400],
  ['a multipart form without boundary', 'multipart/form-data', 'x', 400],
  ['XML', 'application/xml', '<a/>', 400],
  ['plain text', 'text/plain', '{}', 415],
  ['a type in capitals', 'APPLICATION/JSON', '{}', 415],
  ['no type', undefined, '{}', 415],
])('a body that is %s', async (_name, contentType, body, status) => {
  const { swap, ask, records, counts } = start();
  swap(1, 5);
  const answer = ask(undefined, { ...typed(contentType), body: Buffer.from(body) });
  expect([answer.status, Object.keys(JSON.parse(answer.body) as object)]).toStrictEqual([
    status,
    [status === 200 ? 'allow' : 'message'],
  ]);
  expect(records()).toHaveLength(status === 200 ? 1 : 0);
  expect(await counts('pdp_invalid_requests_total')).toStrictEqual([[status === 200 ? 0 : 1]]);
});

test('a bad probe parameter is told before a bad body', () => {
  const { swap, ask } = start();
  swap(1, 5);
  const answer = ask(undefined, { query: 'probe=maybe', body: Buffer.from('{') });
  expect([answer.status, answer.body]).toStrictEqual([400, expect.stringContaining('probe')]);
});

test.each([
  [1_000, 'DENY', 'EVALUATION_ERROR'],
  [1_000_000, 'GRANT', 'POLICY_OUTCOME'],
])('of %i steps a policy that takes ten thousand gives %s', (maxSteps, decision, code) => {
  const { sets, ask, records } = start({ maxSteps });
  const rego = 'package authz\n\ndefault allow = false\n\nallow { count([x | x = numbers.range(1, 10000)[_]]) > 0 }\n';
  const snapshot = snapshotOf([craneDomainWithRego(rego)]);
  sets.swap({ set: SET, setUid: 'uid', n: 1, digest: DIGEST, snapshot, activatedAtMs: 0 });
  ask(liftRequest(1));
  expect(records()).toMatchObject([{ decision }]);
  expect(JSON.stringify(records()).includes('EVALUATION_ERROR')).toBe(code === 'EVALUATION_ERROR');
});

test('an explanation names phase by phase what was asked, what it said, and what decided', () => {
  const { swap, ask, records } = start();
  swap(1, 5);
  const answer = ask(liftRequest(6), { query: 'explain=true' });
  expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'policy-revision': '1' });
  const reference = (id: string, policy: string, decision: string) => ({
    id,
    policy: { mrn: `mrn:harbour:policy:${policy}`, fingerprint: expect.any(String) as unknown },
    decision,
    reasonCode: 'POLICY_OUTCOME',
    durationNs: expect.any(Number) as unknown,
  });
  const phase = (name: string, decision: string, ...references: object[]) => ({
    ...{ phase: name, decision, durationNs: expect.any(Number) as unknown },
    references,
  });
  expect(JSON.parse(answer.body)).toStrictEqual({
    allow: false,
    explain: {
      decision: 'DENY',
      decidedBy: ['IDENTITY'],
      recordId: 'record-1',
      durationNs: expect.any(Number) as unknown,
      phases: [
        phase('SYSTEM', 'GRANT', reference('crane:lift', 'gate', 'GRANT')),
        phase('IDENTITY', 'DENY', reference('mrn:harbour:role:operator', 'lift', 'DENY')),
        phase('RESOURCE', 'GRANT', reference('mrn:harbour:resource-group:yard', 'anyone', 'GRANT')),
        phase('SCOPE', 'GRANT'),
      ],
    },
  });
  expect(records()).toMatchObject([{ metadata: { id: 'record-1' } }]);
});

test('an explained probe leaves no record and names none', () => {
  const { swap, ask, records } = start();
  swap(1, 5);
  const { allow, explain } = JSON.parse(ask(liftRequest(5), { query: 'explain=1&probe=1' }).body) as {
    readonly allow: boolean;
    readonly explain: Readonly<Record<string, unknown>>;
  };
  expect([allow, explain['decidedBy'], Object.keys(explain).includes('recordId')]).toStrictEqual([
    true,
    ['IDENTITY', 'RESOURCE', 'SCOPE'],
    false,
  ]);
  expect(records()).toStrictEqual([]);
});

test.each([
  ['a list', (porcs: readonly unknown[]): unknown => porcs],
  ['an object', (porcs: readonly unknown[]): unknown => ({ porcs })],
])('a batch that is %s is decided item by item, by one revision', async (_name, wrap) => {
  const { swap, send, records, counts } = start();
  swap(3, 5);
  const answer = await send('/decisions', wrap([liftRequest(5), liftRequest(6), 'x', {}]));
  expect([answer.status, answer.headers]).toMatchObject([200, { 'policy-set': SET, 'policy-revision': '3' }]);
  expect(JSON.parse(answer.body)).toStrictEqual({
    decisions: [{ allow: true }, { allow: false }, { message: 'PORC must be an object' }, { allow: false }],
  });
  expect(records()).toMatchObject([{ decision: 'GRANT' }, { decision: 'DENY' }, { decision: 'DENY' }]);
  expect(await counts('pdp_decisions_total')).toMatchObject([
    ['permit', 1],
    ['deny', 2],
    ['answer', 0],
  ]);
});

test('a batch can be a probe and explained', async () => {
  const { swap, send, records } = start();
  swap(1, 5);
  const answer = await send('/decisions', [liftRequest(5)], { query: 'probe=1&explain=1' });
  expect(JSON.parse(answer.body)).toMatchObject({ decisions: [{ allow: true, explain: { decision: 'GRANT' } }] });
  expect(records()).toStrictEqual([]);
});

test('rules are told for the first decisions of a batch, and of the others why not', async () => {
  const asked: RulesQuestion[] = [];
  const findRules: FindRules = (question) => {
    asked.push(question);
    const policies = question.policies.map(() => ({ ok: true, rules: RULES, answer: 'true' }) as const);
    return Promise.resolve({ kind: 'found', policies });
  };
  const { swap, send } = start({ maxBatch: MAX_EXPLAINED_ITEMS + 1, findRules });
  swap(1, 5);
  const batch = Array.from({ length: MAX_EXPLAINED_ITEMS + 1 }, () => liftRequest(5));
  const answer = await send('/decisions', batch, { query: 'explain=1' });
  const { decisions } = JSON.parse(answer.body) as { decisions: { explain: Explanation }[] };
  const identity = decisions.map(({ explain }) =>
    explain.phases.flatMap(({ phase, references }) => (phase === 'IDENTITY' ? references : [])),
  );
  expect([asked.length, decisions.length]).toStrictEqual([MAX_EXPLAINED_ITEMS, MAX_EXPLAINED_ITEMS + 1]);
  expect([identity[0], identity.at(-2), identity.at(-1)]).toMatchObject([
    [{ rules: RULES }],
    [{ rules: RULES }],
    [{ rulesUnavailable: expect.stringContaining('first 16') as unknown }],
  ]);
});

test('an item of a batch whose record cannot be kept is not decided, which is no deny', async () => {
  const { swap, send } = start({ onFull: 'Refuse', target: { hasRoom: false, offer: () => false } });
  swap(1, 5);
  const answer = await send('/decisions', [liftRequest(5)]);
  expect(JSON.parse(answer.body)).toStrictEqual({
    decisions: [{ problem: 'audit-unavailable', message: expect.stringContaining('record') as unknown }],
  });
});

test.each([
  ['an object without porcs', {}, 400],
  ['porcs that are no list', { porcs: {} }, 400],
  ['more items than a batch may have', Array.from({ length: 11 }, () => ({})), 400],
  ['text that is no JSON', Buffer.from('[{]'), 400],
  ['an empty body', Buffer.alloc(0), 400],
  ['a number beyond doubles', Buffer.from('[{"a":1e400}]'), 400],
])('a batch that is %s is refused as a whole', async (_name, body, status) => {
  const { swap, send, records, counts } = start();
  swap(1, 5);
  const answer = await send('/decisions', undefined, { body: body as Buffer });
  expect([answer.status, Object.keys(JSON.parse(answer.body) as object)]).toStrictEqual([status, ['message']]);
  expect(records()).toStrictEqual([]);
  expect(await counts('pdp_invalid_requests_total')).toStrictEqual([[1]]);
});

test.each(['/decision', '/decisions'])('%s takes bodies as they are', async (path) => {
  const { swap, send } = start();
  swap(1, 5);
  const coded = await send(path, path === '/decision' ? liftRequest(5) : [liftRequest(5)], {
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  });
  expect([coded.status, coded.headers['accept-encoding']]).toStrictEqual([415, 'identity']);
});

test('a batch is JSON', async () => {
  const { swap, send } = start();
  swap(1, 5);
  expect((await send('/decisions', [], typed('text/plain'))).status).toBe(415);
});

test('a batch ends where the client can be answered no more, and what was decided is not given as the whole', async () => {
  const { swap, send, records } = start({ maxBatch: 100_000 });
  swap(1, 5);
  const porcs = Array.from({ length: 20_000 }, () => liftRequest(5));
  const halfClosed = { onGone: (listener: () => void) => void setImmediate(listener) };
  const whole = await send('/decisions', porcs.slice(0, 10_000), halfClosed);
  expect((JSON.parse(whole.body) as { decisions: unknown[] }).decisions).toHaveLength(10_000);
  const answer = await send('/decisions', porcs, { onClosed: (listener) => void setImmediate(listener) });
  expect([answer.status, answer.body]).toStrictEqual([
    400,
    '{"message":"the connection was closed before all was decided"}\n',
  ]);
  const decided = records().length - 10_000;
  expect(decided).toBeGreaterThan(0);
  expect(decided).toBeLessThan(porcs.length);
});

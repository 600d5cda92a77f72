import { expect, test } from '@jest/globals';
import { systemClock } from '@edict/engine';
import { ActiveSets } from '../active-sets.ts';
import { LoadMeter } from '../observability/load-meter.ts';
import { createMetrics } from '../observability/metrics.ts';
import { craneDomainWithRego, liftRequest } from '../testing/revisions.ts';
import { craneSnapshot, snapshotOf } from '../testing/snapshots.ts';
import { createDecisionHandler, type DecisionHandlerDeps, type DecisionRequest } from './decision-handler.ts';

const SET = 'harbour/cranes';
const DIGEST = `sha256:${'ab'.repeat(32)}`;

function start(over: Partial<DecisionHandlerDeps> = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const meter = new LoadMeter(() => 1);
  const lines: string[] = [];
  const offer = (line: string): boolean => lines.push(line) > 0;
  let ids = 0;
  const handle = createDecisionHandler({
    sets,
    audit: { hasRoom: true, offer },
    onAuditFull: 'Drop',
    metrics,
    meter,
    clock: systemClock,
    newId: () => `record-${++ids}`,
    includeAll: true,
    maxSteps: 10_000_000,
    ...over,
  });
  const swap = (n: number, limit: number, set = SET): void =>
    sets.swap({ set, n, digest: DIGEST, snapshot: craneSnapshot(limit), activatedAtMs: 0 });
  const ask = (porc: unknown, request: Partial<DecisionRequest> = {}) =>
    handle({
      query: '',
      contentType: 'application/json',
      set: undefined,
      body: Buffer.from(JSON.stringify(porc ?? {})),
      ...request,
    });
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const counts = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values.map(({ labels, value }) => [
      ...Object.values(labels),
      value,
    ]);
  return { sets, swap, ask, records, metrics, meter, counts };
}

test('GRANT and DENY are 200s that name set, revision and digest, and so do their records', async () => {
  const { swap, ask, records, counts, meter } = start();
  swap(7, 5);
  const headers = {
    'content-type': 'application/json',
    'policy-set': SET,
    'policy-revision': '7',
    'policy-digest': DIGEST,
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
  ]);
});

test.each([
  ['no policy at all', [], undefined, 503, 'no-policy'],
  ['a set that is not served', ['a/a'], 'b/b', 503, 'unknown-set'],
  ['several sets and none named', ['a/a', 'b/b'], undefined, 400, 'set-required'],
])('%s is a problem, counted, and never a decision', async (_name, served, set, status, problem) => {
  const { swap, ask, records, counts, meter } = start();
  for (const one of served) swap(1, 5, one);
  const answer = ask(liftRequest(1), { set });
  expect([answer.status, answer.headers]).toStrictEqual([
    status,
    { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
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
  const answer = ask(liftRequest(9), { set: 'b/b' });
  expect([answer.body, answer.headers['policy-set']]).toStrictEqual(['{"allow":true}\n', 'b/b']);
});

test('a full audit buffer refuses the decision where records are required, but not a probe', () => {
  const { swap, ask, meter } = start({ onAuditFull: 'Refuse', audit: { hasRoom: false, offer: () => false } });
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
  const { swap, ask } = start({ audit: { hasRoom: false, offer: (line) => offered.push(line) < 0 } });
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
  const answer = ask(undefined, { contentType, body: Buffer.from(body) });
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
  sets.swap({ set: SET, n: 1, digest: DIGEST, snapshot, activatedAtMs: 0 });
  ask(liftRequest(1));
  expect(records()).toMatchObject([{ decision }]);
  expect(JSON.stringify(records()).includes('EVALUATION_ERROR')).toBe(code === 'EVALUATION_ERROR');
});

import { expect, test } from '@jest/globals';
import { readDomain } from '@edict/bundle';
import { compileSourcedSnapshot, loadSnapshot } from '@edict/engine';
import type { Serving } from '@edict/crds';
import { ActiveSets } from '../../active-sets.ts';
import { lineSink } from '../../audit/line-sink.ts';
import { createDecisionCore } from '../../core/decision-core.ts';
import { aRequest } from '../../testing/requests.ts';
import type { RouteRequest } from '../route.ts';
import { createRouter } from '../router.ts';
import { authZenRoutes } from './authzen-routes.ts';
import { PageTokens } from './page-token.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

const LIBRARY = `
package harbour
import rego.v1
default allow := false
allow := {"decision": true, "context": {"berth": 4}} if {
  input.subject.properties.licence == "crane"
  input.action.name == "lift"
}
broken := 1 / input.resource.properties.zero
odd := "yes"
people := [{"type": "pilot", "id": sprintf("p%d", [n]), "properties": {"licence": licence}} |
  some n in numbers.range(1, 9)
  licence := ["crane", "tug"][n % 2]
]
`;

const DOMAIN = {
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDomain',
  metadata: { name: 'harbour' },
  spec: {
    policies: [
      { mrn: 'open', rego: 'package authz\ndefault allow = 0' },
      { mrn: 'licensed', rego: 'package authz\ndefault allow = false\nallow { input.principal.licence == "crane" }' },
      {
        mrn: 'dry',
        rego: 'package authz\ndefault allow = false\nallow { input.context.weather == "dry"; input.context.authzen.resource.type == "load" }',
      },
    ],
    'policy-libraries': [{ mrn: 'lib', rego: LIBRARY }],
    roles: [{ mrn: 'crew', policy: 'licensed' }],
    'resource-groups': [{ mrn: 'loads', default: true, policy: 'dry' }],
    operations: [{ name: 'lifts', selector: ['lift'], policy: 'open' }],
    mappers: [
      {
        name: 'authzen',
        rego: 'package mapper\nporc = {"principal": {"sub": input.subject.id, "licence": "crane", "mroles": ["crew"]}, "operation": input.action.name, "resource": input.resource.id, "context": {"weather": "dry", "authzen": {"resource": {"type": "load"}}}}',
      },
    ],
  },
};

const RULE = {
  evaluation: 'Rule',
  rule: 'harbour/allow',
  candidates: { subject: 'harbour/people' },
} as const satisfies Serving['authzen'];

function start(authzen: Serving['authzen']) {
  const read = readDomain(JSON.stringify(DOMAIN), 'harbour.json');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const compiled = compileSourcedSnapshot([read], { serving: { documents: { policies: [] }, authzen } });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const sets = new ActiveSets();
  const lines: string[] = [];
  const snapshot = loadSnapshot(compiled.compiled);
  const swap = (n: number): void =>
    sets.swap({ set: 'quay/harbour', setUid: 'uid', n, digest: DIGEST, snapshot, activatedAtMs: 0 });
  swap(3);
  const audit = lineSink({ hasRoom: true, offer: (line) => lines.push(line) > 0 }, 'Drop');
  const core = createDecisionCore({ sets, audit });
  const route = createRouter(authZenRoutes({ core, pageTokens: new PageTokens(new Uint8Array(32)) }));
  const ask = async (path: string, body: unknown, over: Partial<RouteRequest> = {}) => {
    const reply = await route(aRequest({ path: `/access/v1/${path}`, ...over, body: over.body ?? body }));
    return { status: reply.status, headers: reply.headers, json: JSON.parse(reply.body) as unknown };
  };
  return { ask, lines, swap, route };
}

const ada = { type: 'pilot', id: 'ada', properties: { licence: 'crane' } };
const bob = { type: 'pilot', id: 'bob' };
const lift = { name: 'lift' };
const load = { type: 'load', id: 'mrn:load:7' };
const revision = 'quay/harbour@3';

test('a rule decides, and what it says besides is in the context', async () => {
  const { ask, lines } = start(RULE);
  const permitted = await ask('evaluation', { subject: ada, action: lift, resource: load });
  expect(permitted).toMatchObject({ status: 200, headers: { 'policy-revision': '3' } });
  expect(permitted.json).toStrictEqual({ decision: true, context: { berth: 4, revision } });
  expect((await ask('evaluation', { subject: bob, action: lift, resource: load })).json).toStrictEqual({
    decision: false,
    context: { revision },
  });
  expect(lines).toHaveLength(2);
});

test.each<[string, string]>([
  ['fails', 'harbour/broken'],
  ['gives no decision', 'harbour/odd'],
])('a rule that %s is an error of the server, never a decision', async (_, rule) => {
  const { ask } = start({ ...RULE, rule });
  const resource = { ...load, properties: { zero: 0 } };
  const single = await ask('evaluation', { subject: ada, action: lift, resource });
  if (rule === 'harbour/broken') expect(single.json).toStrictEqual({ decision: false, context: { revision } });
  else expect(single).toMatchObject({ status: 500, json: { message: 'the rule of the policy set gives no decision' } });
});

test('the fixed mapping makes a PORC of the request', async () => {
  const { ask } = start({ evaluation: 'Porc', rule: 'unused', candidates: {} });
  const crew = { ...ada, properties: { licence: 'crane', mroles: ['crew'] } };
  const context = { weather: 'dry' };
  expect((await ask('evaluation', { subject: crew, action: lift, resource: load, context })).json).toMatchObject({
    decision: true,
  });
  expect((await ask('evaluation', { subject: crew, action: lift, resource: load })).json).toMatchObject({
    decision: false,
  });
  const ship = { type: 'ship', id: 'mrn:ship:1' };
  expect((await ask('evaluation', { subject: crew, action: lift, resource: ship, context })).json).toMatchObject({
    decision: false,
  });
});

test('a mapper makes a PORC of the request', async () => {
  const { ask } = start({ evaluation: 'Mapper', mapper: 'harbour', rule: 'unused', candidates: {} });
  expect((await ask('evaluation', { subject: bob, action: lift, resource: load })).json).toMatchObject({
    decision: true,
  });
  const elsewhere = start({ evaluation: 'Mapper', mapper: 'nowhere', rule: 'unused', candidates: {} });
  expect(await elsewhere.ask('evaluation', { subject: bob, action: lift, resource: load })).toMatchObject({
    status: 500,
  });
});

test('items take from the request, whole, what they lack; one that is unreadable is denied and says why', async () => {
  const { ask } = start(RULE);
  const answer = await ask('evaluations', {
    subject: ada,
    action: lift,
    evaluations: [
      { resource: load },
      { resource: load, subject: { type: 'pilot', id: 'ada' } },
      {},
      { resource: 5 },
      7,
    ],
  });
  const error = (message: string) => ({ decision: false, context: { error: { status: 400, message }, revision } });
  expect(answer.json).toStrictEqual({
    evaluations: [
      { decision: true, context: { berth: 4, revision } },
      { decision: false, context: { revision } },
      error('resource is required'),
      error('resource must be an object'),
      error('an evaluation must be an object'),
    ],
  });
});

test.each([
  ['execute_all', [true, false, true]],
  ['deny_on_first_deny', [true, false]],
  ['permit_on_first_permit', [true]],
])('%s ends where it should', async (semantic, decisions) => {
  const { ask } = start(RULE);
  const { json } = await ask('evaluations', {
    action: lift,
    resource: load,
    options: { evaluations_semantic: semantic },
    evaluations: [{ subject: ada }, { subject: bob }, { subject: ada }],
  });
  expect((json as { evaluations: { decision: boolean }[] }).evaluations.map(({ decision }) => decision)).toStrictEqual(
    decisions,
  );
});

test('a search goes page by page through those whom the rule lists and the policy permits', async () => {
  const { ask, lines, swap } = start(RULE);
  const question = { subject: { type: 'pilot', id: 'ignored' }, action: lift, resource: load };
  expect((await ask('search/subject', question)).json).toStrictEqual({
    results: ['p2', 'p4', 'p6', 'p8'].map((id) => ({ type: 'pilot', id })),
  });
  expect(lines).toHaveLength(1);
  const first = (await ask('search/subject', { ...question, page: { limit: 3 } })).json as Page;
  expect(first.results.map(({ id }) => id)).toStrictEqual(['p2', 'p4', 'p6']);
  const token = first.page.next_token;
  const second = (await ask('search/subject', { ...question, page: { token } })).json as Page;
  expect([second.results.map(({ id }) => id), second.page]).toStrictEqual([['p8'], { next_token: '', count: 1 }]);
  const other = await ask('search/subject', { ...question, resource: { ...load, id: 'x' }, page: { token } });
  expect(other).toMatchObject({ status: 400, json: { message: expect.stringContaining('other members') } });
  swap(4);
  expect(await ask('search/subject', { ...question, page: { token } })).toMatchObject({
    status: 400,
    json: { message: expect.stringContaining('no longer active') },
  });
});

interface Page {
  readonly results: readonly { readonly id: string }[];
  readonly page: { readonly next_token: string; readonly count: number };
}

test('a search for another type, or without a rule that lists candidates, finds nothing', async () => {
  const { ask } = start(RULE);
  expect((await ask('search/subject', { subject: { type: 'gull' }, action: lift, resource: load })).json).toStrictEqual(
    {
      results: [],
    },
  );
  expect((await ask('search/action', { subject: ada, resource: load })).json).toStrictEqual({ results: [] });
});

test.each<[string, string, unknown, string]>([
  ['no body', 'evaluation', undefined, 'the body is empty'],
  ['a list', 'evaluation', [], 'the body must be a JSON object'],
  ['no subject', 'evaluation', { action: lift, resource: load }, 'subject is required'],
  [
    'an inherited member',
    'evaluation',
    { subject: { type: 'x' }, action: lift, resource: load },
    'subject.id must be a string',
  ],
  [
    'properties of a wrong type',
    'evaluation',
    { subject: { ...bob, properties: [] }, action: lift, resource: load },
    'subject.properties must be an object',
  ],
  [
    'a context of a wrong type',
    'evaluation',
    { subject: bob, action: lift, resource: load, context: 'x' },
    'context must be an object',
  ],
  ['evaluations that are no list', 'evaluations', { evaluations: {} }, 'evaluations must be a list'],
  [
    'an unknown semantic',
    'evaluations',
    { options: { evaluations_semantic: 'x' } },
    'options.evaluations_semantic must be',
  ],
  [
    'too many evaluations',
    'evaluations',
    { evaluations: Array.from({ length: 1001 }, () => ({})) },
    '1001 evaluations are more',
  ],
  [
    'a search without an action',
    'search/subject',
    { subject: { type: 'pilot' }, resource: load },
    'action is required',
  ],
  [
    'a limit of nothing',
    'search/subject',
    { subject: bob, action: lift, resource: load, page: { limit: 0 } },
    'page.limit must be',
  ],
  [
    'a token of nobody',
    'search/subject',
    { subject: bob, action: lift, resource: load, page: { token: 'x' } },
    'page.token is none',
  ],
])('%s is refused with a reason', async (_, path, body, message) => {
  const { status, json } = await start(RULE).ask(path, body);
  expect(status).toBe(400);
  expect((json as { message: string }).message).toContain(message);
});

test('a body that is not said to be JSON, or is none, is refused with its place', async () => {
  const { ask } = start(RULE);
  expect(await ask('evaluation', {}, { headers: { 'content-type': 'text/plain' } })).toMatchObject({ status: 400 });
  const broken = await ask('evaluation', undefined, { body: Buffer.from('{"subject":\n x}') });
  expect(broken.json).toMatchObject({ message: expect.stringContaining('line 2, column 2') });
});

test('the id of a request comes back with every answer', async () => {
  const { ask } = start(RULE);
  const headers = { 'content-type': 'application/json', 'x-request-id': 'q-1' };
  expect(
    (await ask('evaluation', { subject: ada, action: lift, resource: load }, { headers })).headers['x-request-id'],
  ).toBe('q-1');
  expect((await ask('evaluation', {}, { headers })).headers['x-request-id']).toBe('q-1');
});

test('a set that does not say how it answers AuthZEN is no decision', async () => {
  const { ask } = start(undefined);
  expect(await ask('evaluation', { subject: ada, action: lift, resource: load })).toMatchObject({
    status: 404,
    json: { type: 'urn:edict:problem:not-served' },
  });
});

test.each<[string, string | undefined, string | undefined]>([
  ['/.well-known/authzen-configuration', 'pdp.example:8443', 'https://pdp.example:8443'],
  ['/.well-known/authzen-configuration/tenant/one', 'pdp.example', 'https://pdp.example/tenant/one'],
  ['/.well-known/authzen-configuration', 'evil.example/path?x', undefined],
  ['/.well-known/authzen-configuration', undefined, undefined],
])('%s, asked at %s, is about %s', async (path, host, base) => {
  const { route } = start(RULE);
  const reply = await route(aRequest({ method: 'GET', path, headers: host === undefined ? {} : { host } }));
  expect(reply.status).toBe(base === undefined ? 400 : 200);
  if (base !== undefined)
    expect(JSON.parse(reply.body)).toMatchObject({
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    });
});

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
        rego: 'package authz\ndefault allow = false\nsealed { input.context.authzen.resource.properties.status == "sealed" }\nallow { input.context.weather == "dry"; input.context.authzen.resource.type == "load"; not sealed }',
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

interface Bounds {
  readonly maxBodyBytes?: number;
  readonly limits?: NonNullable<Serving['instance']>['limits'];
}

function start(authzen: Serving['authzen'], { maxBodyBytes, limits }: Bounds = {}) {
  const read = readDomain(JSON.stringify(DOMAIN), 'harbour.json');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const instance: Serving['instance'] = {
    names: ['harbour'],
    load: 'Ahead',
    grace: '5m',
    labels: {},
    limits: limits ?? {},
    decisionCache: { entries: 0 },
  };
  const serving: Serving = { documents: { policies: [] }, authzen, instance };
  const compiled = compileSourcedSnapshot([read], { serving });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const sets = new ActiveSets();
  const lines: string[] = [];
  const snapshot = loadSnapshot(compiled.compiled);
  const swap = (n: number): void =>
    sets.swap({ set: 'quay/harbour', setUid: 'uid', n, digest: DIGEST, snapshot, activatedAtMs: 0 });
  swap(3);
  const audit = lineSink({ hasRoom: true, offer: (line) => lines.push(line) > 0 }, 'Drop');
  const core = createDecisionCore({ sets, audit });
  const route = createRouter(authZenRoutes({ core, maxBodyBytes, pageTokens: new PageTokens(new Uint8Array(32)) }));
  const ask = async (path: string, body: unknown, over: Partial<RouteRequest> = {}) => {
    const reply = await route(aRequest({ path: `/access/v1/${path}`, ...over, body: over.body ?? body }));
    return { status: reply.status, headers: reply.headers, json: JSON.parse(reply.body) as unknown };
  };
  return { ask, lines, swap, route, core };
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
  const changed = [{ limit: 2 }, { properties: { sort: 'up' } }];
  for (const change of changed) {
    const asked = await ask('search/subject', { ...question, page: { token, ...change } });
    expect(asked).toMatchObject({ status: 400, json: { message: expect.stringMatching(/with (another|other)/) } });
  }
  const other = await ask('search/subject', { ...question, resource: { ...load, id: 'x' }, page: { token } });
  expect(other).toMatchObject({ status: 400, json: { message: expect.stringContaining('other members') } });
  swap(4);
  expect(await ask('search/subject', { ...question, page: { token } })).toMatchObject({
    status: 400,
    json: { message: expect.stringContaining('no longer active') },
  });
});

test('a limit of 0 shows nothing but that there is something; one of 3.0 is a whole number', async () => {
  const { ask } = start(RULE);
  const question = { subject: { type: 'pilot' }, action: lift, resource: load };
  const none = (await ask('search/subject', { ...question, page: { limit: 0 } })).json as Page;
  expect([none.results, none.page.count, none.page.next_token === '']).toStrictEqual([[], 0, false]);
  const text = JSON.stringify({ ...question, page: { limit: 3 } }).replace('"limit":3', '"limit":3.0');
  const three = await ask('search/subject', undefined, { body: Buffer.from(text) });
  expect((three.json as Page).results).toHaveLength(3);
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
  ...[-1, 1.5, '3', null].map((limit): [string, string, unknown, string] => [
    `a limit of ${JSON.stringify(limit)}`,
    'search/subject',
    { subject: bob, action: lift, resource: load, page: { limit } },
    'page.limit must be',
  ]),
  ['a subject of null', 'evaluation', { subject: null, action: lift, resource: load }, 'subject must be an object'],
  [
    'a context of null',
    'evaluation',
    { subject: bob, action: lift, resource: load, context: null },
    'context must be an object',
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

test.each<[string, string | Buffer, string]>([
  ['that is not UTF-8', Buffer.from('{"subject":"\xff"}', 'latin1'), 'the body is not UTF-8'],
  ['with half a character', String.raw`{"subject":{"id":"\ud800"}}`, 'half a character'],
  ['with a member twice', '{"subject":{"type":"a","id":"x"},"subject":{"type":"a","id":"y"}}', 'a member twice'],
  ['with a member twice, once by an escape', String.raw`{"subject":{"id":"x","\u0069d":"y"}}`, 'a member twice'],
  ['that nests too deeply', `{"x":${'['.repeat(1_000)}${']'.repeat(1_000)}}`, 'the body nests deeper than 1000'],
])('a body %s is refused: two readers could see two requests', async (_, text, message) => {
  const { status, json } = await start(RULE).ask('evaluation', undefined, { body: Buffer.from(text) });
  expect(status).toBe(400);
  expect((json as { message: string }).message).toContain(message);
});

test('a body of 4 MB that nests is refused without being parsed', async () => {
  const { ask } = start(RULE);
  const body = Buffer.from(`{"x":${'['.repeat(4_000_000)}`);
  expect(await ask('evaluation', undefined, { body })).toMatchObject({
    status: 400,
    json: { message: expect.stringContaining('nests deeper') },
  });
});

test('a body that is coded is refused, and the answer says what is taken', async () => {
  const { ask } = start(RULE);
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  expect(await ask('evaluation', undefined, { headers, body: Buffer.from('\x1f\x8b') })).toMatchObject({
    status: 415,
    headers: { 'accept-encoding': 'identity' },
  });
  const plain = { ...headers, 'content-encoding': 'identity' };
  const question = { subject: ada, action: lift, resource: load };
  expect(await ask('evaluation', question, { headers: plain })).toMatchObject({ status: 200 });
});

test('a member that is null takes no default: who does not know its subject is not answered as another', async () => {
  const { ask } = start(RULE);
  const defaults = { subject: ada, action: lift, resource: load, context: { mfa: true } };
  const answer = await ask('evaluations', { ...defaults, evaluations: [{ subject: null }, { context: null }, {}] });
  const error = (message: string) => ({ decision: false, context: { error: { status: 400, message }, revision } });
  expect(answer.json).toStrictEqual({
    evaluations: [
      error('subject must be an object'),
      error('context must be an object'),
      { decision: true, context: { berth: 4, revision } },
    ],
  });
});

test('what items share counts as often as it is used', async () => {
  const context = { text: 'x'.repeat(1_000) };
  const request = { subject: ada, action: lift, resource: load, context };
  const own = { ...request, evaluations: Array.from({ length: 50 }, () => ({ context: {} })) };
  const sharing = { ...request, evaluations: Array.from({ length: 50 }, () => ({})) };
  const { ask, lines } = start(RULE, { maxBodyBytes: 20_000 });
  expect((await ask('evaluations', own)).status).toBe(200);
  const kept = lines.length;
  expect(await ask('evaluations', sharing)).toMatchObject({
    status: 413,
    json: { message: expect.stringMatching(/with all that they share the evaluations have 5\d{4} bytes/) },
  });
  const bounded = start(RULE, { limits: { maxBodyBytes: 20_000 } });
  expect(await bounded.ask('evaluations', sharing)).toMatchObject({
    status: 413,
    json: { type: 'urn:edict:problem:body-too-large' },
  });
  expect((await bounded.ask('evaluations', own)).status).toBe(200);
  expect([lines.length, bounded.lines.length]).toStrictEqual([kept, kept]);
});

test('a body that is larger than the set takes is refused before it is looked at', async () => {
  const { ask } = start(RULE, { limits: { maxBodyBytes: 10 } });
  expect(await ask('evaluation', undefined, { body: Buffer.from('no JSON at all') })).toMatchObject({ status: 413 });
});

test('properties of a resource change what policies see, not where the resource belongs', async () => {
  const { ask } = start({ evaluation: 'Porc', rule: 'unused', candidates: {} });
  const crew = { ...ada, properties: { licence: 'crane', mroles: ['crew'] } };
  const asked = async (properties: object) => {
    const resource = { ...load, properties };
    const request = { subject: crew, action: lift, resource, context: { weather: 'dry' } };
    return ((await ask('evaluation', request)).json as { decision: boolean }).decision;
  };
  expect(await asked({})).toBe(true);
  expect(await asked({ status: 'open' })).toBe(true);
  expect(await asked({ status: 'sealed' })).toBe(false);
  expect(await asked({ group: 'loads' })).toBe(true);
  expect(await asked({ group: 'nowhere' })).toBe(false);
});

test('a set that does not say how it answers AuthZEN is no decision', async () => {
  const { ask } = start(undefined);
  expect(await ask('evaluation', { subject: ada, action: lift, resource: load })).toMatchObject({
    status: 404,
    json: { type: 'urn:edict:problem:not-served' },
  });
});

const CONFIGURATION = '/.well-known/authzen-configuration';

test.each<[string, string | undefined, string | number]>([
  ['', 'pdp.example:8443', 'https://pdp.example:8443'],
  ['/', 'pdp.example', 'https://pdp.example'],
  ['/instances/harbour', 'pdp.example', 'https://pdp.example/instances/harbour'],
  ['/instances/quay%2Fharbour', 'pdp.example', 'https://pdp.example/instances/quay%2Fharbour'],
  ['', 'evil.example/path?x', 400],
  ['', undefined, 400],
  ['/instances/nowhere', 'pdp.example', 404],
  ['/instances/harbour/access', 'pdp.example', 404],
  ['/instances/', 'pdp.example', 404],
  ['/nope', 'pdp.example', 404],
  ['/a"b', 'pdp.example', 404],
])('metadata%s, asked at %s, are those of %s', async (below, host, base) => {
  const { route } = start(RULE);
  const path = `${CONFIGURATION}${below}`;
  const reply = await route(aRequest({ method: 'GET', path, headers: host === undefined ? {} : { host } }));
  expect(reply.status).toBe(typeof base === 'number' ? base : 200);
  if (typeof base === 'string')
    expect(JSON.parse(reply.body)).toStrictEqual({
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      search_subject_endpoint: `${base}/access/v1/search/subject`,
    });
});

test('metadata name what is served, and tell how long they may be kept', async () => {
  const asked = aRequest({ method: 'GET', path: CONFIGURATION, headers: { host: 'pdp.example' } });
  const { route } = start({ ...RULE, candidates: { resource: 'harbour/people', action: 'harbour/people' } });
  const reply = await route(asked);
  expect(reply.headers).toMatchObject({ 'cache-control': 'max-age=60' });
  expect(Object.keys(JSON.parse(reply.body) as object).filter((name) => name.startsWith('search'))).toStrictEqual([
    'search_resource_endpoint',
    'search_action_endpoint',
  ]);
  expect((await start(undefined).route(asked)).status).toBe(404);
});

test.each([
  ['', 'https://pdp.example/zone'],
  ['/zone', 'https://pdp.example/zone'],
  ['/instances/harbour', 'https://pdp.example/zone/instances/harbour'],
  ['/zone/instances/harbour', 'https://pdp.example/zone/instances/harbour'],
  ['/zoned', 404],
])('below a proxy with a path metadata%s are those of %s', async (below, base) => {
  const { core } = start(RULE);
  const pageTokens = new PageTokens();
  const route = createRouter(authZenRoutes({ core, pageTokens, publicUrl: 'https://pdp.example/zone/' }));
  const reply = await route(aRequest({ method: 'GET', path: `${CONFIGURATION}${below}`, headers: {} }));
  expect(reply.status).toBe(typeof base === 'number' ? base : 200);
  if (typeof base === 'string') expect(JSON.parse(reply.body)).toMatchObject({ policy_decision_point: base });
});

test('metadata are signed where there is a key, under the URL that is configured', async () => {
  const { core } = start(RULE);
  const route = createRouter(
    authZenRoutes({
      core,
      pageTokens: new PageTokens(new Uint8Array(32)),
      publicUrl: 'https://pdp.example',
      signMetadata: ({ policy_decision_point: base }) => Promise.resolve(`signed ${base}`),
    }),
  );
  const asked = { method: 'GET', path: '/.well-known/authzen-configuration', headers: { host: 'other.example' } };
  const reply = await route(aRequest(asked));
  expect(JSON.parse(reply.body)).toMatchObject({
    policy_decision_point: 'https://pdp.example',
    signed_metadata: 'signed https://pdp.example',
  });
});

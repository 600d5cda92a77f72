import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { readDomain } from '@edict/bundle';
import { Serving } from '@edict/crds';
import { compileSourcedSnapshot, loadSnapshot, type CompiledSnapshot } from '@edict/engine';
import { ActiveSets } from '../active-sets.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createHttpEdge } from './http-edge.ts';
import type { Listener } from './listener.ts';

const open: { readonly close: () => unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

const LIBRARY = `
package quay
import rego.v1
default open := false
open if input.subject.id != "nobody"
guests := [{"type": "guest", "id": sprintf("g%d", [n])} | some n in numbers.range(1, 9000)]
people := [{"type": "guest", "id": sprintf("g%d", [n])} | some n in numbers.range(1, 30)]

gate := {"allowed": path[0] == "in", "headers": {"x-reason": concat("/", path), "policy-set": "other", "date": "x"}} if {
  path := input.parsed_path
}
`;

const DOMAIN = {
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDomain',
  metadata: { name: 'quay' },
  spec: {
    policies: [{ mrn: 'open', rego: 'package authz\ndefault allow = 1' }],
    'policy-libraries': [{ mrn: 'lib', rego: LIBRARY }],
    operations: [{ name: 'all', selector: ['.*'], policy: 'open' }],
  },
};

function compile(): CompiledSnapshot {
  const read = readDomain(JSON.stringify(DOMAIN), 'quay.json');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const serving = Serving.parse({
    documents: {},
    opa: {},
    authzen: { evaluation: 'Rule', rule: 'quay/open', candidates: { subject: 'quay/guests', resource: 'quay/people' } },
    envoy: { result: 'Rule', rule: 'quay/gate' },
  });
  const compiled = compileSourcedSnapshot([read], { serving });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.compiled;
}
const COMPILED = compile();

/** A PDP of one set; each is a process of its own as far as its clients can tell. */
async function start() {
  const sets = new ActiveSets();
  const snapshot = loadSnapshot(structuredClone(COMPILED));
  sets.swap({ set: 'port/quay', setUid: 'uid', n: 1, digest: `sha256:${'ab'.repeat(32)}`, activatedAtMs: 0, snapshot });
  const metrics = createMetrics();
  const errors: unknown[] = [];
  const listener = await createHttpEdge({
    host: '127.0.0.1',
    port: 0,
    core: createDecisionCore({ sets, audit: { room: () => true, record: () => undefined }, metrics }),
    metrics,
    readiness: () => ({ ready: true, loading: [] }),
    status: () => ({}),
    maxBodyBytes: 1_000_000,
    onError: (error) => errors.push(error),
  });
  open.push({ close: () => listener.drain(0) });
  return { listener, errors, sets };
}

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** One request on a connection of its own, whose client says at once that it sends no more. */
async function ask({ address }: Listener, path: string, { method = 'POST', headers = {}, body }: Sent = {}) {
  const socket = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true });
  open.push({ close: () => socket.destroy() });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const content = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const fields = { host: 'h', 'content-type': 'application/json', ...headers };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    Buffer.from(
      `${method} ${path} HTTP/1.1\r\n${head.join('')}content-length: ${Buffer.byteLength(content)}\r\n\r\n${content}`,
    ),
  );
  await once(socket, 'end');
  const text = Buffer.concat(chunks).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const told = text
    .slice(0, end)
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(/: ?(.*)/s).slice(0, 2));
  const sentBody = text.slice(end + 4);
  const json = (sentBody.startsWith('{') ? JSON.parse(sentBody) : undefined) as Readonly<Record<string, unknown>>;
  return { status: Number(text.slice(9, 12)), fields: told, headers: new Map(told as [string, string][]), json };
}

const question = {
  subject: { type: 'guest', id: 'g1' },
  action: { name: 'open' },
  resource: { type: 'gate', id: '1' },
};

test('who sends no more after its request gets the whole answer, however long it takes to make', async () => {
  const { listener } = await start();
  const porc = {
    principal: { sub: 'a' },
    operation: 'open',
    resource: 'mrn:a:b:c',
    context: { text: 'x'.repeat(900) },
  };
  const { json: batch } = await ask(listener, '/decisions', { body: Array.from({ length: 1_000 }, () => porc) });
  expect(batch['decisions']).toHaveLength(1_000);
  const evaluations = Array.from({ length: 1_000 }, (_, index) =>
    index === 999 ? { subject: { type: 'guest', id: 'nobody' } } : {},
  );
  const options = { evaluations_semantic: 'deny_on_first_deny' };
  const { json: many } = await ask(listener, '/access/v1/evaluations', { body: { ...question, options, evaluations } });
  const answers = many['evaluations'] as { decision: boolean }[];
  expect([answers.length, answers.at(-1)?.decision]).toStrictEqual([1_000, false]);
  const { json: found } = await ask(listener, '/access/v1/search/subject', {
    body: { ...question, subject: { type: 'guest' }, page: { limit: 1_000 } },
  });
  expect(found['results']).toHaveLength(1_000);
  expect(found['page']).toMatchObject({ count: 1_000 });
});

test('the next page may be asked of another PDP that has the same policy', async () => {
  const [first, second] = [await start(), await start()];
  const search = { ...question, resource: { type: 'guest' } };
  const results: unknown[] = [];
  let token = '';
  for (const { listener } of [first, second, first, second]) {
    const { status, json } = await ask(listener, '/access/v1/search/resource', {
      body: { ...search, page: { limit: 8, ...(token === '' ? {} : { token }) } },
    });
    expect(status).toBe(200);
    results.push(...(json['results'] as unknown[]));
    token = (json['page'] as { next_token: string }).next_token;
  }
  expect([results.length, new Set(results.map((result) => JSON.stringify(result))).size, token]).toStrictEqual([
    30,
    30,
    '',
  ]);
});

test.each<[string, string, Sent, number]>([
  ['an answer', '/access/v1/evaluation', { body: question }, 200],
  ['an answer below an instance', '/instances/port%2Fquay/access/v1/evaluation', { body: question }, 200],
  ['a wrong request', '/access/v1/evaluation', { body: {} }, 400],
  ['a wrong method', '/access/v1/evaluation', { method: 'GET' }, 405],
  ['a wrong path', '/access/v1/nothing', {}, 404],
  ['a set that is not here', '/access/v1/evaluation', { body: question, headers: { 'policy-set': 'no' } }, 503],
  ['a body that is too large', '/access/v1/evaluation', { headers: { 'content-length': '2000000' } }, 400],
])('the id of a request comes back with %s', async (_, path, sent, status) => {
  const { listener } = await start();
  const id = 'i'.repeat(1_000);
  const { headers, status: told } = await ask(listener, path, {
    ...sent,
    headers: { 'x-request-id': id, ...sent.headers },
  });
  expect(told).toBe(status);
  if (told !== 400 || sent.body !== undefined) expect(headers.get('x-request-id')).toBe(id);
});

test('the id of a request comes back where its body is refused before it arrives', async () => {
  const { listener } = await start();
  const socket = connect({ port: listener.address.port, host: '127.0.0.1' });
  open.push({ close: () => socket.destroy() });
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  socket.write(
    'POST /access/v1/evaluation HTTP/1.1\r\nhost: h\r\nx-request-id: q-7\r\ncontent-length: 2000000\r\n\r\n',
  );
  await once(socket, 'end');
  expect(text).toContain('HTTP/1.1 413 ');
  expect(text).toContain('x-request-id: q-7\r\n');
});

test('metadata are at the root alone, where well-known addresses are', async () => {
  const { listener } = await start();
  const path = '/.well-known/authzen-configuration';
  expect((await ask(listener, path, { method: 'GET' })).json).toMatchObject({ policy_decision_point: 'https://h' });
  expect((await ask(listener, `/instances/port%2Fquay${path}`, { method: 'GET' })).status).toBe(404);
  const { json } = await ask(listener, `${path}/instances/port%2Fquay`, { method: 'GET' });
  expect(json).toMatchObject({ policy_decision_point: 'https://h/instances/port%2Fquay' });
});

// Envoy

test.each(['%01', '%7f', '%0a', '%00'])('a path with %s cannot make a deny anything else', async (escape) => {
  const { listener, errors } = await start();
  const { status } = await ask(listener, `/envoy/authz/why/${escape}`, { method: 'GET' });
  const [overHttp2] = await askHttp2(listener, `/envoy/authz/why/${escape}`);
  expect([status, overHttp2, errors]).toStrictEqual([403, 403, []]);
});

test.each([
  ['/in/%C5%A1dmin', 'in/\u0161dmin'],
  ['/in/%C3%A9', 'in/\u00e9'],
  ['/why/%E6%97%A5', 'why/\u65e5'],
])('what the policy says of %s is told byte by byte', async (path, reason) => {
  const { listener } = await start();
  const { headers } = await ask(listener, `/envoy/authz${path}`, { method: 'GET' });
  const [, overHttp2] = await askHttp2(listener, `/envoy/authz${path}`);
  const bytes = Buffer.from(reason).toString('latin1');
  expect([headers.get('x-reason'), overHttp2['x-reason']]).toStrictEqual([bytes, bytes]);
});

test('a policy cannot speak in the name of the PDP', async () => {
  const { listener } = await start();
  const { fields, headers } = await ask(listener, '/envoy/authz/in', { method: 'GET' });
  expect(headers.get('policy-set')).toBe('port/quay');
  expect(fields.filter(([name]) => name === 'date')).toHaveLength(1);
  expect(headers.get('date')).not.toBe('x');
});

async function askHttp2({ address }: Listener, path: string): Promise<[number, Record<string, string>]> {
  const session = connectHttp2(`http://127.0.0.1:${address.port}`);
  open.push({ close: () => session.destroy() });
  const stream = session.request({ ':path': path });
  stream.resume();
  const [headers] = (await once(stream, 'response')) as [Record<string, string>];
  return [Number(headers[':status']), headers];
}

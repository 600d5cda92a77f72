import { gzipSync } from 'node:zlib';
import { request } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { compileSnapshot, loadSnapshot } from '@edict/engine';
import { ActiveSets, createDecisionCore, createHttpEdge, createMetrics, lineSink, type Listener } from '@edict/server';
import { findOpa, OpaServer } from '../fuzz/opa-server.ts';
import { readArguments } from '../support/read-arguments.ts';
import { DATA, MODULES } from './opa-api-fixture.ts';

/**
 * Sends the same requests to a real OPA and to the PDP's data API, both over sockets, and compares status, content type and
 * body: `node test/conformance/opa-api.ts [--opa PATH] [--filter TEXT]`. OPA is built from its Go module unless one is
 * named. Prints each failure and at last `N passed, N failed`; exits with 1 if anything failed.
 */
const options = readArguments(import.meta.filename, {
  opa: { type: 'string' },
  filter: { type: 'string', default: '' },
});

interface Question {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Why we mean to answer otherwise, and how: what is not named is compared as it is. */
  readonly differs?: Difference;
}

interface Difference {
  readonly why: string;
  readonly status?: number;
  readonly contentType?: string;
  /** Ours in full, or anything where it is undefined. */
  readonly body?: unknown;
}

const MESSAGES = 'messages about malformed requests are our own';
const STATIC = 'a path is a question and not a query that is compiled: what cannot be is undefined, and no error';
const READ_ONLY = 'the answer says why';
const HEAD = 'HEAD is answered wherever GET is';

/** OPA redirects to the path without them first. */
const ANSWERED: Difference = {
  why: 'slashes that mean nothing are passed over',
  status: 200,
  contentType: 'application/json',
  body: undefined,
};
const CONFLICT: Difference = {
  why: 'the place of a conflict is told, not the values',
  body: {
    code: 'internal_error',
    message: 'error(s) occurred while evaluating query',
    errors: [
      {
        code: 'eval_conflict_error',
        message: 'rule data.trees.split produced conflicting values',
        location: { file: 'grove/library:trees', row: 27, col: 1 },
      },
    ],
  },
};

const input = (value: unknown): string => JSON.stringify({ input: value });
const get = (name: string, path: string, differs?: Difference): Question => ({
  name,
  method: 'GET',
  path,
  ...(differs === undefined ? {} : { differs }),
});
const post = (name: string, path: string, body: string | Buffer, over: Partial<Question> = {}): Question => ({
  name,
  method: 'POST',
  path,
  body,
  ...over,
});
const yaml = { 'content-type': 'application/x-yaml' };
const gzip = { 'content-encoding': 'gzip' };
const encoded = (value: unknown): string => encodeURIComponent(JSON.stringify(value));

const QUESTIONS: readonly Question[] = [
  get('a set', '/v1/data/trees/tall'),
  get('a member of a set', '/v1/data/trees/tall/oak'),
  get('no member of a set', '/v1/data/trees/tall/elm'),
  get('an array', '/v1/data/trees/ranked'),
  get('an element of an array', '/v1/data/trees/ranked/1'),
  get('an element by digits with a zero in front', '/v1/data/trees/ranked/01'),
  get('beyond an array', '/v1/data/trees/ranked/9', { why: STATIC, status: 200, body: {} }),
  get('an object with keys that are no strings', '/v1/data/trees/mixed'),
  get('its number key', '/v1/data/trees/mixed/1'),
  get('characters that HTML would read', '/v1/data/trees/markup'),
  get('a package', `/v1/data/trees?input=${encoded({})}`),
  get('all of data', `/v1/data?input=${encoded({})}`),
  get('all of data with a slash', `/v1/data/?input=${encoded({})}`, ANSWERED),
  get('a package without rules that hold', '/v1/data/shade'),
  get('a package that is empty', '/v1/data/bare'),
  get('base data', '/v1/data/heights'),
  get('a number with its own text', '/v1/data/heights/elm'),
  get('a large number', '/v1/data/heights/sequoia'),
  get('an element of base data', '/v1/data/rows/0/1'),
  get('a member of base data that is called like a number', '/v1/data/rows/1/7'),
  get('a path with escapes', '/v1/data/odd%20keys/a%2Fb'),
  get('a slash that is none of the key', '/v1/data/odd%20keys/a/b'),
  get('slashes too many', '/v1/data//heights/elm/', ANSWERED),
  get('nothing', '/v1/data/nowhere/at/all'),
  get('below a scalar', '/v1/data/heights/elm/x'),
  get('a rule without a value', '/v1/data/trees/felled'),
  get('a rule by its input', `/v1/data/trees/felled?input=${encoded({ axe: true })}`),
  get('of several inputs the last', `/v1/data/trees/felled?input=1&input=${encoded({ axe: true })}`),
  get('an input that is no JSON', '/v1/data/trees/felled?input=%7B', { why: MESSAGES }),
  get('an input that is empty', '/v1/data/trees/felled?input=', { why: MESSAGES }),
  get('a default', '/v1/data/trees/allow'),
  get('a partial object by its key', `/v1/data/trees/grown/oak?input=${encoded({ add: 1 })}`),
  get('system, which all of data does not show', '/v1/data/system/main'),
  get('an answer broken into lines', '/v1/data/trees/mixed?pretty'),
  get('a package broken into lines', `/v1/data/trees?pretty=true&input=${encoded({ axe: true })}`),
  get('an answer that is not', '/v1/data/trees/mixed?pretty=false'),
  get('a flag that is no boolean', '/v1/data/trees/mixed?pretty=1'),
  get('explanations that nobody knows', '/v1/data/trees/mixed?explain=everything'),
  get('notes where there are none', '/v1/data/trees/mixed?explain=notes'),
  get('a trace', '/v1/data/trees/mixed?explain=full', {
    why: 'compiled policies leave no trace',
    status: 400,
    body: undefined,
  }),
  get('a function', '/v1/data/trees/double', { why: STATIC, status: 200, body: {} }),
  get('a key that an object cannot have', '/v1/data/trees/ranked/-1', { why: STATIC, status: 200, body: {} }),
  get('a quote in a path', '/v1/data/heights/%22x%22', { why: 'a key may hold a quote', status: 200, body: {} }),

  post('a rule by its input in the body', '/v1/data/trees/felled', input({ axe: true })),
  post('an input of any type', '/v1/data/trees/echo', input([1.5, '<&>', null, { b: 1, a: [] }])),
  post(
    'numbers of the input keep their text',
    '/v1/data/trees/echo',
    '{"input":[1.0,1e2,-0.0,123456789012345678901234567890]}',
  ),
  post('all of data by POST', '/v1/data', input({ axe: true })),
  post('no input', '/v1/data/trees/felled', '{}'),
  post('no body', '/v1/data/trees/felled', ''),
  post('null for a body', '/v1/data/trees/felled', 'null'),
  post('null for an input', '/v1/data/trees/felled', '{"input":null}'),
  post('no input, broken into lines', '/v1/data/trees/allow?pretty', '{}'),
  post('members that nobody knows', '/v1/data/trees/felled', '{"input":{"axe":true},"note":{"a":1}}'),
  post('an array for a body', '/v1/data/trees/felled', '[1]', { differs: { why: MESSAGES } }),
  post('a text for a body', '/v1/data/trees/felled', '"x"', { differs: { why: MESSAGES } }),
  post('a body that ends early', '/v1/data/trees/felled', '{"input"', { differs: { why: MESSAGES } }),
  post('a content type that is no JSON', '/v1/data/trees/felled', input({ axe: true }), {
    headers: { 'content-type': 'text/plain' },
  }),
  post('YAML', '/v1/data/trees/echo', 'input:\n  a: [1.5, x, ~, 2026-01-02]\n  1: b\n', { headers: yaml }),
  post('YAML without anything', '/v1/data/trees/felled', '', { headers: yaml }),
  post('YAML that is none', '/v1/data/trees/felled', 'a: [', { headers: yaml, differs: { why: MESSAGES } }),
  post('gzip', '/v1/data/trees/felled', gzipSync(input({ axe: true })), { headers: gzip }),
  post('what follows the document', '/v1/data/trees/felled', `${input({ axe: true })} more`, {
    differs: { why: 'a body is one document', status: 400, body: undefined },
  }),
  post('two values', '/v1/data/trees/split', input({ a: true, b: true }), { differs: CONFLICT }),
  post('two values elsewhere', '/v1/data/trees/ranked/0', input({ a: true, b: true })),
  post('a built-in that fails', '/v1/data/trees/part', input({ by: 0 })),
  post('a built-in that must not', '/v1/data/trees/part?strict-builtin-errors', input({ by: 0 })),
  post('a built-in that does not', '/v1/data/trees/part?strict-builtin-errors=true', input({ by: 4 })),

  post('the old API', '/v0/data/trees/felled', '{"axe":true}'),
  post('the old API with a value', '/v0/data/trees/echo', '{"a":[1.0]}'),
  post('the old API, broken into lines', '/v0/data/trees/mixed?pretty', ''),
  post('the old API without a value', '/v0/data/trees/felled', '{}'),
  post('the old API without a body', '/v0/data/trees/felled', ''),
  post('the old API for nothing', '/v0/data/nowhere/at/all', '{}'),
  post('the old API for a part of nothing', '/v0/data/trees/tall/elm', '{}'),
  post('the old API for base data', '/v0/data/heights/elm', '{}'),
  post('the old API for all of data', '/v0/data', '{"axe":true}'),
  post('the old API with a body that is no JSON', '/v0/data/trees/felled', '{', { differs: { why: MESSAGES } }),
  post('the old API with YAML', '/v0/data/trees/felled', 'axe: true', { headers: yaml }),
  post('the old API with two values', '/v0/data/trees/split', '{"a":true,"b":true}', { differs: CONFLICT }),
  get('the old API by GET', '/v0/data/trees', { why: READ_ONLY, contentType: 'application/json', body: undefined }),
  post('the default decision', '/', '{"name":"ada"}'),
  post('the default decision without a value', '/', '{}'),

  get('health', '/health'),
  get('health with bundles', '/health?bundles'),
  get('health with bundle', '/health?bundle=true'),
  get('health with plugins', '/health?plugins'),
  get('health by a rule', '/health/alive'),
  get('health by a rule that is not true', '/health/odd'),
  get('health by a rule that is not there', '/health/none'),

  ...['/v1/data', '/v1/data/trees'].map((path): Question => ({
    name: `DELETE of ${path}`,
    method: 'DELETE',
    path,
    differs: { why: 'policy comes from PolicyDomains', status: 405, contentType: 'application/json', body: undefined },
  })),
  {
    name: 'OPTIONS',
    method: 'OPTIONS',
    path: '/v1/data/trees',
    differs: { why: READ_ONLY, contentType: 'application/json', body: undefined },
  },
  {
    name: 'HEAD',
    method: 'HEAD',
    path: '/v1/data/trees/ranked',
    differs: { why: HEAD, status: 200, contentType: 'application/json' },
  },
  ...['PUT', 'PATCH'].map((method): Question => ({
    name: `${method} of data`,
    method,
    path: '/v1/data/heights/x',
    body: '1',
    differs: { why: 'policy comes from PolicyDomains', status: 405, contentType: 'application/json', body: undefined },
  })),
];

/** Members of an answer that differ from one request to the next; what is left is compared. */
function comparable(text: string): unknown {
  const parsed = parsedOr(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return text;
  const answer = parsed as { decision_id?: unknown; errors?: readonly { stack_trace?: unknown }[] };
  const isPretty = text.startsWith('{\n');
  const { decision_id: _id, errors, ...rest } = answer;
  const traceless = errors?.map(({ stack_trace: _trace, ...error }) => error);
  return { ...rest, ...(traceless === undefined ? {} : { errors: traceless }), isPretty, text: withoutIds(text) };
}

/** The text itself where it is comparable: order of members, escapes, numbers and line breaks count. */
function withoutIds(text: string): string | undefined {
  return text.includes('"stack_trace"') || text.includes('"errors"')
    ? undefined
    : text.replace(/^(\{\s*)"decision_id":\s?"[^"]*"(,\s*)?/, '$1').replace(/^\{\s*\}/, '{}');
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no JSON: compared as text
  }
}

interface Answer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: string;
}

function send(base: string, { method = 'GET', path, headers = {}, body }: Question): Promise<Answer> {
  const url = new URL(base);
  const content = body === undefined ? undefined : Buffer.from(body);
  const length = content === undefined ? {} : { 'content-length': content.length, 'content-type': 'application/json' };
  return new Promise((done, fail) => {
    const call = request(
      { host: url.hostname, port: url.port, method, path, agent: false, headers: { ...length, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          const contentType = response.headers['content-type'];
          done({ status: response.statusCode ?? 0, contentType, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    call.on('error', fail).end(content);
  });
}

async function startPdp(): Promise<Listener> {
  const library = (name: string, rego: string) => ({ mrn: name, name: '', description: '', rego, dependencies: [] });
  const domain = {
    name: 'grove',
    policies: [],
    libraries: [...MODULES].map(([name, rego]) => library(name, rego)),
    roles: [],
    groups: [],
    resourceGroups: [],
    resources: [],
    scopes: [],
    operations: [],
    mappers: [],
    data: DATA,
  };
  const serving = { documents: { policies: [] }, opa: { defaultDecision: 'system/main' } };
  const compiled = compileSnapshot([domain], { serving });
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('\n'));
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const snapshot = loadSnapshot(compiled.compiled);
  const digest = `sha256:${'0'.repeat(64)}`;
  sets.swap({ set: 'conformance/grove', setUid: 'grove', n: 1, digest, snapshot, activatedAtMs: 0 });
  return createHttpEdge({
    host: '127.0.0.1',
    port: 0,
    core: createDecisionCore({ sets, metrics, audit: lineSink({ hasRoom: true, offer: () => true }, 'Drop') }),
    metrics,
    readiness: () => ({ ready: true, loading: [] }),
    status: () => ({}),
    onError: (error) => console.error(error),
  });
}

async function startOpa(): Promise<OpaServer> {
  const server = await OpaServer.start(findOpa(options.opa));
  const put = async (path: string, body: string): Promise<void> => {
    const response = await fetch(`${server.url}${path}`, { method: 'PUT', body });
    if (!response.ok) throw new Error(`OPA does not take ${path}: ${await response.text()}`);
    await response.text();
  };
  // Errors name modules: they have to be called alike on both sides.
  for (const [name, rego] of MODULES) await put(`/v1/policies/${encodeURIComponent(`grove/${name}`)}`, rego);
  for (const [key, value] of Object.entries(JSON.parse(DATA, keepText) as Record<string, unknown>)) {
    await put(`/v1/data/${encodeURIComponent(key)}`, JSON.stringify(value));
  }
  return server;
}

const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;

/** Keeps the text of numbers, as a reviver of `JSON.parse`. */
function keepText(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? rawJson(context.source) : value;
}

function differencesOf({ differs }: Question, theirs: Answer, ours: Answer): readonly string[] {
  const found: string[] = [];
  const compare = (what: string, mine: unknown, wanted: unknown): void => {
    if (isDeepStrictEqual(mine, wanted)) return;
    found.push(`${what}: ${JSON.stringify(mine)}\n    expected ${JSON.stringify(wanted)}`);
  };
  compare('status', ours.status, differs?.status ?? theirs.status);
  compare('content type', ours.contentType, differs?.contentType ?? theirs.contentType);
  const isFree = differs !== undefined && (differs.body === undefined || differs.why === MESSAGES);
  if (!isFree && differs?.body !== undefined) {
    const { decision_id: _id, ...rest } = JSON.parse(ours.body) as Record<string, unknown>;
    compare('body', rest, differs.body);
  } else if (!isFree) compare('body', comparable(ours.body), comparable(theirs.body));
  if (ours.status >= 400 && ours.contentType === 'application/json' && !('error' in (parsedOr(ours.body) as object))) {
    const { code, message } = JSON.parse(ours.body) as Record<string, unknown>;
    compare('form of the error', [typeof code, typeof message], ['string', 'string']);
  }
  return found;
}

async function run(): Promise<void> {
  const opa = await startOpa();
  const edge = await startPdp();
  let passed = 0;
  let failed = 0;
  try {
    for (const question of QUESTIONS.filter(({ name, path }) => `${name} ${path}`.includes(options.filter))) {
      const theirs = await send(opa.url, question);
      const ours = await send(`http://127.0.0.1:${edge.address.port}`, question);
      const found = differencesOf(question, theirs, ours);
      if (found.length === 0) passed++;
      else {
        failed++;
        console.log(`FAIL ${question.name} (${question.method ?? 'GET'} ${question.path})\n  ${found.join('\n  ')}`);
      }
    }
  } finally {
    opa.stop();
    await edge.drain(1_000);
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

await run();

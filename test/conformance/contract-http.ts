import { readFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { ActiveSets, createDecisionCore, createHttpEdge, createMetrics, lineSink, type Listener } from '@edict/server';
import { CaseEngines } from './porc-engine.ts';
import type { Setup } from './porc-cases.ts';
import type { Report } from './report.ts';

interface HttpCase extends Partial<Setup> {
  readonly id: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body:
      string | null | { readonly base64: string } | { readonly generated: string; readonly length: number };
  };
  readonly expect: Expected;
}

interface Expected {
  /** Null: the reference closed the connection without an answer. */
  readonly status: number | null;
  readonly contentType?: string | null;
  readonly allow?: string;
  readonly body?: string | { readonly length: number };
  readonly accessRecords: number;
  readonly recordOperation?: string;
}

interface Difference {
  readonly why: string;
  /** Which cases it is about. */
  readonly of: (one: HttpCase) => boolean;
  /** What we answer there instead; members that are left out are compared as they are. */
  readonly ours: Partial<Expected>;
  /** Members that are not compared. */
  readonly free?: readonly ('body' | 'contentType')[];
}

/** Everything in which we mean to differ from the reference. */
const DIFFERENCES: readonly Difference[] = [
  {
    why: 'the reference crashes and closes the connection; a request without a PORC is a client’s mistake',
    of: ({ expect }) => expect.status === null,
    ours: { status: 400, contentType: 'application/json' },
  },
  {
    why: 'messages are ours: the reference’s are those of its Go libraries',
    of: ({ expect }) => expect.status === 400,
    ours: {},
    free: ['body'],
  },
  {
    why: 'a PDP in a cluster has probes and metrics on the same port',
    of: ({ request: { path } }) => path === '/healthz' || path === '/metrics',
    ours: { status: 200 },
    free: ['body', 'contentType'],
  },
  {
    why: 'the API description is our own',
    of: ({ request: { path } }) => path === '/openapi.yaml',
    ours: {},
    free: ['body'],
  },
  {
    why: 'POST / is the default decision of the OPA API, so that the path exists',
    of: ({ request: { path } }) => path === '/',
    ours: { status: 405, allow: 'POST', body: '{"message":"Method Not Allowed"}\n' },
  },
  {
    why: 'no HTML viewer is offered: it is a page of scripts on a port that decides about access',
    of: ({ request: { path } }) => path.startsWith('/swagger-ui/'),
    ours: { status: 404, contentType: 'application/json', body: '{"message":"Not Found"}\n' },
  },
];

/** Access records of the case that runs. */
const records: string[] = [];

/** The reference's own driver could not read these back. */
const UNREADABLE_OPERATION = '(record too deep for this driver)';

/**
 * Runs the reference engine's HTTP contract (`contract/http.jsonl` of `dir`) against the PDP's real listener, router and
 * decision core over sockets: those cases whose id contains `filter`. Compares status, content type, the `allow` header, the
 * body of decisions, and number and operation of access records.
 */
export async function runHttpCases(dir: string, filter: string, report: Report): Promise<void> {
  const engines = new CaseEngines(dir);
  const edges = new Map<string, Listener>();
  for (const line of readFileSync(join(dir, 'contract', 'http.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    const one = JSON.parse(line) as HttpCase;
    if (!one.id.includes(filter)) continue;
    report(one.id, await differencesOf(one, await edgeFor(one, engines, edges)));
  }
  for (const edge of edges.values()) await edge.drain(1_000);
}

/** One server for each distinct choice of domains, with the PDP's own defaults. */
async function edgeFor(one: HttpCase, engines: CaseEngines, edges: Map<string, Listener>): Promise<Listener> {
  const setup: Setup = {
    domains: one.domains ?? [],
    args: one.args ?? [],
    env: one.env ?? {},
    config: one.config,
  };
  const key = JSON.stringify(setup);
  const known = edges.get(key);
  if (known !== undefined) return known;
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const core = createDecisionCore({
    sets,
    metrics,
    audit: lineSink({ hasRoom: true, offer: (line) => records.push(line) > 0 }, 'Drop'),
  });
  const edge = await createHttpEdge({
    host: '127.0.0.1',
    port: 0,
    core,
    metrics,
    readiness: () => ({ ready: true, loading: [] }),
    status: () => ({}),
    onError: (error) => console.error(error),
  });
  const { snapshot } = engines.engineFor(setup);
  const digest = `sha256:${'0'.repeat(64)}`;
  sets.swap({ set: 'conformance/cases', setUid: 'cases', n: 1, digest, snapshot, activatedAtMs: 0 });
  edges.set(key, edge);
  return edge;
}

async function differencesOf(one: HttpCase, edge: Listener): Promise<readonly string[]> {
  records.length = 0;
  let answer: Answer;
  try {
    answer = await send(one, edge.address.port);
  } catch (error) {
    return [`no answer: ${String(error)}`];
  }
  const applied = DIFFERENCES.filter(({ of }) => of(one));
  const expected: Expected = Object.assign({}, one.expect, ...applied.map(({ ours }) => ours)) as Expected;
  const free = new Set(applied.flatMap((difference) => difference.free ?? []));
  const found: string[] = [];
  const compare = (what: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs) found.push(`${what}: ${JSON.stringify(ours)}, expected ${JSON.stringify(theirs)}`);
  };
  compare('status', answer.status, expected.status);
  if (expected.contentType !== null && expected.contentType !== undefined && !free.has('contentType')) {
    compare('content-type', answer.headers['content-type'], expected.contentType);
  }
  if (expected.allow !== undefined) compare('allow', answer.headers.allow, expected.allow);
  if (typeof expected.body === 'string' && !free.has('body')) compare('body', answer.body, expected.body);
  if (expected.status === 400) compare('message', typeof messageIn(answer.body), 'string');
  compare('access records', records.length, expected.accessRecords);
  const { recordOperation } = expected;
  if (recordOperation !== undefined && recordOperation !== UNREADABLE_OPERATION) {
    compare('operation of the record', operationIn(records[0]), recordOperation);
  }
  return found;
}

function messageIn(body: string): unknown {
  return (JSON.parse(body) as { readonly message?: unknown }).message;
}

function operationIn(record: string | undefined): unknown {
  return (JSON.parse(record ?? '{}') as { readonly operation?: unknown }).operation ?? '';
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function send({ request: { method, path: target, headers, body } }: HttpCase, port: number): Promise<Answer> {
  const bytes = bodyOf(body);
  return new Promise((done, fail) => {
    const length = bytes === undefined ? {} : { 'content-length': bytes.length };
    const call = request(
      { host: '127.0.0.1', port, method, path: target, agent: false, headers: { ...headers, ...length } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          done({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          });
        });
      },
    );
    call.on('error', fail).end(bytes);
  });
}

function bodyOf(body: HttpCase['request']['body']): Buffer | undefined {
  if (body === null) return undefined;
  if (typeof body === 'string') return Buffer.from(body);
  return 'base64' in body ? Buffer.from(body.base64, 'base64') : generated(body.generated, body.length);
}

/** Bodies too large to be written down: the name says what they are, the length confirms it. */
function generated(name: string, length: number): Buffer {
  const text = generators[name]?.(length);
  if (text?.length !== length) throw new Error(`cannot make a body '${name}' of ${length} bytes`);
  return Buffer.from(text);
}

const generators: Readonly<Record<string, (length: number) => string>> = {
  'deep-9000': () => `{"context":${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}}`,
  'deep-10001': () => `{"context":${'['.repeat(10_001)}${']'.repeat(10_001)}}`,
  'body-5mb': (length) => {
    const porc = (pad: number): string =>
      `{"principal":{"sub":"u","mroles":["mrn:iam:role:yes"]},"operation":"x","resource":"mrn:r:1","context":{"pad":"${'x'.repeat(pad)}"}}`;
    return porc(length - porc(0).length);
  },
};

import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readDomain } from '@edict/bundle';
import { compileSourcedSnapshot, loadSnapshot, type Snapshot } from '@edict/engine';
import { ActiveSets, createDecisionCore, createHttpEdge, createMetrics, lineSink } from '@edict/server';
import { reporter } from './report.ts';
import { readArguments } from '../support/read-arguments.ts';

/**
 * Runs AuthZEN's certification cases and interop vectors against the PDP's real listener, router and decision core over
 * sockets: `node test/conformance/authzen.ts [--cases DIR]`. Users, records and rules come from DIR at run time; the Rego that
 * reads them is beside this file. Each family is a policy set of its own. Prints each failure, a line for each family, and at
 * last `N passed, N failed`; exits with 1 if anything failed.
 */
const options = readArguments(import.meta.filename, {
  cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/authzen') },
});

type Json = Readonly<Record<string, unknown>>;

if (!existsSync(join(options.cases, 'certification-cases.json'))) {
  console.error(`no AuthZEN cases in ${options.cases}: name their folder with --cases`);
  process.exit(1);
}

const sets = new ActiveSets();
const metrics = createMetrics();
const edge = await createHttpEdge({
  host: '127.0.0.1',
  port: 0,
  core: createDecisionCore({ sets, metrics, audit: lineSink({ hasRoom: true, offer: () => true }, 'Drop') }),
  metrics,
  readiness: () => ({ ready: true, loading: [] }),
  status: () => ({}),
  onError: (error) => console.error(error),
});
const { report, finish } = reporter();
try {
  await runCertification();
  await runInterop();
} finally {
  await edge.drain(1_000);
}
finish();

/** A case of the certification scenario. */
interface CertificationCase {
  readonly id: string;
  readonly level: string;
  readonly method: string;
  readonly path: string;
  readonly body?: Json;
  readonly raw_body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly expect?: Json;
  readonly expect_headers?: Readonly<Record<string, string>>;
  readonly repeat?: number;
  readonly same_as?: string;
}

async function runCertification(): Promise<void> {
  const { fixture, cases } = readJson('certification-cases.json') as {
    readonly fixture: Json;
    readonly cases: readonly CertificationCase[];
  };
  serve('certification', 'certification.rego', { fixture });
  const answers = new Map<string, Answer>();
  const levels = new Map<string, number>();
  for (const one of cases) {
    const differences: string[] = [];
    for (let turn = 0; turn < (one.repeat ?? 1); turn++) {
      const answer = await ask('certification', one.method, one.path, bodyOf(one, answers), one.headers);
      answers.set(one.id, answer);
      differences.push(...differencesOf(one, answer, answers));
    }
    report(`certification ${one.level} ${one.id}`, differences);
    const failed = levels.get(one.level) ?? 0;
    levels.set(one.level, failed + (differences.length > 0 ? 1 : 0));
  }
  for (const [level, failed] of levels)
    console.log(`certification ${level}: ${failed === 0 ? 'reached' : `${failed} failed`}`);
}

/** The body of a case; a page token that it names is that of the case before. */
function bodyOf({ body, raw_body: raw }: CertificationCase, answers: ReadonlyMap<string, Answer>): string | undefined {
  if (raw !== undefined) return raw;
  if (body === undefined) return undefined;
  return JSON.stringify(body).replaceAll(/"<next_token of ([^>]+)>"/g, (_, id: string) => {
    const page = answers.get(id)?.json['page'] as { readonly next_token?: string } | undefined;
    return JSON.stringify(page?.next_token ?? '');
  });
}

function differencesOf(one: CertificationCase, answer: Answer, answers: ReadonlyMap<string, Answer>): string[] {
  const found: string[] = [];
  if (answer.status !== one.status) found.push(`status ${answer.status}, expected ${one.status}: ${answer.text}`);
  if (one.status === 200 && !answer.contentType.startsWith('application/json'))
    found.push(`content type ${answer.contentType}`);
  for (const [name, value] of Object.entries(one.expect_headers ?? {})) {
    const given = answer.headers[name.toLowerCase()];
    if (given !== value) found.push(`header ${name} is ${String(given)}, expected ${value}`);
  }
  if (one.same_as !== undefined && !isDeepStrictEqual(answer.json, answers.get(one.same_as)?.json)) {
    found.push(`not the answer of ${one.same_as}: ${answer.text}`);
  }
  for (const [name, expected] of Object.entries(one.expect ?? {})) {
    const problem = compareMember(name, expected, answer.json);
    if (problem !== undefined) found.push(`${problem}: ${answer.text}`);
  }
  return found;
}

/** How a member of an expectation is to be read. */
function compareMember(name: string, expected: unknown, json: Json): string | undefined {
  switch (name) {
    case 'decision':
      return json['decision'] === expected ? undefined : `decision is not ${String(expected)}`;
    case 'evaluations': {
      const given = (json['evaluations'] ?? []) as readonly Json[];
      const wanted = expected as readonly Json[];
      const same =
        given.length === wanted.length &&
        wanted.every(({ decision }, index) => {
          const actual = given[index]?.['decision'];
          return decision === '<boolean>' ? typeof actual === 'boolean' : actual === decision;
        });
      return same ? undefined : 'other decisions';
    }
    case 'results_include': {
      const results = (json['results'] ?? []) as readonly unknown[];
      const wanted = expected as readonly unknown[];
      return wanted.every((one) => results.some((result) => isDeepStrictEqual(result, one)))
        ? undefined
        : 'results are missing';
    }
    case 'results':
      if (expected === '<array>') return Array.isArray(json['results']) ? undefined : 'results is no list';
      return isDeepStrictEqual(json['results'], expected) ? undefined : 'other results';
    case 'page.next_token': {
      const page = json['page'] as Json | undefined;
      return page === undefined || typeof page['next_token'] === 'string' ? undefined : 'next_token is no string';
    }
    case 'required':
      return (expected as readonly string[]).every((member) => member in json)
        ? undefined
        : 'required members are missing';
    case 'https_urls':
      return (expected as readonly string[]).every((member) => /^https:\/\/[^?#]+$/.test(String(json[member])))
        ? undefined
        : 'not https URLs';
    case 'equals_base_url':
      return json[String(expected)] === `https://127.0.0.1:${edge.address.port}`
        ? undefined
        : 'not the address that it was found by';
    case 'capabilities':
    case 'signed_metadata':
      return json[name] === undefined ? undefined : `${name} is there, and this program does not check it`;
    default:
      return `this program does not know the expectation ${name}`;
  }
}

/** One vector of the interop scenarios. */
interface Vector {
  readonly request: Json;
  readonly expected: boolean | readonly { readonly decision: boolean }[] | { readonly results: readonly unknown[] };
}

async function runInterop(): Promise<void> {
  const { users, gateway_policy: gateway } = readJson('policies.json') as {
    readonly users: readonly Json[];
    readonly gateway_policy: Readonly<Record<string, string>>;
  };
  serve('todo', 'todo.rego', { users });
  const todo = 'interop/authzen-todo-backend/test';
  for (const name of ['decisions', ...['00', '01', '02'].map((form) => `decisions-authorization-api-1_0-${form}`)]) {
    await runVectors('todo', `${todo}/${name}.json`, '/access/v1/evaluation');
  }
  const routes = Object.fromEntries(Object.entries(gateway).map(([route, roles]) => [route, rolesOf(roles)]));
  serve('gateway', 'gateway.rego', { users, routes });
  await runVectors('gateway', 'interop/authzen-api-gateways/test-harness/test/decisions.json', '/access/v1/evaluation');
  const demo = 'interop/authzen-search-demo';
  serve('search', 'search.rego', {
    users: readJson(`${demo}/data/users.json`),
    records: readJson(`${demo}/data/records.json`),
  });
  for (const name of ['subject', 'resource', 'action']) {
    await runVectors('search', `${demo}/test-harness/src/${name}/results.json`, `/access/v1/search/${name}`);
  }
  const idp = 'interop/authzen-idp';
  if (existsSync(join(options.cases, idp))) {
    serve('idp', 'search.rego', {
      users: readJson(`${demo}/data/users.json`),
      records: readJson(`${idp}/data/records.json`),
    });
    await runVectors('idp', `${idp}/test-harness/src/results.json`, '/access/v1/search/resource');
  } else console.log(`${idp}: not among the cases`);
}

/** `everyone`, or the names that a text such as `admin or editor` joins. */
function rolesOf(text: string): unknown {
  return text === 'everyone' ? text : text.split(/,? or /);
}

async function runVectors(set: string, file: string, path: string): Promise<void> {
  if (!existsSync(join(options.cases, file))) {
    console.log(`${file}: not among the cases`);
    return;
  }
  const content = readJson(file) as {
    readonly [form in 'evaluation' | 'evaluations' | 'decisions']?: readonly Vector[];
  };
  let number = 0;
  for (const vector of [...(content.evaluation ?? []), ...(content.decisions ?? []), ...(content.evaluations ?? [])]) {
    const endpoint = Array.isArray(vector.expected) ? '/access/v1/evaluations' : path;
    const answer = await ask(set, 'POST', endpoint, JSON.stringify(vector.request));
    report(`${file}#${number++}`, differencesOfVector(vector, answer));
  }
  console.log(`${file}: ${number} vectors`);
}

/** The public harness compares texts, so the order of results counts; where only that differs, the difference says so. */
function differencesOfVector({ expected }: Vector, { status, json, text }: Answer): string[] {
  if (status !== 200) return [`status ${status}: ${text}`];
  if (typeof expected === 'boolean')
    return json['decision'] === expected ? [] : [`decision is not ${String(expected)}`];
  if (!('results' in expected)) {
    const decisions = (json['evaluations'] as readonly Json[] | undefined)?.map(({ decision }) => ({ decision }));
    return isDeepStrictEqual(decisions, expected) ? [] : [`other decisions: ${text}`];
  }
  const results = json['results'];
  if (isDeepStrictEqual(results, expected.results)) return [];
  const sameMembers = Array.isArray(results) && isDeepStrictEqual(sorted(results), sorted(expected.results));
  return [sameMembers ? `another order: ${text}` : `other results: ${text}`];
}

function sorted(list: readonly unknown[]): readonly string[] {
  return list.map((one) => JSON.stringify(one)).sort();
}

/** Makes a set active that answers by the rules of a Rego file beside this one, over this data. */
function serve(name: string, file: string, data: Json): void {
  const snapshot = snapshotOf(name, readFileSync(join(import.meta.dirname, 'authzen', file), 'utf8'), data);
  sets.swap({
    set: `authzen/${name}`,
    setUid: name,
    n: 1,
    digest: `sha256:${'0'.repeat(64)}`,
    snapshot,
    activatedAtMs: 0,
  });
}

function snapshotOf(name: string, rego: string, data: Json): Snapshot {
  const domain = {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
    metadata: { name },
    spec: { 'policy-libraries': [{ mrn: 'mrn:iam:library:authzen', rego }], data },
  };
  const read = readDomain(JSON.stringify(domain), `${name}.json`);
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('; '));
  const compiled = compileSourcedSnapshot([read], {
    serving: {
      documents: { policies: [] },
      authzen: {
        evaluation: 'Rule',
        rule: 'authzen/allow',
        candidates: { subject: 'authzen/subjects', resource: 'authzen/resources', action: 'authzen/actions' },
      },
    },
  });
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('; '));
  return loadSnapshot(compiled.compiled);
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(options.cases, file), 'utf8'));
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly contentType: string;
  readonly text: string;
  readonly json: Json;
}

function ask(
  set: string,
  method: string,
  path: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  return new Promise((done, fail) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: edge.address.port,
        method,
        path,
        agent: false,
        headers: { 'Policy-Set': `authzen/${set}`, ...type, ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', fail);
        response.on('end', () =>
          done({
            status: response.statusCode ?? 0,
            headers: response.headers,
            contentType: response.headers['content-type'] ?? '',
            text: text.trim(),
            json: jsonOf(text),
          }),
        );
      },
    );
    call.on('error', fail);
    call.end(body);
  });
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
}

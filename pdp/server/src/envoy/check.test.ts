import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Serving } from '@edict/crds';
import { compileSnapshot, loadSnapshot, type AccessRecord } from '@edict/engine';
import type { DomainModel } from '@edict/bundle';
import type { z } from 'zod';
import { ActiveSets } from '../active-sets.ts';
import type { DocumentDecision } from '../core/audit-sink.ts';
import { createDecisionCore, type DecisionCoreOptions } from '../core/decision-core.ts';
import type { GrpcCall, UnaryAnswer } from '../grpc/grpc-method.ts';
import { createRouter } from '../http/router.ts';
import type { Reply } from '../http/reply.ts';
import { createMetrics } from '../observability/metrics.ts';
import { aCheck, fieldsOf, mapField } from '../testing/check-messages.ts';
import { aRequest } from '../testing/requests.ts';
import { craneDomain } from '../testing/revisions.ts';
import { authorizationMethods } from './authorization-service.ts';
import { envoyRoutes } from './http-routes.ts';

const SET = 'harbour/gate';
const DIGEST = `sha256:${'0'.repeat(64)}`;

const GATE = `package envoy.authz
import rego.v1
segment := input.parsed_path[0]
allow := true if segment == "open"
allow := false if segment == "closed"
allow := {"allowed": true, "headers": {"x-berth": ["7", "8"]}, "request_headers_to_remove": ["a", "b"], "response_headers_to_add": {"x-out": "o", "content-length": "9"}} if segment == "berth"
allow := {"allowed": false, "http_status": to_number(input.parsed_query.status[0]), "headers": {"x-why": "w"}, "body": "no"} if segment == "status"
allow := {"allowed": true, "dynamic_metadata": {"k": [1, {"v": null}], "edict": "mine", "decision_id": "mine"}} if segment == "metadata"
allow := "yes" if segment == "odd"
allow := data.x[_] if segment == "split"
allow := input.attributes.contextExtensions.answer == "yes" if segment == "context"
`;

const MAPPER = `package mapper
http := input.request.http
porc := null if http.path == "/null"
porc := 7 if http.path == "/number"
porc := {"principal": {"sub": "ada", "mroles": ["mrn:harbour:role:operator"]}, "operation": "crane:lift",
  "resource": "mrn:harbour:crane:7", "context": {"tons": to_number(http.headers["x-tons"])}} if http.headers["x-tons"]
`;

function libraries(modules: Readonly<Record<string, string>>): DomainModel {
  return {
    ...craneDomain(0),
    name: 'gate',
    libraries: Object.entries(modules).map(([mrn, rego]) => ({
      mrn,
      name: '',
      description: '',
      rego,
      dependencies: [],
    })),
    data: '{"x":[1,2]}',
  };
}

function mapperDomain(names: readonly string[]): DomainModel {
  return {
    ...craneDomain(10),
    mappers: names.map((name) => ({
      name,
      selector: ['.*'],
      rego: MAPPER.replace('package mapper', 'package mapper\nimport rego.v1'),
    })),
  };
}

interface Harness {
  readonly check: (message: Buffer, metadata?: GrpcCall['metadata']) => Promise<UnaryAnswer>;
  readonly http: (request: Parameters<typeof aRequest>[0]) => Promise<Reply>;
  readonly records: (AccessRecord | DocumentDecision)[];
  readonly problems: string[];
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly sets: ActiveSets;
}

function serve(
  domain: DomainModel,
  serving: z.input<typeof Serving>,
  over: Partial<DecisionCoreOptions> = {},
): Harness {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const records: (AccessRecord | DocumentDecision)[] = [];
  const problems: string[] = [];
  const compiled = compileSnapshot([domain], { serving: Serving.parse(serving) });
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('\n'));
  const snapshot = loadSnapshot(compiled.compiled);
  sets.swap({ set: SET, setUid: 'uid', n: 3, digest: DIGEST, snapshot, activatedAtMs: 0 });
  const core = createDecisionCore({
    sets,
    metrics,
    audit: { room: () => true, record: (decision) => void records.push(decision) },
    newId: () => 'the-id',
    ...over,
  });
  const deps = { core, onProblem: (problem: string) => problems.push(problem) };
  const [method] = authorizationMethods(deps);
  const router = createRouter(envoyRoutes(deps));
  return {
    check: async (message, metadata = {}) => {
      const call: GrpcCall = { metadata, caller: undefined, onGone: () => undefined };
      const answer = await method?.handle(message, call);
      if (answer === undefined) throw new Error('there is no method');
      return answer;
    },
    http: async (request) => await router(aRequest({ headers: {}, method: 'GET', ...request })),
    records,
    problems,
    metrics,
    sets,
  };
}

const byRule = (unreadable?: 'Deny' | 'Error'): Harness =>
  serve(libraries({ gate: GATE }), {
    documents: {},
    envoy: { result: 'Rule', ...(unreadable === undefined ? {} : { unreadable }) },
  });

interface Read {
  /** Code of the status. */
  readonly code: number;
  readonly http: string | undefined;
  readonly metadata: unknown;
}

/** What Envoy reads of an answer. */
function read(answer: UnaryAnswer): Read {
  if (!Buffer.isBuffer(answer)) throw new Error(`the call failed: ${answer.code} ${answer.message}`);
  const fields = fieldsOf(answer.subarray(5));
  const [status] = fields.get(1) ?? [];
  const [code = 0] = fieldsOf(status as Buffer).get(1) ?? [];
  const http = fields.get(2)?.[0] ?? fields.get(3)?.[0];
  const [metadata] = fields.get(4) ?? [];
  return {
    code: Number(code),
    http: http === undefined ? undefined : `${fields.has(3) ? 'ok' : 'denied'} ${(http as Buffer).toString('hex')}`,
    metadata: structOf(metadata as Buffer),
  };
}

function structOf(bytes: Buffer): Record<string, unknown> {
  const entries = (fieldsOf(bytes).get(1) ?? []) as readonly Buffer[];
  return Object.fromEntries(
    entries.map((entry) => {
      const fields = fieldsOf(entry);
      return [String(fields.get(1)?.[0] ?? ''), valueOf(fields.get(2)?.[0] as Buffer)];
    }),
  );
}

function valueOf(bytes: Buffer): unknown {
  if (bytes[0] === ((2 << 3) | 1)) return bytes.readDoubleLE(1);
  const fields = fieldsOf(bytes);
  const text = fields.get(3)?.[0];
  if (text !== undefined) return String(text);
  const struct = fields.get(5)?.[0];
  if (struct !== undefined) return structOf(struct as Buffer);
  const list = fields.get(6)?.[0];
  if (list !== undefined) return ((fieldsOf(list as Buffer).get(1) ?? []) as readonly Buffer[]).map(valueOf);
  return fields.has(4) ? fields.get(4)?.[0] === 1 : null;
}

const REVISION = { set: SET, revision: 3, digest: DIGEST };

describe('by a rule', () => {
  test('a boolean is status and metadata, and no more', async () => {
    const { check, records } = byRule();
    const metadata = { decision_id: 'the-id', edict: REVISION };
    expect(read(await check(aCheck({ path: '/open' })))).toStrictEqual({ code: 0, http: undefined, metadata });
    expect(read(await check(aCheck({ path: '/closed' })))).toStrictEqual({ code: 7, http: undefined, metadata });
    expect(records).toMatchObject([{ allow: true }, { allow: false }]);
  });

  test("metadata of the policy goes along, but for what is the PDP's own", async () => {
    const { metadata } = read(await byRule().check(aCheck({ path: '/metadata' })));
    expect(metadata).toStrictEqual({ k: [1, { v: null }], decision_id: 'the-id', edict: REVISION });
  });

  test('a request that cannot be read is a 400 that no policy decided', async () => {
    const { check, problems, records, metrics } = byRule();
    const { code, metadata } = read(await check(aCheck({ path: '/%zz' })));
    expect([code, metadata]).toStrictEqual([7, { edict: { ...REVISION, problem: 'request-unreadable' } }]);
    expect([problems, records]).toStrictEqual([['request-unreadable'], []]);
    const invalid = await metrics.invalid.get();
    expect(invalid.values.find(({ labels }) => labels.api === 'envoy')?.value).toBe(1);
  });

  test.each([
    ['/odd', 'unreadable-result'],
    ['/nowhere', 'undefined-result'],
    ['/split', 'evaluation-failed'],
    ['/status?status=999', 'unreadable-result'],
  ])('%s is a deny that no policy decided (%s), recorded as one', async (path, problem) => {
    const { check, problems, records } = byRule();
    const { code, http, metadata } = read(await check(aCheck({ path })));
    // A DeniedHttpResponse with status 403.
    expect([code, http]).toStrictEqual([7, 'denied 0a03089303']);
    expect(metadata).toStrictEqual({ decision_id: 'the-id', edict: { ...REVISION, problem } });
    expect(problems).toStrictEqual([problem]);
    expect(records).toMatchObject([{ allow: false, path: 'envoy/authz/allow' }]);
  });

  test('with the switch it is a failed call, as of the plugin', async () => {
    const { check, problems, records } = byRule('Error');
    expect(await check(aCheck({ path: '/odd' }))).toMatchObject({ kind: 'failure', code: 'UNKNOWN' });
    expect(problems).toStrictEqual(['unreadable-result']);
    expect(records).toMatchObject([{ allow: undefined }]);
  });

  test('policies see context extensions', async () => {
    const message = aCheck({ path: '/context' }, mapField(10, { answer: 'yes' }));
    expect(read(await byRule().check(message)).code).toBe(0);
  });
});

describe('by a mapper', () => {
  const byMapper = (over: object = {}, names: readonly string[] = ['gate']): Harness =>
    serve(mapperDomain(names), { envoy: { ...over } });

  test('the PORC that it makes is decided', async () => {
    const { check, records } = byMapper();
    const granted = read(await check(aCheck({ headers: { 'x-tons': '5' } })));
    expect(granted.code).toBe(0);
    expect(Buffer.from(granted.http?.replace('ok ', '') ?? '', 'hex').toString('latin1')).toContain(
      'x-ext-authz-check-result',
    );
    expect(granted.metadata).toStrictEqual({ decision_id: 'the-id', edict: REVISION });
    const denied = read(await check(aCheck({ headers: { 'x-tons': '50' } })));
    expect([
      denied.code,
      Buffer.from(denied.http?.replace('denied ', '') ?? '', 'hex').toString('latin1'),
    ]).toStrictEqual([7, expect.stringContaining('permission denied')]);
    expect(records).toMatchObject([{ decision: 'GRANT' }, { decision: 'DENY' }]);
  });

  test.each([
    ['/undefined', 'mapper-undefined'],
    ['/null', 'porc-unreadable'],
    ['/number', 'porc-unreadable'],
  ])('for %s there is no PORC: a deny that no policy decided', async (path, problem) => {
    const { check, problems } = byMapper();
    const { code, metadata } = read(await check(aCheck({ path })));
    expect([code, metadata]).toStrictEqual([7, { edict: { ...REVISION, problem } }]);
    expect(problems).toStrictEqual([problem]);
  });

  test.each<[string, object, readonly string[]]>([
    ['no mapper', {}, []],
    ['two mappers', {}, ['one', 'two']],
    ['no domain of that name', { mapper: 'elsewhere' }, ['gate']],
  ])('%s: nobody can be asked, and the call fails', async (_, over, names) => {
    const { check, problems } = byMapper(over, names);
    expect(await check(aCheck({}))).toMatchObject({ kind: 'failure', code: 'UNKNOWN' });
    expect(problems).toStrictEqual(['mapper-missing']);
  });

  test('a message without attributes is asked about as null', async () => {
    expect(read(await byMapper().check(Buffer.alloc(0))).code).toBe(7);
  });
});

describe('what is no decision fails the call', () => {
  test('no policy', async () => {
    const { check, sets } = byRule();
    sets.remove(SET);
    expect(await check(aCheck({}))).toMatchObject({ code: 'UNAVAILABLE', trailers: { 'edict-problem': 'no-policy' } });
  });

  test('a set that does not serve Envoy', async () => {
    const { check } = serve(craneDomain(1), {});
    expect(await check(aCheck({}))).toMatchObject({
      code: 'UNIMPLEMENTED',
      trailers: { 'edict-problem': 'not-served' },
    });
  });

  test('a set that is not there, chosen by metadata or, before that, by a context extension', async () => {
    const { check } = byRule();
    expect(await check(aCheck({ path: '/open' }), { 'policy-set': 'a/b' })).toMatchObject({ code: 'UNAVAILABLE' });
    const chosen = aCheck({ path: '/open' }, mapField(10, { 'edict.dev/instance': SET }));
    expect(read(await check(chosen, { 'policy-set': 'a/b' })).code).toBe(0);
  });

  test('a revision that is not active', async () => {
    const { check } = byRule();
    const asked = check(aCheck({ path: '/open' }), { 'policy-at-least': `${SET}@4` });
    expect(await asked).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(read(await check(aCheck({ path: '/open' }), { 'policy-at-least': `${SET}@3` })).code).toBe(0);
  });

  test('an audit log that has no room', async () => {
    const full = { audit: { room: () => false, record: () => undefined } };
    const { check } = serve(libraries({ gate: GATE }), { documents: {}, envoy: { result: 'Rule' } }, full);
    expect(await check(aCheck({ path: '/open' }))).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('bytes that are no CheckRequest', async () => {
    const { check, metrics } = byRule();
    for (const bytes of [
      [0x0a, 0x05, 0x22],
      [0x0a, 0x02, 0x22, 0x05],
    ]) {
      expect(await check(Buffer.from(bytes))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    const invalid = await metrics.invalid.get();
    expect(invalid.values.find(({ labels }) => labels.api === 'envoy')?.value).toBe(2);
  });
});

function inputsOf(records: Harness['records']): readonly unknown[] {
  return records.map((record) => ('kind' in record ? record.input : undefined));
}

describe('over HTTP', () => {
  const path = (rest: string): string => `/envoy/authz${rest}`;

  test('an allow is 200 with the headers of the policy, of several values the last', async () => {
    const { status, headers, body } = await byRule().http({ path: path('/berth') });
    expect([status, body]).toStrictEqual([200, '']);
    expect(headers).toStrictEqual({
      'policy-set': SET,
      'policy-revision': '3',
      'policy-digest': DIGEST,
      'edict-decision-id': 'the-id',
      'x-berth': '8',
      'x-out': 'o',
      'x-envoy-auth-headers-to-remove': 'a,b',
    });
  });

  test.each([
    ['/closed', '', 403],
    ['/status', 'status=301', 301],
    ['/status', 'status=429', 429],
    // Envoy would let these pass, or might.
    ['/status', 'status=200', 403],
    ['/status', 'status=503', 403],
    ['/odd', '', 403],
    ['/%zz', '', 400],
  ])('%s?%s is a deny with a status that Envoy takes for one: %d', async (rest, query, status) => {
    const reply = await byRule().http({ path: path(rest), query });
    expect(reply.status).toBe(status);
  });

  test('what no policy decided says so', async () => {
    expect((await byRule().http({ path: path('/odd') })).headers).toMatchObject({
      'edict-problem': 'unreadable-result',
    });
    expect((await byRule('Error').http({ path: path('/odd') })).status).toBe(500);
  });

  test('policies see the request that Envoy asks about', async () => {
    const { http, records } = byRule();
    await http({
      method: 'PUT',
      path: path('/open/x'),
      query: 'a=b',
      headers: { host: 'h', 'content-type': 'application/json', accept: 'x' },
      body: { n: 1 },
    });
    expect(inputsOf(records)).toStrictEqual([
      {
        attributes: {
          request: {
            http: {
              method: 'PUT',
              path: '/open/x?a=b',
              host: 'h',
              size: 7,
              body: '{"n":1}',
              headers: {
                ':authority': 'h',
                ':method': 'PUT',
                ':path': '/open/x?a=b',
                host: 'h',
                'content-type': 'application/json',
                accept: 'x',
              },
            },
          },
        },
        version: { ext_authz: 'v3', encoding: 'protojson' },
        parsed_path: ['open', 'x'],
        parsed_query: { a: ['b'] },
        parsed_body: { n: 1 },
        truncated_body: false,
      },
    ]);
  });

  test('the root is asked about with and without its slash', async () => {
    const { http, records } = byRule();
    await http({ path: '/envoy/authz' });
    await http({ path: '/envoy/authz/' });
    const paths = inputsOf(records).map(
      (input) => (input as { attributes: { request: { http: { path: string } } } }).attributes.request.http.path,
    );
    expect(paths).toStrictEqual(['/', '/']);
  });

  test('what is no decision is a 5xx or 4xx with a problem', async () => {
    const { http, sets } = byRule();
    sets.remove(SET);
    expect((await http({ path: path('/open') })).status).toBe(503);
  });
});

describe('whatever comes', () => {
  test.each<[string, Harness]>([
    ['by a rule', byRule()],
    ['by a mapper', serve(mapperDomain(['gate']), { envoy: {} })],
  ])(
    'there is an answer or a failure %s, never a throw, and never an allow that no policy gave',
    async (_, { check }) => {
      const whole = aCheck({
        method: 'POST',
        path: '/closed?a=b',
        headers: { 'content-type': 'application/json', 'x-tons': '50' },
        body: '{"a":1}',
      });
      const damaged = fc
        .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
        .map((changes) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          return bytes;
        });
      const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
      await fc.assert(
        fc.asyncProperty(fc.oneof(damaged, random), async (bytes) => {
          const answer = await check(bytes);
          if (!Buffer.isBuffer(answer)) expect(['INVALID_ARGUMENT', 'UNAVAILABLE']).toContain(answer.code);
          else if (read(answer).code === 0) expect(bytes.toString('latin1')).toMatch(/open|berth|metadata|x-tons/);
        }),
        { numRuns: 500 },
      );
    },
  );
});

import { expect, test } from '@jest/globals';
import { NetworkSession } from '../../network/session.ts';
import type { HttpAnswer, HttpRequest, HttpResponse, NetworkPort } from '../../network/port.ts';
import { numberFromText } from '../number.ts';
import { RegoSet } from '../value.ts';
import type { Value } from '../value.ts';
import type { BuiltinContext } from './builtin.ts';
import { http } from './http.ts';

const usual: HttpResponse = { statusCode: 200, status: '200 OK', headers: [], body: Buffer.from('') };

/** Calls `http.send` until it has its answer; what it asked for, and its value or failure. */
async function send(operand: Value, answer: HttpAnswer = { ok: true, response: usual }, maxRequestBytes = 10_000) {
  const asked: HttpRequest[] = [];
  const port: NetworkPort = {
    send: (request) => {
      asked.push(request);
      return Promise.resolve(answer);
    },
    lookup: () => Promise.reject(new Error('nobody asks')),
  };
  const session = new NetworkSession({ port, allowedBuiltins: ['http.send'], limits: { maxRequestBytes } });
  let failure: string | undefined;
  const ctx: BuiltinContext = {
    fail: (code, message) => {
      failure = `${code}: ${message()}`;
      return undefined;
    },
    nowNs: () => 0n,
    randomBytes: () => new Uint8Array(0),
    cache: session.cache,
    network: session,
  };
  for (;;) {
    let value: Value;
    try {
      value = http['http.send']?.(ctx, operand);
    } catch (error) {
      if (!session.isWaiting) throw error;
      await session.settle();
      continue;
    }
    return { value, failure, request: asked[0] };
  }
}

const URL_ = 'http://a.example/x';
const get = (more: Record<string, Value> = {}): Value => ({ method: 'get', url: URL_, ...more });

test('what is not said has its default', async () => {
  expect((await send(get())).request).toStrictEqual({
    builtin: 'http.send',
    key: expect.stringMatching(/^http\.send:/),
    method: 'GET',
    url: URL_,
    headers: [],
    body: undefined,
    followRedirects: false,
    timeoutMs: undefined,
    maxRetries: 0,
    tls: { authorities: [], useSystemAuthorities: false, identities: [], skipVerify: false, serverName: '' },
    caching: undefined,
  });
});

test.each<readonly [string, Record<string, Value>, object]>([
  ['an empty method is GET', { method: '' }, { method: 'GET' }],
  ['quotes around texts do not count', { method: '"post"', url: `"${URL_}"` }, { method: 'POST', url: URL_ }],
  ['a body is JSON as Go writes it', { body: { b: '<', a: new RegoSet([1]) } }, { body: '{"a":[1],"b":"\\u003c"}' }],
  ['a raw body is what it is', { body: 1, raw_body: 'x=1' }, { body: 'x=1' }],
  ['a null body is a body', { body: null }, { body: 'null' }],
  ['headers get the usual capitals', { headers: { 'x-my-HEADER': 'a' } }, { headers: [['X-My-Header', 'a']] }],
  ['redirects can be followed', { enable_redirect: true }, { followRedirects: true }],
  ['a time-out in nanoseconds', { timeout: 1_500_000_000 }, { timeoutMs: 1_500 }],
  ['a time-out in nanoseconds as text', { timeout: '2000000' }, { timeoutMs: 2 }],
  ['a time-out with its unit', { timeout: '1m0.5s' }, { timeoutMs: 60_500 }],
  ['a time-out below a millisecond is one', { timeout: 5 }, { timeoutMs: 1 }],
  ['no time-out', { timeout: 0 }, { timeoutMs: 0 }],
  ['less than no time-out', { timeout: '-1s' }, { timeoutMs: 0 }],
  ['retries', { max_retry_attempts: 3 }, { maxRetries: 3 }],
  ['a cache that follows headers', { cache: true }, { caching: { forceSeconds: undefined } }],
  ['a cache that does not', { force_cache: true, force_cache_duration_seconds: 60 }, { caching: { forceSeconds: 60 } }],
  [
    'a forced cache of no time follows headers',
    { force_cache: true, force_cache_duration_seconds: 0 },
    { caching: { forceSeconds: undefined } },
  ],
  ['a duration that nothing forces', { force_cache_duration_seconds: 60 }, { caching: undefined }],
  [
    'the Host header is the name to expect',
    { headers: { host: 'b.example' } },
    { tls: expect.objectContaining({ serverName: 'b.example' }) },
  ],
  [
    'unless another is asked for',
    { headers: { host: 'b.example' }, tls_server_name: 'c.example' },
    { tls: expect.objectContaining({ serverName: 'c.example' }) },
  ],
  [
    'certificates come from everywhere',
    {
      tls_ca_cert: 'a\\nb',
      tls_ca_cert_file: 'f',
      tls_ca_cert_env_variable: 'V',
      tls_client_cert: 'c',
      tls_client_key: 'k',
      tls_client_cert_file: 'without a key',
      tls_use_system_certs: true,
      tls_insecure_skip_verify: true,
    },
    {
      tls: {
        authorities: [{ text: 'a\nb' }, { file: 'f' }, { variable: 'V' }],
        useSystemAuthorities: true,
        identities: [{ certificate: { text: 'c' }, key: { text: 'k' } }],
        skipVerify: true,
        serverName: '',
      },
    },
  ],
])('%s', async (_name, more, expected) => {
  expect((await send(get(more))).request).toMatchObject(expected);
});

test.each<readonly [string, Value, string]>([
  ['no object', 'x', 'eval_type_error: operand 1 must be object but got string'],
  ['unknown parameters', get({ a: 1, b: 2 }), 'eval_type_error: operand 1 invalid request parameters(s): {"a", "b"}'],
  ['no URL', { method: 'get' }, 'eval_type_error: operand 1 missing required request parameters(s): {"url"}'],
  ['a method that is no text', get({ method: 1 }), 'eval_builtin_error: "method" must be a string'],
  ['a method that is none', get({ method: 'a b' }), 'eval_builtin_error: net/http: invalid method "A B"'],
  ['CONNECT', get({ method: 'connect' }), 'eval_builtin_error: unsupported method "CONNECT"'],
  [
    'a URL of another scheme',
    get({ url: 'ftp://a.example/' }),
    'eval_builtin_error: Get "ftp://a.example/": unsupported protocol scheme "ftp"',
  ],
  [
    'a URL without a host',
    get({ url: 'http:///x' }),
    'eval_builtin_error: Get "http:///x": http: no Host in request URL',
  ],
  ['a URL that is none', get({ url: ':x' }), 'eval_builtin_error: parse ":x": missing protocol scheme'],
  ['headers that are no object', get({ headers: [] }), 'eval_builtin_error: invalid type for headers key'],
  [
    'a header that is no text',
    get({ headers: { a: true } }),
    'eval_builtin_error: invalid type for headers value %!q(bool=true)',
  ],
  [
    'a flag that is none',
    get({ enable_redirect: 'true' }),
    'eval_builtin_error: strconv.ParseBool: parsing "\\"true\\"": invalid syntax',
  ],
  [
    'a flag that must be a boolean',
    get({ force_json_decode: 1 }),
    'eval_builtin_error: invalid value for "force_json_decode" field',
  ],
  ['raise_error that is none', get({ raise_error: 'x' }), 'eval_builtin_error: invalid value for raise_error field'],
  [
    'a time-out of another type',
    get({ timeout: [] }),
    "eval_type_error: operand 1 'timeout' must be one of {string, number} but got array",
  ],
  [
    'a time-out without its unit',
    get({ timeout: '1.5' }),
    'eval_builtin_error: invalid timeout value "1.5": time: missing unit in duration "1.5"',
  ],
  [
    'a time-out with days, which Go has not',
    get({ timeout: '1d' }),
    'eval_builtin_error: invalid timeout value "1d": time: unknown unit "d" in duration "1d"',
  ],
  [
    'a time-out beyond integers',
    get({ timeout: numberFromText('1.5') }),
    'eval_builtin_error: invalid timeout number value 1.5, must be int64',
  ],
  [
    'retries below none',
    get({ max_retry_attempts: -1 }),
    'eval_builtin_error: invalid value -1 for field "max_retry_attempts"',
  ],
  [
    'a forced cache without its time',
    get({ force_cache: true }),
    "eval_builtin_error: 'force_cache' set but 'force_cache_duration_seconds' parameter is missing",
  ],
  [
    'a forced cache of a text',
    get({ force_cache: true, force_cache_duration_seconds: 'x' }),
    'eval_builtin_error: strconv.ParseInt: parsing "\\"x\\"": invalid syntax',
  ],
  [
    'a header that is none',
    get({ headers: { 'a b': 'c' } }),
    `eval_builtin_error: Get "${URL_}": net/http: invalid header field name "a b"`,
  ],
  [
    'a header with a second one in it',
    get({ headers: { a: 'x\r\ny: z' } }),
    `eval_builtin_error: Get "${URL_}": net/http: invalid header field value for "A"`,
  ],
  [
    'a port that is none',
    get({ url: 'http://a.example:99999/' }),
    'eval_builtin_error: Get "http://a.example:99999/": dial tcp: address 99999: invalid port',
  ],
  [
    'ignored headers that are none',
    get({ headers: {}, cache_ignored_headers: 'x' }),
    'eval_builtin_error: cache_ignored_headers must be an array of strings',
  ],
  [
    'a request that is too large',
    get({ raw_body: 'x'.repeat(10_000) }),
    'eval_builtin_error: the request is larger than 10000 bytes',
  ],
])('%s is refused before anybody is asked', async (_name, operand, message) => {
  const { value, failure, request } = await send(operand);
  expect([value, failure, request]).toStrictEqual([undefined, message, undefined]);
});

test.each<readonly [string, Value, string, string]>([
  ['an internal one', get({ method: 1 }), 'eval_http_send_internal_error', '"method" must be a string'],
  [
    'one of the network',
    get({ url: 'ftp://me:secret@a.example/' }),
    'eval_http_send_network_error',
    'Get "ftp://me:***@a.example/": unsupported protocol scheme "ftp"',
  ],
  [
    'one of parameters',
    get({ a: 1 }),
    'eval_http_send_internal_error',
    'eval_type_error: http.send: operand 1 invalid request parameters(s): {"a"}',
  ],
])('a policy that wants no errors gets %s as a response', async (_name, operand, code, message) => {
  const { value, failure } = await send({ ...(operand as object), raise_error: false });
  expect([value, failure]).toStrictEqual([{ status_code: 0, error: { code, message } }, undefined]);
});

const timedOut: HttpAnswer = {
  ok: false,
  failure: { kind: 'network', method: 'POST', url: URL_, message: 'context deadline exceeded', timedOut: true },
};

test('a time-out is said in short where it is raised, and in full where it is a response', async () => {
  expect((await send(get(), timedOut)).failure).toBe(`eval_builtin_error: Post ${URL_}: request timed out`);
  expect((await send(get({ raise_error: false }), timedOut)).value).toStrictEqual({
    status_code: 0,
    error: { code: 'eval_http_send_network_error', message: `Post "${URL_}": context deadline exceeded` },
  });
});

test('a response is the object that OPA makes of it', async () => {
  const headers = [
    ['Content-Type', 'application/json; charset=utf-8'],
    ['X-A', '1'],
    ['x-a', '2'],
    ['__proto__', 'x'],
  ] as const;
  const response = { statusCode: 404, status: '404 Not Found', headers, body: Buffer.from('{"n": 1.50}') };
  const { value } = await send(get(), { ok: true, response });
  expect(JSON.stringify(value)).toBe(
    '{"status":"404 Not Found","status_code":404,"body":{"n":1.50},"raw_body":"{\\"n\\": 1.50}",' +
      '"headers":{"content-type":["application/json; charset=utf-8"],"x-a":["1","2"],"__proto__":["x"]}}',
  );
});

test.each([
  ['application/json', '{"a":1}', {}, { a: 1 }],
  ['application/problem+json', '{"a":1}', {}, { a: 1 }],
  ['APPLICATION/JSON;charset=x', '[1]', {}, [1]],
  ['application/json', '{"a":', {}, null],
  ['application/json', '{"a":1} and more', {}, { a: 1 }],
  ['application/json', '', {}, null],
  ['text/json', '{"a":1}', {}, null],
  ['text/plain', '{"a":1}', { force_json_decode: true }, { a: 1 }],
  ['application/yaml', 'a: 1', {}, { a: 1 }],
  ['application/x-yaml', 'a: [', {}, null],
  ['text/plain', 'a: 1', { force_yaml_decode: true }, { a: 1 }],
  ['application/yaml', '{"a":1}', { force_json_decode: true }, { a: 1 }],
  ['', 'a: 1', {}, null],
])('a body of type %p that is %p, with %p, reads as %p', async (type, text, more, body) => {
  const response = { ...usual, headers: [['Content-Type', type]] as const, body: Buffer.from(text) };
  const { value } = await send(get(more), { ok: true, response });
  expect(value).toMatchObject({ body, raw_body: text });
});

test.each<readonly [string, Record<string, Value>, Record<string, Value>, boolean]>([
  ['headers that are ignored', { a: '1', b: '2' }, { a: '1', b: '3' }, true],
  ['headers that are not', { a: '1', b: '2' }, { a: '2', b: '2' }, false],
])('requests that differ in %s', async (_name, first, second, same) => {
  const keyOf = async (headers: Value) => (await send(get({ headers, cache_ignored_headers: ['b'] }))).request?.key;
  expect((await keyOf(first)) === (await keyOf(second))).toBe(same);
});

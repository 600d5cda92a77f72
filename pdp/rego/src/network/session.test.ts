import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { compile } from '../compile.ts';
import { instantiate } from '../instantiate.ts';
import type { EvaluateOptions, Outcome, Program } from '../api.ts';
import type { HttpAnswer, HttpRequest, NetworkAccess, NetworkPort, RequestBounds } from './port.ts';
import { evaluateWithNetwork, NetworkSession, programUsesNetwork, withNetwork } from './session.ts';

function programOf(rego: string): Program {
  const result = compile([{ name: 'p.rego', source: `package p\n${rego}` }], { entrypoints: ['p/answer'] });
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));
  return result.program;
}

/** A port that answers `{"url": the URL}` and keeps what it was asked. */
class EchoPort implements NetworkPort {
  readonly sent: HttpRequest[] = [];
  readonly bounds: RequestBounds[] = [];
  readonly names: string[] = [];

  readonly send = (request: HttpRequest, bounds: RequestBounds): Promise<HttpAnswer> => {
    this.sent.push(request);
    this.bounds.push(bounds);
    const body = Buffer.from(JSON.stringify({ url: request.url, count: this.sent.length }));
    const headers = [['Content-Type', 'application/json']] as const;
    return Promise.resolve({ ok: true, response: { statusCode: 200, status: '200 OK', headers, body } });
  };

  readonly lookup: NetworkPort['lookup'] = ({ name }) => {
    this.names.push(name);
    return Promise.resolve({ ok: true, addresses: ['192.0.2.1', '2001:db8::1'] });
  };
}

interface Given {
  readonly access?: Partial<NetworkAccess>;
  readonly options?: EvaluateOptions;
  readonly elapsedMs?: () => number;
}

async function run(rego: string, { access, options, elapsedMs }: Given = {}) {
  const port = new EchoPort();
  const session = new NetworkSession(
    { port, allowedBuiltins: ['http.send', 'net.lookup_ip_addr'], ...access },
    elapsedMs,
  );
  const instance = instantiate(programOf(rego));
  const outcome = await evaluateWithNetwork(instance, 'p/answer', { n: 3 }, session, options);
  return { outcome, port, session };
}

const get = (url: string) => `http.send({"method": "get", "url": "${url}"})`;
const valueOf = (outcome: Outcome) => (outcome.kind === 'value' ? outcome.value : outcome);

test('an answer arrives in the policy, and only one request is made for equal calls', async () => {
  const { outcome, port } = await run(`
    answer := [${get('http://a/')}.body.url, ${get('http://a/')}.body.count, again] if { again := ${get('http://a/')}.status_code }`);
  expect(valueOf(outcome)).toStrictEqual(['http://a/', 1, 200]);
  expect(port.sent.map(({ method, url }) => [method, url])).toStrictEqual([['GET', 'http://a/']]);
});

test('requests that depend on answers are made one after the other, each once', async () => {
  const { outcome, port, session } = await run(`
    answer := [c.body.url, d] if {
      a := ${get('http://a/')}
      b := http.send({"method": "post", "url": sprintf("%sb", [a.body.url]), "body": a.body})
      c := http.send({"method": "get", "url": sprintf("%s/c", [b.body.url])})
      d := net.lookup_ip_addr("name.example")
    }`);
  expect(JSON.stringify(valueOf(outcome))).toContain('http://a/b/c');
  expect(port.sent.map(({ url }) => url)).toStrictEqual(['http://a/', 'http://a/b', 'http://a/b/c']);
  expect(port.sent[1]?.body).toBe('{"count":1,"url":"http://a/"}');
  expect(port.names).toStrictEqual(['name.example']);
  expect(session.requests).toBe(4);
});

test.each([
  ['an empty loop', 'answer if { some x in input.none; http.send({"method": "get", "url": x}) }'],
  ['a condition that fails first', `answer if { input.n == 4; ${get('http://a/')} }`],
  ['a rule that nobody needs', `answer := 1 if { input.n == 3 }\nother := ${get('http://a/')}`],
  ['an else that is not reached', `answer := 1 if { input.n == 3 } else := ${get('http://a/')}`],
  ['a call that `with` replaces', `answer := x if { x := ${get('http://a/')} with http.send as {"body": 1} }`],
])('%s asks nothing, and the answer comes at once', (_name, rego) => {
  const port = new EchoPort();
  const session = new NetworkSession({ port, allowedBuiltins: ['http.send'] });
  const outcome = evaluateWithNetwork(instantiate(programOf(rego)), 'p/answer', { n: 3 }, session);
  expect(outcome).not.toBeInstanceOf(Promise);
  expect(port.sent).toStrictEqual([]);
});

const ecKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

test.each([
  ['the time', 'sprintf("http://a/%d", [time.now_ns()])'],
  ['a random number', 'sprintf("http://a/%d", [rand.intn("x", 1000000000)])'],
  ['a UUID', 'concat("", ["http://a/", uuid.rfc4122("x")])'],
  [
    'a signature drawn at random',
    `concat("", ["http://a/", io.jwt.encode_sign({"alg": "ES256"}, {"a": 1}, ${JSON.stringify(ecKey)})])`,
  ],
])('%s stays what it is while the evaluation waits', async (_name, url) => {
  const { outcome, port } = await run(`answer := http.send({"method": "get", "url": ${url}}).body.count`);
  expect(valueOf(outcome)).toBe(1);
  expect(port.sent).toHaveLength(1);
});

test('a built-in that is not allowed by name fails, is told of once, and reaches nobody', async () => {
  const refused: string[] = [];
  const access = { allowedBuiltins: [], onRefused: (builtin: string) => void refused.push(builtin) };
  const strict = { strictBuiltinErrors: true };
  const { outcome, port } = await run(`answer := [1 | some _ in [1, 2]; ${get('http://a/')}]`, {
    access,
    options: strict,
  });
  expect(outcome).toMatchObject({
    code: 'eval_builtin_error',
    message: 'http.send: http.send is not among the built-ins that are allowed',
  });
  expect(refused).toStrictEqual(['http.send']);
  expect(port.sent).toStrictEqual([]);
  const lookup = await run('answer := net.lookup_ip_addr("name.example")', { access, options: strict });
  expect(lookup.outcome).toMatchObject({
    message: 'net.lookup_ip_addr: net.lookup_ip_addr is not among the built-ins that are allowed',
  });
});

test('requests beyond the bound fail in the policy, and the ones before keep their answers', async () => {
  const rego = `answer := [r.status_code | some i in [1, 2, 3]; r := http.send({
    "method": "get", "url": sprintf("http://a/%d", [i]), "raise_error": false})]`;
  const { outcome, port } = await run(rego, { access: { limits: { maxRequests: 2 } } });
  expect(valueOf(outcome)).toStrictEqual([200, 200, 0]);
  expect(port.sent).toHaveLength(2);
});

test('waiting is bounded over all requests: each may take what is left, then calls fail', async () => {
  const rego = `answer := [[r.status_code, object.get(r, ["error", "message"], "")] | some i in [1, 2, 3]; r := http.send({
    "method": "get", "url": sprintf("http://a/%d", [i]), "raise_error": false})]`;
  let ms = 0;
  const elapsedMs = () => (ms += 300); // two looks a request
  const { outcome, port } = await run(rego, { access: { limits: { maxWaitMs: 500 } }, elapsedMs });
  expect(valueOf(outcome)).toStrictEqual([
    [200, ''],
    [200, ''],
    [0, 'the decision has waited for the network for 500 ms'],
  ]);
  expect(port.bounds.map(({ maxMs }) => maxMs)).toStrictEqual([500, 200]);
});

test('all attempts together take no more steps than one evaluation may', async () => {
  const rego = `busy := count([x | some x in numbers.range(1, 1000); not input.none])
    answer := [r | some i in numbers.range(1, 10); busy == 1000; r := http.send({
      "method": "get", "url": sprintf("http://a/%d", [i])}).status_code]`;
  const once = await run(rego, { options: { maxSteps: 1_000_000 } });
  expect(valueOf(once.outcome)).toHaveLength(10);
  const { outcome, port } = await run(rego, { options: { maxSteps: 5_000 } });
  expect(outcome).toMatchObject({ kind: 'error', message: 'the evaluation took more steps than it may' });
  expect(port.sent.length).toBeLessThan(10);
});

test('all attempts together take no longer than one evaluation may', () => {
  const session = new NetworkSession({ port: new EchoPort(), allowedBuiltins: [] });
  const instance = instantiate(programOf('answer := count([x | some x in numbers.range(1, 100000); not input.none])'));
  const evaluate = () => evaluateWithNetwork(instance, 'p/answer', {}, session, { maxMs: 60_000 });
  expect(evaluate()).toStrictEqual({ kind: 'value', value: 100_000 });
  expect(session.evaluatedMs).toBeGreaterThan(0);
  session.evaluatedMs = 60_000;
  expect(evaluate()).toMatchObject({ kind: 'error', message: 'the evaluation took longer than it may' });
});

test('a request that is too large is never made', async () => {
  const rego = 'answer := http.send({"method": "put", "url": "http://a/", "raw_body": "12345678901234567890"})';
  const options = { strictBuiltinErrors: true };
  const { outcome, port } = await run(rego, { access: { limits: { maxRequestBytes: 20 } }, options });
  expect(outcome).toMatchObject({ message: 'http.send: the request is larger than 20 bytes' });
  expect(port.sent).toStrictEqual([]);
});

test('a port that breaks its promise is not swallowed', async () => {
  const broken: NetworkPort = {
    send: () => Promise.reject(new Error('bug')),
    lookup: () => Promise.reject(new Error('bug')),
  };
  await expect(run(`answer := ${get('http://a/')}`, { access: { port: broken } })).rejects.toThrow('bug');
});

test('what a computation throws while it waits is dropped, and everything else is thrown', async () => {
  const session = new NetworkSession({ port: new EchoPort(), allowedBuiltins: ['http.send'] });
  const instance = instantiate(programOf(`answer := ${get('http://a/')}.status_code`));
  const attempt = (): Outcome => {
    const outcome = instance.evaluate('p/answer', {}, { network: session });
    if (outcome.kind === 'error') throw new Error('waits');
    return outcome;
  };
  expect(await withNetwork(session, attempt)).toStrictEqual({ kind: 'value', value: 200 });
  const throwing = (): never => {
    throw new Error('mine');
  };
  expect(() => withNetwork(session, throwing)).toThrow('mine');
});

test('a program says whether it can reach the network', () => {
  expect(programUsesNetwork(programOf(`answer := ${get('http://a/')}`))).toBe(true);
  expect(programUsesNetwork(programOf('answer := net.lookup_ip_addr(input.name)'))).toBe(true);
  expect(programUsesNetwork(programOf('answer := time.now_ns()'))).toBe(false);
});

test('without a session both built-ins fail', () => {
  const instance = instantiate(programOf(`answer := ${get('http://a/')}`));
  expect(instance.evaluate('p/answer', {})).toStrictEqual({ kind: 'undefined' });
  expect(instance.evaluate('p/answer', {}, { strictBuiltinErrors: true })).toMatchObject({
    message: 'http.send: network access is not allowed',
  });
});

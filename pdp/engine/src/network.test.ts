import { expect, test } from '@jest/globals';
import { unsafeBuiltinsBut } from '@edict/bundle';
import { aDomain, anOperation, aPolicy, aResourceGroup, aRole, simplePolicies } from './domain-builder.ts';
import { compileSnapshot } from './compile-snapshot.ts';
import { decide, decideWithNetwork } from './decide.ts';
import { createPolicyEngine } from './policy-engine.ts';
import { loadSnapshot } from './snapshot.ts';
import { testContext } from './test-snapshot.ts';
import type { HttpAnswer, HttpRequest, NetworkAccess, NetworkPort } from '@edict/rego/network';
import type { AccessReference } from './access-record.ts';
import type { DecideContext } from './decide-context.ts';
import type { Snapshot } from './snapshot.ts';

/** A directory of who is on duty, which takes its time to answer on a clock of its own. */
class Directory implements NetworkPort {
  readonly asked: string[] = [];
  nowNs = 0;
  answer: HttpAnswer = {
    ok: true,
    response: {
      statusCode: 200,
      status: '200 OK',
      headers: [['Content-Type', 'application/json']],
      body: Buffer.from('{"onDuty": ["ada"]}'),
    },
  };

  readonly send = (request: HttpRequest): Promise<HttpAnswer> => {
    this.asked.push(request.url);
    this.nowNs += 5_000_000;
    return Promise.resolve(this.answer);
  };

  readonly lookup: NetworkPort['lookup'] = () => Promise.resolve({ ok: true, addresses: ['192.0.2.1'] });

  readonly context: DecideContext = {
    ...testContext,
    clock: { ...testContext.clock, monotonicNs: () => (this.nowNs += 100) },
  };

  access(over: Partial<NetworkAccess> = {}): NetworkAccess {
    return { port: this, allowedBuiltins: ['http.send', 'net.lookup_ip_addr'], ...over };
  }
}

const onDuty = (place: string) => `allow {
  response := http.send({"method": "get", "url": "http://directory.example/${place}"})
  response.body.onDuty[_] == input.principal.sub
}`;

const domain = aDomain({
  policies: [
    ...simplePolicies,
    aPolicy('orchard', onDuty('orchard')),
    aPolicy('barn', onDuty('barn')),
    aPolicy('lookup', 'allow { net.lookup_ip_addr("barn.example")["192.0.2.1"] }'),
  ],
  operations: [anOperation('op:.*', 'zero')],
  roles: [aRole('role:orchard', 'orchard'), aRole('role:yes', 'yes'), aRole('role:lookup', 'lookup')],
  resourceGroups: [aResourceGroup('rg', 'barn', { default: true })],
  scopes: [aRole('scope:barn', 'barn')],
});

function snapshotOf(allowed: readonly string[] = ['http.send']): Snapshot {
  const result = compileSnapshot([domain], { unsafeBuiltins: unsafeBuiltinsBut(allowed) });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return loadSnapshot(structuredClone(result.compiled));
}

const ask = (sub = 'ada', roles: readonly string[] = ['role:orchard']) => ({
  principal: { sub, mroles: roles, scopes: ['scope:barn'] },
  operation: 'op:open',
  resource: 'mrn:door',
});

test('policies of all phases ask the network, each request is made once, and the record is that of one decision', async () => {
  const directory = new Directory();
  const decision = decideWithNetwork(snapshotOf(), ask(), directory.context, directory.access());
  expect(decision).toBeInstanceOf(Promise);
  const { allow, record } = await decision;
  expect(allow).toBe(true);
  expect(directory.asked).toStrictEqual(['http://directory.example/orchard', 'http://directory.example/barn']);
  const consulted = record?.references.map(({ phase, decision: verdict }) => `${phase} ${verdict}`);
  expect(consulted).toStrictEqual(['SYSTEM GRANT', 'IDENTITY GRANT', 'RESOURCE GRANT', 'SCOPE GRANT']);
  const refused = await decideWithNetwork(snapshotOf(), ask('bob'), directory.context, directory.access());
  expect(refused.allow).toBe(false);
});

test('waiting is part of the time of the policy that waited, and of its phase', async () => {
  const directory = new Directory();
  const { record } = await decideWithNetwork(snapshotOf(), ask(), directory.context, directory.access());
  const timeOf = (phase: AccessReference['phase']) =>
    record?.references.find((reference) => reference.phase === phase)?.durationNs ?? 0;
  const isWait = (ns: number) => ns > 5_000_000 && ns < 6_000_000;
  expect([timeOf('IDENTITY'), timeOf('RESOURCE')].map(isWait)).toStrictEqual([true, true]);
  expect([timeOf('SYSTEM'), timeOf('SCOPE')].map((ns) => ns < 100_000)).toStrictEqual([true, true]);
  const { phaseDurations, durationNs = 0 } = record ?? {};
  expect(isWait(phaseDurations?.identity ?? 0)).toBe(true);
  expect(durationNs > 10_000_000 && durationNs < 12_000_000).toBe(true);
});

test('a decision that needs no answer is there at once', () => {
  const directory = new Directory();
  const context = { ...directory.context, probe: true };
  const porc = { principal: { sub: 'ada', mroles: [] }, operation: 'op:open', resource: 'mrn:door' };
  expect(decideWithNetwork(snapshotOf(), porc, context, directory.access())).toStrictEqual({
    allow: false,
    record: undefined,
  });
  expect(directory.asked).toStrictEqual([]);
});

test('a probe asks no more than it needs', async () => {
  const directory = new Directory();
  const context = { ...directory.context, probe: true };
  const decision = await decideWithNetwork(
    snapshotOf(),
    ask('ada', ['role:yes', 'role:orchard']),
    context,
    directory.access(),
  );
  expect(decision).toStrictEqual({ allow: true, record: undefined });
  expect(directory.asked).toStrictEqual(['http://directory.example/barn']);
});

test('a failure denies, and the record says what the network had to do with it', async () => {
  const directory = new Directory();
  const url = 'http://directory.example/orchard';
  directory.answer = {
    ok: false,
    failure: { kind: 'network', method: 'GET', url, message: 'context deadline exceeded', timedOut: true },
  };
  const { allow, record } = await decideWithNetwork(snapshotOf(), ask(), directory.context, directory.access());
  expect(allow).toBe(false);
  expect(record?.references.find(({ phase }) => phase === 'IDENTITY')).toMatchObject({
    decision: 'DENY',
    reasonCode: 'EVALUATION_ERROR',
    reason: `orchard: eval_builtin_error: data.authz.allow is undefined: http.send: Get ${url}: request timed out`,
  });
});

test('a built-in that is not allowed denies at once, says so, and is told of', async () => {
  const directory = new Directory();
  const refused: string[] = [];
  const access = directory.access({ allowedBuiltins: [], onRefused: (builtin) => void refused.push(builtin) });
  const decision = decideWithNetwork(snapshotOf(), ask('ada', ['role:lookup']), directory.context, access);
  expect(decision).not.toBeInstanceOf(Promise);
  const { allow, record } = await decision;
  expect(allow).toBe(false);
  expect(record?.references.find(({ phase }) => phase === 'IDENTITY')?.reason).toContain(
    'net.lookup_ip_addr is not among the built-ins that are allowed',
  );
  expect(refused).toStrictEqual(['net.lookup_ip_addr', 'http.send']);
});

test('without any network the same policies deny', () => {
  expect(decide(snapshotOf(), ask(), testContext).allow).toBe(false);
});

test('a port that breaks its promise denies, and nothing rejects', async () => {
  const directory = new Directory();
  const port: NetworkPort = { lookup: directory.lookup, send: () => Promise.reject(new TypeError('a bug')) };
  const { allow, record } = await decideWithNetwork(snapshotOf(), ask(), directory.context, directory.access({ port }));
  expect(allow).toBe(false);
  expect(record?.references).toMatchObject([{ reasonCode: 'UNKNOWN_ERROR', reason: 'TypeError: a bug' }]);
});

test('what is no PORC is refused as ever', async () => {
  const directory = new Directory();
  const decision = await decideWithNetwork(snapshotOf(), [], directory.context, directory.access());
  expect(decision.record?.references).toMatchObject([{ reasonCode: 'INVALPARAM_ERROR' }]);
});

test('a snapshot says whether its policies can ask the network', () => {
  expect(snapshotOf().usesNetwork).toBe(true);
  const result = compileSnapshot([aDomain({ policies: simplePolicies })]);
  if (!result.ok) throw new Error('does not compile');
  expect(loadSnapshot(result.compiled).usesNetwork).toBe(false);
});

test('policies that call http.send are refused unless it is allowed by name', () => {
  expect(compileSnapshot([domain], { unsafeBuiltins: unsafeBuiltinsBut([]) })).toMatchObject({
    ok: false,
    problems: [
      { message: expect.stringContaining('unsafe built-in function calls in expression: http.send') },
      { message: expect.stringContaining('unsafe built-in function calls in expression: http.send') },
    ],
  });
});

test('an embedded engine asks what it is given to ask', async () => {
  const directory = new Directory();
  const engine = await createPolicyEngine({ domains: [domain], network: directory.access() });
  expect((await engine.authorize(ask())).allow).toBe(true);
  expect((await engine.authorize(ask('bob'))).allow).toBe(false);
  await expect(createPolicyEngine({ domains: [domain] })).rejects.toThrow('http.send');
});

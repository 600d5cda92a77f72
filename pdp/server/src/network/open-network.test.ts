import { afterEach, expect, test } from '@jest/globals';
import { createLogger } from '../observability/logger.ts';
import { startPdp, type Pdp } from '../pdp.ts';
import { until } from '../testing/conditions.ts';
import { useFolders } from '../testing/folders.ts';
import { startServer, type Received } from '../testing/network-servers.ts';
import { craneDomainWithRego, liftRequest, publish, SET, TRUSTED_KEYS } from '../testing/revisions.ts';
import { TestOperator } from '../testing/test-operator.ts';
import type { NetworkSettings } from './open-network.ts';
import type { ServerResponse } from 'node:http';

const newFolder = useFolders();
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A PDP whose crane policy asks a registry, and that registry. */
async function start(answer: (request: Received, response: ServerResponse) => void, network: NetworkSettings) {
  const registry = await startServer(answer);
  closers.push(registry.close);
  const operator = new TestOperator();
  closers.push(() => Promise.resolve(operator.close()));
  const records: string[] = [];
  const pdp = await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir: await newFolder(),
    maxBodyBytes: 1_000_000,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    writeRecords: (bytes, done) => {
      records.push(...bytes.toString().trim().split('\n'));
      done(null);
    },
    logger: createLogger('error', () => undefined),
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    network,
  });
  closers.push(() => pdp.drain(0, 100));
  const offer = (n: number, request: string): void => {
    const rego = `package authz\n\nallow { http.send(${request}).body.licensed[_] == input.principal.sub }\n`;
    operator.publish(publish(n, [craneDomainWithRego(rego)]));
  };
  return { registry, operator, pdp, offer, records };
}

const serving = (pdp: Pdp, n: number) => () => pdp.sets.all.get(SET)?.n === n;

async function ask(pdp: Pdp): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${pdp.url}/decision`, { method: 'POST', headers, body: JSON.stringify(liftRequest(1)) });
  return [answer.status, await answer.json()];
}

const metric = (pdp: Pdp, name: string) => pdp.metrics.registry.getSingleMetricAsString(name);

test('a decision waits for what its policy asks, while others do not wait for it', async () => {
  const held: ServerResponse[] = [];
  const allowed = { allowedBuiltins: ['http.send'], allowedHosts: ['127.0.0.1'] } as const;
  const { registry, pdp, offer, records } = await start((_request, response) => void held.push(response), allowed);
  offer(1, `{"method": "get", "url": "${registry.url}/licences"}`);
  await until(serving(pdp, 1));
  const waiting = [ask(pdp), ask(pdp)];
  await until(() => held.length === 2);
  expect((await fetch(`${pdp.url}/readyz`)).status).toBe(200);
  const [first, second] = held;
  const type = { 'content-type': 'application/json' };
  first?.writeHead(200, type).end('{"licensed": ["ada"]}');
  second?.writeHead(200, type).end('{"licensed": []}');
  expect(await Promise.all(waiting)).toEqual(
    expect.arrayContaining([
      [200, { allow: true }],
      [200, { allow: false }],
    ]),
  );
  await until(() => records.length === 2);
  expect(registry.received).toMatchObject([
    { url: '/licences', headers: { 'user-agent': 'Edict/0.1.0' } },
    { url: '/licences' },
  ]);
  expect(await metric(pdp, 'pdp_network_requests_total')).toContain('{builtin="http.send",outcome="answered"} 2');
});

test('a request that takes too long denies, and the record says so', async () => {
  const allowed = { allowedBuiltins: ['http.send'], allowedHosts: ['127.0.0.1'], limits: { timeoutMs: 50 } } as const;
  const { registry, pdp, offer, records } = await start(() => undefined, allowed);
  offer(1, `{"method": "get", "url": "${registry.url}"}`);
  await until(serving(pdp, 1));
  expect(await ask(pdp)).toStrictEqual([200, { allow: false }]);
  await until(() => records.length === 1);
  expect(records[0]).toContain('request timed out');
  expect(await metric(pdp, 'pdp_network_requests_total')).toContain('{builtin="http.send",outcome="timeout"} 1');
});

test('a host that is not allowed denies, and nobody is asked', async () => {
  const { registry, pdp, offer, records } = await start(() => undefined, { allowedBuiltins: ['http.send'] });
  offer(1, `{"method": "get", "url": "${registry.url}"}`);
  await until(serving(pdp, 1));
  expect(await ask(pdp)).toStrictEqual([200, { allow: false }]);
  await until(() => records.length === 1);
  expect(records[0]).toContain('disallowed host: 127.0.0.1');
  expect(registry.sockets).toStrictEqual([]);
});

test('a revision whose policies call what is not allowed by name is refused with its place', async () => {
  const { operator, pdp, offer } = await start(() => undefined, {});
  offer(1, '{"method": "get", "url": "http://127.0.0.1/"}');
  const decision = await until(() => operator.decisionOf(SET, 1));
  expect(decision).toMatchObject({ type: 'Abort', cause: { reason: 'Nack' } });
  expect(JSON.stringify(decision)).toContain('unsafe built-in function calls in expression: http.send');
  expect(pdp.sets.all.size).toBe(0);
});

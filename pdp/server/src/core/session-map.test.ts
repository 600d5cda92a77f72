import { expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import type { NetworkAccess } from '@edict/engine';
import { ActiveSets } from '../active-sets.ts';
import { PageTokens } from '../http/authzen/page-token.ts';
import { authZenRoutes } from '../http/authzen/authzen-routes.ts';
import { createRouter } from '../http/router.ts';
import { envoyRoutes } from '../envoy/http-routes.ts';
import { aRequest } from '../testing/requests.ts';
import { craneDomain, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { useNetwork } from '../testing/use-network.ts';
import { createDecisionCore } from './decision-core.ts';

const network = useNetwork();

/** A mapper that asks a server of whom the request is, and a set that serves Envoy and AuthZEN with it. */
async function start(answer: (path: string) => string, access: Partial<NetworkAccess> = {}) {
  const asked: string[] = [];
  const server = await network.serve(({ url }, response) => {
    asked.push(url);
    response.setHeader('content-type', 'application/json');
    response.end(answer(url));
  });
  const rego = `package mapper
import rego.v1
who := http.send({"method": "get", "url": "${server.url}/who"}).body
load := http.send({"method": "get", "url": sprintf("${server.url}/load/%s", [who.name])}).body
porc := {"principal": {"sub": who.name, "mroles": [who.role]}, "operation": "crane:lift", "resource": "mrn:harbour:crane:7",
  "context": {"tons": load.tons}}
`;
  const sets = new ActiveSets();
  const mappers = [{ name: 'web', selector: ['.*'], rego }];
  sets.swap({
    ...{ set: SET, setUid: 'uid', n: 1, digest: `sha256:${'ab'.repeat(32)}`, activatedAtMs: 0 },
    snapshot: snapshotOf([craneDomain(5, { mappers })], {
      serving: Serving.parse({ envoy: { result: 'Mapper' }, authzen: { evaluation: 'Mapper' } }),
    }),
  });
  const audit = { room: () => true, record: () => undefined } as const;
  const { port } = network.open();
  const core = createDecisionCore({ sets, audit, network: { port, allowedBuiltins: ['http.send'], ...access } });
  const problems: string[] = [];
  const router = createRouter([
    ...envoyRoutes({ core, onProblem: (problem) => problems.push(problem) }),
    ...authZenRoutes({ core, pageTokens: new PageTokens(Buffer.alloc(32)), publicUrl: undefined }),
  ]);
  const check = async () => await router(aRequest({ method: 'GET', path: '/envoy/authz/loads', headers: {} }));
  const evaluate = async () => {
    const body = JSON.stringify({
      subject: { type: 'user', id: 'a' },
      action: { name: 'b' },
      resource: { type: 'c', id: 'd' },
    });
    return await router(
      aRequest({
        method: 'POST',
        path: '/access/v1/evaluation',
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(body),
      }),
    );
  };
  return { check, evaluate, asked, problems };
}

const crew = (tons: number) => (path: string) =>
  path === '/who' ? '{"name": "ada", "role": "mrn:harbour:role:operator"}' : `{"tons": ${tons}}`;

test.each([
  ['lets pass', 5, 200, true],
  ['stops', 6, 403, false],
])('what the network says of a request %s it, over Envoy and over AuthZEN', async (_name, tons, status, decision) => {
  const { check, evaluate, asked } = await start(crew(tons));
  expect((await check()).status).toBe(status);
  expect(asked).toStrictEqual(['/who', '/load/ada']);
  expect(JSON.parse((await evaluate()).body)).toMatchObject({ decision });
});

test('what the network does not say makes no PORC: the request is stopped', async () => {
  const { check, problems } = await start(() => '{}');
  expect((await check()).status).toBe(403);
  expect(problems).toStrictEqual(['mapper-undefined']);
});

test('a network that breaks stops the request, and nothing else', async () => {
  const broken = {
    send: () => Promise.reject(new Error('no wire')),
    lookup: () => Promise.reject(new Error('no wire')),
  };
  const { check, problems } = await start(crew(5), { port: broken });
  expect((await check()).status).toBe(403);
  expect(problems).toStrictEqual(['mapper-failed']);
});

test('a mapper whose call is not allowed makes no PORC', async () => {
  const { check, asked, problems } = await start(crew(5), { allowedBuiltins: [] });
  expect([(await check()).status, asked, problems]).toStrictEqual([403, [], ['mapper-undefined']]);
});

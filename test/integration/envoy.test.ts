import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findEnvoy, startEnvoy, type Envoy } from '../support/envoy.ts';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { libraryDomain } from '../support/pdp-from-disk.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  bootstrapOf,
  exampleDomain,
  startTestPdp,
  startUpstream,
  type Ports,
  type Received,
  type TestPdp,
} from './envoy-fixture.ts';

const INSTALL_MS = 300_000;
const ADA = { authorization: 'Bearer t-ada' };
const RULES = { documents: {}, envoy: { result: 'Rule' } } as const;

let pdp: TestPdp;
let envoy: Envoy;
let upstream: Server;
let ports: Ports;
let folder: string;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  findEnvoy();
  folder = await mkdtemp(join(tmpdir(), 'edict-envoy-test-'));
  pdp = await startTestPdp();
  pdp.serve('shop/shop', 1, exampleDomain(), RULES);
  pdp.serve('shop/partners', 1, libraryDomain('partners', { partners: PARTNERS }), RULES);
  const { port, server } = await startUpstream();
  upstream = server;
  const [envoyGrpc = 0, envoyOpen = 0, envoyHttp = 0, nowhere = 0] = await freePorts(4);
  ports = { envoyGrpc, envoyOpen, envoyHttp, nowhere, upstream: port, grpc: pdp.grpcPort, http: pdp.httpPort };
  envoy = await startEnvoy(bootstrapOf(ports, join(folder, 'access.log')));
}, INSTALL_MS);

afterAll(async () => {
  agent.destroy();
  await envoy.stop();
  await pdp.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  await rm(folder, { recursive: true });
});

const PARTNERS = `package envoy.authz
import rego.v1
allow := {"allowed": false, "http_status": 402, "body": input.attributes.contextExtensions["edict.dev/instance"]}
`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    call.on('error', reject).end(body);
  });
}

function received({ status, body }: Answer): Received {
  expect([status, body]).toStrictEqual([200, expect.stringContaining('{')]);
  return JSON.parse(body) as Received;
}

const json = (value: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { ...ADA, 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

describe('over gRPC', () => {
  test('what is allowed reaches the upstream with the headers of the policy', async () => {
    const got = received(await ask(ports.envoyGrpc, '/orders/1', { headers: { ...ADA, 'x-user': 'mallory' } }));
    expect(got.headers['x-user']).toBe('ada');
    expect(got.headers.authorization).toBeUndefined();
  });

  test('what is denied gets status and body of the policy', async () => {
    expect(await ask(ports.envoyGrpc, '/orders/1')).toMatchObject({ status: 403, body: 'no' });
    const moved = await ask(ports.envoyGrpc, '/products/2');
    expect([moved.status, moved.headers.location]).toStrictEqual([301, '/catalog']);
  });

  test('query parameters are changed', async () => {
    const got = received(await ask(ports.envoyGrpc, '/catalog?view=all&debug=1&page=2'));
    expect(got.url).toBe('/catalog?page=2&view=public');
  });

  test('policies read the body, and know when it is not whole', async () => {
    expect(received(await ask(ports.envoyGrpc, '/orders', json({ amount: 7 }))).body).toBe('{"amount":7}');
    expect((await ask(ports.envoyGrpc, '/orders', json({ amount: 700 }))).status).toBe(403);
    expect((await ask(ports.envoyGrpc, '/orders', json({ amount: 7, note: 'x'.repeat(100) }))).status).toBe(403);
    const broken = await ask(ports.envoyGrpc, '/orders', { ...json({}), body: '{"amount"' });
    expect([broken.status, broken.body]).toStrictEqual([400, expect.stringContaining('request_parse_error')]);
  });

  test('a route chooses the set', async () => {
    expect(await ask(ports.envoyGrpc, '/partners/x')).toMatchObject({ status: 402, body: 'shop/partners' });
  });

  test("Envoy's access log names decision and revision, and so does the record", async () => {
    await ask(ports.envoyGrpc, '/orders/logged', { headers: ADA });
    const line = await waitFor('the line of the log', () =>
      readFileSync(join(folder, 'access.log'), 'utf8')
        .split('\n')
        .find((text) => text.includes('/orders/logged')),
    );
    const { decision } = JSON.parse(line) as { decision: { decision_id: string; edict: object } };
    expect(decision.edict).toMatchObject({ set: 'shop/shop', revision: 1 });
    expect(pdp.records.some((record) => record.includes(decision.decision_id))).toBe(true);
  });

  test('a swap under load fails no decision', async () => {
    const revisions = Array.from({ length: 20 }, (_, index) => index + 2);
    const state = { swapping: true, asked: 0 };
    const failed: Answer[] = [];
    const load = async (): Promise<void> => {
      while (state.swapping) {
        const answer = await ask(ports.envoyGrpc, '/orders/1', { headers: ADA });
        state.asked++;
        if (answer.status !== 200) failed.push(answer);
      }
    };
    const clients = Array.from({ length: 8 }, load);
    for (const n of revisions) {
      const before = state.asked;
      await waitFor('some requests between two swaps', () => state.asked >= before + 10, { intervalMs: 1 });
      pdp.serve('shop/shop', n, exampleDomain(), RULES);
    }
    state.swapping = false;
    await Promise.all(clients);
    expect(failed).toStrictEqual([]);
    expect(pdp.sets.all.get('shop/shop')?.n).toBe(21);
  });
});

describe('over HTTP', () => {
  test('what is allowed reaches the upstream with the headers of the policy', async () => {
    const got = received(await ask(ports.envoyHttp, '/orders/1?a=b', { headers: { ...ADA, 'x-user': 'mallory' } }));
    expect([got.url, got.headers['x-user'], got.headers.authorization]).toStrictEqual([
      '/orders/1?a=b',
      'ada',
      undefined,
    ]);
  });

  test('what is denied gets status, headers and body of the policy', async () => {
    expect(await ask(ports.envoyHttp, '/orders/1')).toMatchObject({ status: 403, body: 'no' });
    const moved = await ask(ports.envoyHttp, '/products/2');
    expect([moved.status, moved.headers.location]).toStrictEqual([301, '/catalog']);
  });

  test('policies read the body', async () => {
    expect(received(await ask(ports.envoyHttp, '/orders', json({ amount: 7 }))).body).toBe('{"amount":7}');
    expect((await ask(ports.envoyHttp, '/orders', json({ amount: 700 }))).status).toBe(403);
  });
});

describe('when there is no answer', () => {
  test('a PDP that is away lets pass only where Envoy was told so', async () => {
    const got = received(await ask(ports.envoyOpen, '/orders/1'));
    expect(got.headers['x-envoy-auth-failure-mode-allowed']).toBe('true');
  });

  test('a set that is not there lets nothing pass, and is no deny of a policy', async () => {
    const before = pdp.records.length;
    pdp.sets.remove('shop/partners');
    const answer = await ask(ports.envoyGrpc, '/partners/x');
    expect(answer.status).toBe(403);
    expect(pdp.records).toHaveLength(before);
    const calls = await pdp.metrics.grpcCalls.get();
    const unavailable = calls.values.find(({ labels }) => labels.method === 'Check' && labels.code === 'UNAVAILABLE');
    expect(unavailable?.value).toBeGreaterThan(0);
  });

  test('a result that cannot be read is a deny', async () => {
    const odd = libraryDomain('odd', { odd: 'package envoy.authz\nallow := "yes"' });
    pdp.serve('shop/partners', 2, odd, RULES);
    expect(await ask(ports.envoyGrpc, '/partners/x')).toMatchObject({ status: 403, body: '' });
    const problems = await pdp.metrics.envoyProblems.get();
    expect(problems.values).toContainEqual(expect.objectContaining({ labels: { problem: 'unreadable-result' } }));
  });
});

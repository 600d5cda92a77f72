import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { PrometheusQuery } from '@edict/crds';
import { ANSWER_MAX_BYTES, queryPrometheus } from './query-prometheus.ts';

let server: Server;
let url: string;
let reply: { readonly status: number; readonly body: string } | undefined;
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    // Without a reply the question stays open.
    if (reply !== undefined) response.writeHead(reply.status).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const aQuery = (over: Partial<PrometheusQuery> = {}): PrometheusQuery => ({
  url: `${url}/`,
  query: 'rate(errors[1m])',
  max: 0.5,
  interval: '15s',
  timeout: '5s',
  onUnavailable: 'Pause',
  ...over,
});
const ask = (over: Partial<PrometheusQuery> = {}) => queryPrometheus(aQuery(over), new AbortController().signal);
const vector = (...values: readonly string[]) => ({
  status: 200,
  body: JSON.stringify({
    status: 'success',
    data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) },
  }),
});
const scalar = (value: string) => ({
  status: 200,
  body: JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, value] } }),
});

test.each<[string, () => { status: number; body: string }, Partial<PrometheusQuery>, string]>([
  ['a number within the limit passes', () => vector('0.2'), {}, 'Pass'],
  ['a number beyond the limit fails', () => vector('0.2', '0.7'), {}, 'Fail'],
  ['a number below the least fails', () => scalar('0.2'), { min: 0.3 }, 'Fail'],
  ['infinity is beyond every limit', () => vector('+Inf'), {}, 'Fail'],
  ['NaN says nothing', () => vector('NaN'), {}, 'Unknown'],
  ['no number says nothing', () => vector(), {}, 'Unknown'],
  ['an error says nothing', () => ({ status: 400, body: '{}' }), {}, 'Unknown'],
  ['what is no JSON says nothing', () => ({ status: 200, body: '<html>' }), {}, 'Unknown'],
  [
    'a matrix says nothing',
    () => ({ status: 200, body: '{"status":"success","data":{"resultType":"matrix"}}' }),
    {},
    'Unknown',
  ],
  [
    'an answer without end says nothing',
    () => ({ status: 200, body: ' '.repeat(ANSWER_MAX_BYTES + 1) }),
    {},
    'Unknown',
  ],
  ['silence passes only where the query says so', () => vector(), { onUnavailable: 'Pass' }, 'Pass'],
])('%s', async (_name, answer, over, verdict) => {
  reply = answer();
  expect((await ask(over)).verdict).toBe(verdict);
});

test('asks the API of Prometheus for the query', async () => {
  reply = vector('0.2');
  await ask();
  expect(asked).toStrictEqual(['/api/v1/query?query=rate%28errors%5B1m%5D%29&timeout=5000ms']);
});

test('a Prometheus that does not answer in time is away', async () => {
  reply = undefined;
  const { verdict, message } = await ask({ timeout: '50ms' });
  expect(verdict).toBe('Unknown');
  expect(message).toContain('Prometheus is away');
});

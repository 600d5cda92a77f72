/**
 * Fuzzes the HTTP APIs of a whole PDP process: `node test/fuzz/http.ts [--seconds N] [--seed N] [--schemathesis COMMAND] [--examples N]`.
 *
 * First raw sockets: requests of every API, cut, repeated, spliced and with bytes changed, several at a time and some never
 * ended. Every answer has to be an HTTP answer that is no 500, the process has to live, its log has to name no failure, and at
 * the end it has to decide as at the beginning. Then, where schemathesis (PyPI) is installed, requests that it derives from the
 * OpenAPI document, none of which may get a server error. The seed is printed; exits with 1 if anything was wrong.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { domainOf, startPdpFromDisk, type DiskPdp } from '../support/pdp-from-disk.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    schemathesis: { type: 'string', default: 'schemathesis' },
    examples: { type: 'string', default: '40' },
  },
});

const DOMAIN = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: library}
spec:
  policy-libraries:
    - {mrn: doors, rego: "package doors\\nopen { input.key == data.keys[_] }\\ndefault open = false"}
  policies:
    - {mrn: door, rego: "package authz\\ndefault allow = 0"}
    - {mrn: anyone, rego: "package authz\\ndefault allow = true"}
  roles: [{mrn: member, policy: anyone}]
  resource-groups: [{mrn: books, default: true, policy: anyone}]
  operations: [{name: all, selector: ['book:.*'], policy: door}]
  mappers: [{name: web, selector: ['.*'], rego: "package mapper\\nporc = {\\"operation\\": \\"book:read\\", \\"principal\\": {\\"sub\\": \\"a\\"}, \\"resource\\": \\"mrn:b\\"}"}]
  data: {keys: [a, b]}
`;
const PORC = JSON.stringify({ principal: { sub: 'a', mroles: ['member'] }, operation: 'book:read', resource: 'mrn:b' });
const EVALUATION = JSON.stringify({
  subject: { type: 'user', id: 'a' },
  action: { name: 'book:read' },
  resource: { type: 'book', id: '1' },
});

/** Bounds of a connection: how long an answer may take, and how many are asked at once. */
const ANSWER_MS = 5_000;
const CONCURRENT = 8;

const seeds = [
  request('POST', '/decision', PORC),
  request('POST', '/decision?probe=true&explain=true', PORC, ['Policy-Set: fuzz/library', 'Policy-Wait: 1ms']),
  request('POST', '/decisions', `[${PORC},${PORC}]`),
  request('POST', '/v1/data/doors/open?pretty&explain=full&metrics', '{"input":{"key":"a"}}'),
  request('GET', '/v1/data/keys/0?input=%7B%7D', ''),
  request('POST', '/v0/data/doors', '{"key":"a"}'),
  request('PUT', '/v1/policies/a', 'package a'),
  request('POST', '/access/v1/evaluation', EVALUATION),
  request('POST', '/access/v1/evaluations', `{"evaluations":[${EVALUATION}]}`),
  request('GET', '/.well-known/authzen-configuration', ''),
  request('GET', '/v1/status', '', ['Expect: 100-continue']),
  request('HEAD', '/readyz', ''),
  `POST /decision HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${PORC.length.toString(16)}\r\n${PORC}\r\n0\r\n\r\n`,
  request('POST', '/decision', 'porc=%7B%7D', ['Content-Type: application/x-www-form-urlencoded']),
].map((text) => Buffer.from(text, 'latin1'));

/** What parsers trip over. */
const TOKENS = [
  ...['\r\n', '\r', '\n', '\0', ' ', ':', '%', '%zz', '%00', '../', '//', '?', '#', '\x7f', '\xff\xfe', '\xed\xa0\x80'],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: -1\r\n',
    'Content-Length: 99999999999\r\n',
    'Transfer-Encoding: chunked\r\n',
  ],
  ...[
    'Transfer-Encoding: gzip, chunked\r\n',
    'Content-Encoding: gzip\r\n',
    'Upgrade: h2c\r\n',
    'traceparent: 00-0-0-0\r\n',
  ],
  ...[
    'Policy-At-Least: x@99999999999999999999\r\n',
    'Policy-Wait: 9e9h\r\n',
    'Policy-Set: ../../etc\r\n',
    'HTTP/9.9',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
  ...[
    '{',
    '[',
    '"',
    '\\u0000',
    '\\ud800',
    '1e999',
    '-0',
    '__proto__',
    '"constructor":{}',
    '['.repeat(3000),
    '{"a":'.repeat(3000),
  ],
  'A'.repeat(70_000),
].map((text) => Buffer.from(text, 'latin1'));

let state = Number(options.seed) >>> 0;
/** A whole number below `bound`, from the seed alone (mulberry32). */
function below(bound: number): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
}

const problems: string[] = [];
const pdp = await startPdpFromDisk([
  { set: 'fuzz/library', domains: [domainOf(DOMAIN)], serving: { documents: {}, opa: {}, authzen: {}, envoy: {} } },
]);
try {
  await fuzzSockets(pdp);
  await fuzzWithSchemathesis(pdp);
  await checkAlive(pdp);
} finally {
  await pdp.stop();
}
for (const problem of problems.slice(0, 20)) console.error(problem);
console.log(`${problems.length} problems, seed ${options.seed}`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function fuzzSockets({ url }: DiskPdp): Promise<void> {
  const until = performance.now() + Number(options.seconds) * 1000;
  const statuses = new Map<string, number>();
  let sent = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < until && problems.length < 100) {
      const bytes = mutated();
      sent++;
      for (const status of await exchange(Number(new URL(url).port), bytes)) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === '500') problems.push(`500 for ${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, one));
  const told = [...statuses].sort(([a], [b]) => a.localeCompare(b)).map(([status, count]) => `${status}: ${count}`);
  console.log(`${sent} byte streams; answers ${told.join(', ')}`);
}

function mutated(): Buffer {
  let bytes = pick(seeds);
  for (let turn = below(5); turn > 0; turn--) {
    const at = below(bytes.length + 1);
    const to = Math.min(bytes.length, at + below(64));
    const parts = [
      [bytes.subarray(0, at), pick(TOKENS), bytes.subarray(at)],
      [bytes.subarray(0, at), bytes.subarray(to)],
      [bytes.subarray(0, to), bytes.subarray(at)],
      [bytes.subarray(0, at)],
      [bytes.subarray(0, at), Buffer.from([below(256)]), bytes.subarray(at + 1)],
      [bytes, pick(seeds)],
      [bytes.subarray(0, at), pick(seeds)],
    ];
    bytes = Buffer.concat(pick(parts));
  }
  return bytes;
}

function pick<T>(from: readonly T[]): T {
  const one = from[below(from.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

/** Sends bytes and ends; resolves with the statuses that came. Anything that is no HTTP answer is a problem. */
async function exchange(port: number, bytes: Buffer): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  // A reset while we are sending is an answer too: the server has said enough.
  socket.on('error', () => undefined);
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  socket.write(bytes);
  // Some hang up at once, some half-close, some let the server wait a little.
  const way = below(4);
  if (way === 0) socket.destroySoon();
  else if (way < 3) socket.end();
  else setTimeout(() => socket.destroy(), 20 + below(80));
  await once(socket, 'close');
  if (text !== '' && !/^HTTP\/1\.[01] \d{3} /.test(text) && !bytes.includes('PRI * HTTP/2')) {
    problems.push(`no HTTP answer: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return [...text.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)].map(([, status = '']) => status);
}

async function fuzzWithSchemathesis({ url }: DiskPdp): Promise<void> {
  if (spawnSync(options.schemathesis, ['--version']).error !== undefined) {
    console.log('schemathesis is not installed (pip install schemathesis): left out');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'edict-fuzz-'));
  const config = join(folder, 'schemathesis.toml');
  // A set that is not there is 503 by design, what OPA has and we have not 501; 500 never is, but for OPA's custom health checks.
  await writeFile(config, '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501, 503]\n');
  const args = [
    '--config-file',
    config,
    'run',
    `${url}/openapi.yaml`,
    '--checks',
    'not_a_server_error',
    '--seed',
    options.seed,
  ];
  const bounds = [
    '--exclude-path-regex',
    '^/health/',
    '--max-examples',
    options.examples,
    '--phases',
    'examples,coverage,fuzzing',
    '--no-color',
  ];
  const child = spawn(options.schemathesis, [...args, ...bounds], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const [code] = (await once(child, 'close')) as [number | null];
  await rm(folder, { recursive: true });
  console.log(/^=+ SUMMARY.*$/ms.exec(text)?.[0] ?? text);
  if (code !== 0) problems.push(`schemathesis ended with ${String(code)}:\n${text.slice(-6000)}`);
}

/** Whether it lives, has logged no failure, and decides as it should. */
async function checkAlive(running: DiskPdp): Promise<void> {
  if (running.process.exitCode !== null) problems.push(`the PDP ended with ${running.process.exitCode}`);
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${running.url}/decision`, { method: 'POST', headers, body: PORC });
  const text = await response.text();
  if (response.status !== 200 || text !== '{"allow":true}\n') problems.push(`at the end: ${response.status} ${text}`);
  for (const line of running.output().split('\n')) {
    if (line.includes('"level":"error"') || line.includes('Unhandled') || line.includes('TypeError'))
      problems.push(line);
  }
}

function request(method: string, path: string, body: string, headers: readonly string[] = []): string {
  const given = headers.some((header) => header.startsWith('Content-Type')) ? [] : ['Content-Type: application/json'];
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    ...given,
    ...headers,
    `Content-Length: ${body.length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

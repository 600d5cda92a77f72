/**
 * Fuzzes the HTTP APIs of a whole PDP process: `node test/fuzz/http.ts [--seconds N] [--seed N] [--examples N]`.
 *
 * First raw sockets: requests of every API, cut, repeated, spliced and with bytes changed, several at a time and some never
 * ended. Every answer has to be an HTTP answer that is no 500. Then requests that schemathesis derives from the OpenAPI
 * document, none of which may get a server error; it is installed into the cache folder where it is missing. At the end the
 * process has to live, its log to name no failure, and it has to decide as at the beginning. The seed is printed; ends with
 * "N passed, N failed", and exits with 1 if anything was wrong.
 */
import { connect } from 'node:net';
import { domainOf, startPdpFromDisk, type DiskPdp } from '../support/pdp-from-disk.ts';
import { ByteStreams } from './byte-streams.ts';
import { ensureSchemathesis, runSchemathesis } from './schemathesis.ts';
import { readArguments } from '../support/read-arguments.ts';

const options = readArguments(import.meta.filename, {
  seconds: { type: 'string', default: '20' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  examples: { type: 'string', default: '40' },
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
/** Problems of one kind after which there is nothing more to learn. */
const MAX_PROBLEMS = 20;

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

const streams = new ByteStreams(seeds, Number(options.seed));
console.log(`seed ${options.seed}`);
const pdp = await startPdpFromDisk([
  { set: 'fuzz/library', domains: [domainOf(DOMAIN)], serving: { documents: {}, opa: {}, authzen: {}, envoy: {} } },
]);
let passed = 0;
let failed = 0;
try {
  await check('byte streams get HTTP answers and no 500', fuzzSockets);
  await fuzzWithSchemathesis();
  await check('it lives, has logged no failure, and decides as at the beginning', checkAlive);
} finally {
  await pdp.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** One thing that holds unless there are problems. */
async function check(name: string, problemsOf: (pdp: DiskPdp) => Promise<readonly string[]>): Promise<void> {
  const problems = await problemsOf(pdp).catch((error: unknown) => [String(error)]);
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name}`);
  for (const problem of problems.slice(0, MAX_PROBLEMS)) console.error(problem);
  if (problems.length === 0) passed++;
  else failed++;
}

async function fuzzSockets({ url }: DiskPdp): Promise<readonly string[]> {
  const problems: string[] = [];
  const until = performance.now() + Number(options.seconds) * 1000;
  const statuses = new Map<string, number>();
  let sent = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < until && problems.length < MAX_PROBLEMS) {
      const bytes = streams.next();
      sent++;
      const text = await exchange(Number(new URL(url).port), bytes);
      if (text !== '' && !/^HTTP\/1\.[01] \d{3} /.test(text) && !bytes.includes('PRI * HTTP/2')) {
        problems.push(`no HTTP answer: ${JSON.stringify(text.slice(0, 200))}`);
      }
      for (const [, status = ''] of text.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === '500') problems.push(`500 for ${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, one));
  const told = [...statuses].sort(([a], [b]) => a.localeCompare(b)).map(([status, count]) => `${status}: ${count}`);
  console.log(`${sent} byte streams; answers ${told.join(', ')}`);
  return problems;
}

/** Sends bytes and ends; resolves with what came. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  // A reset while we are sending is an answer too: the server has said enough.
  socket.on('error', () => undefined);
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  socket.write(bytes);
  // Some hang up at once, some half-close, some let the server wait a little.
  const way = streams.below(4);
  if (way === 0) socket.destroySoon();
  else if (way < 3) socket.end();
  else setTimeout(() => socket.destroy(), 20 + streams.below(80));
  await closed;
  return text;
}

/** Left out where it cannot be installed; in CI nothing is left out. */
async function fuzzWithSchemathesis(): Promise<void> {
  const found = await ensureSchemathesis((line) => console.log(line)).then(
    (program) => ({ program }),
    (error: unknown) => ({ problem: `schemathesis cannot be installed: ${String(error)}` }),
  );
  if ('problem' in found && process.env['CI'] === undefined) {
    console.log(`left out: requests of the OpenAPI document. ${found.problem}`);
    return;
  }
  await check('requests of the OpenAPI document get no server error', async ({ url }) => {
    if ('problem' in found) return [found.problem];
    const { seed, examples } = options;
    const { ok, text, summary } = await runSchemathesis({ program: found.program, url, seed, examples });
    console.log(summary);
    return ok ? [] : [text.slice(-6000)];
  });
}

async function checkAlive(running: DiskPdp): Promise<readonly string[]> {
  if (running.process.exitCode !== null) return [`the PDP ended with ${running.process.exitCode}`];
  const problems: string[] = [];
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${running.url}/decision`, { method: 'POST', headers, body: PORC });
  const text = await response.text();
  if (response.status !== 200 || text !== '{"allow":true}\n') problems.push(`at the end: ${response.status} ${text}`);
  for (const line of running.output().split('\n')) {
    if (line.includes('"level":"error"') || line.includes('Unhandled') || line.includes('TypeError'))
      problems.push(line);
  }
  return problems;
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

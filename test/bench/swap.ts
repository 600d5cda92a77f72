/**
 * Measures what swaps of policy cost requests: an operator over a folder and a PDP, each a process, joined by gRPC and HTTPS as
 * in a cluster; a policy is edited once a second, compiled, rolled out and swapped to, while clients ask all the time:
 *
 *   node test/bench/swap.ts [--minutes N] [--connections N] [--policies DIR] [--every MS] [--segment SECONDS]
 *                           [--operator background|beside] [--idle] [--source]
 *
 * In a cluster the operator is on another node. Here it shares the cores with the PDP and its clients: by default it runs when
 * they leave one (`chrt --idle`), so that what is measured is what a swap costs the PDP; with `--operator beside` it competes.
 * Segments with and without edits take turns, so that both see the same machine; --minutes is the time with edits. The edited
 * rule asks the policy `a_rbac` of DIR, whose data are part of the same documents: all of it is prepared anew for each revision.
 * Every answer names its edition: a wrong decision, one revision with two editions, a connection that goes back in time, or
 * no answer at all is a failure, and so is a run in which less than half of the edits became a revision. Prints a table; exits
 * with 1 on a failure. --idle asks nothing and prints the memory of a PDP that compiled what an operator gave it, and then was left alone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { quantile } from '../support/figures.ts';
import { startPdpFromDisk } from '../support/pdp-from-disk.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { libraryRegoOf, readPolicies } from './policies.ts';
import { loadWith, type LoadFigures, type Question } from './server/http-load.ts';
import { pdpProgram } from './server/pdp-program.ts';
import { cpuSecondsOf, residentMbOf } from './server/process-figures.ts';
import { printTable } from './server/table.ts';
import { readArguments } from '../support/read-arguments.ts';

const options = readArguments(import.meta.filename, {
  minutes: { type: 'string', default: '5' },
  connections: { type: 'string', default: '16' },
  policies: { type: 'string', default: join(import.meta.dirname, '../../../shared/bench/policies') },
  every: { type: 'string', default: '1000' },
  segment: { type: 'string', default: '15' },
  operator: { type: 'string', default: 'background' },
  idle: { type: 'boolean', default: false },
  source: { type: 'boolean', default: false },
});

if (!['background', 'beside'].includes(options.operator)) throw new Error('--operator is background or beside');
const IDLE_SECONDS = 25;
const base = await mkdtemp(join(tmpdir(), 'edict-swap-'));
const folder = join(base, 'policies');
const tls = join(base, 'tls');
let edition = 0;
/** The edition that each revision turned out to have. */
const editions = new Map<number, number>();
const failures: string[] = [];

try {
  await run();
} catch (error) {
  failures.push(error instanceof Error ? error.message : String(error));
} finally {
  await rm(base, { recursive: true, force: true });
}
if (failures.length > 0) {
  console.error(`${failures.length} failures, the first: ${failures[0] ?? ''}`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const questions = await writePolicies();
  await writeCertificates();
  const operator = await startOperator();
  try {
    const program = await pdpProgram(options.source);
    const pdp = await startPdpFromDisk([], {
      ...program,
      env: {
        ...program.env,
        EDICT_PDP_OPERATOR_ADDRESS: `localhost:${operator.streamPort}`,
        EDICT_PDP_BUNDLES_URL: `https://localhost:${operator.artifactsPort}`,
        EDICT_PDP_CA_FILE: join(tls, 'ca.crt'),
        EDICT_PDP_TOKEN_FILE: join(tls, 'token'),
        EDICT_PDP_KEYS_FILE: join(tls, 'keys.json'),
      },
    });
    try {
      if (options.idle) await measureIdle(pdp.process.pid ?? 0);
      else await measure(pdp.url, pdp.process.pid ?? 0, questions);
    } finally {
      await pdp.stop();
    }
  } finally {
    operator.process.kill('SIGTERM');
    await once(operator.process, 'exit');
  }
}

/** The thread that compiled ends after some seconds without work, and the process gives memory back after that. */
async function measureIdle(pid: number): Promise<void> {
  const before = cpuSecondsOf(pid);
  await delay(IDLE_SECONDS * 1000);
  const cpu = cpuSecondsOf(pid) - before;
  console.log(
    `idle ${residentMbOf(pid).toFixed(1)} MB after ${IDLE_SECONDS} s, in which it used ${cpu.toFixed(2)} s of CPU`,
  );
}

async function measure(url: string, pid: number, questions: readonly Question[]): Promise<void> {
  const segmentSeconds = Number(options.segment);
  const segments = Math.max(1, Math.round((Number(options.minutes) * 60) / segmentSeconds));
  const quiet = newSeries('no swaps');
  const swapping = newSeries('swaps');
  const load = async (series: Series, seconds: number): Promise<void> => {
    const before = cpuSecondsOf(pid);
    const figures = await loadWith(questions, {
      url,
      connections: Number(options.connections),
      seconds,
      onAnswer: watcher(series),
    });
    add(series, figures, cpuSecondsOf(pid) - before);
  };
  await load(newSeries('warm-up'), 3);
  const editsBefore = edition;
  const revisionsBefore = editions.size;
  for (let segment = 0; segment < segments; segment++) {
    await load(quiet, segmentSeconds);
    const edits = setInterval(() => void writeEdition(), Number(options.every));
    await load(swapping, segmentSeconds);
    clearInterval(edits);
  }
  const edits = edition - editsBefore;
  const swaps = editions.size - revisionsBefore;
  if (swaps < edits / 2) failures.push(`only ${swaps} of ${edits} edits became revisions that were served`);
  const [quietP99, swapP99] = [quiet, swapping].map(({ latencies }) => quantile(latencies, 0.99));
  printTable(`${edits} edits, ${swaps} swaps seen, ${options.connections} connections, operator ${options.operator}`, [
    row(quiet),
    row(swapping),
  ]);
  console.log(
    `\nfailed decisions ${quiet.failed + swapping.failed}; p99 with swaps is ` +
      `${((swapP99 ?? 0) / (quietP99 ?? 1)).toFixed(2)} times that without; memory ${residentMbOf(pid).toFixed(0)} MB`,
  );
}

interface Series {
  readonly name: string;
  readonly latencies: number[];
  requests: number;
  seconds: number;
  cpuSeconds: number;
  failed: number;
}

function newSeries(name: string): Series {
  return { name, latencies: [], requests: 0, seconds: 0, cpuSeconds: 0, failed: 0 };
}

function add(series: Series, figures: LoadFigures, cpuSeconds: number): void {
  for (const latency of figures.latencies) series.latencies.push(latency);
  series.requests += figures.requests;
  series.seconds += figures.seconds;
  series.cpuSeconds += cpuSeconds;
  series.failed += figures.wrongAnswers;
  if (figures.wrong !== undefined) failures.push(figures.wrong);
}

function row(series: Series): Readonly<Record<string, string>> {
  const ms = (share: number): string => `${quantile(series.latencies, share).toFixed(2)} ms`;
  return {
    '': series.name,
    'requests/s': Math.round(series.requests / series.seconds).toLocaleString('en'),
    p50: ms(0.5),
    p99: ms(0.99),
    'p99.9': ms(0.999),
    longest: ms(1),
    'CPU per request': `${((series.cpuSeconds / series.requests) * 1e6).toFixed(1)} µs`,
    failed: String(series.failed),
  };
}

/** Checks the order of revisions: one asked for after a newer one was answered must not be older. */
function watcher(series: Series): (head: string, sentAt: number, receivedAt: number) => void {
  let newest = 0;
  let newestAt = 0;
  return (text, sentAt, receivedAt) => {
    const revision = Number(/^policy-revision: (\d+)/im.exec(text)?.[1]);
    const served = Number(/"edition":(\d+)/.exec(text)?.[1]);
    const known = editions.get(revision);
    if (known === undefined) editions.set(revision, served);
    else if (known !== served) fail(series, `revision ${revision} answered with editions ${known} and ${served}`);
    if (revision < newest && sentAt > newestAt) fail(series, `revision ${revision} after ${newest}`);
    if (revision > newest) {
      newest = revision;
      newestAt = receivedAt;
    }
  };
}

function fail(series: Series, why: string): void {
  series.failed++;
  failures.push(why);
}

/** The policies, the set that serves them, and what to ask. */
async function writePolicies(): Promise<readonly Question[]> {
  const policy = readPolicies(options.policies).find(({ name }) => name === 'a_rbac');
  if (policy === undefined) throw new Error(`no policy a_rbac in ${options.policies}`);
  await mkdir(folder);
  const spec = { 'policy-libraries': [{ mrn: 'rbac', rego: libraryRegoOf(policy) }], data: policy.readData() };
  await write('rbac', domain('rbac', spec));
  await write('set', {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicySet',
    metadata: { name: 'default' },
    spec: { serving: { documents: {}, opa: {} } },
  });
  await writeEdition();
  return policy.inputs.map((input, index) => ({
    path: '/v1/data/edition/answer',
    body: JSON.stringify({ input }),
    check: (text) => {
      const { result } = JSON.parse(text) as { readonly result?: { readonly allow?: unknown } };
      if (!isDeepStrictEqual(result?.allow, policy.expected[index])) throw new Error(`input ${index}: ${text}`);
    },
  }));
}

async function writeEdition(): Promise<void> {
  edition++;
  const rego = `package edition\n\nanswer := {"edition": ${edition}, "allow": data.bench.allow}\n`;
  await write('edition', domain('edition', { 'policy-libraries': [{ mrn: 'edition', rego }] }));
}

function domain(name: string, spec: object): object {
  return { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: { name }, spec };
}

/** Whole or not at all: the operator must not read half a file. */
async function write(name: string, object: object): Promise<void> {
  const aside = join(base, `${name}.json`);
  await writeFile(aside, JSON.stringify(object));
  await rename(aside, join(folder, `${name}.json`));
}

async function writeCertificates(): Promise<void> {
  const authority = await createAuthority(tls);
  await issueCertificate(authority, 'tls', '/CN=localhost', ['IP:127.0.0.1', 'DNS:localhost']);
  await writeFile(join(tls, 'token'), 'bench');
}

async function startOperator(): Promise<{
  readonly process: ChildProcess;
  readonly streamPort: number;
  readonly artifactsPort: number;
}> {
  const program = join(import.meta.dirname, 'server/folder-operator.ts');
  const [command = '', ...args] = [
    ...(options.operator === 'background' ? ['chrt', '--idle', '0'] : []),
    ...[process.execPath, program, folder, tls],
  ];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.once('error', (error) => console.error(`${command}: ${error.message}; try --operator beside`));
  for await (const line of createInterface({ input: child.stdout })) {
    const [, streamPort, artifactsPort] = /^ready (\d+) (\d+)$/.exec(line) ?? [];
    if (artifactsPort !== undefined) {
      return { process: child, streamPort: Number(streamPort), artifactsPort: Number(artifactsPort) };
    }
  }
  throw new Error('the operator ended before it was ready');
}

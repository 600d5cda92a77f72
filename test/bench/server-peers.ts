/**
 * Measures a whole PDP process beside its peers, over HTTP on this machine:
 *
 *   node test/bench/server-peers.ts [--work opa,manetu] [--policies DIR] [--porc DIR] [--opa FILE] [--rounds N] [--seconds N]
 *     [--connections N] [--client wrk|node] [--client-cores LIST] [--workers N] [--records file|none] [--source]
 *     [--reference FILE] [--reference-rps N] [--reference-cpu-us N]
 *
 * opa: the policy `a_rbac` of DIR (see test/bench/engine.ts), asked of OPA's own server and of a PDP through OPA's API, in turns,
 * over 16 connections. OPA, as by default, writes no record of its decisions; the PDP writes one of each to a file, or also none
 * with --records none. manetu: the domains and
 * questions of Manetu's healthcare and multi-tenant examples, over 8 connections, beside the reference engine, `mpe` at
 * --reference, in turns; both write their records to files. Without --reference it is not run: its figures are options, and the
 * table says so. wrk is used where it is installed, since a client in Node needs as much CPU as the server;
 * then every answer's body is checked before and after each round, and during it by the client in Node. Prints tables; exits
 * with 1 on a wrong answer, and only then: machines differ. `taskset --cpu-list 0 node ... --client-cores 1` gives the servers one
 * core and the client another.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { quantile } from '../support/figures.ts';
import { domainOf, startPdpFromDisk } from '../support/pdp-from-disk.ts';
import { libraryRegoOf, readPolicies, type BenchPolicy } from './policies.ts';
import { loadWith, type Question } from './server/http-load.ts';
import { NO_RECORDS } from './server/no-records.ts';
import { startOpaServer, type ServerProcess } from './server/opa-process.ts';
import { pdpProgram } from './server/pdp-program.ts';
import { cpuSecondsOf, residentMbOf } from './server/process-figures.ts';
import { startReferenceServer } from './server/reference-process.ts';
import { printTable } from './server/table.ts';
import { hasWrk, loadWithWrk } from './server/wrk.ts';
import { readArguments } from '../support/read-arguments.ts';

const shared = join(import.meta.dirname, '../../../shared');
const options = readArguments(import.meta.filename, {
  work: { type: 'string', default: 'opa,manetu' },
  policies: { type: 'string', default: join(shared, 'bench/policies') },
  porc: { type: 'string', default: join(shared, 'conformance/porc') },
  opa: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '5' },
  connections: { type: 'string' },
  client: { type: 'string', default: hasWrk() ? 'wrk' : 'node' },
  'client-cores': { type: 'string' },
  workers: { type: 'string' },
  records: { type: 'string', default: 'file' },
  source: { type: 'boolean', default: false },
  reference: { type: 'string' },
  'reference-rps': { type: 'string', default: '2070' },
  'reference-cpu-us': { type: 'string', default: '1000' },
});
const WARM_UP_SECONDS = 2;

/** What is measured: a running server and what it is asked. */
interface Contender {
  readonly name: string;
  readonly server: ServerProcess;
  readonly questions: readonly Question[];
}

interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  readonly wrongAnswers: number;
}

/** What the reference engine gave elsewhere, for runs without it. */
const GIVEN_REFERENCE: Result = {
  perSecond: Number(options['reference-rps']),
  cpuMicros: Number(options['reference-cpu-us']),
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
  residentMb: Number.NaN,
};

type Result = Omit<Round, 'wrongAnswers'> & { readonly residentMb: number };

let wrongAnswers = 0;
const program = await pdpProgram(options.source);
try {
  for (const work of options.work.split(',')) {
    if (work === 'opa') await besideOpa();
    else if (work === 'manetu') await manetusWork();
    else throw new Error(`no work ${work}: opa, manetu`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
if (wrongAnswers > 0) {
  console.error(`${wrongAnswers} wrong answers`);
  process.exitCode = 1;
}

async function besideOpa(): Promise<void> {
  const policy = readPolicies(options.policies).find(({ name }) => name === 'a_rbac');
  if (policy === undefined) throw new Error(`no policy a_rbac in ${options.policies}`);
  const connections = Number(options.connections ?? 16);
  const pdp = await startPdp([documentsDomain(policy)], true);
  const opa = await startOpaServer(options.opa, policy.source, policy.readData());
  try {
    const contenders = [
      { name: 'Edict', server: pdp, questions: dataQuestions(policy) },
      { name: 'OPA 1.22', server: opa, questions: dataQuestions(policy) },
    ];
    const [ours, theirs] = await measureInTurns(contenders, connections);
    printTable(`rbac through OPA's API, ${connections} connections, client ${options.client}`, [
      row('Edict', ours, theirs),
      row('OPA 1.22', theirs, theirs),
    ]);
  } finally {
    await Promise.all([pdp.stop(), opa.stop()]);
  }
}

async function manetusWork(): Promise<void> {
  const connections = Number(options.connections ?? 8);
  for (const name of ['ex-healthcare-hipaa', 'ex-multi-tenant-saas']) {
    const file = join(options.porc, 'domains', name, 'policydomain.yml');
    if (!existsSync(file)) throw new Error(`no domain ${file}: name the folder with --porc`);
    const questions = porcQuestions(name);
    const pdp = await startPdp([readFileSync(file, 'utf8')], false);
    const reference = options.reference === undefined ? undefined : await startReferenceServer(options.reference, file);
    try {
      const contenders = [{ name: 'Edict', server: pdp, questions }];
      if (reference !== undefined) contenders.push({ name: 'reference engine', server: reference, questions });
      const [ours, theirs = GIVEN_REFERENCE] = await measureInTurns(contenders, connections);
      printTable(`${name}, POST /decision with records, ${connections} connections, client ${options.client}`, [
        row('Edict', ours, theirs),
        row(reference === undefined ? 'reference engine (not run: as given)' : 'reference engine', theirs, theirs),
      ]);
    } finally {
      await Promise.all([pdp.stop(), reference?.stop()]);
    }
  }
}

/** A PDP that serves these domains from its disk and writes records to a file, unless --records has it write none. */
async function startPdp(domains: readonly string[], servesDocuments: boolean): Promise<ServerProcess> {
  const set = {
    set: 'bench/set',
    domains: domains.map(domainOf),
    ...(servesDocuments ? { serving: { documents: {}, opa: {} } } : {}),
  };
  const variables = {
    ...(options.workers === undefined ? {} : { EDICT_PDP_WORKERS: options.workers }),
    ...(servesDocuments && options.records === 'none' ? NO_RECORDS : {}),
  };
  const {
    url,
    process: child,
    stop,
  } = await startPdpFromDisk([set], { ...program, env: { ...program.env, ...variables } });
  return { url, stop, pid: child.pid ?? 0 };
}

function documentsDomain(policy: BenchPolicy): string {
  return JSON.stringify({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
    metadata: { name: 'rbac' },
    spec: { 'policy-libraries': [{ mrn: 'rbac', rego: libraryRegoOf(policy) }], data: policy.readData() },
  });
}

function dataQuestions({ entrypoint, inputs, expected }: BenchPolicy): readonly Question[] {
  return inputs.map((input, index) => ({
    path: `/v1/data/${entrypoint}`,
    body: JSON.stringify({ input }),
    check: (answer) => {
      const { result = null } = JSON.parse(answer) as { readonly result?: unknown };
      if (!isDeepStrictEqual(result, expected[index])) throw new Error(`input ${index}: ${answer}`);
    },
  }));
}

function porcQuestions(name: string): readonly Question[] {
  const lines = readFileSync(join(options.porc, 'cases', `${name}.jsonl`), 'utf8').split('\n');
  return lines.filter(Boolean).map((line) => {
    const { id, porc, expect } = JSON.parse(line) as {
      readonly id: string;
      readonly porc: unknown;
      readonly expect: { readonly decision: string };
    };
    const allow = expect.decision === 'GRANT';
    return {
      path: '/decision',
      body: JSON.stringify(porc),
      check: (answer) => {
        if ((JSON.parse(answer) as { readonly allow?: unknown }).allow !== allow) throw new Error(`${id}: ${answer}`);
      },
    };
  });
}

/** Rounds in which each contender has its turn, so that all see the same machine; of each the median counts. */
async function measureInTurns(contenders: readonly Contender[], connections: number): Promise<readonly Result[]> {
  const rounds = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  for (const contender of contenders) await verify(contender, connections, WARM_UP_SECONDS);
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const contender of contenders) {
      rounds.get(contender.name)?.push(await measureRound(contender, connections));
      if (options.client === 'wrk') await verify(contender, 1, 0);
    }
  }
  return contenders.map(({ name, server }) => {
    const own = rounds.get(name) ?? [];
    const middle = (of: (one: Round) => number): number => quantile(own.map(of), 0.5);
    wrongAnswers += own.reduce((sum, one) => sum + one.wrongAnswers, 0);
    return {
      perSecond: middle(({ perSecond }) => perSecond),
      p50Ms: middle(({ p50Ms }) => p50Ms),
      p99Ms: middle(({ p99Ms }) => p99Ms),
      cpuMicros: middle(({ cpuMicros }) => cpuMicros),
      residentMb: residentMbOf(server.pid),
    };
  });
}

async function measureRound({ server, questions }: Contender, connections: number): Promise<Round> {
  const load = { url: server.url, connections, seconds: Number(options.seconds) };
  const before = cpuSecondsOf(server.pid);
  const spent = (requests: number): number => ((cpuSecondsOf(server.pid) - before) / requests) * 1e6;
  if (options.client === 'wrk') {
    const figures = await loadWithWrk(questions, { ...load, cores: options['client-cores'] });
    return { ...figures, cpuMicros: spent(figures.requests) };
  }
  const { requests, seconds, latencies, wrongAnswers: wrong } = await loadWith(questions, load);
  const [p50Ms, p99Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  return { perSecond: requests / seconds, p50Ms, p99Ms, cpuMicros: spent(requests), wrongAnswers: wrong };
}

/** Asks every question at least once and checks each answer. @throws Error that says what is wrong */
async function verify({ name, server, questions }: Contender, connections: number, seconds: number): Promise<void> {
  for (const { path, body, check } of questions) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${name} answers ${response.status}: ${text}`);
    check(text);
  }
  if (seconds === 0) return;
  const { wrong } = await loadWith(questions, { url: server.url, connections, seconds });
  if (wrong !== undefined) throw new Error(`${name}: ${wrong}`);
}

function row(name: string, ours: Result | undefined, theirs: Result | undefined): Readonly<Record<string, string>> {
  if (ours === undefined || theirs === undefined) throw new Error(`${name} was not measured`);
  const times = (ratio: number): string => (Number.isFinite(ratio) ? ` (${ratio.toFixed(2)}x)` : '');
  return {
    server: name,
    'requests/s': `${Math.round(ours.perSecond).toLocaleString('en')}${times(ours.perSecond / theirs.perSecond)}`,
    p50: milliseconds(ours.p50Ms),
    p99: `${milliseconds(ours.p99Ms)}${times(ours.p99Ms / theirs.p99Ms)}`,
    'CPU per request': `${ours.cpuMicros.toFixed(1)} µs${times(ours.cpuMicros / theirs.cpuMicros)}`,
    memory: Number.isNaN(ours.residentMb) ? '' : `${ours.residentMb.toFixed(0)} MB`,
  };
}

function milliseconds(ms: number): string {
  return Number.isNaN(ms) ? '' : `${ms.toFixed(2)} ms`;
}

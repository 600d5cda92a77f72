/**
 * Measures our engine against functions written by hand for the same policies, in interleaved rounds, answers checked:
 *
 *   node test/bench/engine.ts [--policies DIR] [--hand FILE] [--peers opa,opa-wasm,regorus|all] [--peer FILE]...
 *     [--rounds N] [--batch-ms N] [--only NAME]
 *
 * DIR has a folder for each policy (`policy.rego`, `entry.txt`, `data.json` or `data.json.gz`, `inputs.json`,
 * `expected.json`); the FILE of --hand exports `direct` and `indexed`. --peers builds other engines and measures them in
 * the same rounds; one that cannot be built here is left out. The FILE of --peer exports `name` and
 * `load(policy) => (input) => answer`. The last line is `geomean=N worst=N times hand-written`. Exits with 1 on a wrong answer.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { compile, instantiate } from '@edict/rego';
import { parseJsonBytes } from '@edict/rego/values';
import type { Instance, Value } from '@edict/rego';
import { importPeer, preparePeers } from './peers/named-peers.ts';
import { inProcess, type LoadedPeer, type Peer } from './peers/peer.ts';
import { readHandModule, readPolicies, type BenchPolicy, type HandModule } from './policies.ts';
import { repeat } from './repeat.ts';
import { measureInRounds, timing } from './rounds.ts';
import { readArguments } from '../support/read-arguments.ts';

const shared = join(import.meta.dirname, '../../../shared/bench');
const options = readArguments(import.meta.filename, {
  policies: { type: 'string', default: join(shared, 'policies') },
  hand: { type: 'string', default: join(shared, 'hand.mjs') },
  peers: { type: 'string', default: '' },
  peer: { type: 'string', multiple: true, default: [] },
  rounds: { type: 'string', default: '9' },
  'batch-ms': { type: 'string', default: '40' },
  only: { type: 'string' },
});

interface Row {
  readonly policy: string;
  readonly ns: ReadonlyMap<string, number>;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const policies = readPolicies(options.policies).filter(({ name }) => name.includes(options.only ?? ''));
  const hand = await readHandModule(options.hand);
  const peers = [...(await preparePeers(options.peers)), ...(await Promise.all(options.peer.map(importPeer)))];
  const rows: Row[] = [];
  for (const policy of policies) rows.push(await measurePolicy(policy, hand, peers));
  printTables(rows, peers);
}

async function measurePolicy(policy: BenchPolicy, hand: HandModule, peers: readonly Peer[]): Promise<Row> {
  const { entrypoint, inputs } = policy;
  const instance = load(policy);
  const direct = handWritten(hand.direct, policy, 'direct');
  const engines: [name: string, loaded: LoadedPeer][] = [
    ['edict', inProcess(inputs, (input) => valueOf(instance, entrypoint, input))],
    ['direct', inProcess(inputs, direct)],
    ['indexed', inProcess(inputs, handWritten(hand.indexed, policy, 'indexed'))],
  ];
  try {
    for (const peer of peers) engines.push([peer.name, await peer.load(policy)]);
    for (const [name, loaded] of engines) checkAnswers(policy, name, loaded);

    const texts = inputs.map((input) => Buffer.from(JSON.stringify(input)));
    const readAndDecide = (text: Buffer): Value => valueOf(instance, entrypoint, readInput(text));
    const parseAndDecide = (text: Buffer): unknown => direct(JSON.parse(text.toString('utf8')));
    const ns = await measureInRounds(
      [
        ...engines.map(([name, { timeNs }]) => ({ name, timeNs })),
        { name: 'edict from JSON', timeNs: timing(repeat(texts, readAndDecide)) },
        { name: 'direct from JSON', timeNs: timing(repeat(texts, parseAndDecide)) },
      ],
      { rounds: Number(options.rounds), batchMs: Number(options['batch-ms']) },
    );
    return { policy: policy.name, ns };
  } finally {
    for (const [, { close }] of engines) await close();
  }
}

function load(policy: BenchPolicy): Instance {
  const { name, source, entrypoint } = policy;
  const result = compile([{ name: `${name}.rego`, source }], { entrypoints: [entrypoint] });
  if (!result.ok) throw new Error(`${name}: ${result.diagnostics.map(({ message }) => message).join('; ')}`);
  return instantiate(result.program, { data: policy.readData() });
}

function valueOf(instance: Instance, entrypoint: string, input: Value): Value {
  const outcome = instance.evaluate(entrypoint, input);
  if (outcome.kind === 'error') throw new Error(`${outcome.code}: ${outcome.message}`);
  return outcome.kind === 'value' ? outcome.value : undefined;
}

function readInput(text: Buffer): Value {
  const parsed = parseJsonBytes(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
}

function handWritten(functions: HandModule['direct'], policy: BenchPolicy, form: string): (input: unknown) => unknown {
  const make = functions[policy.name];
  if (make === undefined) throw new Error(`${options.hand} has no ${form} function for ${policy.name}`);
  return make(policy.readData());
}

function checkAnswers({ name: policy, expected }: BenchPolicy, name: string, loaded: LoadedPeer): void {
  const comparable = loaded.isUnordered === true ? sorted : (answer: unknown): unknown => answer;
  expected.forEach((wanted, index) => {
    const got = loaded.answers[index];
    if (!isDeepStrictEqual(comparable(got), comparable(wanted))) {
      throw new Error(
        `${policy}: ${name} answers ${JSON.stringify(got)} to input ${String(index)}, not ${JSON.stringify(wanted)}`,
      );
    }
  });
}

/** JSON with the elements of every array in the order of their texts. */
function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map((element) => JSON.stringify(sorted(element))).sort();
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json)
      .sort()
      .map(([key, member]) => [key, sorted(member)]),
  );
}

function printTables(rows: readonly Row[], peers: readonly Peer[]): void {
  const names = ['edict', 'direct', 'indexed', 'edict from JSON', 'direct from JSON'];
  const ratios = rows.map(({ ns }) => ratio(ns, 'edict', 'direct'));
  console.log('ns per decision');
  printTable([
    ['policy', ...names, 'to direct', 'to indexed', 'from JSON'],
    ...rows.map(({ policy, ns }) => [
      policy,
      ...names.map((name) => timeOf(ns, name).toFixed(0)),
      ratio(ns, 'edict', 'direct').toFixed(2),
      ratio(ns, 'edict', 'indexed').toFixed(2),
      ratio(ns, 'edict from JSON', 'direct from JSON').toFixed(2),
    ]),
  ]);
  if (peers.length > 0) printPeers(rows, peers);
  const fromJson = rows.map(({ ns }) => ratio(ns, 'edict from JSON', 'direct from JSON'));
  console.log(
    `from JSON bytes: geomean=${geometricMean(fromJson).toFixed(2)} worst=${Math.max(...fromJson).toFixed(2)} times JSON.parse and hand-written`,
  );
  if (peers.length > 0) {
    const means = peers.map(({ name }) => {
      const mean = geometricMean(rows.map(({ ns }) => ratio(ns, name, 'edict')));
      return `${name}=${mean.toFixed(1)}`;
    });
    console.log(`peers: geomean ${means.join(' ')} times edict`);
  }
  console.log(`geomean=${geometricMean(ratios).toFixed(2)} worst=${Math.max(...ratios).toFixed(2)} times hand-written`);
}

/** The peers of the same rounds: ns per decision, and how many times what edict takes that is. */
function printPeers(rows: readonly Row[], peers: readonly Peer[]): void {
  console.log('\npeers, ns per decision, and times edict');
  printTable([
    ['policy', 'edict', ...peers.flatMap(({ name }) => [name, 'times'])],
    ...rows.map(({ policy, ns }) => [
      policy,
      timeOf(ns, 'edict').toFixed(0),
      ...peers.flatMap(({ name }) => [timeOf(ns, name).toFixed(0), ratio(ns, name, 'edict').toFixed(1)]),
    ]),
  ]);
  console.log('');
}

function timeOf(ns: ReadonlyMap<string, number>, name: string): number {
  return ns.get(name) ?? NaN;
}

function ratio(ns: ReadonlyMap<string, number>, name: string, to: string): number {
  return timeOf(ns, name) / timeOf(ns, to);
}

function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, n) => sum + Math.log(n), 0) / numbers.length);
}

/** Names to the left, numbers to the right. */
function printTable(lines: readonly (readonly string[])[]): void {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  for (const cells of lines) {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(padded.join('  '));
  }
}

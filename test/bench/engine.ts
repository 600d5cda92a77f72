/**
 * Measures our engine against functions written by hand for the same policies, in interleaved rounds, answers checked:
 *
 *   node test/bench/engine.ts [--policies DIR] [--hand FILE] [--peer FILE]... [--rounds N] [--batch-ms N] [--only NAME]
 *
 * DIR has a folder for each policy (`policy.rego`, `entry.txt`, `data.json` or `data.json.gz`, `inputs.json`,
 * `expected.json`); FILE exports `direct` and `indexed`. A peer is a module that exports `name` and
 * `load(policy) => (input) => answer`. The last line is `geomean=N worst=N times hand-written`. Exits with 1 on a wrong answer.
 */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { compile, instantiate, parseJson, toJson } from '@edict/rego';
import type { Instance, Value } from '@edict/rego';
import { readHandModule, readPolicies, type BenchPolicy, type HandModule } from './policies.ts';
import { measureInRounds, type Contender } from './rounds.ts';

const shared = join(import.meta.dirname, '../../../shared/bench');
const { values: options } = parseArgs({
  options: {
    policies: { type: 'string', default: join(shared, 'policies') },
    hand: { type: 'string', default: join(shared, 'hand.mjs') },
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '9' },
    'batch-ms': { type: 'string', default: '40' },
    only: { type: 'string' },
  },
});

/** Another engine: `load` answers each input as OPA's JSON, undefined where there is no answer. */
interface Peer {
  readonly name: string;
  readonly load: (policy: BenchPolicy) => Promise<(input: unknown) => unknown>;
}

interface Row {
  readonly policy: string;
  readonly ns: ReadonlyMap<string, number>;
}

/** What the last batch gave: keeps the JIT from leaving the work out. */
const sink: { last: unknown } = { last: undefined };

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const policies = readPolicies(options.policies).filter(({ name }) => name.includes(options.only ?? ''));
  const hand = await readHandModule(options.hand);
  const peers = await Promise.all(
    options.peer.map(async (file) => (await import(pathToFileURL(resolve(file)).href)) as Peer),
  );
  const rows: Row[] = [];
  for (const policy of policies) rows.push(await measurePolicy(policy, hand, peers));
  printTables(rows, peers);
}

async function measurePolicy(policy: BenchPolicy, hand: HandModule, peers: readonly Peer[]): Promise<Row> {
  const answers: [string, (input: unknown) => unknown][] = [];
  const instance = load(policy);
  const { entrypoint } = policy;
  answers.push(['edict', (input) => valueOf(instance, entrypoint, input)]);
  const direct = handWritten(hand.direct, policy, 'direct');
  const indexed = handWritten(hand.indexed, policy, 'indexed');
  answers.push(['direct', direct], ['indexed', indexed]);
  for (const peer of peers) answers.push([peer.name, await peer.load(policy)]);
  for (const [name, answer] of answers) checkAnswers(policy, name, answer);

  const { inputs } = policy;
  const texts = inputs.map((input) => Buffer.from(JSON.stringify(input)));
  const contenders: Contender[] = answers.map(([name, answer]) => ({ name, run: repeat(inputs, answer) }));
  contenders.push(
    { name: 'edict from JSON', run: repeat(texts, (text) => valueOf(instance, entrypoint, readInput(text))) },
    { name: 'direct from JSON', run: repeat(texts, (text) => direct(JSON.parse(text.toString('utf8')))) },
  );
  return {
    policy: policy.name,
    ns: measureInRounds(contenders, { rounds: Number(options.rounds), batchMs: Number(options['batch-ms']) }),
  };
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
  const parsed = parseJson(text.toString('utf8'));
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
}

function handWritten(functions: HandModule['direct'], policy: BenchPolicy, form: string): (input: unknown) => unknown {
  const make = functions[policy.name];
  if (make === undefined) throw new Error(`${options.hand} has no ${form} function for ${policy.name}`);
  return make(policy.readData());
}

function checkAnswers(policy: BenchPolicy, name: string, answer: (input: unknown) => unknown): void {
  policy.inputs.forEach((input, index) => {
    const value = answer(input);
    const got = value === undefined ? null : (JSON.parse(JSON.stringify(toJson(value))) as unknown);
    const expected = policy.expected[index] ?? null;
    if (!isDeepStrictEqual(got, expected)) {
      throw new Error(
        `${policy.name}: ${name} answers ${JSON.stringify(got)} to input ${String(index)}, not ${JSON.stringify(expected)}`,
      );
    }
  });
}

/** A function for each contender, so that the JIT specialises its loop for it alone. */
function repeat<T>(inputs: readonly T[], answer: (input: T) => unknown): (count: number) => void {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- constant text
  const make = new Function(
    'inputs',
    'answer',
    'keep',
    `return (count) => {
      let last, at = 0;
      for (let i = 0; i < count; i++) { last = answer(inputs[at]); if (++at === inputs.length) at = 0; }
      keep(last);
    };`,
  ) as (inputs: readonly T[], answer: (input: T) => unknown, keep: (value: unknown) => void) => (count: number) => void;
  return make(inputs, answer, (value) => {
    sink.last = value;
  });
}

function printTables(rows: readonly Row[], peers: readonly Peer[]): void {
  const names = ['edict', 'direct', 'indexed', ...peers.map(({ name }) => name), 'edict from JSON', 'direct from JSON'];
  const ratios = rows.map(({ ns }) => ratio(ns, 'edict', 'direct'));
  console.log('ns per decision');
  console.log(
    line(['policy', ...names, 'to direct', 'to indexed', 'from JSON', ...peers.map(({ name }) => `${name} to edict`)]),
  );
  for (const { policy, ns } of rows) {
    console.log(
      line([
        policy,
        ...names.map((name) => (ns.get(name) ?? NaN).toFixed(0)),
        ratio(ns, 'edict', 'direct').toFixed(2),
        ratio(ns, 'edict', 'indexed').toFixed(2),
        ratio(ns, 'edict from JSON', 'direct from JSON').toFixed(2),
        ...peers.map(({ name }) => ratio(ns, name, 'edict').toFixed(0)),
      ]),
    );
  }
  for (const { name } of peers) {
    console.log(`${name}: ${geometricMean(rows.map(({ ns }) => ratio(ns, name, 'edict'))).toFixed(1)} times edict`);
  }
  const fromJson = rows.map(({ ns }) => ratio(ns, 'edict from JSON', 'direct from JSON'));
  console.log(
    `from JSON bytes: geomean=${geometricMean(fromJson).toFixed(2)} worst=${Math.max(...fromJson).toFixed(2)} times JSON.parse and hand-written`,
  );
  console.log(`geomean=${geometricMean(ratios).toFixed(2)} worst=${Math.max(...ratios).toFixed(2)} times hand-written`);
}

function ratio(ns: ReadonlyMap<string, number>, name: string, to: string): number {
  return (ns.get(name) ?? NaN) / (ns.get(to) ?? NaN);
}

function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, n) => sum + Math.log(n), 0) / numbers.length);
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(12) : cell.padStart(Math.max(9, cell.length + 1))))
    .join(' ');
}

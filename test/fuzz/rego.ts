/**
 * Compares our compiler with a real OPA on random programs, inputs and base documents:
 *
 *   node test/fuzz/rego.ts [--minutes N] [--seed N] [--opa FILE] [--keep DIR] [--most N]
 *
 * OPA is built from its Go module unless `--opa` names a binary. Every difference is printed with its seed, minimised,
 * and written to DIR as a case that the unit tests of the compiler run. Exits with 1 if there was one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compile, instantiate, parseJson, stringify, toJson } from '@edict/rego';
import type { Value } from '@edict/rego';
import { findOpa, OpaServer } from './opa-server.ts';
import { baseDocument, moduleText, randomProgram, type RandomRule } from './random-program.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    opa: { type: 'string' },
    keep: { type: 'string', default: join(import.meta.dirname, '../../pdp/rego/src/found') },
    most: { type: 'string', default: '10' },
  },
});

/** What either engine makes of a module and an input. */
type Answer = { readonly value: string } | { readonly error: string };

interface Difference {
  readonly rules: readonly RandomRule[];
  readonly input: string;
  readonly opa: Answer;
  readonly ours: Answer;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const server = await OpaServer.start(findOpa(options.opa));
  try {
    await server.putData('base', baseDocument);
    await fuzz(server);
  } finally {
    server.stop();
  }
}

async function fuzz(server: OpaServer): Promise<void> {
  const first = options.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(options.seed);
  const deadline = Date.now() + Number(options.minutes) * 60_000;
  const counts = { programs: 0, accepted: 0, answers: 0, values: 0, differences: 0 };
  console.log(`seeds from ${String(first)}`);
  for (let seed = first; Date.now() < deadline && counts.differences < Number(options.most); seed++) {
    const { rules, inputs } = randomProgram(seed);
    counts.programs++;
    let accepted = false;
    for (const input of inputs) {
      const { opa, ours } = await compareOnce(server, rules, input);
      counts.answers++;
      if (!('error' in opa) || opa.error.startsWith('eval_')) accepted = true;
      if ('value' in opa && opa.value !== '{}') counts.values++;
      if (!isDifferent(opa, ours)) {
        if (!accepted) break;
        continue;
      }
      counts.differences++;
      report(seed, await minimise(server, { rules, input, opa, ours }));
      break;
    }
    if (accepted) counts.accepted++;
  }
  console.log(
    `${String(counts.programs)} programs, ${String(counts.accepted)} accepted, ${String(counts.answers)} answers, ` +
      `${String(counts.values)} with a value, ${String(counts.differences)} differences`,
  );
  if (counts.differences > 0) process.exitCode = 1;
}

async function compareOnce(
  server: OpaServer,
  rules: readonly RandomRule[],
  input: string,
): Promise<{ readonly opa: Answer; readonly ours: Answer }> {
  const source = moduleText(rules);
  const verdict = await server.putModule(source);
  return { opa: await opaAnswer(server, verdict.codes, input), ours: ourAnswer(source, input) };
}

async function opaAnswer(server: OpaServer, codes: readonly string[], input: string): Promise<Answer> {
  if (codes.length > 0) return { error: [...new Set(codes)].sort().join(' ') };
  const answer = await server.evaluate('fuzz', input);
  if (answer.code !== undefined) return { error: answer.code };
  const reply = readJson(answer.result ?? '{}') as { readonly result?: Value };
  return { value: reply.result === undefined ? 'undefined' : stringify(reply.result) };
}

function ourAnswer(source: string, input: string): Answer {
  const compiled = compile([{ name: 'fuzz.rego', source }], { entrypoints: ['fuzz'] });
  if (!compiled.ok) return { error: [...new Set(compiled.diagnostics.map(({ code }) => code))].sort().join(' ') };
  const data = { base: readJson(baseDocument) };
  const outcome = instantiate(compiled.program, { data }).evaluate('fuzz', readJson(input));
  if (outcome.kind === 'error') return { error: outcome.code };
  return { value: outcome.kind === 'undefined' ? 'undefined' : stringify(toJson(outcome.value)) };
}

function readJson(text: string): Value {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
}

function isDifferent(a: Answer, b: Answer): boolean {
  return 'value' in a ? !('value' in b) || a.value !== b.value : !('error' in b) || a.error !== b.error;
}

/** Takes rules, literals, tails and members of the input away as long as the engines still differ alike. */
async function minimise(server: OpaServer, difference: Difference): Promise<Difference> {
  let best = difference;
  const kind = (d: { readonly opa: Answer; readonly ours: Answer }): string =>
    [d.opa, d.ours].map((answer) => ('error' in answer ? answer.error : 'value')).join('/');
  const attempt = async (rules: readonly RandomRule[], input: string): Promise<boolean> => {
    if (rules.length === 0) return false;
    const answers = await compareOnce(server, rules, input);
    if (!isDifferent(answers.opa, answers.ours) || kind(answers) !== kind(difference)) return false;
    best = { rules, input, ...answers };
    return true;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const candidate of smaller(best.rules)) {
      if (await attempt(candidate, best.input)) {
        changed = true;
        break;
      }
    }
    if (changed) continue;
    const input = JSON.parse(best.input) as Record<string, unknown>;
    for (const key of Object.keys(input)) {
      const rest = Object.fromEntries(Object.entries(input).filter(([name]) => name !== key));
      if (await attempt(best.rules, JSON.stringify(rest))) {
        changed = true;
        break;
      }
    }
  }
  return best;
}

function* smaller(rules: readonly RandomRule[]): Iterable<readonly RandomRule[]> {
  for (let i = 0; i < rules.length; i++) yield rules.filter((_, index) => index !== i);
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    if (rule === undefined) continue;
    const replaced = (other: RandomRule): readonly RandomRule[] => rules.map((r, index) => (index === i ? other : r));
    for (let l = 0; l < rule.literals.length; l++) {
      yield replaced({ ...rule, literals: rule.literals.filter((_, index) => index !== l) });
    }
    if (rule.tail !== '') yield replaced({ ...rule, tail: '' });
  }
}

function report(seed: number, { rules, input, opa, ours }: Difference): void {
  const source = moduleText(rules);
  const found = { seed, source, data: { base: readJson(baseDocument) }, input: readJson(input), expected: opa };
  console.log(
    `seed ${String(seed)}\n${source}input ${input}\nOPA  ${JSON.stringify(opa)}\nours ${JSON.stringify(ours)}\n`,
  );
  mkdirSync(options.keep, { recursive: true });
  const name = createHash('sha256').update(source).update(input).digest('hex').slice(0, 12);
  writeFileSync(
    join(options.keep, `${name}.json`),
    `${stringify(found, { indentation: { prefix: '', indent: '  ' } })}\n`,
  );
}

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from '@edict/rego/values';
import { isDifferent, isInternal, isOtherFailure, load, readJson, type Question } from './compare.ts';
import { minimise, type Difference } from './minimise.ts';
import { findOpa, OpaBrokeOff, OpaServer } from './opa-server.ts';
import { baseDocument } from './random-json.ts';
import { moduleText, randomProgram } from './random-program.ts';

const usage = `Compares our compiler with a real OPA on random programs, inputs and base documents.

  npm run -s fuzz:rego -- [options]

  --minutes N  how long to go on (default 5)
  --seed N     the first seed; every program has the next (default: random)
  --programs N most programs (default: as many as the time allows)
  --opa FILE   an OPA to compare with (default: one that is built from its Go module)
  --keep DIR   where to write differences, as cases that the unit tests of the compiler run
               (default pdp/rego/src/found)
  --most N     end after so many differences (default 10)
  --help       this text

Every difference is printed with its seed, as small as it could be made. Exits with 1 if there was one. Counted apart:
answers that OPA gives up on with an internal error, programs that it panics or ends at (then it is started again), and
what test/fuzz/README.md names.`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    programs: { type: 'string', default: 'Infinity' },
    opa: { type: 'string' },
    keep: { type: 'string', default: join(import.meta.dirname, '../../pdp/rego/src/found') },
    most: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});

/** Milliseconds between two lines of progress. */
const PROGRESS = 30_000;

interface Counts {
  programs: number;
  accepted: number;
  answers: number;
  values: number;
  /** Answers that OPA gave up on, by its own account. */
  internal: number;
  /** Programs at which OPA broke off: it panicked, or its stack overflowed. */
  brokeOff: number;
  /** Both fail, each with another failure first. */
  otherFailures: number;
  /** OPA alone fails, in the index of a comprehension. */
  index: number;
  /** Another one of equal numbers is kept. */
  spelling: number;
  differences: number;
}

try {
  if (options.help) console.log(usage);
  else await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const limits = { minutes: readNumber('minutes'), programs: readNumber('programs'), most: readNumber('most') };
  const first = options.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : readNumber('seed');
  const server = await OpaServer.start(findOpa(options.opa));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.stop();
      process.exit(1);
    });
  }
  try {
    await server.putData('base', baseDocument);
    await fuzz(server, first, limits);
  } finally {
    server.stop();
  }
}

function readNumber(name: 'minutes' | 'programs' | 'most' | 'seed'): number {
  const value = Number(options[name]);
  if (Number.isNaN(value) || value < 0) throw new Error(`--${name} takes a number, not ${String(options[name])}`);
  return value;
}

async function fuzz(
  server: OpaServer,
  first: number,
  limits: { readonly minutes: number; readonly programs: number; readonly most: number },
): Promise<void> {
  const start = Date.now();
  const deadline = start + limits.minutes * 60_000;
  const counts: Counts = {
    programs: 0,
    accepted: 0,
    answers: 0,
    values: 0,
    internal: 0,
    brokeOff: 0,
    otherFailures: 0,
    index: 0,
    spelling: 0,
    differences: 0,
  };
  console.log(`seeds from ${String(first)}`);
  let told = start;
  for (let seed = first; ; seed++) {
    const now = Date.now();
    if (now >= deadline || counts.programs >= limits.programs || counts.differences >= limits.most) break;
    if (now - told >= PROGRESS) {
      told = now;
      console.log(`${String(Math.round((now - start) / 1000))} s: ${summary(counts)}`);
    }
    try {
      await trySeed(server, seed, counts);
    } catch (cause) {
      if (cause instanceof OpaBrokeOff) {
        await server.recover();
        counts.brokeOff++;
        continue;
      }
      throw new Error(`seed ${String(seed)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  console.log(summary(counts));
  if (counts.differences > 0) process.exitCode = 1;
}

async function trySeed(server: OpaServer, seed: number, counts: Counts): Promise<void> {
  const { module, inputs } = randomProgram(seed);
  const found = async (question: Question, answers: Difference['answers']): Promise<void> => {
    counts.differences++;
    report(seed, await minimise(server, { module, question, answers }));
  };
  counts.programs++;
  const loaded = await load(server, module);
  if (isDifferent(loaded.load)) return found({ input: '{}', strict: false }, loaded.load);
  if (!loaded.accepted) return;
  counts.accepted++;
  for (const [index, input] of inputs.entries()) {
    // The last input is asked strictly: what others found undefined may have been errors.
    const question = { input, strict: index === inputs.length - 1 };
    const answers = await loaded.ask(question);
    if (isInternal(answers)) counts.internal++;
    if (isOtherFailure(answers)) counts.otherFailures++;
    if (answers.excuse !== undefined) counts[answers.excuse]++;
    counts.answers++;
    if ('value' in answers.opa && answers.opa.value !== '{}') counts.values++;
    if (isDifferent(answers)) return found(question, answers);
  }
}

function summary({
  programs,
  accepted,
  answers,
  values,
  internal,
  brokeOff,
  otherFailures,
  index,
  spelling,
  differences,
}: Counts): string {
  return (
    `${String(programs)} programs, ${String(accepted)} accepted, ${String(answers)} answers, ` +
    `${String(values)} with a value, ${String(internal)} that OPA gave up on, ${String(brokeOff)} programs that it broke off at, ` +
    `${String(otherFailures)} that fail in both, with another failure first, ` +
    `${String(index)} that fail in an index of OPA alone, ${String(spelling)} with numbers in another spelling, ` +
    `${String(differences)} differences`
  );
}

function report(seed: number, { module, question: { input, strict }, answers: { opa, ours } }: Difference): void {
  const source = moduleText(module);
  console.log(
    `seed ${String(seed)}\n${source}input ${input}${strict ? ', strict' : ''}\n` +
      `OPA  ${JSON.stringify(opa)}\nours ${JSON.stringify(ours)}\n`,
  );
  const data = source.includes('data.base') ? { base: readJson(baseDocument) } : {};
  const found = { seed, source, data, input: readJson(input), strict, expected: opa };
  mkdirSync(options.keep, { recursive: true });
  const name = createHash('sha256').update(source).update(input).digest('hex').slice(0, 12);
  writeFileSync(
    join(options.keep, `${name}.json`),
    `${stringify(found, { indentation: { prefix: '', indent: '  ' } })}\n`,
  );
}

import { parseArgs } from 'node:util';
import { simulate } from './run.ts';
import type { BrokenVariant } from './world.ts';

const USAGE = `usage: node pdp/protocol/src/simulator/main.ts [--seeds N] [--from SEED] [--pdps M] [--variant NAME] [--trace-lines N]
  --seeds N         how many seeds to run (100)
  --from SEED       first seed (1)
  --pdps M          PDPs per run (follows from the seed)
  --variant NAME    a deliberate fault: activate-on-prepare, commit-without-acks, serve-staged-from-disk
  --trace-lines N   lines of a failing run's trace to print, from its end (200)
`;

const VARIANTS: readonly BrokenVariant[] = ['activate-on-prepare', 'commit-without-acks', 'serve-staged-from-disk'];

function wholeNumber(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`'${text}' is not a whole number`);
  return Number(text);
}

/** Runs seeds until one fails. Exit code 0: all invariants held; 1: one did not; 2: wrong usage. */
function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      pdps: { type: 'string' },
      variant: { type: 'string' },
      'trace-lines': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const variant = VARIANTS.find((known) => known === values.variant);
  if (values.variant !== undefined && variant === undefined) throw new RangeError(`no variant '${values.variant}'`);
  const seeds = wholeNumber(values.seeds, 100);
  const from = wholeNumber(values.from, 1);
  const pdps = values.pdps === undefined ? undefined : wholeNumber(values.pdps, 0);
  const totals = { steps: 0, revisions: 0, commits: 0, swaps: 0 };
  const began = performance.now();
  for (let seed = from; seed < from + seeds; seed += 1) {
    const result = simulate({
      seed,
      ...(pdps === undefined ? {} : { pdps }),
      ...(variant === undefined ? {} : { variant }),
    });
    if (result.violation !== undefined) {
      const kept = wholeNumber(values['trace-lines'], 200);
      const lines = result.trace.slice(Math.max(0, result.trace.length - kept));
      process.stdout.write(`${lines.join('\n')}\n\nseed ${seed}: ${result.violation.message}\n`);
      return 1;
    }
    totals.steps += result.figures.steps;
    totals.revisions += result.figures.revisions;
    totals.commits += result.figures.commits;
    totals.swaps += result.figures.swaps;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(
    `${seeds} seeds, ${totals.steps} steps, ${totals.revisions} revisions, ${totals.commits} commits, ${totals.swaps} swaps in ${seconds} s: all invariants held\n`,
  );
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}

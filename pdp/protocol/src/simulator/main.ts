import { parseArgs } from 'node:util';
import {
  BROKEN_VARIANTS,
  FAULT_KINDS,
  type FaultKind,
  type SimulationOptions,
  type SimulationResult,
} from './options.ts';
import { runCampaign } from './pool.ts';
import { printSites } from './print-sites.ts';
import { simulateRelayed } from './relayed-run.ts';
import { repeatedBy, shrink } from './shrink.ts';

const USAGE = `usage: npm run -s sim -- [--seeds N] [--first-seed SEED] [--pdps M] [--steps N] [options]
  --seeds N         how many seeds to run (100)
  --first-seed N    the first of them (1)
  --pdps M          PDPs at the beginning of each run (follows from the seed)
  --steps N         faults go on until so many steps are done (for --chaos-ms of virtual time)
  --chaos-ms N      virtual time with faults (60000)
  --without KINDS   faults to leave out, by commas: ${FAULT_KINDS.join(', ')}
  --relays M        one rollout to a fleet of --pdps (10000) behind so many relays, with its figures; --relays faults
                    runs seeds as without, but with relays between the hub and its PDPs
  --followers N     replicas that do not lead and carry streams of PDPs to the one that does (0)
  --variant NAME    a deliberate fault: ${BROKEN_VARIANTS.join(', ')}
  --jobs N          seeds that run at once, each on a thread of its own (one per core)
  --trace-lines N   lines of a failing run's trace to print, from its end (120)
  --no-shrink       print failing runs as they are
Ends with 'N passed, N failed'; exit code 0: all invariants held, 1: one did not, 2: wrong usage.
`;

/** Failing seeds that are shrunk and printed; the others are only named. */
const PRINTED_MAX = 3;
const PROGRESS_MS = 5_000;

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name}: '${text}' is not a whole number`);
  return Number(text);
}

function kindsOf(text: string | undefined): readonly FaultKind[] {
  return (text === undefined ? [] : text.split(',')).map((word) => {
    const kind = FAULT_KINDS.find((known) => known === word);
    if (kind === undefined) throw new RangeError(`--without: there is no fault '${word}'`);
    return kind;
  });
}

function layoutOf(values: Readonly<Record<string, string | boolean | undefined>>): Omit<SimulationOptions, 'seed'> {
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  const variant = BROKEN_VARIANTS.find((known) => known === values['variant']);
  if (values['variant'] !== undefined && variant === undefined)
    throw new RangeError(`--variant: there is no '${text('variant')}'`);
  const pdps = wholeNumber('pdps', text('pdps'));
  const followers = wholeNumber('followers', text('followers'));
  const steps = wholeNumber('steps', text('steps'));
  const chaosMs = wholeNumber('chaos-ms', text('chaos-ms'));
  return {
    ...(pdps === undefined ? {} : { pdps }),
    ...(followers === undefined ? {} : { followers }),
    ...(steps === undefined ? {} : { steps }),
    ...(chaosMs === undefined ? {} : { chaosMs }),
    ...(variant === undefined ? {} : { variant }),
    without: kindsOf(text('without')),
  };
}

async function explain(
  options: SimulationOptions,
  result: SimulationResult,
  lines: number,
  isShrunk: boolean,
): Promise<void> {
  const {
    result: least,
    options: smallest,
    runs,
  } = isShrunk ? await shrink(options, result) : { result, options, runs: 0 };
  process.stdout.write(`\n--- seed ${result.seed}: ${result.violation?.message ?? ''}\n`);
  process.stdout.write(`${least.trace.slice(-lines).join('\n')}\n${least.violation?.message ?? ''}\n`);
  process.stdout.write(`shrunk in ${runs} runs; again by: ${repeatedBy(smallest)}\n`);
}

/** Runs with relays. */
async function relayed(
  relays: string,
  values: Readonly<Record<string, string | boolean | undefined>>,
): Promise<number> {
  const { pdps, ...layout } = layoutOf(values);
  const number = (name: string): number | undefined => {
    const text = values[name];
    return wholeNumber(name, typeof text === 'string' ? text : undefined);
  };
  if (relays !== 'faults') {
    const sites = wholeNumber('relays', relays) ?? 0;
    if (sites === 0) throw new RangeError('--relays: at least one');
    return (await printSites(sites, pdps ?? 10_000, number('first-seed') ?? 1)) ? 0 : 1;
  }
  const [seeds, firstSeed] = [number('seeds') ?? 100, number('first-seed') ?? 1];
  let failed = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const { violation, trace } = await simulateRelayed({ ...layout, seed, ...(pdps === undefined ? {} : { pdps }) });
    if (violation === undefined) continue;
    failed += 1;
    process.stdout.write(`seed ${seed} failed: ${violation.message}\n`);
    if (failed <= PRINTED_MAX) process.stdout.write(`${trace.slice(-(number('trace-lines') ?? 120)).join('\n')}\n`);
  }
  process.stdout.write(`${seeds - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      seeds: string,
      'first-seed': string,
      pdps: string,
      steps: string,
      'chaos-ms': string,
      without: string,
      variant: string,
      jobs: string,
      relays: string,
      followers: string,
      'trace-lines': string,
      'no-shrink': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.relays !== undefined) return await relayed(values.relays, values);
  const seeds = wholeNumber('seeds', values.seeds) ?? 100;
  const firstSeed = wholeNumber('first-seed', values['first-seed']) ?? 1;
  const jobs = wholeNumber('jobs', values.jobs);
  const lines = wholeNumber('trace-lines', values['trace-lines']) ?? 120;
  const layout = layoutOf(values);
  const totals = { steps: 0, revisions: 0, commits: 0, swaps: 0, splits: 0, convergenceMs: 0 };
  const failed: SimulationResult[] = [];
  let done = 0;
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
  let shownAt = began;
  await runCampaign({
    firstSeed,
    seeds,
    layout,
    ...(jobs === undefined ? {} : { threads: Math.max(1, jobs) }),
    onResult: (result) => {
      done += 1;
      const { figures } = result;
      for (const name of ['steps', 'revisions', 'commits', 'swaps', 'splits'] as const) totals[name] += figures[name];
      totals.convergenceMs = Math.max(totals.convergenceMs, figures.convergenceMs);
      if (result.violation !== undefined) {
        failed.push(result);
        process.stdout.write(`seed ${result.seed} failed: ${result.violation.message}\n`);
      }
      if (performance.now() - shownAt < PROGRESS_MS) return;
      shownAt = performance.now();
      process.stdout.write(
        `${done} of ${seeds} seeds, ${totals.steps} steps, ${failed.length} failed, ${seconds()} s\n`,
      );
    },
  });
  failed.sort((a, b) => a.seed - b.seed);
  for (const result of failed.slice(0, PRINTED_MAX)) {
    await explain({ ...layout, seed: result.seed }, result, lines, values['no-shrink'] !== true);
  }
  const { steps, revisions, commits, swaps, splits, convergenceMs } = totals;
  process.stdout.write(
    `${steps} steps, ${revisions} revisions, ${commits} waves committed, ${swaps} swaps, ${splits} splits in ${seconds()} s; ` +
      `longest convergence ${(convergenceMs / 1000).toFixed(0)} s of virtual time\n`,
  );
  process.stdout.write(`${seeds - failed.length} passed, ${failed.length} failed\n`);
  return failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof RangeError || (error instanceof TypeError && 'code' in error)) process.stderr.write(USAGE);
  process.exitCode = 2;
}

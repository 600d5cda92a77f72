import { FAULT_KINDS, type FaultKind, type SimulationOptions, type SimulationResult } from './options.ts';
import { simulate } from './run.ts';

/** Runs that shrinking may take. */
const RUNS_MAX = 120;
/** Steps of all of them together, so that a large run is not repeated for hours. */
const STEPS_MAX = 4_000_000;
const SHORTEST_CHAOS_MS = 1_000;

/** The least that still breaks the invariant. */
export interface Shrunk {
  readonly options: SimulationOptions;
  readonly result: SimulationResult;
  readonly runs: number;
}

/**
 * Makes a failing run smaller: fewer kinds of faults, fewer PDPs, less time, until nothing can be left out without the
 * invariant holding. What it returns breaks the same invariant; `failed` is what is known of the run at the beginning.
 */
export async function shrink(options: SimulationOptions, failed: SimulationResult): Promise<Shrunk> {
  const invariant = failed.violation?.invariant;
  let best: { options: SimulationOptions; result: SimulationResult } = { options, result: failed };
  let runs = 0;
  let steps = 0;
  const isOver = (): boolean => runs >= RUNS_MAX || steps >= STEPS_MAX;
  const attempt = async (smaller: SimulationOptions): Promise<boolean> => {
    if (isOver()) return false;
    const result = await simulate(smaller);
    runs += 1;
    steps += result.figures.steps;
    if (result.violation?.invariant !== invariant) return false;
    best = { options: smaller, result };
    return true;
  };
  for (let isSmaller = true; isSmaller && !isOver();) {
    isSmaller = false;
    for (const pdps of fewer(best.options.pdps)) {
      if (await attempt({ ...best.options, pdps })) {
        isSmaller = true;
        break;
      }
    }
    for (const kind of FAULT_KINDS) {
      const without: readonly FaultKind[] = best.options.without ?? [];
      if (!without.includes(kind) && (await attempt({ ...best.options, without: [...without, kind] })))
        isSmaller = true;
    }
    if (await attempt(shorter(best.options, best.result))) isSmaller = true;
  }
  return { ...best, runs };
}

function fewer(pdps: number | undefined): readonly number[] {
  if (pdps === undefined) return [1, 2, 3, 4, 6];
  return [1, Math.floor(pdps / 2), pdps - 1].filter(
    (count, index, all) => count > 0 && count < pdps && all.indexOf(count) === index,
  );
}

/** Half of the steps, or of the time, that the run had. */
function shorter(options: SimulationOptions, { figures }: SimulationResult): SimulationOptions {
  if (options.steps !== undefined)
    return { ...options, steps: Math.max(1, Math.floor(Math.min(options.steps, figures.steps) / 2)) };
  return { ...options, chaosMs: Math.max(SHORTEST_CHAOS_MS, Math.floor((options.chaosMs ?? 60_000) * 0.75)) };
}

/** How to repeat a run by the command line. */
export function repeatedBy({ seed, pdps, followers, steps, chaosMs, without, variant }: SimulationOptions): string {
  const part = (name: string, value: string | number | undefined): string =>
    value === undefined ? '' : ` --${name} ${value}`;
  const kinds = without === undefined || without.length === 0 ? undefined : without.join(',');
  const numbers = `${part('pdps', pdps)}${part('followers', followers)}${part('steps', steps)}${part('chaos-ms', chaosMs)}`;
  return `npm run -s sim -- --seeds 1 --first-seed ${seed}${numbers}${part('without', kinds)}${part('variant', variant)}`;
}

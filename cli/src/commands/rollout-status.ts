import { setTimeout as pause } from 'node:timers/promises';
import type { Fleet } from '../fleet/fleet.ts';
import { readAll } from '../fleet/read-all.ts';
import { CommandError, EXIT_CODES, type FleetOutput, type Io } from '../io.ts';
import { printObject } from '../render/print-object.ts';
import { progressBar, progressLine, viewRollout, type RolloutView } from '../render/progress.ts';
import { revisionsOf } from './choose-set.ts';

/** Time between two looks at a rollout. */
const POLL_MS = 250;

export interface RolloutStatusOptions {
  /** Name of the set; none means all of the namespace. */
  readonly set?: string;
  readonly watch: boolean;
  readonly timeoutMs: number;
  readonly output: FleetOutput;
  /** Default 250. */
  readonly pollMs?: number;
}

interface Sight {
  readonly views: readonly RolloutView[];
  /** What is wrong with files that never became objects. */
  readonly problems: readonly string[];
}

/** `edict rollout status`: follows rollouts until they are over. Exit code 1 if one has failed or time is up. */
export async function rolloutStatus(io: Io, fleet: Fleet, options: RolloutStatusOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  const interrupted = io.interrupted();
  let shown = '';
  for (;;) {
    const sight = await look(fleet, options.set);
    const { views } = sight;
    const over = !options.watch || (views.length > 0 && views.every(({ done }) => done));
    const late = !over && performance.now() > deadline;
    if (options.output === 'text') shown = show(io, views, shown, over || late || interrupted.aborted);
    else if (over || late) printObject(io, options.set === undefined ? views : views[0], options.output);
    if (over) {
      conclude(io, sight, options);
      return;
    }
    if (interrupted.aborted) throw new CommandError('interrupted', EXIT_CODES.interrupted);
    if (late) throw new CommandError(timeoutMessage(fleet, views));
    await pause(options.pollMs ?? POLL_MS, undefined, { signal: interrupted }).catch(() => undefined);
  }
}

async function look(fleet: Fleet, name: string | undefined): Promise<Sight> {
  const [sets, revisions, domains, problems] = await readAll([
    fleet.sets(),
    fleet.revisions(),
    fleet.domains(),
    fleet.problems(),
  ]);
  const chosen = name === undefined ? sets : sets.filter(({ metadata }) => metadata.name === name);
  // A first domain gets its set a moment later.
  if (chosen.length === 0 && domains.length === 0) {
    throw new CommandError(
      name === undefined
        ? `no policy sets in namespace ${fleet.namespace}${problems.map((problem) => `\n  ${problem}`).join('')}`
        : `no policy set named ${name} in namespace ${fleet.namespace}`,
    );
  }
  if (chosen.length === 0 && name !== undefined && sets.length > 0) {
    throw new CommandError(`no policy set named ${name} in namespace ${fleet.namespace}`);
  }
  const views = chosen.map((set) => {
    const own = revisionsOf(set, revisions);
    return viewRollout(set, own[0], domains, own.toReversed());
  });
  return { views, problems };
}

/** Lines of details that a terminal shows of one set; who watches a thousand PDPs asks `pdps`. */
const DETAILS_MAX = 16;

function show(io: Io, views: readonly RolloutView[], shown: string, last: boolean): string {
  if (io.isTerminal) {
    const lines = views.flatMap((view) => [progressBar(view, io.columns), ...detailLines(view, io.columns)]);
    const text = lines.join('\n');
    // Back to the first line of what was shown, then over it, and nothing left of what was longer.
    const before = shown === '' ? 0 : shown.split('\n').length - 1;
    const back = shown === '' ? '' : `\r${'\u001B[1A'.repeat(before)}`;
    const below = before > lines.length - 1 ? '\u001B[J' : '';
    io.stdout(`${back}${text.replaceAll('\n', '\u001B[K\n')}\u001B[K${below}${last ? '\n' : ''}`);
    return text;
  }
  const text = views.flatMap((view) => [progressLine(view), ...detailLines(view, Number.POSITIVE_INFINITY)]).join('\n');
  if (text !== shown && text !== '') io.stdout(`${text}\n`);
  return text;
}

/** Each on a line of its own, whatever is in it, and none wider than the terminal. */
function detailLines({ details }: RolloutView, columns: number): readonly string[] {
  const lines = details.slice(0, DETAILS_MAX).map((detail) => `  ${detail.split('\n')[0] ?? ''}`.slice(0, columns - 1));
  return details.length > DETAILS_MAX ? [...lines, `  ... and ${details.length - DETAILS_MAX} more`] : lines;
}

function conclude(io: Io, { views, problems }: Sight, { output }: RolloutStatusOptions): void {
  const failed = views.filter((view) => view.failed);
  if (output === 'text') {
    for (const { exceptions, message, set, refused } of failed) {
      if (refused.length === 0) io.stderr(`${set}: ${message}\n`);
      for (const { domain, message: why } of refused) {
        // Where files have lines, the lines below say why, and where.
        const reason = problems.length === 0 ? `:\n  ${why}` : '';
        io.stderr(`${set}: ${domain} is refused, what it said before serves on${reason}\n`);
      }
      for (const exception of exceptions) io.stderr(`  ${exception}\n`);
    }
  }
  for (const problem of problems) io.stderr(`${problem}\n`);
  if (failed.length > 0 || problems.length > 0) throw new CommandError('');
}

function timeoutMessage(fleet: Fleet, views: readonly RolloutView[]): string {
  const waiting = views.filter(({ done }) => !done);
  const names =
    waiting.length === 0 ? `a policy set in namespace ${fleet.namespace}` : waiting.map(({ set }) => set).join(', ');
  return [
    `timed out waiting for ${names}`,
    ...waiting.flatMap(({ message, exceptions }) => [message, ...exceptions].filter((line) => line !== '')),
  ].join('\n  ');
}

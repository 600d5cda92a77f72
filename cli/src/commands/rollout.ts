import type { PolicyRevision, PolicySet } from '@edict/crds';
import type { Fleet } from '../fleet/fleet.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';
import { progressBar, progressLine, viewRollout, type RolloutView } from '../render/progress.ts';
import { age, table } from '../render/table.ts';

/** Time between two looks at a rollout. */
const POLL_MS = 250;

export interface RolloutStatusOptions {
  /** Name of the set; none means all of the namespace. */
  readonly set?: string;
  readonly watch: boolean;
  readonly timeoutMs: number;
  readonly output: OutputFormat;
}

/** `edict rollout status`: follows rollouts until they are over. Exit code 1 if one has failed or time is up. */
export async function rolloutStatus(io: Io, fleet: Fleet, options: RolloutStatusOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let shown = '';
  for (;;) {
    const views = await look(fleet, options.set);
    const over = views.every(({ done }) => done) || !options.watch;
    if (options.output === 'text') shown = show(io, views, shown, over);
    if (over) {
      if (options.output === 'json') printJson(io, options.set === undefined ? views : views[0]);
      return conclude(io, views, options);
    }
    if (io.interrupted.aborted) throw new CommandError('interrupted', 130);
    if (Date.now() > deadline) throw new CommandError(timeoutMessage(views));
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function look(fleet: Fleet, name: string | undefined): Promise<readonly RolloutView[]> {
  const [sets, revisions] = await Promise.all([fleet.sets(), fleet.revisions()]);
  const chosen = name === undefined ? sets : sets.filter(({ metadata }) => metadata.name === name);
  if (chosen.length === 0) {
    throw new CommandError(
      name === undefined ? `no policy sets in namespace ${fleet.namespace}` : notFound(fleet, name),
    );
  }
  return chosen.map((set) => viewRollout(set, revisionsOf(set, revisions)[0]));
}

function show(io: Io, views: readonly RolloutView[], shown: string, over: boolean): string {
  if (io.isTerminal) {
    const text = views.map((view) => progressBar(view, io.columns)).join('\n');
    // Back to the first line of what was shown, then over it.
    const back = shown === '' ? '' : `\r${'\u001B[1A'.repeat(shown.split('\n').length - 1)}`;
    io.stdout(`${back}${text.replaceAll('\n', '\u001B[K\n')}\u001B[K${over ? '\n' : ''}`);
    return text;
  }
  const text = views.map(progressLine).join('\n');
  if (text !== shown) io.stdout(`${text}\n`);
  return text;
}

function conclude(io: Io, views: readonly RolloutView[], { output }: RolloutStatusOptions): void {
  for (const { exceptions, message, failed, set } of views) {
    if (output === 'text' && failed) {
      io.stderr(`${set}: ${message}\n`);
      for (const exception of exceptions) io.stderr(`  ${exception}\n`);
    }
  }
  if (views.some(({ failed }) => failed)) throw new CommandError('');
}

function timeoutMessage(views: readonly RolloutView[]): string {
  const waiting = views.filter(({ done }) => !done);
  return [
    `timed out waiting for ${waiting.map(({ set }) => set).join(', ')}`,
    ...waiting.flatMap(({ message, exceptions }) => [message, ...exceptions].filter((line) => line !== '')),
  ].join('\n  ');
}

/** `edict rollout history`: the revisions of a set, newest first. */
export async function rolloutHistory(
  io: Io,
  fleet: Fleet,
  name: string | undefined,
  output: OutputFormat,
): Promise<void> {
  const set = await chooseSet(fleet, name);
  const revisions = revisionsOf(set, await fleet.revisions());
  if (output === 'json') {
    printJson(
      io,
      revisions.map(({ spec: { manifest, ...spec }, status }) => ({
        ...spec,
        manifest: JSON.parse(manifest) as unknown,
        status,
      })),
    );
    return;
  }
  const now = Date.now();
  const rows = revisions.map(({ spec, status, metadata }) => [
    String(spec.n),
    status?.phase ?? 'Pending',
    `${spec.reason}${spec.rollbackOf === undefined ? '' : ` to ${spec.rollbackOf}`}`,
    status?.preparedCount ?? '',
    status?.activeCount ?? '',
    age(metadata.creationTimestamp, now),
    spec.digest.slice(0, 19),
    status?.cause ?? '',
  ]);
  io.stdout(table(['REVISION', 'PHASE', 'REASON', 'PREPARED', 'ACTIVE', 'AGE', 'DIGEST', 'CAUSE'], rows));
}

export interface RolloutUndoOptions {
  readonly set?: string;
  /** Default: the committed revision before the one that serves. */
  readonly toRevision?: number;
  /** Remove an earlier undo: serve what the domains say. */
  readonly clear: boolean;
  readonly output: OutputFormat;
}

/** `edict rollout undo`: serve the content of an earlier revision again, as a new one. */
export async function rolloutUndo(io: Io, fleet: Fleet, options: RolloutUndoOptions): Promise<void> {
  const set = await chooseSet(fleet, options.set);
  const { name } = set.metadata;
  const target = options.clear ? null : (options.toRevision ?? previous(set, await fleet.revisions()));
  await fleet.rollBack(name, target);
  if (options.output === 'json') printJson(io, { set: name, rollbackTo: target });
  else if (target === null)
    io.stdout(`${name} serves what its domains say again; watch it: edict rollout status ${name}\n`);
  else io.stdout(`${name} goes back to the content of revision ${target}; watch it: edict rollout status ${name}\n`);
}

/** Revisions that were committed, newest first, without the one that serves. */
function previous(set: PolicySet, all: readonly PolicyRevision[]): number {
  const committed = set.status?.committedRevision ?? 0;
  const serving = all.find(({ spec }) => spec.setUid === set.metadata.uid && spec.n === committed);
  const candidate = revisionsOf(set, all).find(
    ({ spec, status }) =>
      spec.n < committed &&
      spec.digest !== serving?.spec.digest &&
      status?.waves?.every(({ decision }) => decision === 'Commit') === true,
  );
  if (candidate === undefined) {
    throw new CommandError(`${set.metadata.name} has no earlier committed revision; see edict rollout history`);
  }
  return candidate.spec.n;
}

async function chooseSet(fleet: Fleet, name: string | undefined): Promise<PolicySet> {
  const sets = await fleet.sets();
  const [first, second] = sets;
  if (name !== undefined) {
    const found = sets.find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new CommandError(notFound(fleet, name));
    return found;
  }
  if (first === undefined) throw new CommandError(`no policy sets in namespace ${fleet.namespace}`);
  if (second !== undefined) {
    throw new CommandError(`name one of the sets: ${sets.map(({ metadata }) => metadata.name).join(', ')}`);
  }
  return first;
}

function revisionsOf(set: PolicySet, revisions: readonly PolicyRevision[]): readonly PolicyRevision[] {
  return revisions.filter(({ spec }) => spec.set === set.metadata.name && spec.setUid === set.metadata.uid);
}

function notFound(fleet: Fleet, name: string): string {
  return `no policy set named ${name} in namespace ${fleet.namespace}`;
}

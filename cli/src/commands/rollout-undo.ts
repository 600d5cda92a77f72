import type { PolicyRevision, PolicySet } from '@edict/crds';
import type { Fleet } from '../fleet/fleet.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';
import { chooseSet, isCommitted, revisionsOf } from './choose-set.ts';

export interface RolloutUndoOptions {
  readonly set?: string;
  /** Default: the committed revision before the one that serves. */
  readonly toRevision?: number;
  /** Remove an earlier undo: serve what the domains say. */
  readonly clear: boolean;
  readonly output: OutputFormat;
  /** What the user calls this program. */
  readonly program: string;
}

/** `edict rollout undo`: serve the content of an earlier revision again, as a new one. Says so at once; it does not wait. */
export async function rolloutUndo(io: Io, fleet: Fleet, options: RolloutUndoOptions): Promise<void> {
  const set = await chooseSet(fleet, options.set);
  const { name } = set.metadata;
  const target = options.clear ? null : chooseTarget(set, revisionsOf(set, await fleet.revisions()), options);
  await fleet.rollBack(name, target);
  if (options.output === 'json') {
    printJson(io, { set: name, rollbackTo: target });
    return;
  }
  const what = target === null ? 'serves what its domains say again' : `goes back to the content of revision ${target}`;
  io.stdout(`${name} ${what}; watch it: ${options.program} rollout status ${name}\n`);
}

function chooseTarget(
  set: PolicySet,
  revisions: readonly PolicyRevision[],
  { toRevision, program }: RolloutUndoOptions,
): number {
  const history = `see ${program} rollout history ${set.metadata.name}`;
  if (toRevision === undefined) {
    const before = previous(set, revisions);
    if (before === undefined)
      throw new CommandError(`${set.metadata.name} has no earlier committed revision; ${history}`);
    return before.spec.n;
  }
  const target = revisions.find(({ spec }) => spec.n === toRevision);
  if (target === undefined) throw new CommandError(`${set.metadata.name} has no revision ${toRevision}; ${history}`);
  if (!isCommitted(target)) throw new CommandError(`revision ${toRevision} was never committed; ${history}`);
  return toRevision;
}

/** The newest committed revision with another content than the one that serves. Never one that withdraws everything. */
function previous(set: PolicySet, revisions: readonly PolicyRevision[]): PolicyRevision | undefined {
  const committed = set.status?.committedRevision ?? 0;
  const serving = revisions.find(({ spec }) => spec.n === committed);
  return revisions.find(
    (revision) =>
      revision.spec.n < committed &&
      revision.spec.reason !== 'Withdraw' &&
      revision.spec.digest !== serving?.spec.digest &&
      isCommitted(revision),
  );
}

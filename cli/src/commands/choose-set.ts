import type { PolicyRevision, PolicySet } from '@edict/crds';
import type { SetSight } from '@edict/operator/views';
import type { Fleet } from '../fleet/fleet.ts';
import { CommandError } from '../io.ts';

/** The set of that name, or the only one there is. */
export async function chooseSet(fleet: Fleet, name: string | undefined): Promise<PolicySet> {
  const sets = await fleet.sets();
  const [first, second] = sets;
  if (name !== undefined) {
    const found = sets.find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new CommandError(`no policy set named ${name} in namespace ${fleet.namespace}`);
    return found;
  }
  if (first === undefined) throw new CommandError(`no policy sets in namespace ${fleet.namespace}`);
  if (second !== undefined) {
    throw new CommandError(`name one of the sets: ${sets.map(({ metadata }) => metadata.name).join(', ')}`);
  }
  return first;
}

/** The revisions of this very set, not of one of the same name before it; newest first. */
export function revisionsOf(set: PolicySet, revisions: readonly PolicyRevision[]): readonly PolicyRevision[] {
  return revisions
    .filter(({ spec }) => spec.set === set.metadata.name && spec.setUid === set.metadata.uid)
    .toSorted((a, b) => b.spec.n - a.spec.n);
}

/** A set and its history, as far as its objects tell. */
export function sightOf(set: PolicySet, revisions: readonly PolicyRevision[]): SetSight {
  return { set, revisions: revisionsOf(set, revisions).toReversed() };
}

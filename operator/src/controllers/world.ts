import {
  selectorMatches,
  type PolicyBundle,
  type PolicyDomain,
  type PolicyRevision,
  type PolicySet,
} from '@edict/crds';
import type { Watcher } from '../store/store.ts';

/** What the controllers see of the store: the caches of its watches. */
export interface World {
  readonly domains: Watcher<'PolicyDomain'>;
  readonly sets: Watcher<'PolicySet'>;
  readonly revisions: Watcher<'PolicyRevision'>;
  readonly bundles: Watcher<'PolicyBundle'>;
}

/** True once every kind has been listed: before that nothing may be decided. */
export function hasSynced(world: World): boolean {
  return [world.domains, world.sets, world.revisions, world.bundles].every((watcher) => watcher.hasSynced());
}

/** Whether a set carries a domain. */
export function carries(set: PolicySet, domain: PolicyDomain): boolean {
  return (
    set.metadata.namespace === domain.metadata.namespace &&
    selectorMatches(set.spec.domains.selector, domain.metadata.labels ?? {})
  );
}

/** The revisions of a set, ascending by n. Those of an earlier set of the same name are not among them. */
export function revisionsOf(world: World, set: PolicySet): readonly PolicyRevision[] {
  return world.revisions
    .list(set.metadata.namespace)
    .filter(({ spec }) => spec.set === set.metadata.name && spec.setUid === set.metadata.uid)
    .sort((a, b) => a.spec.n - b.spec.n);
}

/** The decision about a revision's one wave, if it has been made. */
export function decisionOf(revision: PolicyRevision): 'Commit' | 'Abort' | undefined {
  return revision.status?.waves?.find(({ index }) => index === 0)?.decision;
}

/** The newest revision that is decided to be served. */
export function committedOf(revisions: readonly PolicyRevision[]): PolicyRevision | undefined {
  return revisions.findLast((revision) => decisionOf(revision) === 'Commit');
}

/** The bundle of that digest in a namespace, from the cache: without its bytes. */
export function bundleOf(world: World, namespace: string, digest: string): PolicyBundle | undefined {
  return world.bundles.get({ namespace, name: digest.replace(':', '-') });
}

/** True for an object that is being deleted. */
export function isDeleting(object: {
  readonly metadata: { readonly deletionTimestamp?: string | undefined };
}): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

import {
  selectorMatches,
  type PolicyBundle,
  type PolicyDomain,
  type PolicyRevision,
  type PolicySet,
  type PolicyTestSuite,
} from '@edict/crds';
import type { Watcher } from '../store/store.ts';

/** What the controllers see of the store: the caches of its watches. */
export interface World {
  readonly domains: Watcher<'PolicyDomain'>;
  readonly sets: Watcher<'PolicySet'>;
  readonly revisions: Watcher<'PolicyRevision'>;
  readonly bundles: Watcher<'PolicyBundle'>;
  readonly suites: Watcher<'PolicyTestSuite'>;
}

/** True once every kind has been listed: before that nothing may be decided. */
export function hasSynced(world: World): boolean {
  return [world.domains, world.sets, world.revisions, world.bundles, world.suites].every((watcher) =>
    watcher.hasSynced(),
  );
}

/** Whether a set carries a domain. */
export function carries(set: PolicySet, domain: PolicyDomain): boolean {
  return (
    set.metadata.namespace === domain.metadata.namespace &&
    selectorMatches(set.spec.domains.selector, domain.metadata.labels ?? {})
  );
}

/** The suites that a set of these domains has to pass, by name. */
export function suitesOf<T extends Pick<PolicyTestSuite, 'metadata' | 'spec'>>(
  set: Pick<PolicySet, 'metadata'>,
  domains: Iterable<string>,
  suites: readonly T[],
): readonly T[] {
  const names = new Set(domains);
  return suites
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ spec }) => spec.set === set.metadata.name || (spec.domain !== undefined && names.has(spec.domain)))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** The revisions of a set, ascending by n. Those of an earlier set of the same name are not among them. */
export function revisionsOf(world: Pick<World, 'revisions'>, set: PolicySet): readonly PolicyRevision[] {
  return world.revisions
    .list(set.metadata.namespace)
    .filter(({ spec }) => spec.set === set.metadata.name && spec.setUid === set.metadata.uid)
    .sort((a, b) => a.spec.n - b.spec.n);
}

/**
 * What has been decided of a revision as a whole. `Open`: its last wave is undecided, and nobody has ended it. `Stopped`: ended
 * after some of its waves, which go on being served until a newer revision replaces them. `Aborted`: ended before the first.
 */
export type RevisionState = 'Open' | 'Committed' | 'Stopped' | 'Aborted';

/** Where a revision stands, by its durable decisions alone. */
export function stateOf({ status }: Pick<PolicyRevision, 'status'>): RevisionState {
  const waves = status?.waves ?? [];
  if (waves.some(({ index, decision }) => index === 0 && decision === 'Abort')) return 'Aborted';
  if (waves.some(({ decision, final }) => decision === 'Commit' && final !== false)) return 'Committed';
  return waves.some(({ decision }) => decision === 'Abort') ? 'Stopped' : 'Open';
}

/**
 * True for a committed revision that did badly while its last wave was watched, or was ended then: it is served until a newer
 * one replaces it.
 */
export function hasFailed(revision: Pick<PolicyRevision, 'status'>): boolean {
  const isAborted = revision.status?.waves?.some(({ decision }) => decision === 'Abort') === true;
  return isAborted && stateOf(revision) === 'Committed';
}

/** What comes back if the newest committed revision fails; undefined if there is nothing. `revisions` ascend. */
export function predecessorOf(revisions: readonly PolicyRevision[]): PolicyRevision | undefined {
  const n = committedOf(revisions)?.spec.n ?? 0;
  return revisions.findLast(
    (revision) => revision.spec.n < n && stateOf(revision) === 'Committed' && !hasFailed(revision),
  );
}

/** The newest revision that is decided to be served by everyone; `revisions` ascend by n. */
export function committedOf(revisions: readonly PolicyRevision[]): PolicyRevision | undefined {
  return revisions.findLast((revision) => stateOf(revision) === 'Committed');
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

import type { PolicyBundle } from '@edict/crds';
import type { ReconcileResult } from '../../queue.ts';
import { isStoreError } from '../../store/errors.ts';
import { keyOf } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import { manifestOf } from '../manifest-text.ts';
import { hasSynced, type World } from '../world.ts';

/** How old a bundle must be before it is taken for forgotten: it is made before anything names it. */
export const SWEEP_GRACE_MS = 60_000;

export interface SweepDeps {
  readonly world: World;
  readonly store: Store;
  readonly now: () => number;
}

/** Bundles that no revision and no domain names, and that are old enough not to be about to be named. */
export function unnamedBundles(
  bundles: readonly PolicyBundle[],
  named: ReadonlySet<string>,
  now: number,
): { readonly due: readonly PolicyBundle[]; readonly nextInMs: number | undefined } {
  const due: PolicyBundle[] = [];
  let nextInMs: number | undefined;
  for (const bundle of bundles) {
    if (named.has(bundle.spec.digest)) continue;
    const remaining = Date.parse(bundle.metadata.creationTimestamp ?? '') + SWEEP_GRACE_MS - now;
    if (remaining > 0) nextInMs = Math.min(nextInMs ?? remaining, remaining);
    else due.push(bundle);
  }
  return { due, nextInMs };
}

/** Deletes the bundles of a namespace that nothing names any more. */
export async function sweepBundles(namespace: string, { world, store, now }: SweepDeps): Promise<ReconcileResult> {
  if (!hasSynced(world)) return { requeueAfterMs: 1000 };
  const named = new Set<string>();
  for (const revision of world.revisions.list(namespace)) {
    const { domains, tests } = manifestOf(revision);
    for (const { digest } of domains) named.add(digest);
    for (const digest of tests) named.add(digest);
  }
  for (const { status } of world.domains.list(namespace)) if (status?.digest !== undefined) named.add(status.digest);
  const { due, nextInMs } = unnamedBundles(world.bundles.list(namespace), named, now());
  for (const bundle of due) {
    const { uid } = bundle.metadata;
    try {
      await store.delete('PolicyBundle', keyOf(bundle), uid === undefined ? {} : { uid });
    } catch (error) {
      if (!isStoreError(error, 'NotFound')) throw error;
    }
  }
  return nextInMs === undefined ? {} : { requeueAfterMs: nextInMs };
}

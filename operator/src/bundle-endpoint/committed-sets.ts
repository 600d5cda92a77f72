import { isDigest, type Digest } from '@edict/bundle';
import type { PolicyRevision, PolicySet } from '@edict/crds';
import type { SetKey } from '@edict/protocol';
import { committedOf } from '../controllers/world.ts';
import { keyOf, keyText, parseKey } from '../store/object-key.ts';
import type { Store, Watcher } from '../store/store.ts';

/** The newest revision of a set that is decided for everyone. */
export interface CommittedRevision {
  readonly set: SetKey;
  readonly setUid: string;
  readonly n: number;
  readonly digest: Digest;
  /** Canonical JSON, of which `digest` is. */
  readonly manifest: string;
  readonly object: PolicyRevision;
}

/** What every set is decided to serve, on any replica: it rests on the store alone, and not on who leads. */
export interface CommittedSets {
  /** Resolves when sets and revisions have been listed. Rejects if it is closed before. */
  readonly synced: Promise<unknown>;
  /** Undefined if there is no such set, or nothing of it is committed. A revision some of whose waves are open is not. */
  readonly current: (set: SetKey) => CommittedRevision | undefined;
  /** Calls `listener` with a set whose {@link current} may have changed; the answer ends that. */
  readonly onChange: (listener: (set: SetKey) => void) => () => void;
  readonly close: () => Promise<void>;
}

/** Watches sets and revisions. */
export function watchCommittedSets(store: Pick<Store, 'watch'>): CommittedSets {
  const known = new Map<SetKey, CommittedRevision | undefined>();
  const listeners = new Set<(set: SetKey) => void>();
  const changed = (set: SetKey): void => {
    known.delete(set);
    for (const listener of listeners) listener(set);
  };
  const sets: Watcher<'PolicySet'> = store.watch('PolicySet', {}, ({ object }) => changed(keyText(keyOf(object))));
  const revisions: Watcher<'PolicyRevision'> = store.watch('PolicyRevision', {}, ({ object }) =>
    changed(`${object.metadata.namespace ?? ''}/${object.spec.set}`),
  );

  const find = (set: SetKey): CommittedRevision | undefined => {
    const object: PolicySet | undefined = sets.get(parseKey(set));
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return undefined;
    const { uid, name, namespace } = object.metadata;
    const own = revisions.list(namespace).filter(({ spec }) => spec.set === name && spec.setUid === uid);
    const committed = committedOf(own.toSorted((a, b) => a.spec.n - b.spec.n));
    if (committed === undefined || !isDigest(committed.spec.digest)) return undefined;
    const { n, digest, manifest, setUid } = committed.spec;
    return { set, setUid, n, digest, manifest, object: committed };
  };

  return {
    synced: Promise.all([sets.synced, revisions.synced]),
    current: (set) => {
      if (known.has(set)) return known.get(set);
      const found = find(set);
      // What nobody knows is not remembered: names in requests are anybody's.
      if (found !== undefined) known.set(set, found);
      return found;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      await Promise.all([sets.stop(), revisions.stop()]);
    },
  };
}

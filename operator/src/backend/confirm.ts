import { StoreError } from '../store/errors.ts';
import { isNewer } from '../store/object-cache.ts';
import type { ObjectVersion, Store } from '../store/store.ts';
import type { World } from '../controllers/world.ts';
import type { Clock } from '../clock.ts';

/** Longest wait for a watch to show what the store holds already. */
export const CATCH_UP_MS = 2_000;

export interface ConfirmDeps {
  readonly store: Pick<Store, 'listVersions'>;
  readonly world: Pick<World, 'revisions'>;
  readonly clock: Pick<Clock, 'schedule'>;
  /** Calls the listener after revisions may have changed; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void;
}

/**
 * Resolves when the watch of revisions shows everything that was written before the call, by whomever: the store says at
 * which versions its revisions are, and the watch is waited for. Rejects with `Unavailable` if it does not get there in time.
 */
export async function confirmRevisions(
  { store, world, clock, onChange }: ConfirmDeps,
  signal: AbortSignal,
): Promise<void> {
  const versions = await store.listVersions?.('PolicyRevision', signal);
  // A store without versions to compare is one whose watches show every write at once.
  if (versions === undefined) return;
  let behind = versions.filter((version) => isBehind(world, version));
  if (behind.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    const end = (error?: StoreError): void => {
      unsubscribe();
      cancel();
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = (): void => end(new StoreError('Unavailable', 'the watch is not waited for any more'));
    const unsubscribe = onChange(() => {
      behind = behind.filter((version) => isBehind(world, version));
      if (behind.length === 0) end();
    });
    const cancel = clock.schedule(CATCH_UP_MS, () => {
      end(new StoreError('Unavailable', `the watch is behind with ${behind.length} revisions`));
    });
    signal.addEventListener('abort', onAbort);
  });
}

function isBehind({ revisions }: ConfirmDeps['world'], { key, resourceVersion }: ObjectVersion): boolean {
  const known = revisions.get(key);
  return known === undefined || isNewer({ metadata: { resourceVersion } }, known);
}

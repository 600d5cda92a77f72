import type { ArtifactStore, Clock } from '@edict/protocol';
import type { Store, Watcher } from '../store/store.ts';
import { keyOf } from '../store/object-key.ts';
import type { BundleBytes } from './bundle-bytes.ts';

/** Where manifests and bundles are stored. */
export interface StoredArtifactsOptions {
  readonly revisions: Pick<Watcher<'PolicyRevision'>, 'list'>;
  readonly bundles: Pick<Watcher<'PolicyBundle'>, 'list'>;
  readonly bytes: BundleBytes;
}

/** The manifests of the revisions that are known here, and the bundles; undefined for what is not known. */
export function storedArtifacts({ revisions, bundles, bytes }: StoredArtifactsOptions): ArtifactStore {
  return {
    getManifest: (digest) => {
      const revision = revisions.list().find(({ spec }) => spec.digest === digest);
      return Promise.resolve(revision === undefined ? undefined : Buffer.from(revision.spec.manifest, 'utf8'));
    },
    getBundle: async (digest) => {
      const bundle = bundles.list().find(({ spec }) => spec.digest === digest);
      return bundle === undefined ? undefined : bytes.get(keyOf(bundle).namespace, digest);
    },
  };
}

/** How long a follower waits for what the leader knows already. */
export const ARTIFACT_WAIT_MS = 3_000;

/** Artifacts at a replica that does not lead. */
export interface FollowerArtifacts extends ArtifactStore {
  /** Ends its watches: from then on what is not here is not waited for. Safe to repeat. */
  readonly close: () => Promise<void>;
}

/**
 * Artifacts from watches of our own. Whoever asks has the leader's ticket, so what is not here is on its way: it is waited for, for
 * {@link ARTIFACT_WAIT_MS}, and then the PDP is to ask again (the answer is no 404, which would make it refuse the revision).
 */
export function watchArtifacts({
  store,
  bytes,
  clock,
}: {
  readonly store: Pick<Store, 'watch'>;
  readonly bytes: BundleBytes;
  readonly clock: Clock;
}): FollowerArtifacts {
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const wake of [...waiting]) wake();
  };
  const revisions = store.watch('PolicyRevision', {}, changed);
  const bundles = store.watch('PolicyBundle', {}, changed);
  const stored = storedArtifacts({ revisions, bundles, bytes });
  let closing: Promise<unknown> | undefined;

  /** Resolves with the next change, or when `ms` have passed, or `signal` says so. */
  const nextChange = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        cancel();
        resolve();
      };
      const cancel = clock.schedule(ms, wake);
      signal.addEventListener('abort', wake);
      waiting.add(wake);
    });

  async function awaited(
    what: string,
    read: () => Promise<Uint8Array | undefined>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const until = clock.monotonic() + ARTIFACT_WAIT_MS;
    for (;;) {
      const found = await read();
      const leftMs = until - clock.monotonic();
      if (found !== undefined || signal.aborted) return found;
      if (leftMs <= 0 || closing !== undefined) throw new Error(`${what} is not known here yet`);
      await nextChange(leftMs, signal);
    }
  }

  return {
    getManifest: (digest, signal) => awaited(digest, () => stored.getManifest(digest, signal), signal),
    getBundle: (digest, signal) => awaited(digest, () => stored.getBundle(digest, signal), signal),
    close: async () => {
      closing ??= Promise.all([revisions.stop(), bundles.stop()]);
      changed();
      await closing;
    },
  };
}

import {
  parseManifest,
  SignatureError,
  verifyRevision,
  type Digest,
  type Manifest,
  type SignedRevision,
} from '@edict/bundle';
import { RefusalError, type ArtifactClient, type Clock } from '@edict/protocol';
import { namedBy, type RelayFiles } from './relay-files.ts';

/** First wait after an answer of a replica of the hub that does not have it or does not know the ticket; doubled up to 4 s. */
const AGAIN_MS = 250;
const AGAIN_MAX_MS = 4_000;

export interface FetchRevisionDeps {
  readonly files: RelayFiles;
  readonly fetch: ArtifactClient['fetch'];
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Brings a revision onto the disk: signature first, then the manifest, then what it names and is not there. Tried again
 * until `signal` ends it. @throws RefusalError
 */
export async function fetchRevision(
  revision: SignedRevision,
  ticket: string,
  deps: FetchRevisionDeps,
  signal: AbortSignal,
): Promise<Manifest> {
  const { files, trustedKeys } = deps;
  try {
    verifyRevision(revision, await trustedKeys());
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    // Not for good: the keys that are trusted here may be the ones that are wrong.
    throw new RefusalError('Verify', error.code, false, { message: error.message }, { cause: error });
  }
  const get = async (digest: Digest): Promise<Uint8Array> => {
    const bytes = await fetchPatiently(digest, ticket, deps, signal);
    await files.write(digest, bytes);
    return bytes;
  };
  const known = await files.read(revision.digest);
  const manifest = parseManifest(known ?? (await get(revision.digest)));
  await Promise.all(
    namedBy(manifest).map(async (digest) => {
      if (!(await files.has(digest))) await get(digest);
    }),
  );
  return manifest;
}

/** The replica behind the hub's address may be one that does not lead: the next one may. */
async function fetchPatiently(
  digest: Digest,
  ticket: string,
  { fetch, clock, random }: FetchRevisionDeps,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (let failures = 0; ; failures += 1) {
    try {
      // Where the hub says its replica is need not be reachable from another site: its address as configured is.
      return await fetch({ artifactsUrl: '', ticket }, digest, signal);
    } catch (error) {
      const mayPass = error instanceof RefusalError && (error.code === 'NotFound' || error.code === 'TicketRefused');
      if (!mayPass || signal.aborted) throw error;
      const ceiling = Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 10));
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          cancel();
          signal.removeEventListener('abort', wake);
          resolve();
        };
        const cancel = clock.schedule(Math.ceil((0.5 + random() / 2) * ceiling), wake);
        signal.addEventListener('abort', wake);
      });
    }
  }
}

import { loadSnapshot, type Snapshot } from '@edict/engine';
import {
  digestOf,
  isDigest,
  ManifestError,
  parseManifest,
  SignatureError,
  verifyRevision,
  type Manifest,
} from '@edict/bundle';
import type { Digest, ManifestSummary, NackDetail, NackPhase, OfferedRevision } from '@edict/protocol';
import type { RevisionFiles } from './revision-files.ts';
import type { CompileSnapshot } from './snapshot-compiler.ts';

/** Gets a manifest or bundle by content address. Throws `ArtifactError`s; the bytes are checked by the caller. */
export type FetchArtifact = (digest: Digest, ticket: string, signal: AbortSignal) => Promise<Uint8Array>;

/** Why a step of the preparation failed, as a NACK tells it. */
export interface Refused {
  readonly phase: NackPhase;
  readonly code: string;
  readonly deterministic: boolean;
  readonly detail: NackDetail;
}

/** Thrown by the loader's steps for everything that they expect to go wrong. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refused: Refused;
  constructor(refused: Refused) {
    super(refused.detail.message);
    this.refused = refused;
  }
}

export interface RevisionLoaderDeps {
  readonly files: RevisionFiles;
  readonly fetch: FetchArtifact;
  /** Read anew for every revision, so that rotated keys count at once. */
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  readonly compile: CompileSnapshot;
}

/** Bundles fetched at a time for one revision. */
export const FETCH_CONCURRENCY = 4;

/**
 * The steps from an offered revision to a compiled snapshot. Every byte is checked where it enters: the signature over
 * the revision, the manifest against the revision's digest, each bundle against the manifest's.
 */
export class RevisionLoader {
  readonly #deps: RevisionLoaderDeps;
  readonly #compiled = new Map<Digest, Snapshot>();

  constructor(deps: RevisionLoaderDeps) {
    this.#deps = deps;
  }

  /** Checks the signature, gets and checks the manifest, keeps it on disk. */
  async manifest(revision: OfferedRevision, ticket: string, signal: AbortSignal): Promise<ManifestSummary> {
    await this.#verify(revision);
    const stored = await this.#deps.files.readArtifact(revision.digest);
    if (stored !== undefined && digestOf(stored) === revision.digest) return summary(this.#parse(revision, stored));
    const bytes = await this.#fetch(revision.digest, ticket, signal);
    if (digestOf(bytes) !== revision.digest) throw mismatch('the manifest', revision.digest);
    const manifest = this.#parse(revision, bytes);
    await this.#deps.files.writeArtifact(revision.digest, bytes);
    return summary(manifest);
  }

  /** Gets those of `missing` that are not on disk; {@link compile} checks what they hold. */
  async bundles(missing: readonly Digest[], ticket: string, signal: AbortSignal): Promise<void> {
    const queue = [...missing];
    const work = async (): Promise<void> => {
      for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
        if ((await this.#deps.files.readArtifact(digest)) !== undefined) continue;
        await this.#deps.files.writeArtifact(digest, await this.#fetch(digest, ticket, signal));
      }
    };
    await Promise.all(Array.from({ length: FETCH_CONCURRENCY }, work));
  }

  /** Verifies everything again from disk and compiles it; afterwards {@link snapshot} has it. */
  async compile(
    revision: OfferedRevision,
    signal: AbortSignal,
  ): Promise<{ readonly compileMs: number; readonly heapDeltaBytes: number }> {
    await this.#verify(revision);
    const bytes = await this.#deps.files.readArtifact(revision.digest);
    if (bytes === undefined || digestOf(bytes) !== revision.digest)
      throw mismatch('the stored manifest', revision.digest);
    const manifest = this.#parse(revision, bytes);
    if (this.#compiled.has(revision.digest)) return { compileMs: 0, heapDeltaBytes: 0 };
    const bundles = await Promise.all(
      manifest.domains.map(async ({ digest }) => {
        const gzip = await this.#deps.files.readArtifact(digest);
        if (gzip === undefined) throw mismatch('a stored bundle', digest);
        return { digest, gzip };
      }),
    );
    const answer = await this.#deps.compile({ bundles }, signal);
    if (!answer.ok) {
      // Bytes that do not verify must not be found again by the next try.
      if (answer.badArtifact !== undefined) await this.#deps.files.removeArtifact(answer.badArtifact);
      throw new RefusedError(answer);
    }
    this.#compiled.set(revision.digest, loadSnapshot(answer.compiled));
    return { compileMs: answer.compileMs, heapDeltaBytes: answer.heapDeltaBytes };
  }

  /** The compiled content of a manifest digest. */
  snapshot(digest: Digest): Snapshot | undefined {
    return this.#compiled.get(digest);
  }

  /** Forgets compiled contents other than these. */
  retain(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#compiled.keys()) if (!digests.has(digest)) this.#compiled.delete(digest);
  }

  async #verify(revision: OfferedRevision): Promise<void> {
    const { digest } = revision;
    if (!isDigest(digest)) throw refusal('Verify', 'BadDigest', true, `not a digest: ${digest}`);
    const keys = await this.#deps.trustedKeys();
    try {
      verifyRevision({ ...revision, digest }, keys);
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      // A key that is not here yet may come with the next rotation; a signature that is wrong stays wrong.
      const deterministic = error.code !== 'unknown-key' && error.code !== 'no-trusted-keys';
      throw refusal('Verify', error.code, deterministic, error.message);
    }
  }

  #parse(revision: OfferedRevision, bytes: Uint8Array): Manifest {
    let manifest: Manifest;
    try {
      manifest = parseManifest(bytes);
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      throw refusal('Verify', error.code, true, error.message);
    }
    if (manifest.setUid !== revision.setUid) {
      const message = `the manifest is of set ${manifest.setUid}, the revision of ${revision.setUid}`;
      throw refusal('Verify', 'altered-set', true, message);
    }
    return manifest;
  }

  async #fetch(digest: Digest, ticket: string, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.#deps.fetch(digest, ticket, signal);
    } catch (error) {
      throw refusal('Fetch', 'FetchFailed', false, `${digest}: ${String(error)}`);
    }
  }
}

function summary(manifest: Manifest): ManifestSummary {
  return {
    bundles: manifest.domains.map(({ digest }) => digest),
    totalBytes: manifest.totals.bytes,
    features: manifest.features,
  };
}

/** Wrong bytes may be right the next time they are fetched. */
function mismatch(what: string, digest: Digest): RefusedError {
  return refusal('Verify', 'DigestMismatch', false, `${what} is not ${digest}`);
}

function refusal(phase: NackPhase, code: string, deterministic: boolean, message: string): RefusedError {
  return new RefusedError({ phase, code, deterministic, detail: { message: message.slice(0, 1000) } });
}

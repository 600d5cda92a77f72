import {
  digestOf,
  ManifestError,
  parseManifest,
  SignatureError,
  verifyRevision,
  type Digest,
  type Manifest,
  type Serving,
  type SignedRevision,
} from '@edict/bundle';
import { loadSnapshot, type CompiledSnapshot, type Snapshot } from '@edict/engine';
import { RefusalError, summarizeManifest, type ManifestSummary, type TestCounts } from '@edict/protocol';
import type { CompileFailure, CompileRequest } from './compile-bundles.ts';
import type { CompiledForms } from './compiled-forms.ts';
import type { RevisionFiles } from './revision-files.ts';
import type { CompileSnapshot, TestSnapshot } from './snapshot-compiler.ts';

/** Gets one manifest or bundle by content address. Rejects when it can't be had; the bytes are checked by the caller. */
export type FetchArtifact = (source: ArtifactSource, digest: Digest, signal: AbortSignal) => Promise<Uint8Array>;

/** Where an artifact is fetched, and the right to. */
export interface ArtifactSource {
  /** As the operator's Welcome said; `''` means as configured. */
  readonly artifactsUrl: string;
  readonly ticket: string;
}

export interface RevisionLoaderDeps {
  readonly files: RevisionFiles;
  readonly fetch: FetchArtifact;
  /** PEM by key id. Read anew for every revision, so that rotated keys count at once. */
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  readonly compile: CompileSnapshot;
  /** Runs the tests that revisions carry; without it those are refused that carry some. */
  readonly test?: TestSnapshot | undefined;
  /** Where compiled revisions are kept, for those that leave memory and for the next start; nowhere by default. */
  readonly forms?: CompiledForms | undefined;
  /** Told that a compiled revision could not be kept or read: it is compiled anew when it is needed. */
  readonly onFormFailure?: (digest: Digest, error: unknown) => void;
}

/** What was compiled once, by this process or one before, and can be had again. */
export interface ProvedRevision {
  readonly set: string;
  readonly serving: Serving;
  readonly manifest: Manifest;
}

/** Bundles fetched at a time for one revision. */
export const FETCH_CONCURRENCY = 4;

/**
 * The steps from an offered revision to a compiled snapshot. Every byte is checked where it enters: the signature over
 * the revision, the manifest against the revision's digest, each bundle against the manifest's. Throws `RefusalError`.
 */
export class RevisionLoader {
  readonly #deps: RevisionLoaderDeps;
  readonly #compiled = new Map<Digest, Snapshot>();
  readonly #proved = new Map<Digest, ProvedRevision>();
  /** The newest of {@link #compiled}: programs that it shares with the next one are taken over, warm as they are. */
  #latest: Snapshot | undefined;

  constructor(deps: RevisionLoaderDeps) {
    this.#deps = deps;
  }

  /** Checks the signature, gets and checks the manifest, keeps it on disk. */
  async manifest(revision: SignedRevision, source: ArtifactSource, signal: AbortSignal): Promise<ManifestSummary> {
    await this.#verify(revision);
    const stored = await this.#deps.files.readArtifact(revision.digest);
    if (stored !== undefined && digestOf(stored) === revision.digest) {
      return summarizeManifest(this.#parse(revision, stored));
    }
    const bytes = await this.#deps.fetch(source, revision.digest, signal);
    if (digestOf(bytes) !== revision.digest) throw mismatch('the manifest', revision.digest);
    const manifest = this.#parse(revision, bytes);
    await this.#deps.files.writeArtifact(revision.digest, bytes);
    return summarizeManifest(manifest);
  }

  /** Gets those of `missing` that are not on disk; {@link compile} checks what they hold. */
  async bundles(missing: readonly Digest[], source: ArtifactSource, signal: AbortSignal): Promise<void> {
    const queue = [...missing];
    const work = async (): Promise<void> => {
      for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
        if (await this.#deps.files.hasArtifact(digest)) continue;
        await this.#deps.files.writeArtifact(digest, await this.#deps.fetch(source, digest, signal));
      }
    };
    await Promise.all(Array.from({ length: FETCH_CONCURRENCY }, work));
  }

  /**
   * Verifies the revision again from disk, and compiles it unless that was done before; afterwards {@link proved} has it, and
   * so has {@link snapshot} if `keep` wants sets that are served so in memory.
   */
  async compile(
    revision: SignedRevision,
    signal: AbortSignal,
    keep: (serving: Serving) => boolean = () => true,
  ): Promise<{ readonly compileMs: number; readonly heapDeltaBytes: number }> {
    await this.#verify(revision);
    const bytes = await this.#deps.files.readArtifact(revision.digest);
    if (bytes === undefined || digestOf(bytes) !== revision.digest)
      throw mismatch('the stored manifest', revision.digest);
    const manifest = this.#parse(revision, bytes);
    const { digest } = revision;
    const proved = { set: revision.set, serving: manifest.serving ?? {}, manifest };
    const kept = keep(proved.serving);
    if (this.#compiled.has(digest) || (await this.#isAtHand(digest, kept))) {
      this.#proved.set(digest, proved);
      return NOTHING_SPENT;
    }
    const { compiled, ...spent } = await this.#compileBundles(digest, manifest, signal);
    if (kept) this.#load(digest, compiled);
    this.#proved.set(digest, proved);
    return spent;
  }

  /** Brings a revision that is {@link proved} into memory. Throws `RefusalError` where what is on disk is not sound. */
  async load(digest: Digest, signal: AbortSignal): Promise<Snapshot> {
    const proved = this.#proved.get(digest);
    if (proved === undefined) throw new Error(`the revision of ${digest} is gone`);
    const known = this.#compiled.get(digest) ?? (await this.#readForm(digest));
    if (known !== undefined) return known;
    const { compiled } = await this.#compileBundles(digest, proved.manifest, signal);
    return this.#load(digest, compiled);
  }

  /**
   * Runs the tests of a revision that is {@link proved}, on what was compiled of it. Throws `RefusalError` where one does not
   * pass, or what is on disk is not sound.
   */
  async test(digest: Digest, signal: AbortSignal): Promise<TestCounts> {
    const { test } = this.#deps;
    const tests = this.#proved.get(digest)?.manifest.tests;
    if (tests === undefined) throw new Error(`the revision of ${digest} is gone`);
    if (tests.length === 0 || test === undefined) return NO_TESTS;
    const suites = await this.#readArtifacts(tests, 'a stored test suite');
    let answer = await test({ suites, name: digest }, signal);
    if (answer.ok === 'unknown') {
      const { compiled } = await this.load(digest, signal);
      answer = await test({ suites, name: digest, compiled, bundles: await this.storedBundles(digest) }, signal);
    }
    if (answer.ok === 'unknown') throw new Error(`nothing was compiled of ${digest}`);
    if (!answer.ok) throw await this.#refusalOf(answer);
    return answer.tests;
  }

  /** What a digest was proved to be, whether or not it is in memory. */
  proved(digest: Digest): ProvedRevision | undefined {
    return this.#proved.get(digest);
  }

  /** Lets go of all that is in memory of a set. It stays proved. */
  release(set: string): void {
    for (const digest of this.#compiled.keys()) {
      if (this.#proved.get(digest)?.set === set) this.#compiled.delete(digest);
    }
    this.#latest = [...this.#compiled.values()].at(-1);
  }

  /** Whether nothing has to be compiled: the form that is on disk is loaded, or merely there, as is wanted. */
  async #isAtHand(digest: Digest, wantedInMemory: boolean): Promise<boolean> {
    if (!wantedInMemory) return (await this.#deps.forms?.has(digest)) === true;
    return (await this.#readForm(digest)) !== undefined;
  }

  async #readForm(digest: Digest): Promise<Snapshot | undefined> {
    try {
      const form = await this.#deps.forms?.read(digest);
      return form === undefined ? undefined : this.#load(digest, form.compiled);
    } catch (error) {
      this.#deps.onFormFailure?.(digest, error);
      return undefined;
    }
  }

  #load(digest: Digest, compiled: CompiledSnapshot): Snapshot {
    this.#latest = loadSnapshot(compiled, this.#latest);
    this.#compiled.set(digest, this.#latest);
    return this.#latest;
  }

  async #compileBundles(
    digest: Digest,
    manifest: Manifest,
    signal: AbortSignal,
  ): Promise<{ readonly compiled: CompiledSnapshot; readonly compileMs: number; readonly heapDeltaBytes: number }> {
    const bundles = await this.#readBundles(manifest);
    const answer = await this.#deps.compile({ name: digest, bundles, serving: manifest.serving }, signal);
    if (!answer.ok) throw await this.#refusalOf(answer);
    const { compiled, compileMs, heapDeltaBytes } = answer;
    try {
      await this.#deps.forms?.write(digest, compiled);
    } catch (error) {
      this.#deps.onFormFailure?.(digest, error);
    }
    return { compiled, compileMs, heapDeltaBytes };
  }

  async #refusalOf({ badArtifact, phase, code, deterministic, detail }: CompileFailure): Promise<RefusalError> {
    // Bytes that do not verify must not be found again by the next try.
    if (badArtifact !== undefined) await this.#deps.files.removeArtifact(badArtifact);
    return new RefusalError(phase, code, deterministic, detail);
  }

  /** The compiled content of a manifest digest. */
  snapshot(digest: Digest): Snapshot | undefined {
    return this.#compiled.get(digest);
  }

  /**
   * The bundles of a revision that is {@link proved}, as they are on disk: their digests are for the reader to check. Throws
   * `RefusalError` where one is missing.
   */
  async storedBundles(digest: Digest): Promise<CompileRequest['bundles']> {
    const proved = this.#proved.get(digest);
    if (proved === undefined) throw new Error(`the revision of ${digest} is gone`);
    return await this.#readBundles(proved.manifest);
  }

  /** Forgets compiled contents other than these. */
  retain(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#proved.keys()) if (!digests.has(digest)) this.#proved.delete(digest);
    for (const digest of this.#compiled.keys()) if (!digests.has(digest)) this.#compiled.delete(digest);
    this.#latest = [...this.#compiled.values()].at(-1);
  }

  async #readBundles({ domains }: Manifest): Promise<CompileRequest['bundles']> {
    const digests = domains.map(({ digest }) => digest);
    return await this.#readArtifacts(digests, 'a stored bundle');
  }

  async #readArtifacts(digests: readonly Digest[], what: string): Promise<CompileRequest['bundles']> {
    return await Promise.all(
      digests.map(async (digest) => {
        const gzip = await this.#deps.files.readArtifact(digest);
        if (gzip === undefined) throw mismatch(what, digest);
        return { digest, gzip };
      }),
    );
  }

  async #verify(revision: SignedRevision): Promise<void> {
    const keys = await this.#deps.trustedKeys();
    try {
      verifyRevision(revision, keys);
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      // A key that is not here yet may come with the next rotation; a signature that is wrong stays wrong.
      const deterministic = error.code !== 'unknown-key' && error.code !== 'no-trusted-keys';
      throw new RefusalError('Verify', error.code, deterministic, { message: error.message }, { cause: error });
    }
  }

  #parse(revision: SignedRevision, bytes: Uint8Array): Manifest {
    let manifest: Manifest;
    try {
      manifest = parseManifest(bytes);
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      throw new RefusalError('Verify', error.code, true, { message: error.message }, { cause: error });
    }
    if (manifest.setUid !== revision.setUid) {
      const message = `the manifest is of set ${manifest.setUid}, the revision of ${revision.setUid}`;
      throw new RefusalError('Verify', 'altered-set', true, { message });
    }
    if (manifest.tests.length > 0 && this.#deps.test === undefined) {
      // Acknowledging it would say that they passed.
      const message = `the revision carries ${manifest.tests.length} test suites, which this engine cannot run`;
      throw new RefusalError('Test', 'TestsUnsupported', true, { message });
    }
    return manifest;
  }
}

const NO_TESTS: TestCounts = { passed: 0, failed: 0 };

const NOTHING_SPENT = { compileMs: 0, heapDeltaBytes: 0 } as const;

/** Wrong bytes may be right the next time they are fetched. */
function mismatch(what: string, digest: Digest): RefusalError {
  return new RefusalError('Verify', 'DigestMismatch', false, { message: `${what} is not ${digest}` });
}

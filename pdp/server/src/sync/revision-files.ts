import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDigest, LEASE_MAX_MS, LEASE_MIN_MS, STALE_ACTIONS, type Digest } from '@edict/bundle';
import type { DurableRecord, SetKey } from '@edict/protocol';
import { z } from 'zod';
import { removeDurably, TEMPORARY_SUFFIX, writeDurably } from './durable-file.ts';

const DigestText = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a digest');

const StoredSlot = z.object({
  revision: z.object({
    set: z.string(),
    setUid: z.string(),
    n: z.int().min(1),
    digest: DigestText,
    parent: z.int().min(0),
    reason: z.enum(['Spec', 'Rollback', 'Withdraw', 'Emergency']),
    createdAt: z.string(),
    keyId: z.string(),
    signature: z.string(),
  }),
  manifest: z.object({
    bundles: z.array(DigestText),
    totalBytes: z.number().min(0),
    features: z.array(z.string()),
    engineMin: z.string(),
    consistency: z
      .object({
        mode: z.enum(['Standard', 'Strict']),
        leaseMs: z.int().min(LEASE_MIN_MS).max(LEASE_MAX_MS),
        onStale: z.enum(STALE_ACTIONS),
        onBoot: z.enum(['ServePersisted', 'AfterLease']),
        onControlPlaneLoss: z.enum(['Serve', 'Stop']),
      })
      .exactOptional(),
  }),
});

const StoredRecord = z.object({
  active: StoredSlot.exactOptional(),
  staged: StoredSlot.exactOptional(),
  lkg: StoredSlot.exactOptional(),
  canary: StoredSlot.extend({
    share: z.object({ salt: z.string().min(1), upTo: z.int().min(1).max(9_999) }),
  }).exactOptional(),
});

/**
 * Last-known-good policy on disk: `artifacts/sha256-<hex>` holds manifests and bundles by content address,
 *
 * `compiled/` what was compiled of them (`compiled-forms.ts`), `sets/<key>.json` what each set has in its slots. No manifest
 * and no bundle that is read from here is trusted before its signature and digests are checked again.
 */
export class RevisionFiles {
  readonly #root: string;
  readonly #onBroken: (path: string, reason: string) => void;
  /** The sweep under way. What is kept was decided when it began, so nothing is stored or looked up before it ends. */
  #sweeping: Promise<void> = Promise.resolve();

  private constructor(root: string, onBroken: (path: string, reason: string) => void) {
    this.#root = root;
    this.#onBroken = onBroken;
  }

  /**
   * Makes the folders and deletes what interrupted writes left in them. `onBroken` is told of each record that cannot be
   * read; such a record counts as absent.
   */
  static async open(root: string, onBroken: (path: string, reason: string) => void): Promise<RevisionFiles> {
    const files = new RevisionFiles(root, onBroken);
    for (const folder of [files.#artifacts, files.#sets, files.#forms]) {
      await mkdir(folder, { recursive: true });
      await removeTemporaries(folder, onBroken);
    }
    return files;
  }

  /** Every readable record, by set key. */
  async load(): Promise<ReadonlyMap<SetKey, DurableRecord>> {
    const records = new Map<SetKey, DurableRecord>();
    for (const name of await readdir(this.#sets)) {
      if (!name.endsWith('.json')) continue;
      const path = join(this.#sets, name);
      const set = setOf(name);
      const record = await this.#readRecord(path);
      if (set === undefined) this.#onBroken(path, 'the name is not that of a set');
      else if (record !== undefined) records.set(set, record);
    }
    return records;
  }

  /** Replaces a set's record; when it resolves, the record survives a power cut. */
  async writeRecord(set: SetKey, record: DurableRecord): Promise<void> {
    await writeDurably(this.#record(set), JSON.stringify(record));
  }

  /** Forgets a set. */
  async removeRecord(set: SetKey): Promise<void> {
    await removeDurably(this.#record(set));
  }

  /** Stores a manifest or bundle under its digest. */
  async writeArtifact(digest: Digest, bytes: Uint8Array): Promise<void> {
    await this.#sweeping;
    await writeDurably(this.#artifact(digest), bytes);
  }

  /** Whether there are bytes under this digest; what they are is not looked at. */
  async hasArtifact(digest: Digest): Promise<boolean> {
    await this.#sweeping;
    return await isThere(this.#artifact(digest));
  }

  /** The bytes as stored, unchecked; undefined if there are none. */
  async readArtifact(digest: Digest): Promise<Buffer | undefined> {
    await this.#sweeping;
    return await readIfThere(this.#artifact(digest));
  }

  /** Deletes one manifest or bundle, if it is there. */
  async removeArtifact(digest: Digest): Promise<void> {
    await rm(this.#artifact(digest), { force: true });
  }

  /** Stores what was compiled of a manifest; `madeBy` tells forms of different compilers apart. */
  async writeForm(manifest: Digest, madeBy: string, bytes: Uint8Array): Promise<void> {
    await this.#sweeping;
    await writeDurably(this.formPath(manifest, madeBy), bytes);
  }

  /** Whether there is such a form; what it holds is not looked at. */
  async hasForm(manifest: Digest, madeBy: string): Promise<boolean> {
    await this.#sweeping;
    return await isThere(this.formPath(manifest, madeBy));
  }

  /** Where a form is, if it is there. */
  formPath(manifest: Digest, madeBy: string): string {
    return join(this.#forms, `${fileName(manifest)}.${madeBy}`);
  }

  /**
   * Deletes every manifest and bundle that is not in `keep`, and what was compiled of others. Reads and writes of artifacts that begin later wait for it,
   * so `keep` has to name what is needed at the moment of the call and nothing that comes after.
   */
  async sweep(keep: ReadonlySet<Digest>): Promise<void> {
    const names = new Set([...keep].map(fileName));
    const swept = this.#sweeping.then(async () => {
      for (const name of await readdir(this.#artifacts)) {
        // A temporary file belongs to a write that began before; its own rename or failure removes it.
        if (names.has(name) || name.endsWith(TEMPORARY_SUFFIX)) continue;
        await rm(join(this.#artifacts, name), { force: true });
      }
      for (const name of await readdir(this.#forms)) {
        if (names.has(name.slice(0, name.lastIndexOf('.'))) || name.endsWith(TEMPORARY_SUFFIX)) continue;
        await rm(join(this.#forms, name), { force: true });
      }
    });
    // A failure is this caller's to report; those that wait only wait.
    this.#sweeping = swept.catch(() => undefined);
    await swept;
  }

  get #artifacts(): string {
    return join(this.#root, 'artifacts');
  }

  get #forms(): string {
    return join(this.#root, 'compiled');
  }

  get #sets(): string {
    return join(this.#root, 'sets');
  }

  #record(set: SetKey): string {
    return join(this.#sets, `${encodeURIComponent(set)}.json`);
  }

  #artifact(digest: Digest): string {
    return join(this.#artifacts, fileName(digest));
  }

  async #readRecord(path: string): Promise<DurableRecord | undefined> {
    try {
      const bytes = await readIfThere(path);
      if (bytes === undefined) return undefined;
      const parsed = StoredRecord.safeParse(JSON.parse(bytes.toString()));
      if (parsed.success) return parsed.data;
      this.#onBroken(path, z.prettifyError(parsed.error));
    } catch (error) {
      this.#onBroken(path, String(error));
    }
    return undefined;
  }
}

/** Digests come from checked messages; the check here keeps a path from ever being made of anything else. */
function fileName(digest: Digest): string {
  if (!isDigest(digest)) throw new Error(`not a digest: ${JSON.stringify(digest)}`);
  return digest.replace(':', '-');
}

/** The set that a record's file is named after; undefined for a file that we cannot have written. */
function setOf(name: string): SetKey | undefined {
  try {
    return decodeURIComponent(name.slice(0, -'.json'.length));
  } catch {
    return undefined;
  }
}

/** A folder that cannot be tidied (read-only, say) can still be served from. */
async function removeTemporaries(folder: string, onBroken: (path: string, reason: string) => void): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(TEMPORARY_SUFFIX)) continue;
    const path = join(folder, name);
    await rm(path, { force: true }).catch((error: unknown) => onBroken(path, String(error)));
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error !== null && typeof error === 'object' && 'code' in error && error.code === 'ENOENT';
}

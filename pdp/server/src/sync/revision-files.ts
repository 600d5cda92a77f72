import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest, OfferedRevision, SetKey } from '@edict/protocol';
import { z } from 'zod';
import { removeDurably, writeDurably } from './durable-file.ts';

/** `staged`: prepared, not decided. `active`: decided, what a boot serves. `lkg`: the active one before that. */
export type Slot = 'staged' | 'active' | 'lkg';
const SLOTS: readonly Slot[] = ['staged', 'active', 'lkg'];

/** The records of one set as found on disk. */
export type StoredSlots = Readonly<Partial<Record<Slot, OfferedRevision>>>;

const StoredRevision = z.object({
  set: z.string(),
  setUid: z.string(),
  n: z.int().min(1),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  parent: z.int().min(0),
  reason: z.enum(['Spec', 'Rollback', 'Withdraw']),
  createdAt: z.string(),
  keyId: z.string(),
  signature: z.string(),
});

/**
 * Last-known-good policy on disk:
 * `artifacts/sha256-<hex>` holds manifests and bundles by content address, `sets/<key>/<slot>.json` the signed revision
 * in each slot. Nothing that is read from here is trusted before its signature and digests are checked again.
 */
export class RevisionFiles {
  readonly #root: string;
  /** Told of a record that cannot be read; it counts as absent. */
  readonly #onBroken: (path: string, reason: string) => void;

  private constructor(root: string, onBroken: (path: string, reason: string) => void) {
    this.#root = root;
    this.#onBroken = onBroken;
  }

  /** Makes the folders and clears what an interrupted write left. */
  static async open(root: string, onBroken: (path: string, reason: string) => void): Promise<RevisionFiles> {
    const files = new RevisionFiles(root, onBroken);
    await mkdir(files.#artifacts, { recursive: true });
    await mkdir(files.#sets, { recursive: true });
    for (const name of await readdir(files.#artifacts)) {
      if (name.endsWith('.tmp')) await rm(join(files.#artifacts, name), { force: true });
    }
    return files;
  }

  /** Every readable record, by set key. */
  async load(): Promise<ReadonlyMap<SetKey, StoredSlots>> {
    const sets = new Map<SetKey, StoredSlots>();
    for (const folder of await readdir(this.#sets)) {
      const slots: Partial<Record<Slot, OfferedRevision>> = {};
      for (const slot of SLOTS) {
        const record = await this.#readRecord(join(this.#sets, folder, `${slot}.json`));
        if (record !== undefined) slots[slot] = record;
      }
      sets.set(decodeURIComponent(folder), slots);
    }
    return sets;
  }

  async writeSlot(set: SetKey, slot: Slot, revision: OfferedRevision): Promise<void> {
    const folder = join(this.#sets, encodeURIComponent(set));
    await mkdir(folder, { recursive: true });
    await writeDurably(join(folder, `${slot}.json`), JSON.stringify(revision));
  }

  async clearSlot(set: SetKey, slot: Slot): Promise<void> {
    const folder = join(this.#sets, encodeURIComponent(set));
    await mkdir(folder, { recursive: true });
    await removeDurably(join(folder, `${slot}.json`));
  }

  /** Forgets a set wholly. */
  async removeSet(set: SetKey): Promise<void> {
    await rm(join(this.#sets, encodeURIComponent(set)), { recursive: true, force: true });
  }

  async writeArtifact(digest: Digest, bytes: Uint8Array): Promise<void> {
    await writeDurably(this.#artifact(digest), bytes);
  }

  /** The bytes as stored, unchecked; undefined if there are none. */
  async readArtifact(digest: Digest): Promise<Buffer | undefined> {
    return await readIfThere(this.#artifact(digest));
  }

  /** Deletes every manifest and bundle that is not in `keep`. */
  async sweep(keep: ReadonlySet<Digest>): Promise<void> {
    const names = new Set([...keep].map(fileName));
    for (const name of await readdir(this.#artifacts)) {
      if (!names.has(name) && !name.endsWith('.tmp')) await rm(join(this.#artifacts, name), { force: true });
    }
  }

  get #artifacts(): string {
    return join(this.#root, 'artifacts');
  }

  get #sets(): string {
    return join(this.#root, 'sets');
  }

  #artifact(digest: Digest): string {
    return join(this.#artifacts, fileName(digest));
  }

  async #readRecord(path: string): Promise<OfferedRevision | undefined> {
    const bytes = await readIfThere(path);
    if (bytes === undefined) return undefined;
    try {
      const parsed = StoredRevision.safeParse(JSON.parse(bytes.toString()));
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
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`not a digest: ${JSON.stringify(digest)}`);
  return digest.replace(':', '-');
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error !== null && typeof error === 'object' && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

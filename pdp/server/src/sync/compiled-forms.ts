import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import type { Digest } from '@edict/bundle';
import type { CompiledSnapshot } from '@edict/engine';
import type { RevisionFiles } from './revision-files.ts';

/** A compiled revision as it is kept on disk: what the compiler made of the bundles of one manifest. */
export interface CompiledForm {
  readonly compiled: CompiledSnapshot;
  /** Bytes on disk. */
  readonly size: number;
}

/** Version of the form. A form of another version is made anew from the bundles. */
const FORM_VERSION = 1;

const HASH_BYTES = 32;

/**
 * Compiled revisions on disk, beside the bundles that they were made of, so that a policy that left memory, or a process
 * that starts anew, need not compile. A form is found by the digest of its manifest and by what compiled it (engine, version
 * and settings), and is used only if its bytes are those that were written (SHA-256) and nobody else could have written
 * them: the file is the process's own, and neither its group nor others may write to it. Every other form counts as absent:
 * the bundles, which are signed for, are the truth.
 */
export class CompiledForms {
  readonly #files: RevisionFiles;
  readonly #madeBy: string;

  /** `madeBy`: all that a form depends on besides the manifest. */
  constructor(files: RevisionFiles, madeBy: readonly unknown[]) {
    this.#files = files;
    this.#madeBy = createHash('sha256')
      .update(JSON.stringify([FORM_VERSION, ...madeBy]))
      .digest('hex')
      .slice(0, 16);
  }

  /** Keeps the form of a manifest. Rejects when the disk does not take it. */
  async write(manifest: Digest, compiled: CompiledSnapshot): Promise<void> {
    const bytes = serialize(compiled);
    await this.#files.writeForm(manifest, this.#madeBy, Buffer.concat([hashOf(manifest, bytes), bytes]));
  }

  /** Whether there seems to be a form; {@link read} looks at what it holds. */
  async has(manifest: Digest): Promise<boolean> {
    return await this.#files.hasForm(manifest, this.#madeBy);
  }

  /** The form of a manifest; undefined where there is none that can be relied on. */
  async read(manifest: Digest): Promise<CompiledForm | undefined> {
    const stored = await readOwn(this.#files.formPath(manifest, this.#madeBy));
    if (stored === undefined || stored.length < HASH_BYTES) return undefined;
    const bytes = stored.subarray(HASH_BYTES);
    if (!hashOf(manifest, bytes).equals(stored.subarray(0, HASH_BYTES))) return undefined;
    return { compiled: deserialize(bytes) as CompiledSnapshot, size: stored.length };
  }
}

/** The digest of the manifest is part of it: a form that was put under another name is none. */
function hashOf(manifest: Digest, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(manifest).update('\n').update(bytes).digest();
}

const WRITABLE_BY_OTHERS = 0o022;

/** The bytes of a file that only this user can have written; undefined for any other, or none. */
async function readOwn(path: string): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (codeIs(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const { uid, mode } = await file.stat();
    const own = process.getuid === undefined || uid === process.getuid();
    return own && (mode & WRITABLE_BY_OTHERS) === 0 ? await file.readFile() : undefined;
  } finally {
    await file.close();
  }
}

function codeIs(error: unknown, code: string): boolean {
  return error !== null && typeof error === 'object' && 'code' in error && error.code === code;
}

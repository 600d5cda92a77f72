import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Ends the names of files that are being written; what a crash leaves behind bears it too. */
export const TEMPORARY_SUFFIX = '.tmp';

/**
 * Replaces `path` by `bytes` so that a crash at any point leaves the old file or the new one, whole: write beside it,
 * fsync, rename, fsync the folder. When it resolves, the bytes survive a power cut. Several writers of one path may run at
 * once: each has a temporary file of its own, and one of the whole contents is what remains.
 */
export async function writeDurably(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}${TEMPORARY_SUFFIX}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Removes `path` if it is there; when it resolves, the removal survives a power cut. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

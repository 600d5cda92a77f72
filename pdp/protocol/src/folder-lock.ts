import { join } from 'node:path';
import { messageOf } from './log.ts';

/** The folder belongs to another process that is alive, or to another part of this one. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly code = 'folder-in-use';

  constructor(folder: string) {
    super(`${folder} is in use`);
  }
}

/** A folder that its taker has for itself. */
export interface FolderLock {
  /** Gives the folder back, once. The file of the lock stays: another may have it open, to try it next. */
  readonly release: () => void;
}

const NAME = '.lock';
/** Files that nobody refers to would be closed when memory is collected, and their locks with them. */
const held = new Set<object>();
/** SQLITE_BUSY: another connection, of this process or of another, has the lock. */
const BUSY = 5;
/** SQLITE_PERM and SQLITE_IOERR_(RDLOCK, LOCK): what a file system without locks answers. */
const UNSUPPORTED = new Set([3, 2314, 3850]);

/**
 * Takes a folder for the caller alone. The lock is the system's on a file in the folder: it ends with the process, however
 * that ends, holds across containers that share the folder on one machine, and leaves nothing that would have to be cleared
 * away, which several could do at once. SQLite takes it, as Node itself has no call for locks.
 *
 * Undefined where the file system knows no locks, so that nothing can be found out. Throws {@link FolderInUseError} at once
 * where somebody else has the folder, and an error with the file's path where that cannot be made.
 */
export async function lockFolder(folder: string): Promise<FolderLock | undefined> {
  const { DatabaseSync } = await import('node:sqlite');
  const path = join(folder, NAME);
  try {
    const file = new DatabaseSync(path, { timeout: 0 });
    const release = () => {
      if (held.delete(file)) file.close();
    };
    held.add(file);
    try {
      // The lock that only one can ask for: of those that come at once the first has it. Without a journal beside the file.
      file.exec('PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE');
    } catch (error) {
      release();
      throw error;
    }
    return { release };
  } catch (cause) {
    const code = sqliteCodeOf(cause);
    if (code === BUSY) throw new FolderInUseError(folder);
    if (UNSUPPORTED.has(code)) return undefined;
    throw new Error(`${path} cannot be locked: ${messageOf(cause)}`, { cause });
  }
}

function sqliteCodeOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'errcode' in error ? Number(error.errcode) : 0;
}

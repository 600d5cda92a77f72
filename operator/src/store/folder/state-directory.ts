import { mkdir, open, readdir, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderInUseError, lockFolder, type FolderLock } from '@edict/protocol';
import { StoreError } from '../errors.ts';
import type { AnyObject } from './object-rules.ts';

/** What is kept of one object between runs. */
export interface StoredRecord {
  readonly object: AnyObject;
  /** The file of the user that the spec comes from, relative to the folder; absent for objects that were created here. */
  readonly file?: string;
  /** What each field manager applied last. */
  readonly applied?: Readonly<Record<string, unknown>>;
}

/** Objects on disk, one file each: written aside, flushed, renamed, so that a crash leaves the old or the new one. */
export interface StateDirectory {
  readonly load: () => Promise<readonly StoredRecord[]>;
  readonly write: (record: StoredRecord) => Promise<void>;
  readonly remove: (object: AnyObject) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Holds the number of the process that has the folder. It only names it: what keeps others out is the lock. */
const OWNER = 'owner.pid';

/** Opens (and creates) the directory for this process alone. Throws `Unavailable` while another process holds it. */
export async function openStateDirectory(path: string): Promise<StateDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const lock = await takeFolder(path);
  const folderOf = (object: AnyObject) => join(path, object.kind, object.metadata.namespace ?? '');
  const fileOf = (object: AnyObject) => join(folderOf(object), `${object.metadata.name}.json`);
  return {
    load: async () => {
      const entries = await readdir(path, { withFileTypes: true, recursive: true });
      const records: StoredRecord[] = [];
      for (const entry of entries) {
        if (!entry.isFile() || !entry.name.endsWith('.json')) continue;
        const file = join(entry.parentPath, entry.name);
        records.push(parseRecord(await readFile(file, 'utf8'), file));
      }
      return records;
    },
    write: async (record) => {
      const folder = folderOf(record.object);
      const file = fileOf(record.object);
      await using handle = await openIn(folder, `${file}.tmp`);
      await handle.writeFile(JSON.stringify(record));
      await handle.sync();
      await rename(`${file}.tmp`, file);
      await syncFolder(folder);
    },
    remove: async (object) => {
      await rm(fileOf(object), { force: true });
      await syncFolder(folderOf(object));
    },
    close: async () => {
      await rm(join(path, OWNER), { force: true });
      lock.release();
    },
  };
}

function parseRecord(text: string, file: string): StoredRecord {
  try {
    return JSON.parse(text) as StoredRecord;
  } catch (cause) {
    // Only whole files are ever renamed into place, so this is damage from outside; going on would forget decisions.
    throw new StoreError('Invalid', `${file}: not a stored object; restore or delete it`, { cause });
  }
}

/** Opens a file to write it anew, and makes its folder where it is missing: seldom, and each look for it is a call of its own. */
async function openIn(folder: string, file: string): Promise<FileHandle> {
  try {
    return await open(file, 'w', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await open(file, 'w', 0o600);
  }
}

/** A rename is durable once its directory is. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

async function takeFolder(path: string): Promise<FolderLock> {
  const owner = join(path, OWNER);
  const lock = await lockFolder(path).catch(async (cause: unknown) => {
    if (!(cause instanceof FolderInUseError)) throw cause;
    const pid = await readFile(owner, 'utf8').catch(() => 'another');
    throw new StoreError('Unavailable', `${path}: process ${pid} uses this folder; stop it first`, { cause });
  });
  if (lock === undefined) {
    throw new StoreError('Unavailable', `${path}: its file system knows no locks; keep the state on one that does`);
  }
  try {
    await writeFile(owner, String(process.pid), { mode: 0o600 });
  } catch (error) {
    lock.release();
    throw error;
  }
  return lock;
}

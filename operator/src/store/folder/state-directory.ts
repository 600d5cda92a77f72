import {
  link,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
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

const LOCK = 'lock';
/** Locks of this very process, by path: in a container every process that ever ran has the same number. */
const heldHere = new Set<string>();

/** Opens (and creates) the directory for this process alone. Throws `Unavailable` while another process holds it. */
export async function openStateDirectory(path: string): Promise<StateDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const lock = join(await realpath(path), LOCK);
  await acquireLock(lock);
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
      if (!heldHere.delete(lock)) return;
      await rm(lock, { force: true });
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

/** A lock file that holds its owner's process id from the moment it exists: it is linked into place, whole. */
async function acquireLock(file: string): Promise<void> {
  if (heldHere.has(file)) throw new StoreError('Unavailable', `${file}: this process uses the folder already`);
  const own = `${file}.${process.pid}`;
  await writeFile(own, String(process.pid), { mode: 0o600 });
  try {
    for (;;) {
      try {
        await link(own, file);
        heldHere.add(file);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = Number(await readFile(file, 'utf8'));
      if (owner !== process.pid && isAlive(owner)) {
        throw new StoreError('Unavailable', `${file}: process ${owner} uses this folder; stop it first`);
      }
      // The process that made the lock is gone (or was an earlier process of this very number).
      await rm(file, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

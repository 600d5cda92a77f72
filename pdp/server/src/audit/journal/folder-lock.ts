import { randomUUID } from 'node:crypto';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { codeOf } from '@edict/protocol';

/** The journal's folder belongs to another process that is alive, or to another sink of this one. */
export class JournalInUseError extends Error {
  override readonly name = 'JournalInUseError';
  readonly code = 'journal-in-use';

  constructor(folder: string) {
    super(`the audit journal in ${folder} is in use: give every process and every sink a folder of its own`);
  }
}

/** A folder that this process has for itself. */
export interface FolderLock {
  readonly release: () => Promise<void>;
}

/** Takes a folder; undefined where its file system knows no sockets, and so nothing can be found out. */
export type LockFolder = (folder: string) => Promise<FolderLock | undefined>;

/** The socket on which whoever has the folder listens. */
const NAME = 'lock';
/** What a socket's address holds (`sun_path`), with room for its end. */
const MAX_ADDRESS_BYTES = 100;
const UNSUPPORTED = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);
/** Locks that others left are cleared away so often, in case several begin at once. */
const TRIES = 5;

/**
 * Takes a folder for this process, or rejects with {@link JournalInUseError}. The lock is a unix socket that somebody
 * listens on: the system ends it with the process, however that ends, and it holds across containers that share the folder
 * on one machine. What a killed process left is cleared away.
 */
export const lockFolder: LockFolder = async (folder) =>
  await withAddress(folder, async (address) => {
    const path = join(folder, NAME);
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return lockOf(await listenOn(address), path);
      } catch (error) {
        const code = codeOf(error) ?? '';
        if (UNSUPPORTED.has(code)) return undefined;
        if (code !== 'EADDRINUSE') throw error;
      }
      const before = await inodeOf(path);
      if (await isServed(address)) throw new JournalInUseError(folder);
      if (before !== undefined) await clearAway(path, before);
    }
    throw new JournalInUseError(folder);
  });

function lockOf(server: Server, path: string): FolderLock {
  server.unref();
  return {
    release: async () => {
      await new Promise((resolve) => server.close(resolve));
      await rm(path, { force: true });
    },
  };
}

/** Hands `use` an address of the lock that is short enough, however long the folder's path is. */
async function withAddress<T>(folder: string, use: (address: string) => Promise<T>): Promise<T> {
  const path = join(folder, NAME);
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return await use(path);
  const handle = await open(folder);
  try {
    return await use(`/proc/self/fd/${handle.fd}/${NAME}`);
  } finally {
    await handle.close();
  }
}

/** Removes a lock that nobody holds, unless another process was faster and has made its own of it. */
async function clearAway(path: string, inode: number): Promise<void> {
  const aside = `${path}-${process.pid}-${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if ((await inodeOf(aside)) === inode) await rm(aside, { force: true });
  else await rename(aside, path);
}

/** Whoever asks whether somebody is here has the answer once connected. */
async function listenOn(address: string): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    // A worker of a cluster would have its primary listen for it.
    server.listen({ path: address, exclusive: true }, () => resolve(server));
  });
}

async function isServed(address: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!GONE.has(codeOf(error) ?? '')));
  });
}

/** Nobody listens there, or it has been cleared away meanwhile. */
const GONE = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET']);

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

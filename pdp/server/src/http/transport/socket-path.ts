import { chmod, lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { codeOf } from '@edict/protocol';

/**
 * Makes way for a unix socket at `path`: removes one that nobody listens on any more, as a process that was killed leaves it.
 * Rejects with `EADDRINUSE` if somebody listens, or if there is something else at this path.
 */
export async function clearSocketPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw inUse(`${path} is there and is no socket`);
  if (await isServed(path)) throw inUse(`somebody listens on ${path}`);
  await rm(path, { force: true });
}

/** Lets those connect that `mode` lets write. Until then only the owner could. */
export async function openSocketTo(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
}

async function isServed(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED'));
  });
}

function inUse(message: string): Error {
  return Object.assign(new Error(message), { code: 'EADDRINUSE' });
}

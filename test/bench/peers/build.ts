import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PeerUnavailable } from './peer.ts';

const cache = join(import.meta.dirname, '../../../node_modules/.cache/edict-bench');

/** A folder for what is built of one version of a peer; it outlives the run. */
export async function cacheFolder(nameAndVersion: string): Promise<string> {
  const folder = join(cache, nameAndVersion);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** How something is built. */
export interface BuildStep {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Where to get the command, for those who lack it. */
  readonly from: string;
}

/** Runs a build tool, whose progress goes to standard error. Rejects with `PeerUnavailable` where it is absent or fails. */
export async function build({ command, args, cwd, from }: BuildStep): Promise<void> {
  console.error(`> ${command} ${args.join(' ')}`);
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', process.stderr, process.stderr] });
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new PeerUnavailable(`${command} is not installed (${from})`)
          : new PeerUnavailable(`${command} does not start: ${error.message}`),
      ),
    );
    child.once('exit', resolve);
  });
  if (code !== 0) throw new PeerUnavailable(`${command} failed: see above`);
}

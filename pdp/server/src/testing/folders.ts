import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

/**
 * Makes folders that are deleted after the last test of the calling file: `afterEach` hooks run in the order in which they are
 * defined, and what writes to a folder is often closed by one that comes later.
 */
export function useFolders(): () => Promise<string> {
  const made: string[] = [];
  afterAll(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edict-pdp-'));
    made.push(folder);
    return folder;
  };
}

import { readFile, writeFile } from 'node:fs/promises';
import type { SigningKey } from '@edict/bundle';
import { z } from 'zod';

const Stored = z.object({ keyId: z.string().min(1), privateKey: z.string().min(1), publicKey: z.string().min(1) });

/** The signing key kept in `path` (mode 0600), made on first use. A file that is no key is an error, never replaced. */
export async function loadSigningKey(path: string, generate: () => SigningKey): Promise<SigningKey> {
  try {
    return Stored.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (error === null || typeof error !== 'object' || !('code' in error) || error.code !== 'ENOENT') throw error;
  }
  const key = generate();
  await writeFile(path, `${JSON.stringify(key)}\n`, { mode: 0o600, flag: 'wx' });
  return key;
}

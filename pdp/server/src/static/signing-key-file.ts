import { readFile, rename, writeFile } from 'node:fs/promises';
import type { SigningKey } from '@edict/bundle';
import { codeOf, messageOf } from '@edict/protocol';
import { z } from 'zod';

/** A file that is to hold a signing key cannot be used; the message says what to do. */
export class SigningKeyFileError extends Error {
  override readonly name = 'SigningKeyFileError';
  readonly code = 'NoSigningKey';
}

const Stored = z.object({ keyId: z.string().min(1), privateKey: z.string().min(1), publicKey: z.string().min(1) });

/**
 * The signing key kept in `path` (mode 0600), made on first use. A file that is no key is an error, never replaced: what was
 * signed with the old one could not be verified any more. One process at a time: the caller holds the folder.
 */
export async function loadSigningKey(path: string, generate: () => SigningKey): Promise<SigningKey> {
  const text = await readIfThere(path);
  if (text !== undefined) return parseKey(text, path);
  const key = generate();
  // Aside, then renamed: a crash leaves no half of a key.
  await writeFile(`${path}.tmp`, `${JSON.stringify(key)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.tmp`, path);
  return key;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new SigningKeyFileError(`cannot read the signing key ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function parseKey(text: string, path: string): SigningKey {
  try {
    return Stored.parse(JSON.parse(text));
  } catch {
    throw new SigningKeyFileError(`${path} is no signing key`);
  }
}

import { readFile } from 'node:fs/promises';
import { PAGE_TOKEN_KEY_MIN_BYTES, type AuthZenSettings } from './settings.ts';
import type { SignMetadata } from './sign-metadata.ts';

/** What the routes of AuthZEN need of the settings. */
export interface OpenAuthZen {
  readonly publicUrl: string | undefined;
  /** Absent: the key is made of the policy. */
  readonly pageTokenKey: Uint8Array | undefined;
  /** Absent: metadata are not signed. */
  readonly signMetadata: SignMetadata | undefined;
}

/** The key of page tokens is too short; the message names its file. */
export class PageTokenKeyError extends Error {
  override readonly name = 'PageTokenKeyError';
  readonly code = 'InvalidPageTokenKey';
}

/** Reads the keys that the settings name. Rejects when one cannot be read or used. */
export async function openAuthZen(
  settings: AuthZenSettings = {},
  nowMs: () => number = Date.now,
): Promise<OpenAuthZen> {
  const { publicUrl, pageTokenKeyFile, metadataKeyFile } = settings;
  return {
    publicUrl,
    pageTokenKey: pageTokenKeyFile === undefined ? undefined : await readPageTokenKey(pageTokenKeyFile),
    signMetadata: metadataKeyFile === undefined ? undefined : await openSigner(metadataKeyFile, nowMs),
  };
}

async function readPageTokenKey(file: string): Promise<Uint8Array> {
  const key = await readFile(file);
  if (key.length >= PAGE_TOKEN_KEY_MIN_BYTES) return key;
  throw new PageTokenKeyError(
    `${file} has ${key.length} bytes; a key of page tokens has ${PAGE_TOKEN_KEY_MIN_BYTES} at least`,
  );
}

/** What signs is loaded only where something is signed. */
async function openSigner(file: string, nowMs: () => number): Promise<SignMetadata> {
  const { openMetadataSigner } = await import('./sign-metadata.ts');
  return await openMetadataSigner(await readFile(file, 'utf8'), file, nowMs);
}

import type { Digest } from './identifiers.ts';

/** True for text that has the form of a digest. Kept here so that decoding loads no compiler. */
export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

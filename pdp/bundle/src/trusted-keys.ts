import { keyIdOf, SignatureError } from './signature.ts';

/**
 * Reads the file of trusted keys: a JSON object of key ids to public keys in PEM. Each id has to be that of its key. An
 * empty object is allowed, and trusts nobody.
 * @throws SignatureError `bad-key`
 */
export function parseTrustedKeys(text: string): ReadonlyMap<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new SignatureError('bad-key', 'the trusted keys are not JSON', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new SignatureError('bad-key', 'the trusted keys are not a JSON object of key ids to PEM');
  }
  const keys = new Map<string, string>();
  for (const [keyId, pem] of Object.entries(parsed)) {
    if (typeof pem !== 'string') throw new SignatureError('bad-key', `trusted key '${keyId}' is not text`);
    if (pem.includes('PRIVATE KEY')) throw new SignatureError('bad-key', `trusted key '${keyId}' is a private key`);
    const actual = keyIdOf(pem);
    if (actual !== keyId) throw new SignatureError('bad-key', `trusted key '${keyId}' has the id '${actual}'`);
    keys.set(keyId, pem);
  }
  return keys;
}

/** Prints public keys as {@link parseTrustedKeys} reads them, sorted by id. */
export function formatTrustedKeys(publicKeys: readonly string[]): string {
  const entries = publicKeys.map((pem) => [keyIdOf(pem), pem] as const);
  const sorted = entries.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}

import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  X509Certificate,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto';
import { parseJson } from '../json.ts';
import { getMember, isPlainObject, type PlainObject, type Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import { decodePem } from './pem.ts';

/** Names of the JWS algorithms that tokens may use. */
export const JWS_ALGORITHMS: ReadonlySet<string> = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'HS256',
  'HS384',
  'HS512',
  'EdDSA',
]);

/** A key to verify with; `alg` and `kid` are empty where the source does not say. */
export interface VerificationKey {
  readonly alg: string;
  readonly kid: string;
  readonly key: KeyObject;
}

/** Keys, or the message of what is wrong with their text. */
export type KeysResult =
  { readonly ok: true; readonly keys: readonly VerificationKey[] } | { readonly ok: false; readonly message: string };

/** How many parsed key texts a process keeps (twice as many for a short time). */
export const KEY_CACHE_SIZE = 100;

const cache = new BoundedCache<string, KeysResult>(KEY_CACHE_SIZE);

/** The keys of a PEM certificate, a PEM public key, a JWK or a JWK set. */
export function findVerificationKeys(text: string): KeysResult {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const result = readVerificationKeys(text);
  if (result.ok) cache.set(text, result);
  return result;
}

function readVerificationKeys(text: string): KeysResult {
  const block = decodePem(text);
  if (block === undefined) return readJwks(text);
  if (block.rest !== '') return { ok: false, message: 'extra data after a PEM certificate block' };
  switch (block.type) {
    case 'CERTIFICATE': {
      const key = attempt(() => new X509Certificate(block.bytes).publicKey);
      if (key.ok) return { ok: true, keys: [{ alg: '', kid: '', key: key.value }] };
      return { ok: false, message: `failed to parse a PEM certificate: ${key.message}` };
    }
    case 'PUBLIC KEY': {
      const key = attempt(() => createPublicKey({ key: block.bytes, format: 'der', type: 'spki' }));
      if (key.ok) return { ok: true, keys: [{ alg: '', kid: '', key: key.value }] };
      return { ok: false, message: `failed to parse a PEM public key: ${key.message}` };
    }
    default:
      return { ok: false, message: 'failed to extract a Key from the PEM certificate' };
  }
}

function readJwks(text: string): KeysResult {
  const list = parseJwks(text);
  if (!list.ok) return { ok: false, message: `failed to parse a JWK key (set): ${list.message}` };
  const keys: VerificationKey[] = [];
  for (const jwk of list.value) {
    const key = importJwk(jwk, 'verify');
    if (!key.ok) return { ok: false, message: `failed to parse a JWK key (set): ${key.message}` };
    const alg = getMember(jwk, 'alg');
    const kid = getMember(jwk, 'kid');
    // A key for an algorithm that is not known verifies nothing.
    if (typeof alg === 'string' && alg !== '' && !JWS_ALGORITHMS.has(alg)) continue;
    keys.push({ alg: typeof alg === 'string' ? alg : '', kid: typeof kid === 'string' ? kid : '', key: key.value });
  }
  return { ok: true, keys };
}

/** The first key of a JWK or a JWK set, to sign with. */
export function readSigningKey(text: string): Attempt<KeyObject> {
  const list = parseJwks(text);
  if (!list.ok) return list;
  const [first] = list.value;
  return first === undefined ? { ok: false, message: 'no keys found in JWK set' } : importJwk(first, 'sign');
}

/** Something that could be computed, or why not. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

function parseJwks(text: string): Attempt<readonly PlainObject[]> {
  const parsed = parseJson(text);
  if (!parsed.ok) return { ok: false, message: parsed.problem.message };
  if (!isPlainObject(parsed.value)) return { ok: false, message: 'expected a JSON object' };
  const keys = getMember(parsed.value, 'keys');
  const list: readonly Value[] = Array.isArray(keys) ? (keys as readonly Value[]) : [parsed.value];
  if (!list.every(isPlainObject)) return { ok: false, message: 'expected JSON objects for keys' };
  return { ok: true, value: list };
}

function importJwk(jwk: PlainObject, use: 'sign' | 'verify'): Attempt<KeyObject> {
  const kind = getMember(jwk, 'kty');
  if (kind === 'oct') {
    const secret = getMember(jwk, 'k');
    if (typeof secret !== 'string') return { ok: false, message: 'required field "k" is missing' };
    return { ok: true, value: createSecretKey(Buffer.from(secret, 'base64url')) };
  }
  if (kind !== 'RSA' && kind !== 'EC' && kind !== 'OKP') return { ok: false, message: 'invalid key type from JSON' };
  const key = jwk as JsonWebKeyInput['key'];
  const isPrivate = getMember(jwk, 'd') !== undefined;
  return attempt(() => {
    const imported = isPrivate ? createPrivateKey({ key, format: 'jwk' }) : createPublicKey({ key, format: 'jwk' });
    return use === 'verify' && isPrivate ? createPublicKey(imported) : imported;
  });
}

/** Runs a call into node:crypto, which throws on bad keys. */
export function attempt<T>(compute: () => T): Attempt<T> {
  try {
    return { ok: true, value: compute() };
  } catch (error) {
    const message: unknown = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
    return { ok: false, message: String(message) };
  }
}

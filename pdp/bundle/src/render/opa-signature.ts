import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { parseJson, stringify } from '@edict/rego/values';
import { BundleError } from './bundle-error.ts';
import { SignatureError } from '../signature.ts';
import type { TarFile } from './tar.ts';

/**
 * A key under bundles for stock OPA, which takes ES, PS, RS and HS signatures but no Ed25519: this one is for ES256 (ECDSA
 * over P-256).
 */
export interface OpaSigningKey {
  /** How OPA finds the key if its configuration names none: the `kid` of the token. */
  readonly keyId: string;
  /** PKCS #8 in PEM. Secret. */
  readonly privateKey: string;
  /** SPKI in PEM: what OPA is configured with. */
  readonly publicKey: string;
}

/** Makes an ECDSA key over P-256 from the operating system's randomness. */
export function generateOpaSigningKey(): OpaSigningKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return opaSigningKeyOf(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/**
 * The key pair of a private key. The key id is the first 16 hexadecimal digits of the SHA-256 of the public key in DER.
 * @throws SignatureError `bad-key` for anything that is not a P-256 private key in PEM
 */
export function opaSigningKeyOf(privateKey: string): OpaSigningKey {
  let key;
  try {
    key = createPrivateKey(privateKey);
  } catch (cause) {
    throw new SignatureError('bad-key', 'the key is not PEM that can be read', { cause });
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new SignatureError('bad-key', 'the key is not one of ECDSA over P-256');
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    keyId: createHash('sha256').update(der).digest('hex').slice(0, 16),
    privateKey,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
  };
}

/**
 * The file `.signatures.json` of a bundle: one token in the compact form of JWS (RFC 7515) that lists every file with its
 * SHA-256, as OPA verifies it. `scope` is part of it: OPA refuses a bundle whose scope is not the configured one.
 * @throws BundleError `bad-data` if a file of JSON is none
 */
export function signOpaFiles(files: readonly TarFile[], scope: string, { keyId, privateKey }: OpaSigningKey): TarFile {
  const listed = files.map(({ name, content }) => ({
    name,
    hash: createHash('sha256').update(hashedBytes(name, content)).digest('hex'),
    algorithm: 'SHA-256',
  }));
  const header = base64url({ alg: 'ES256', typ: 'JWT', kid: keyId });
  const signed = `${header}.${base64url({ files: listed, scope, iss: 'edict' })}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const text = JSON.stringify({ signatures: [`${signed}.${signature.toString('base64url')}`] });
  return { name: '.signatures.json', content: new TextEncoder().encode(text) };
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** OPA hashes what a file of JSON says and not how it is written: its compact form with keys by code point, as Go prints it. */
function hashedBytes(name: string, content: Uint8Array): string | Uint8Array {
  if (name !== '.manifest' && name !== 'data.json') return content;
  const parsed = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(content));
  if (!parsed.ok) throw new BundleError('bad-data', `${name}: ${parsed.problem.message}`);
  return stringify(parsed.value).replace(/[\u2028\u2029]/g, (unit) => (unit === '\u2028' ? '\\u2028' : '\\u2029'));
}

import { Buffer } from 'node:buffer';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { manifestDigest } from './manifest.ts';
import type { Digest } from './digest.ts';
import type { Manifest } from './manifest.ts';

/** Why a revision was made. */
export type RevisionReason = 'Spec' | 'Rollback' | 'Withdraw' | 'Emergency';

/** One numbered state of a PolicySet. `n` only ever rises; a rollback is a new number with an old digest. */
export interface Revision {
  /** `namespace/name` of the PolicySet. */
  readonly set: string;
  readonly setUid: string;
  readonly n: number;
  /** {@link manifestDigest} of the revision's manifest. */
  readonly digest: Digest;
  /** The revision that it follows; 0 for the first. */
  readonly parent: number;
  readonly reason: RevisionReason;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
}

/** A revision with the signature of an operator's key. */
export interface SignedRevision extends Revision {
  readonly keyId: string;
  /** Ed25519, base64. */
  readonly signature: string;
}

/** Why a revision is not to be believed. */
export type SignatureErrorCode =
  | 'no-trusted-keys'
  | 'unsigned'
  | 'unknown-key'
  | 'bad-signature'
  | 'altered-set'
  | 'altered-number'
  | 'altered-parent'
  | 'altered-digest'
  | 'bad-key';

/** A key or signature that does not hold. `code` says which way. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
  readonly code: SignatureErrorCode;
  constructor(code: SignatureErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A new key pair. Both keys are PEM; `keyId` is derived from the public one. */
export interface SigningKey {
  readonly keyId: string;
  /** PKCS #8. Secret. */
  readonly privateKey: string;
  /** SPKI. */
  readonly publicKey: string;
}

/** Makes an Ed25519 key pair from the operating system's randomness. */
export function generateSigningKey(): SigningKey {
  const pair = generateKeyPairSync('ed25519');
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' });
  return { keyId: keyIdOf(publicKey), privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), publicKey };
}

/**
 * The name of a key: the first 16 hexadecimal digits of the SHA-256 of the public key in DER. Also takes a private key.
 * @throws SignatureError `bad-key` for anything that is not an Ed25519 key in PEM
 */
export function keyIdOf(pem: string): string {
  // Takes private keys too, which are not kept.
  const der = parseKey(() => createPublicKey(pem)).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/**
 * Signs a revision: the signature covers the set's name and UID, `n`, the digest, the parent, the reason and the time, so
 * that an old revision cannot be passed off as the newest one.
 * @throws SignatureError `bad-key`
 */
export function signRevision(revision: Revision, privateKey: string): SignedRevision {
  return createSigner(privateKey)(revision);
}

/**
 * {@link signRevision} with one key for many revisions: the key is read once.
 * @throws SignatureError `bad-key`
 */
export function createSigner(privateKey: string): (revision: Revision) => SignedRevision {
  const key = parseKey(() => createPrivateKey(privateKey));
  const keyId = keyIdOf(privateKey);
  return (revision) => ({ ...revision, keyId, signature: sign(null, signedBytes(revision), key).toString('base64') });
}

/** What the caller knows already and a genuine revision therefore has to say. */
export interface ExpectedRevision {
  readonly setUid?: string;
  readonly n?: number;
  readonly parent?: number;
  /** The manifest that came with the revision. */
  readonly manifest?: Manifest;
}

/**
 * Verifies a revision's signature against the keys that are trusted, and what it says against what is expected. Returns
 * for genuine ones and throws for all others; there is no way past it for revisions without a signature.
 * @throws SignatureError
 */
export function verifyRevision(
  signed: SignedRevision,
  trustedKeys: ReadonlyMap<string, string>,
  expected: ExpectedRevision = {},
): void {
  if (trustedKeys.size === 0) throw new SignatureError('no-trusted-keys', 'no key is trusted: nothing can be verified');
  const label = `revision ${String(signed.n)} of ${signed.set}`;
  if (signed.keyId === '' || signed.signature === '') throw new SignatureError('unsigned', `${label} is not signed`);
  const pem = trustedKeys.get(signed.keyId);
  if (pem === undefined) {
    throw new SignatureError('unknown-key', `${label} is signed with key '${signed.keyId}', which is not trusted`);
  }
  // Before the signature: these tell what was altered, where the signature could only tell that something was.
  if (expected.setUid !== undefined && expected.setUid !== signed.setUid) {
    throw new SignatureError('altered-set', `${label} belongs to another set (uid '${signed.setUid}')`);
  }
  if (expected.n !== undefined && expected.n !== signed.n) {
    throw new SignatureError('altered-number', `${label} was announced as ${String(expected.n)}`);
  }
  if (expected.parent !== undefined && expected.parent !== signed.parent) {
    throw new SignatureError(
      'altered-parent',
      `${label} follows ${String(signed.parent)} and not ${String(expected.parent)}`,
    );
  }
  if (expected.manifest !== undefined && manifestDigest(expected.manifest) !== signed.digest) {
    throw new SignatureError('altered-digest', `${label} does not belong to its manifest`);
  }
  if (!verify(null, signedBytes(signed), publicKeyOf(pem), decodeSignature(signed.signature))) {
    throw new SignatureError('bad-signature', `${label} does not bear a valid signature of key '${signed.keyId}'`);
  }
}

/** The bytes under the signature. They begin with a word of their own, so that no other signed JSON can stand in. */
function signedBytes({ set, setUid, n, digest, parent, reason, createdAt }: Revision): Uint8Array {
  const text = canonicalJson({ set, setUid, n, digest, parent, reason, createdAt });
  return new TextEncoder().encode(`edict.dev/revision/v1\n${text}`);
}

/** The bytes of a signature; none where the text is not base64 in canonical form. */
export function decodeSignature(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  // Node skips what is not base64: only the canonical text counts as a signature.
  return bytes.toString('base64') === text ? bytes : new Uint8Array();
}

/** Public keys by their PEM: the same few verify everything, and reading one costs as much as verifying. */
const publicKeys = new Map<string, KeyObject>();
const PUBLIC_KEYS_MAX = 16;

/** The public key of a PEM text. @throws SignatureError `bad-key` */
export function publicKeyOf(pem: string): KeyObject {
  const known = publicKeys.get(pem);
  if (known !== undefined) return known;
  const key = parseKey(() => createPublicKey(pem));
  if (publicKeys.size >= PUBLIC_KEYS_MAX) publicKeys.clear();
  publicKeys.set(pem, key);
  return key;
}

/** The Ed25519 key that `parse` gives. @throws SignatureError `bad-key` */
export function parseKey<K extends { readonly asymmetricKeyType?: string | undefined }>(parse: () => K): K {
  let key: K;
  try {
    key = parse();
  } catch (cause) {
    throw new SignatureError('bad-key', 'the key is not PEM that can be read', { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new SignatureError('bad-key', `the key is ${key.asymmetricKeyType ?? 'unknown'} and not Ed25519`);
  }
  return key;
}

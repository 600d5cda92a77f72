import { Buffer } from 'node:buffer';
import { createPrivateKey, sign, verify } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { decodeSignature, keyIdOf, parseKey, publicKeyOf, SignatureError, type Revision } from './signature.ts';

/** Which principals a decision is for; see `principalShare` of the protocol. */
export interface DecidedShare {
  readonly salt: string;
  readonly upTo: number;
}

/** What is decided of a revision: that it is served by everyone, or by a part. */
export interface DecidedPart {
  /** True if it is decided for all PDPs and all principals: then it is the committed revision of its set. */
  readonly final: boolean;
  /** Absent: for all principals of the PDPs that are told. */
  readonly share?: DecidedShare | undefined;
}

/** The operator's word that a revision is decided to be served. */
export interface DecisionSignature {
  /** As {@link DecidedPart} has it. */
  readonly final: boolean;
  readonly keyId: string;
  /** Ed25519, base64. */
  readonly signature: string;
}

/** The members of a revision that a decision names. */
export type DecidedRevision = Pick<Revision, 'set' | 'setUid' | 'n' | 'digest'>;

/**
 * Signs that a revision is decided. To be called only for what the durable store says so of: whoever has the signature may
 * have the revision served, now and later, since a decision never changes.
 * @throws SignatureError `bad-key`
 */
export function signDecision(revision: DecidedRevision, part: DecidedPart, privateKey: string): DecisionSignature {
  const key = parseKey(() => createPrivateKey(privateKey));
  const signature = sign(null, signedBytes(revision, part), key).toString('base64');
  return { final: part.final, keyId: keyIdOf(privateKey), signature };
}

/**
 * Verifies that a revision is decided for `share` (absent: for all principals). Returns for genuine decisions and throws for
 * all others, missing ones included.
 * @throws SignatureError
 */
export function verifyDecision(
  revision: DecidedRevision,
  share: DecidedShare | undefined,
  decision: DecisionSignature | undefined,
  trustedKeys: ReadonlyMap<string, string>,
): void {
  if (trustedKeys.size === 0) throw new SignatureError('no-trusted-keys', 'no key is trusted: nothing can be verified');
  const label = `the decision to serve revision ${String(revision.n)} of ${revision.set}`;
  if (decision === undefined || decision.keyId === '' || decision.signature === '') {
    throw new SignatureError('unsigned', `${label} is not signed`);
  }
  const pem = trustedKeys.get(decision.keyId);
  if (pem === undefined) {
    throw new SignatureError('unknown-key', `${label} is signed with key '${decision.keyId}', which is not trusted`);
  }
  const bytes = signedBytes(revision, { final: decision.final, share });
  if (!verify(null, bytes, publicKeyOf(pem), decodeSignature(decision.signature))) {
    throw new SignatureError('bad-signature', `${label} does not bear a valid signature of key '${decision.keyId}'`);
  }
}

/** The bytes under the signature. They begin with a word of their own: the signature of a revision is none of a decision. */
function signedBytes({ set, setUid, n, digest }: DecidedRevision, { final, share }: DecidedPart): Uint8Array {
  const part = share === undefined ? null : { salt: share.salt, upTo: share.upTo };
  return Buffer.from(`edict.dev/decision/v1\n${canonicalJson({ set, setUid, n, digest, final, share: part })}`, 'utf8');
}

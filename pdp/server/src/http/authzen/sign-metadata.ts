import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { messageOf } from '@edict/protocol';
import { calculateJwkThumbprint, SignJWT } from 'jose';
import type { Metadata } from './metadata.ts';

/** Metadata as a JWT (AuthZEN 1.0, section 9.2: `signed_metadata`), whose `iss` is the PDP that they are of. */
export type SignMetadata = (metadata: Metadata) => Promise<string>;

/** The key cannot sign metadata; the message says why and names its file. */
export class MetadataKeyError extends Error {
  override readonly name = 'MetadataKeyError';
  readonly code = 'InvalidMetadataKey';
}

/** Signatures that are kept: one for all that is told of each path that the PDP is known by. The oldest gives way. */
export const MAX_SIGNED = 64;
/** A signature that is older is made anew, so that its `iat` tells that the key is still in use. */
export const RESIGN_MS = 3_600_000;

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const MIN_RSA_BITS = 2048;

/**
 * Signs metadata with a private key: ECDSA on P-256, P-384 and P-521, Ed25519, or RSA (PS256) of 2,048 bits at least. `file`
 * is only for messages.
 * @throws MetadataKeyError
 */
export async function openMetadataSigner(pem: string, file: string, nowMs: () => number): Promise<SignMetadata> {
  const key = readKey(pem, file);
  const alg = algorithmOf(key);
  if (alg === undefined) {
    throw new MetadataKeyError(
      `${file}: the key is ${nameOf(key)}; metadata are signed with EC P-256 to P-521, Ed25519 or RSA from ${MIN_RSA_BITS} bits on`,
    );
  }
  const kid = await calculateJwkThumbprint(createPublicKey(key).export({ format: 'jwk' }));
  const signed = new Map<string, { readonly jwt: Promise<string>; readonly atMs: number }>();
  return async (metadata) => {
    const text = JSON.stringify(metadata);
    const known = signed.get(text);
    const atMs = nowMs();
    if (known !== undefined && atMs - known.atMs < RESIGN_MS) return await known.jwt;
    signed.delete(text);
    const [oldest] = signed.keys();
    if (oldest !== undefined && signed.size >= MAX_SIGNED) signed.delete(oldest);
    const jwt = new SignJWT({ ...metadata })
      .setProtectedHeader({ alg, kid, typ: 'JWT' })
      .setIssuer(metadata.policy_decision_point)
      .setIssuedAt(Math.floor(atMs / 1000))
      .sign(key);
    signed.set(text, { jwt, atMs });
    return await jwt;
  };
}

function readKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new MetadataKeyError(`${file} has no private key as PEM: ${messageOf(error)}`);
  }
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): string | undefined {
  switch (type) {
    case 'ec':
      return CURVES[details.namedCurve ?? ''];
    case 'ed25519':
      return 'EdDSA';
    case 'rsa':
      return (details.modulusLength ?? 0) >= MIN_RSA_BITS ? 'PS256' : undefined;
    default:
      return undefined;
  }
}

function nameOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): string {
  return [type ?? 'no pair of keys', details.namedCurve, details.modulusLength]
    .filter((part) => part !== undefined)
    .join(' ');
}

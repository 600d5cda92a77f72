import { createPrivateKey, type KeyObject } from 'node:crypto';
import { numberFromBigInt } from '../number.ts';
import type { Value } from '../value.ts';
import { bytesToBigInt } from './der.ts';
import { attempt, type Attempt } from './jwt-keys.ts';
import { decodePem } from './pem.ts';

/** The encodings that private keys come in. */
export type KeyEncoding = 'pkcs1' | 'pkcs8' | 'sec1';

const ENCODINGS: Readonly<Record<string, KeyEncoding>> = {
  'RSA PRIVATE KEY': 'pkcs1',
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
};

type Jwk = ReturnType<typeof exportJwk>;

/** How many keys one text may hold. */
export const MAX_PRIVATE_KEYS = 1000;

/** All private keys of a PEM text; other blocks are skipped. */
export function readPrivateKeys(text: string): Attempt<readonly KeyObject[]> {
  const keys: KeyObject[] = [];
  for (let block = decodePem(text); block !== undefined; block = decodePem(block.rest)) {
    const encoding = Object.hasOwn(ENCODINGS, block.type) ? ENCODINGS[block.type] : undefined;
    if (encoding === undefined) continue;
    const key = readPrivateKey(block.bytes, encoding);
    if (!key.ok) return key;
    if (keys.length === MAX_PRIVATE_KEYS) return { ok: false, message: 'too many private keys' };
    keys.push(key.value);
  }
  return { ok: true, value: keys };
}

/** The private key of DER bytes. */
export function readPrivateKey(bytes: Buffer, encoding: KeyEncoding): Attempt<KeyObject> {
  const read = attempt(() => createPrivateKey({ key: bytes, format: 'der', type: encoding }));
  return read.ok ? read : { ok: false, message: `x509: failed to parse private key: ${read.message}` };
}

/** A private key as a JWK. */
export function privateJwk(key: KeyObject): Attempt<Value> {
  const jwk = attempt(() => exportJwk(key));
  if (!jwk.ok) return jwk;
  const members = Object.entries(jwk.value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return { ok: true, value: Object.fromEntries(members) };
}

/** A private key as Go's JSON of it. */
export function privateKeyValue(key: KeyObject): Attempt<Value> {
  const jwk = attempt(() => exportJwk(key));
  if (!jwk.ok) return jwk;
  switch (jwk.value.kty) {
    case 'RSA':
      return { ok: true, value: rsaValue(jwk.value) };
    case 'EC':
      return {
        ok: true,
        value: { Curve: {}, X: toNumber(jwk.value.x), Y: toNumber(jwk.value.y), D: toNumber(jwk.value.d) },
      };
    default:
      if (jwk.value.crv !== 'Ed25519') return { ok: true, value: {} };
      return { ok: true, value: Buffer.concat([toBytes(jwk.value.d), toBytes(jwk.value.x)]).toString('base64') };
  }
}

function exportJwk(key: KeyObject) {
  return key.export({ format: 'jwk' });
}

function rsaValue(jwk: Jwk): Value {
  return {
    N: toNumber(jwk.n),
    E: toNumber(jwk.e),
    D: toNumber(jwk.d),
    Primes: [toNumber(jwk.p), toNumber(jwk.q)],
    Precomputed: { Dp: toNumber(jwk.dp), Dq: toNumber(jwk.dq), Qinv: toNumber(jwk.qi), CRTValues: [] },
  };
}

function toBytes(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url');
}

function toNumber(text: string | undefined): Value {
  return numberFromBigInt(bytesToBigInt(toBytes(text)));
}

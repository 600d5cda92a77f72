import { constants, createHmac, sign, timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import { attempt, type Attempt } from './jwt-keys.ts';

const HASHES: Readonly<Record<string, string>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };

/** Curves that the ECDSA algorithms of RFC 7518 belong to, as node:crypto names them. */
const CURVES: Readonly<Record<string, string>> = { '256': 'prime256v1', '384': 'secp384r1', '512': 'secp521r1' };

/** How the curve of an ECDSA key is checked: by the algorithm's name, or not at all. */
export type CurveCheck = 'strict' | 'any';

/**
 * Verifies a signature by a JWS algorithm. False, never an error, for keys of another kind than the algorithm wants:
 * a public key is never taken for a secret.
 */
export function verifyJws(alg: string, key: KeyObject, data: Buffer, signature: Buffer, curve: CurveCheck): boolean {
  const hash = HASHES[alg.slice(2)];
  const checked = attempt(() => {
    switch (alg.slice(0, 2)) {
      case 'HS':
        return key.type === 'secret' && hash !== undefined && isSameMac(macOf(hash, key, data), signature);
      case 'RS':
        if (key.asymmetricKeyType !== 'rsa' || hash === undefined) return false;
        return verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
      case 'PS': {
        if (key.asymmetricKeyType !== 'rsa' || hash === undefined) return false;
        const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
        return verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
      }
      case 'ES': {
        if (key.asymmetricKeyType !== 'ec' || hash === undefined) return false;
        if (curve === 'strict' && key.asymmetricKeyDetails?.namedCurve !== CURVES[alg.slice(2)]) return false;
        return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
      }
      default:
        return alg === 'EdDSA' && key.asymmetricKeyType === 'ed25519' && verify(null, data, key, signature);
    }
  });
  return checked.ok && checked.value;
}

/** Signs by a JWS algorithm, or says why the key does not fit. */
export function signJws(alg: string, key: KeyObject, data: Buffer): Attempt<Buffer> {
  const hash = HASHES[alg.slice(2)] ?? '';
  const wrongKey: Attempt<Buffer> = { ok: false, message: `failed to sign payload: invalid key type for ${alg}` };
  switch (alg.slice(0, 2)) {
    case 'HS':
      return key.type === 'secret' ? { ok: true, value: macOf(hash, key, data) } : wrongKey;
    case 'RS':
      if (key.asymmetricKeyType !== 'rsa' || key.type !== 'private') return wrongKey;
      return attempt(() => sign(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }));
    case 'PS': {
      if (key.asymmetricKeyType !== 'rsa' || key.type !== 'private') return wrongKey;
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      return attempt(() => sign(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }));
    }
    case 'ES':
      if (key.asymmetricKeyType !== 'ec' || key.type !== 'private') return wrongKey;
      return attempt(() => sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }));
    default:
      if (key.asymmetricKeyType !== 'ed25519' || key.type !== 'private') return wrongKey;
      return attempt(() => sign(null, data, key));
  }
}

function macOf(hash: string, key: KeyObject, data: Buffer): Buffer {
  return createHmac(hash, key).update(data).digest();
}

function isSameMac(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

import { createPublicKey, type KeyObject } from 'node:crypto';
import { numberFromBigInt } from '../number.ts';
import type { Value } from '../value.ts';
import { bytesToBigInt, DerProblem, DerReader, TAG } from './der.ts';
import { attempt } from './jwt-keys.ts';

/** Go's numbers for the kinds of public keys. */
export const KEY_ALGORITHM = { unknown: 0, rsa: 1, dsa: 2, ecdsa: 3, ed25519: 4 } as const;

/** Go's number for a signature algorithm with what checks it; `hash` is null where the algorithm brings its own. */
export interface SignatureAlgorithm {
  readonly id: number;
  readonly key: number;
  readonly hash: string | null;
  readonly isPss: boolean;
}

/** The public key of a certificate. */
export interface CertificateKey {
  /** Kind of key, as Go numbers it. */
  readonly algorithm: number;
  /** Go's JSON of the key. */
  readonly value: Value;
  /** DER of the SubjectPublicKeyInfo. */
  readonly raw: Buffer;
  /** The key to check signatures with, if it can. */
  readonly load: () => KeyObject | undefined;
}

const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.2.840.113549.1.1.4': { id: 2, key: KEY_ALGORITHM.rsa, hash: 'md5', isPss: false },
  '1.2.840.113549.1.1.5': { id: 3, key: KEY_ALGORITHM.rsa, hash: 'sha1', isPss: false },
  '1.3.14.3.2.29': { id: 3, key: KEY_ALGORITHM.rsa, hash: 'sha1', isPss: false },
  '1.2.840.113549.1.1.11': { id: 4, key: KEY_ALGORITHM.rsa, hash: 'sha256', isPss: false },
  '1.2.840.113549.1.1.12': { id: 5, key: KEY_ALGORITHM.rsa, hash: 'sha384', isPss: false },
  '1.2.840.113549.1.1.13': { id: 6, key: KEY_ALGORITHM.rsa, hash: 'sha512', isPss: false },
  '1.2.840.10040.4.3': { id: 7, key: KEY_ALGORITHM.dsa, hash: 'sha1', isPss: false },
  '2.16.840.1.101.3.4.3.2': { id: 8, key: KEY_ALGORITHM.dsa, hash: 'sha256', isPss: false },
  '1.2.840.10045.4.1': { id: 9, key: KEY_ALGORITHM.ecdsa, hash: 'sha1', isPss: false },
  '1.2.840.10045.4.3.2': { id: 10, key: KEY_ALGORITHM.ecdsa, hash: 'sha256', isPss: false },
  '1.2.840.10045.4.3.3': { id: 11, key: KEY_ALGORITHM.ecdsa, hash: 'sha384', isPss: false },
  '1.2.840.10045.4.3.4': { id: 12, key: KEY_ALGORITHM.ecdsa, hash: 'sha512', isPss: false },
  '1.3.101.112': { id: 16, key: KEY_ALGORITHM.ed25519, hash: null, isPss: false },
};

const UNKNOWN: SignatureAlgorithm = { id: 0, key: KEY_ALGORITHM.unknown, hash: null, isPss: false };

const RSA_PSS = '1.2.840.113549.1.1.10';

const MGF1 = '1.2.840.113549.1.1.8';

/** PSS is understood with a salt as long as the hash. */
const PSS_HASHES: ReadonlyMap<string, { readonly algorithm: SignatureAlgorithm; readonly salt: bigint }> = new Map([
  ['2.16.840.1.101.3.4.2.1', { algorithm: { id: 13, key: KEY_ALGORITHM.rsa, hash: 'sha256', isPss: true }, salt: 32n }],
  ['2.16.840.1.101.3.4.2.2', { algorithm: { id: 14, key: KEY_ALGORITHM.rsa, hash: 'sha384', isPss: true }, salt: 48n }],
  ['2.16.840.1.101.3.4.2.3', { algorithm: { id: 15, key: KEY_ALGORITHM.rsa, hash: 'sha512', isPss: true }, salt: 64n }],
]);

/** Curves with the bytes of a coordinate. */
const CURVES: ReadonlyMap<string, { readonly name: string; readonly size: number }> = new Map([
  ['1.3.132.0.33', { name: 'P224', size: 28 }],
  ['1.2.840.10045.3.1.7', { name: 'P256', size: 32 }],
  ['1.3.132.0.34', { name: 'P384', size: 48 }],
  ['1.3.132.0.35', { name: 'P521', size: 66 }],
]);

/** Reads the content of an AlgorithmIdentifier of a signature. */
export function parseSignatureAlgorithm(content: Buffer): SignatureAlgorithm {
  const { type, parameters } = parseAlgorithm(new DerReader(content));
  if (type === RSA_PSS) return parsePss(parameters) ?? UNKNOWN;
  if (type === '1.3.101.112' && parameters !== undefined) return UNKNOWN;
  return (Object.hasOwn(ALGORITHMS, type) ? ALGORITHMS[type] : undefined) ?? UNKNOWN;
}

function parsePss(parameters: Buffer | undefined): SignatureAlgorithm | undefined {
  const read = attempt(() => {
    const sequence = new DerReader(parameters ?? Buffer.alloc(0)).enter(TAG.sequence, '');
    const hash = parseAlgorithm(sequence.enter(0xa0, '').enter(TAG.sequence, ''));
    const mask = parseAlgorithm(sequence.enter(0xa1, '').enter(TAG.sequence, ''));
    const maskHash = parseAlgorithm(new DerReader(mask.parameters ?? Buffer.alloc(0)).enter(TAG.sequence, ''));
    const salt = sequence.enter(0xa2, '').integer('');
    const isPlain = [hash, maskHash].every((one) => (one.parameters?.toString('hex') ?? '0500') === '0500');
    if (!isPlain || mask.type !== MGF1 || maskHash.type !== hash.type || !sequence.isEmpty) return undefined;
    const known = PSS_HASHES.get(hash.type);
    return known?.salt === salt ? known.algorithm : undefined;
  });
  return read.ok ? read.value : undefined;
}

interface Algorithm {
  readonly type: string;
  readonly parameters: Buffer | undefined;
}

function parseAlgorithm(reader: DerReader): Algorithm {
  const type = reader.objectIdentifier('x509: malformed OID');
  return { type, parameters: reader.isEmpty ? undefined : reader.any('x509: malformed parameters').raw };
}

/** Reads a SubjectPublicKeyInfo, with tag and length. */
export function parsePublicKey(raw: Buffer): CertificateKey {
  const info = new DerReader(raw).enter(TAG.sequence, 'x509: malformed spki');
  const identifier = parseAlgorithm(info.enter(TAG.sequence, 'x509: malformed public key algorithm identifier'));
  const { bytes, unused } = info.bitString('x509: malformed subjectPublicKey');
  if (unused !== 0) throw new DerProblem('x509: malformed subjectPublicKey');
  const { algorithm, value, curve } = readKey(identifier, bytes);
  let loaded: { readonly key: KeyObject | undefined } | undefined;
  const load = (): KeyObject | undefined => {
    if (loaded === undefined) {
      const key = attempt(() => createPublicKey({ key: raw, format: 'der', type: 'spki' }));
      loaded = { key: key.ok ? key.value : undefined };
    }
    return loaded.key;
  };
  if (curve !== undefined && load() === undefined) throw new DerProblem(`${curve} point not on curve`);
  return { algorithm, value, raw, load };
}

interface KeyFacts {
  readonly algorithm: number;
  readonly value: Value;
  readonly curve?: string;
}

function readKey({ type, parameters }: Algorithm, bytes: Buffer): KeyFacts {
  switch (type) {
    case '1.2.840.113549.1.1.1':
      if (parameters?.toString('hex') !== '0500') throw new DerProblem('x509: RSA key missing NULL parameters');
      return { algorithm: KEY_ALGORITHM.rsa, value: readRsaKey(bytes) };
    case '1.2.840.10045.2.1':
      return readEcKey(parameters, bytes);
    case '1.3.101.112':
      if (parameters !== undefined) throw new DerProblem('x509: Ed25519 key encoded with illegal parameters');
      if (bytes.length !== 32) throw new DerProblem('x509: wrong Ed25519 public key size');
      return { algorithm: KEY_ALGORITHM.ed25519, value: bytes.toString('base64') };
    case '1.2.840.10040.4.1':
      return { algorithm: KEY_ALGORITHM.dsa, value: readDsaKey(parameters, bytes) };
    default:
      return { algorithm: KEY_ALGORITHM.unknown, value: null };
  }
}

function readRsaKey(bytes: Buffer): Value {
  const sequence = new DerReader(bytes).enter(TAG.sequence, 'x509: invalid RSA public key');
  const modulus = sequence.integer('x509: invalid RSA modulus');
  const exponent = sequence.integer('x509: invalid RSA public exponent');
  if (modulus <= 0n) throw new DerProblem('x509: RSA modulus is not a positive number');
  if (exponent <= 0n) throw new DerProblem('x509: RSA public exponent is not a positive number');
  return { N: numberFromBigInt(modulus), E: numberFromBigInt(exponent) };
}

function readEcKey(parameters: Buffer | undefined, bytes: Buffer): KeyFacts {
  const id = new DerReader(parameters ?? Buffer.alloc(0)).objectIdentifier('x509: invalid ECDSA parameters');
  const curve = CURVES.get(id);
  if (curve === undefined) throw new DerProblem('x509: unsupported elliptic curve');
  const { name, size } = curve;
  if (bytes[0] !== 4 || bytes.length !== 1 + 2 * size) throw new DerProblem('ecdsa: invalid uncompressed public key');
  const x = bytesToBigInt(bytes.subarray(1, 1 + size));
  const y = bytesToBigInt(bytes.subarray(1 + size));
  const value = { Curve: {}, X: numberFromBigInt(x), Y: numberFromBigInt(y) };
  return { algorithm: KEY_ALGORITHM.ecdsa, value, curve: name };
}

function readDsaKey(parameters: Buffer | undefined, bytes: Buffer): Value {
  const what = 'x509: invalid DSA parameters';
  const y = new DerReader(bytes).integer('x509: invalid DSA public key');
  const sequence = new DerReader(parameters ?? Buffer.alloc(0)).enter(TAG.sequence, what);
  const [p, q, g] = [sequence.integer(what), sequence.integer(what), sequence.integer(what)];
  if (y <= 0n || p <= 0n || q <= 0n || g <= 0n) throw new DerProblem('x509: zero or negative DSA parameter');
  return { P: numberFromBigInt(p), Q: numberFromBigInt(q), G: numberFromBigInt(g), Y: numberFromBigInt(y) };
}

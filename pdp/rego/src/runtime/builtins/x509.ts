import { createPublicKey } from 'node:crypto';
import { isNumber, toBigInt } from '../number.ts';
import { entriesOf, setMember, type Value } from '../value.ts';
import { decodeBase64 } from './base64.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { DerProblem } from './der.ts';
import type { Attempt } from './jwt-keys.ts';
import { builtinError, elementsOf, objectOperand, typeError } from './operands.ts';
import { decodePem } from './pem.ts';
import { privateJwk, privateKeyValue, readPrivateKey, readPrivateKeys, type KeyEncoding } from './private-keys.ts';
import { decodeUtf8 } from './utf8.ts';
import {
  certificateValue,
  parseCertificate,
  parseCertificates,
  uriStrings,
  type Certificate,
} from './x509-certificate.ts';
import { readCertificateRequest } from './x509-request.ts';
import { verifyChain, type VerifyOptions } from './x509-verify.ts';

/** Certificates, certificate requests and private keys, in the JSON that Go makes of them. */
export const x509: BuiltinFamily = {
  'crypto.x509.parse_certificates': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const certificates = readCertificates(text);
    if (!certificates.ok) return builtinError(ctx, certificates.message);
    return certificates.value.map(withUriStrings);
  },
  'crypto.x509.parse_and_verify_certificates': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    return verification(text, { now: ctx.nowNs(), hostName: '', usages: [] }, withUriStrings);
  },
  'crypto.x509.parse_and_verify_certificates_with_options': (ctx, text, given) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const members = objectOperand(ctx, given, 2);
    if (members === undefined) return undefined;
    if (!readCertificates(text).ok) return [false, []];
    const options = readOptions(ctx, entriesOf(members));
    return options === undefined ? undefined : verification(text, options, certificateValue);
  },
  'crypto.x509.parse_certificate_request': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const request = readRequest(text);
    return request.ok ? request.value : builtinError(ctx, request.message);
  },
  'crypto.x509.parse_keypair': (ctx, certificate, key) => {
    if (typeof certificate !== 'string') return typeError(ctx, 1, certificate, 'string');
    if (typeof key !== 'string') return typeError(ctx, 1, key, 'string');
    const pair = readKeyPair(certificate, key);
    return pair.ok ? pair.value : builtinError(ctx, pair.message);
  },
  'crypto.x509.parse_rsa_private_key': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (text === '') return builtinError(ctx, 'input PEM data was empty');
    const pem = text.startsWith(PEM_START) ? { ok: true as const, value: text } : decodeText(text);
    if (!pem.ok) return builtinError(ctx, pem.message);
    const keys = readPrivateKeys(pem.value);
    if (!keys.ok) return builtinError(ctx, keys.message);
    const [first] = keys.value;
    if (first === undefined) return null;
    const jwk = privateJwk(first);
    return jwk.ok ? jwk.value : builtinError(ctx, jwk.message);
  },
  'crypto.parse_private_keys': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    if (text === '') return null;
    const decoded = decodeText(text);
    const keys = readPrivateKeys(decoded.ok ? decoded.value : text);
    if (!keys.ok) return builtinError(ctx, keys.message);
    const values: Value[] = [];
    for (const key of keys.value) {
      const value = privateKeyValue(key);
      if (!value.ok) return builtinError(ctx, value.message);
      values.push(value.value);
    }
    return values;
  },
};

const PEM_START = '-----BEGIN';

/** Usages that options may name, with Go's numbers. */
const USAGES: ReadonlyMap<string, number> = new Map([
  ['KeyUsageAny', 0],
  ['KeyUsageServerAuth', 1],
  ['KeyUsageClientAuth', 2],
  ['KeyUsageCodeSigning', 3],
  ['KeyUsageEmailProtection', 4],
  ['KeyUsageIPSECEndSystem', 5],
  ['KeyUsageIPSECTunnel', 6],
  ['KeyUsageIPSECUser', 7],
  ['KeyUsageTimeStamping', 8],
  ['KeyUsageOCSPSigning', 9],
  ['KeyUsageMicrosoftServerGatedCrypto', 10],
  ['KeyUsageNetscapeServerGatedCrypto', 11],
  ['KeyUsageMicrosoftCommercialCodeSigning', 12],
  ['KeyUsageMicrosoftKernelCodeSigning', 13],
]);

function withUriStrings(certificate: Certificate): Value {
  const value = certificateValue(certificate);
  setMember(value, 'URIStrings', uriStrings(certificate));
  return value;
}

function verification(text: string, options: VerifyOptions, toValue: (certificate: Certificate) => Value): Value {
  const certificates = readCertificates(text);
  const chain = certificates.ok ? verifyChain(certificates.value, options) : undefined;
  return chain === undefined ? [false, []] : [true, chain.map(toValue)];
}

function readOptions(ctx: BuiltinContext, entries: readonly (readonly [Value, Value])[]): VerifyOptions | undefined {
  let now = ctx.nowNs();
  let hostName = '';
  const usages: number[] = [];
  for (const [key, value] of entries) {
    if (typeof key !== 'string') continue;
    switch (key) {
      case 'DNSName':
        if (typeof value !== 'string') return builtinError(ctx, "'DNSName' should be a string");
        hostName = trimQuotes(value);
        break;
      case 'CurrentTime': {
        if (!isNumber(value)) return builtinError(ctx, "'CurrentTime' should be a number");
        const time = toBigInt(value);
        if (time === null || BigInt.asIntN(64, time) !== time) {
          return builtinError(ctx, "'CurrentTime' should be a valid int64 number");
        }
        now = time;
        break;
      }
      case 'MaxConstraintComparisons':
        if (!isNumber(value)) return builtinError(ctx, "'MaxConstraintComparisons' should be a number");
        if (toBigInt(value) === null) return builtinError(ctx, "'MaxConstraintComparisons' should be a valid number");
        break;
      case 'KeyUsages': {
        const names = elementsOf(value);
        if (names === undefined) return builtinError(ctx, "'KeyUsages' should be an Array or Set");
        const wrong = addUsages(names, usages);
        if (wrong.length > 0) {
          return builtinError(ctx, `invalid entries for 'KeyUsages' found: [${wrong.join(' ')}]`);
        }
        break;
      }
      default:
        return builtinError(ctx, 'invalid key option');
    }
  }
  return { now, hostName, usages };
}

/** Adds the numbers of usages by name; gives the names that are none. */
function addUsages(names: readonly Value[], usages: number[]): readonly string[] {
  const wrong: string[] = [];
  for (const name of names) {
    if (typeof name !== 'string') continue;
    const usage = USAGES.get(trimQuotes(name));
    if (usage === undefined) wrong.push(trimQuotes(name));
    else usages.push(usage);
  }
  return wrong;
}

function trimQuotes(text: string): string {
  return text.replace(/^"+|"+$/g, '');
}

function readCertificates(text: string): Attempt<readonly Certificate[]> {
  if (text.startsWith(PEM_START)) return readPemCertificates(text);
  const decoded = decodeBase64(text, 'standard');
  if (!decoded.ok) return decoded;
  if (startsAsPem(decoded.bytes)) return readPemCertificates(decodeUtf8(decoded.bytes));
  return parseDer(() => parseCertificates(decoded.bytes));
}

function readPemCertificates(text: string): Attempt<readonly Certificate[]> {
  const ders: Buffer[] = [];
  for (let block = decodePem(text); block !== undefined; block = decodePem(block.rest)) {
    if (block.type !== 'CERTIFICATE') {
      return { ok: false, message: `PEM block type is '${block.type}', expected CERTIFICATE` };
    }
    ders.push(block.bytes);
  }
  return parseDer(() => parseCertificates(Buffer.concat(ders)));
}

function readRequest(text: string): Attempt<Value> {
  const decoded = text.startsWith('-----BEGIN CERTIFICATE REQUEST-----')
    ? { ok: true as const, bytes: Buffer.from(text) }
    : decodeBase64(text, 'standard');
  if (!decoded.ok) return decoded;
  const block = decodePem(decodeUtf8(decoded.bytes));
  if (block !== undefined && block.type !== 'CERTIFICATE REQUEST') {
    return { ok: false, message: 'invalid PEM-encoded certificate signing request' };
  }
  return parseDer(() => readCertificateRequest(block?.bytes ?? decoded.bytes));
}

interface KeyBlock {
  readonly type: string;
  readonly bytes: Buffer;
}

/** The blocks of a PEM text; a text that is none is base64 of one, or of DER bytes that stand for a block of `type`. */
function readBlocks(text: string, type: string): Attempt<readonly KeyBlock[]> {
  let pem = text;
  if (!text.startsWith(`${PEM_START} `)) {
    const decoded = decodeBase64(text, 'standard');
    if (!decoded.ok) return decoded;
    if (!startsAsPem(decoded.bytes)) return { ok: true, value: [{ type, bytes: decoded.bytes }] };
    pem = decodeUtf8(decoded.bytes);
  }
  const blocks: KeyBlock[] = [];
  for (let block = decodePem(pem); block !== undefined; block = decodePem(block.rest)) blocks.push(block);
  return { ok: true, value: blocks };
}

function readKeyPair(certificateText: string, keyText: string): Attempt<Value> {
  const certificateBlocks = readBlocks(certificateText, 'CERTIFICATE');
  if (!certificateBlocks.ok) return certificateBlocks;
  const keyBlocks = readBlocks(keyText, 'PRIVATE KEY');
  if (!keyBlocks.ok) return keyBlocks;
  const ders = certificateBlocks.value.filter(({ type }) => type === 'CERTIFICATE').map(({ bytes }) => bytes);
  const [first] = ders;
  if (first === undefined) return { ok: false, message: missingCertificate(certificateBlocks.value) };
  const keyBlock = keyBlocks.value.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (keyBlock === undefined) return { ok: false, message: missingKey(keyBlocks.value) };
  const leaf = parseDer(() => parseWholeCertificate(first));
  if (!leaf.ok) return leaf;
  const key = readAnyKey(keyBlock.bytes);
  if (!key.ok) return key;
  const publicKey = leaf.value.key.load();
  if (publicKey === undefined || leaf.value.key.algorithm === 0) {
    return { ok: false, message: 'tls: unknown public key algorithm' };
  }
  if (publicKey.asymmetricKeyType !== key.value.asymmetricKeyType) {
    return { ok: false, message: 'tls: private key type does not match public key type' };
  }
  if (!createPublicKey(key.value).equals(publicKey)) {
    return { ok: false, message: 'tls: private key does not match public key' };
  }
  const privateKey = privateKeyValue(key.value);
  if (!privateKey.ok) return privateKey;
  return {
    ok: true,
    value: {
      Certificate: ders.map((der) => der.toString('base64')),
      PrivateKey: privateKey.value,
      SupportedSignatureAlgorithms: null,
      OCSPStaple: null,
      SignedCertificateTimestamps: null,
      Leaf: certificateValue(leaf.value),
    },
  };
}

function parseWholeCertificate(der: Buffer): Certificate {
  const certificate = parseCertificate(der);
  if (certificate.raw.length !== der.length) throw new DerProblem('x509: trailing data');
  return certificate;
}

function missingCertificate(blocks: readonly KeyBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in certificate input';
  if (blocks.length === 1 && first.type.endsWith('PRIVATE KEY')) {
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  }
  const types = blocks.map(({ type }) => type).join(' ');
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${types}]`;
}

function missingKey(blocks: readonly KeyBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in key input';
  if (blocks.length === 1 && first.type === 'CERTIFICATE') {
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  }
  const types = blocks.map(({ type }) => type).join(' ');
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${types}]`;
}

function readAnyKey(bytes: Buffer): ReturnType<typeof readPrivateKey> {
  const encodings: readonly KeyEncoding[] = ['pkcs1', 'pkcs8', 'sec1'];
  for (const encoding of encodings) {
    const key = readPrivateKey(bytes, encoding);
    if (key.ok) return key;
  }
  return { ok: false, message: 'tls: failed to parse private key' };
}

function decodeText(text: string): Attempt<string> {
  const decoded = decodeBase64(text, 'standard');
  return decoded.ok ? { ok: true, value: decodeUtf8(decoded.bytes) } : decoded;
}

function startsAsPem(bytes: Buffer): boolean {
  return bytes.subarray(0, PEM_START.length).toString('latin1') === PEM_START;
}

function parseDer<T>(parse: () => T): Attempt<T> {
  try {
    return { ok: true, value: parse() };
  } catch (error) {
    if (error instanceof DerProblem) return { ok: false, message: error.message };
    throw error;
  }
}

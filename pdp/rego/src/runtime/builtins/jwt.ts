import { createSecretKey } from 'node:crypto';
import { compareNumbers, isNumber, numberFromText, toDouble } from '../number.ts';
import { isValidJson, parseJson, stringify } from '../json.ts';
import { entriesOf, getMember, isPlainObject, type PlainObject, type Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { formatFloat } from './go-float.ts';
import { signJws, verifyJws } from './jws.ts';
import { findVerificationKeys, JWS_ALGORITHMS, readSigningKey, type VerificationKey } from './jwt-keys.ts';
import {
  decodeHeader,
  decodePart,
  decodePayload,
  parseObject,
  readHeader,
  splitToken,
  type TokenParts,
} from './jwt-token.ts';
import { builtinError, objectOperand, typeError } from './operands.ts';

/** JSON Web Tokens: decoding, verifying (RFC 7515, 7518, 7519) and signing. */
export const jwt: BuiltinFamily = {
  'io.jwt.decode': (ctx, token) => decode(ctx, token),
  'io.jwt.decode_verify': (ctx, token, constraints) => decodeVerify(ctx, token, constraints),
  'io.jwt.encode_sign': (ctx, headers, payload, key) => encodeSign(ctx, goJson(headers), goJson(payload), goJson(key)),
  'io.jwt.encode_sign_raw': (ctx, headers, payload, key) => {
    if (typeof key !== 'string') return typeError(ctx, 3, key, 'string');
    if (typeof headers !== 'string') return typeError(ctx, 1, headers, 'string');
    if (typeof payload !== 'string') return typeError(ctx, 2, payload, 'string');
    return encodeSign(ctx, headers, payload, key);
  },
  ...verifiers(),
};

/** Deepest nesting of tokens in tokens. */
export const MAX_TOKEN_NESTING = 16;

function goJson(value: Value): string {
  return stringify(value, { escapeHtml: true });
}

function verifiers(): BuiltinFamily {
  const family: Record<string, BuiltinFamily[string]> = {};
  for (const alg of JWS_ALGORITHMS) {
    family[`io.jwt.verify_${alg.toLowerCase()}`] = alg.startsWith('HS')
      ? (ctx, token, secret) => verifySecret(ctx, alg, token, secret)
      : (ctx, token, key) => verifyKeys(ctx, alg, token, key);
  }
  return family;
}

function tokenOperand(ctx: BuiltinContext, token: Value): TokenParts | undefined {
  if (typeof token !== 'string') return typeError(ctx, 1, token, 'string');
  const parts = splitToken(token);
  return parts.ok ? parts.value : builtinError(ctx, parts.message);
}

function decode(ctx: BuiltinContext, token: Value, depth = 0): Value | undefined {
  const parts = tokenOperand(ctx, token);
  if (parts === undefined) return undefined;
  const header = decodeHeader(parts);
  if (!header.ok) return builtinError(ctx, header.message);
  const text = decodePayload(parts);
  if (!text.ok) return builtinError(ctx, text.message);
  if (getMember(header.value, 'cty') === 'JWT') {
    if (depth >= MAX_TOKEN_NESTING) return builtinError(ctx, 'JWT is nested too deeply');
    return decode(ctx, text.value.replace(/^["']+|["']+$/g, ''), depth + 1);
  }
  const payload = parseObject(text.value);
  if (!payload.ok) return builtinError(ctx, payload.message);
  const signature = decodePart(parts.signature);
  if (!signature.ok) return builtinError(ctx, `JWT signature had invalid encoding: ${signature.message}`);
  return [header.value, payload.value, signature.value.toString('hex')];
}

function verifySecret(ctx: BuiltinContext, alg: string, token: Value, secret: Value): Value | undefined {
  if (typeof token !== 'string') return typeError(ctx, 1, token, 'string');
  if (typeof secret !== 'string') return typeError(ctx, 2, secret, 'string');
  const parts = tokenOperand(ctx, token);
  if (parts === undefined) return undefined;
  const signature = decodePart(parts.signature);
  if (!signature.ok) return builtinError(ctx, signature.message);
  return verifyJws(alg, createSecretKey(Buffer.from(secret)), signedData(parts), signature.value, 'any');
}

function signedData(parts: TokenParts): Buffer {
  return Buffer.from(`${parts.header}.${parts.payload}`);
}

function verifyKeys(ctx: BuiltinContext, alg: string, token: Value, keyText: Value): Value | undefined {
  const parts = tokenOperand(ctx, token);
  if (parts === undefined) return undefined;
  if (typeof keyText !== 'string') return typeError(ctx, 2, keyText, 'string');
  const keys = findVerificationKeys(keyText);
  if (!keys.ok) return builtinError(ctx, keys.message);
  const signature = decodePart(parts.signature);
  if (!signature.ok) return builtinError(ctx, signature.message);
  const decoded = decodeHeader(parts);
  if (!decoded.ok) return builtinError(ctx, decoded.message);
  const header = readHeader(decoded.value);
  if (!header.ok) return builtinError(ctx, header.message);
  const data = signedData(parts);
  return anyKeyVerifies(keys.keys, header.value, (key) => verifyJws(alg, key.key, data, signature.value, 'any'));
}

/** Only the key with the token's id if there is one; else any key that is not for another algorithm. */
function anyKeyVerifies(
  keys: readonly VerificationKey[],
  header: { readonly kid: string; readonly alg: string },
  verifies: (key: VerificationKey) => boolean,
): boolean {
  const named = header.kid === '' ? undefined : keys.find((key) => key.kid === header.kid);
  if (named !== undefined) return verifies(named);
  return keys.some((key) => (key.alg === '' || key.alg === header.alg) && verifies(key));
}

function encodeSign(ctx: BuiltinContext, headers: string, payload: string, keyText: string): Value | undefined {
  const key = readSigningKey(keyText);
  if (!key.ok) return builtinError(ctx, key.message);
  const missing = "missing or invalid 'alg' header: ";
  if (headers === '') return builtinError(ctx, `${missing}cannot parse JSON: cannot parse empty string`);
  const parsed = parseJson(headers);
  const fields: PlainObject = parsed.ok && isPlainObject(parsed.value) ? parsed.value : {};
  const alg = getMember(fields, 'alg');
  if (typeof alg !== 'string') return builtinError(ctx, `${missing}jwsbb: header "alg" not found`);
  if (!JWS_ALGORITHMS.has(alg)) return builtinError(ctx, `unknown JWS algorithm: ${alg}`);
  const typ = getMember(fields, 'typ');
  if ((typeof typ !== 'string' || typ === 'JWT') && !isValidJson(payload)) {
    return builtinError(ctx, 'type is JWT but payload is not JSON');
  }
  const data = `${Buffer.from(headers).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  // Most algorithms draw at random while they sign; within one evaluation the token stays what it is.
  const place = `io.jwt.encode_sign:${keyText}:${data}`;
  const known = ctx.cache.get(place);
  if (known !== undefined) return known;
  const signature = signJws(alg, key.value, Buffer.from(data));
  if (!signature.ok) return builtinError(ctx, signature.message);
  const token = `${data}.${signature.value.toString('base64url')}`;
  ctx.cache.set(place, token);
  return token;
}

interface Constraints {
  readonly keys: readonly VerificationKey[] | undefined;
  readonly secret: string;
  readonly alg: string;
  readonly iss: string;
  readonly aud: string;
  /** Nanoseconds since the epoch. */
  readonly time: number;
}

const TEXT_CONSTRAINTS: ReadonlySet<string> = new Set(['cert', 'secret', 'alg', 'iss', 'aud']);

function readConstraints(ctx: BuiltinContext, operand: Value): Constraints | undefined {
  const object = objectOperand(ctx, operand, 2);
  if (object === undefined) return undefined;
  const texts = new Map<string, string>();
  let keys: readonly VerificationKey[] | undefined;
  let time: number | undefined;
  for (const [key, value] of entriesOf(object)) {
    const name = String(key);
    if (TEXT_CONSTRAINTS.has(name)) {
      if (typeof value !== 'string') return builtinError(ctx, `${name} constraint: must be a string`);
      texts.set(name, value);
      if (name !== 'cert') continue;
      const found = findVerificationKeys(value);
      if (!found.ok) return builtinError(ctx, found.message);
      keys = found.keys;
    } else if (name === 'time') {
      if (!isNumber(value)) return builtinError(ctx, 'token time constraint: must be a number');
      time = toDouble(value);
      if (time < 0) return builtinError(ctx, 'token time constraint: must not be negative');
    } else return builtinError(ctx, `unknown token validation constraint: ${name}`);
  }
  const secret = texts.get('secret') ?? '';
  if (keys !== undefined && secret !== '') return builtinError(ctx, 'duplicate key constraints');
  if (keys === undefined && secret === '') return builtinError(ctx, 'no key constraint');
  return {
    keys,
    secret,
    alg: texts.get('alg') ?? '',
    iss: texts.get('iss') ?? '',
    aud: texts.get('aud') ?? '',
    time: time ?? Number(ctx.nowNs()),
  };
}

function decodeVerify(ctx: BuiltinContext, token: Value, operand: Value): Value | undefined {
  const constraints = readConstraints(ctx, operand);
  if (constraints === undefined) return undefined;
  const unverified: Value = [false, {}, {}];
  let current = token;
  for (let depth = 0; depth < MAX_TOKEN_NESTING; depth++) {
    const parts = tokenOperand(ctx, current);
    if (parts === undefined) return undefined;
    const decoded = decodeHeader(parts);
    if (!decoded.ok) return builtinError(ctx, decoded.message);
    const header = readHeader(decoded.value);
    if (!header.ok) return builtinError(ctx, header.message);
    const { alg, cty, isValid } = header.value;
    if (!isValid || (constraints.alg !== '' && constraints.alg !== alg)) return unverified;
    const signature = decodePart(parts.signature);
    if (!signature.ok) return builtinError(ctx, signature.message);
    const data = signedData(parts);
    const verifies = (key: VerificationKey): boolean => verifyJws(alg, key.key, data, signature.value, 'strict');
    const keys = constraints.keys ?? [{ alg: '', kid: '', key: createSecretKey(Buffer.from(constraints.secret)) }];
    if (!anyKeyVerifies(keys, header.value, verifies)) return unverified;
    const text = decodePayload(parts);
    if (!text.ok) return builtinError(ctx, text.message);
    if (cty.toUpperCase() === 'JWT') {
      current = text.value;
      continue;
    }
    const payload = parseObject(text.value);
    if (!payload.ok) return builtinError(ctx, payload.message);
    const holds = checkClaims(ctx, payload.value, constraints);
    if (holds === undefined) return undefined;
    return holds ? [true, decoded.value, payload.value] : unverified;
  }
  return builtinError(ctx, 'JWT is nested too deeply');
}

/** Issuer, audience and validity period (RFC 7519 section 4.1). */
function checkClaims(ctx: BuiltinContext, payload: PlainObject, constraints: Constraints): boolean | undefined {
  if (constraints.iss !== '' && getMember(payload, 'iss') !== constraints.iss) return false;
  const audience = getMember(payload, 'aud');
  // A token for somebody needs a constraint that names somebody.
  if (audience !== undefined ? !isFor(audience, constraints.aud) : constraints.aud !== '') return false;
  const now = numberFromText(formatFloat(constraints.time / 1_000_000_000, 'g', -1));
  const expiry = getMember(payload, 'exp');
  if (expiry !== undefined) {
    if (!isNumber(expiry)) return builtinError(ctx, 'exp value must be a number');
    if (compareNumbers(now, expiry) >= 0) return false;
  }
  const start = getMember(payload, 'nbf');
  if (start === undefined) return true;
  if (!isNumber(start)) return builtinError(ctx, 'nbf value must be a number');
  return compareNumbers(now, start) >= 0;
}

function isFor(audience: Value, wanted: string): boolean {
  if (typeof audience === 'string') return audience === wanted;
  return Array.isArray(audience) && (audience as readonly Value[]).includes(wanted);
}

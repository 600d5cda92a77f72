import { parseJson } from '../json.ts';
import { getMember, isPlainObject, type PlainObject, type Value } from '../value.ts';
import { decodeBase64 } from './base64.ts';
import { padBase64 } from './encodings.ts';
import type { Attempt } from './jwt-keys.ts';
import { decodeUtf8 } from './utf8.ts';

/** The three parts of a compact token, still encoded. */
export interface TokenParts {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
}

/** The header fields that decide about verification. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string;
  readonly cty: string;
  /** Every critical extension is known, and there is an algorithm. */
  readonly isValid: boolean;
}

/** Takes a compact token apart. */
export function splitToken(token: string): Attempt<TokenParts> {
  if (!token.includes('.')) return { ok: false, message: 'encoded JWT had no period separators' };
  const [header = '', payload = '', signature = '', ...rest] = token.split('.');
  const count = token.split('.').length;
  if (count !== 3 || rest.length > 0) {
    return { ok: false, message: `encoded JWT must have 3 sections, found ${String(count)}` };
  }
  return { ok: true, value: { header, payload, signature } };
}

/** Decodes a part; the padding may be missing. */
export function decodePart(part: string): Attempt<Buffer> {
  const padded = padBase64(part);
  if (padded === undefined) return { ok: false, message: `illegal base64url string: ${part}` };
  const decoded = decodeBase64(padded, 'url');
  return decoded.ok ? { ok: true, value: decoded.bytes } : decoded;
}

/** The header of a token as an object; encrypted tokens are refused. */
export function decodeHeader({ header }: TokenParts): Attempt<PlainObject> {
  const decoded = decodePart(header);
  if (!decoded.ok) return { ok: false, message: `JWT header had invalid encoding: ${decoded.message}` };
  const object = parseObject(decodeUtf8(decoded.value));
  if (!object.ok) return { ok: false, message: `bad JWT header: ${object.message}` };
  if (getMember(object.value, 'enc') !== undefined) {
    return { ok: false, message: 'JWT is a JWE object, which is not supported' };
  }
  return object;
}

/** The payload of a token as text. */
export function decodePayload({ payload }: TokenParts): Attempt<string> {
  const decoded = decodePart(payload);
  if (decoded.ok) return { ok: true, value: decodeUtf8(decoded.value) };
  return { ok: false, message: `JWT payload had invalid encoding: ${decoded.message}` };
}

/** Reads a JSON object. */
export function parseObject(text: string): Attempt<PlainObject> {
  const parsed = parseJson(text);
  if (!parsed.ok) {
    const { message } = parsed.problem;
    return {
      ok: false,
      message: `invalid JSON: ${message === 'unexpected end of JSON input' ? 'unexpected EOF' : message}`,
    };
  }
  if (isPlainObject(parsed.value)) return { ok: true, value: parsed.value };
  return { ok: false, message: 'decoded JSON type was not an Object' };
}

const KNOWN = new Set(['alg', 'kid', 'typ', 'cty', 'crit']);

/** Checks the types of the header fields (RFC 7515 section 4.1). */
export function readHeader(header: PlainObject): Attempt<TokenHeader> {
  for (const name of ['alg', 'kid', 'typ', 'cty']) {
    const value = getMember(header, name);
    if (value !== undefined && typeof value !== 'string') return { ok: false, message: `${name}: must be a string` };
  }
  const text = (name: string): string => {
    const value = getMember(header, name);
    return typeof value === 'string' ? value : '';
  };
  const crit = getMember(header, 'crit');
  if (crit !== undefined && !Array.isArray(crit)) return { ok: false, message: 'crit: must be a list' };
  const critical = ((crit ?? []) as readonly Value[]).filter((name) => typeof name === 'string');
  if (crit !== undefined && critical.length === 0) return { ok: false, message: 'crit: must be a nonempty list' };
  const isUnderstood = critical.every((name) => KNOWN.has(name) || getMember(header, name) === undefined);
  return {
    ok: true,
    value: { alg: text('alg'), kid: text('kid'), cty: text('cty'), isValid: text('alg') !== '' && isUnderstood },
  };
}

import { numberFromBigInt } from '../number.ts';
import { keyOf, type Value } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { typeError } from './operands.ts';

/** UUIDs (RFC 4122). */
export const uuids: BuiltinFamily = {
  'uuid.rfc4122': (ctx, name) => {
    const key = `uuid.rfc4122:${String(keyOf(name))}`;
    const known = ctx.cache.get(key);
    if (known !== undefined) return known;
    const bytes = Uint8Array.from(ctx.randomBytes(16));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = Buffer.from(bytes).toString('hex');
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    ctx.cache.set(key, uuid);
    return uuid;
  },
  'uuid.parse': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const bytes = parseUuid(text);
    return bytes === undefined ? undefined : describe(bytes);
  },
};

const DASHED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Takes the four forms: with dashes, bare, in braces, and as a URN. */
function parseUuid(text: string): Buffer | undefined {
  let dashed = text;
  if (text.length === 45 && /^urn:uuid:/i.test(text)) dashed = text.slice(9);
  else if (text.length === 38) dashed = text.slice(1, 37);
  else if (text.length === 32) return /^[0-9a-f]{32}$/i.test(text) ? Buffer.from(text, 'hex') : undefined;
  return DASHED.test(dashed) ? Buffer.from(dashed.replaceAll('-', ''), 'hex') : undefined;
}

function describe(bytes: Buffer): Value {
  const version = bytes.readUInt8(6) >> 4;
  const general: Record<string, Value> = { variant: variantName(bytes.readUInt8(8)), version };
  if (version !== 1 && version !== 2) return general;
  const node = bytes.subarray(10);
  const result: Record<string, Value> = {
    ...general,
    time: unixNanoseconds(bytes),
    nodeid: node.toString('hex').replace(/(..)(?!$)/g, '$1-'),
    macvariables: addressKind(node.readUInt8(0)),
    clocksequence: bytes.readUInt16BE(8) & 0x3fff,
  };
  if (version === 1) return result;
  return { ...result, id: bytes.readUInt32BE(0), domain: domainName(bytes.readUInt8(9)) };
}

function variantName(byte: number): string {
  if ((byte & 0xc0) === 0x80) return 'RFC4122';
  if ((byte & 0xe0) === 0xc0) return 'Microsoft';
  return (byte & 0xe0) === 0xe0 ? 'Future' : 'Reserved';
}

function domainName(byte: number): string {
  return ['Person', 'Group', 'Org'][byte] ?? `Domain${String(byte)}`;
}

/** The I/G and U/L bits of a MAC address. */
function addressKind(byte: number): string {
  return `${(byte & 2) === 0 ? 'global' : 'local'}:${(byte & 1) === 0 ? 'unicast' : 'multicast'}`;
}

/** 100 ns steps from the Gregorian reform to 1970. */
const EPOCH_STEPS = 122_192_928_000_000_000n;

function unixNanoseconds(bytes: Buffer): Value {
  const low = BigInt(bytes.readUInt32BE(0));
  const middle = BigInt(bytes.readUInt16BE(4));
  const high = BigInt(bytes.readUInt16BE(6) & 0x0fff);
  const nanoseconds = (((high << 48n) | (middle << 32n) | low) - EPOCH_STEPS) * 100n;
  // Wraps at 64 bits, as in Go.
  return numberFromBigInt(BigInt.asIntN(64, nanoseconds));
}

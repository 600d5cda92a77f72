import { crc32 } from 'node:zlib';

/** What a consistency token says: at least revision `n` of the set whose object has this UID. */
export interface ConsistencyToken {
  readonly setUid: string;
  /** The revision, from 1 up. */
  readonly n: number;
}

/** Characters that a token may have: enough for any UID of 253 characters. Longer texts are refused unread. */
export const TOKEN_MAX_LENGTH = 1_100;

const VERSION = 1;
/** Version, 8 bytes of `n`, 4 bytes of checksum. */
const OVERHEAD = 13;

/**
 * The token of a revision: base64url of version, `n`, UID and a CRC-32 of these. Text to be handed around unread; the
 * checksum finds what was cut off or mistyped, it keeps nobody from making one.
 * @throws RangeError if `n` is no positive safe integer, or the UID is empty or too long for a token
 */
export function encodeToken({ setUid, n }: ConsistencyToken): string {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`revision ${n} has no token`);
  const uid = Buffer.from(setUid);
  const bytes = Buffer.alloc(OVERHEAD + uid.length);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeBigUInt64BE(BigInt(n), 1);
  uid.copy(bytes, 9);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  const token = bytes.toString('base64url');
  if (uid.length === 0 || token.length > TOKEN_MAX_LENGTH) throw new RangeError('this UID has no token');
  return token;
}

/** Reads a token; undefined for any text that {@link encodeToken} did not make. */
export function decodeToken(text: string): ConsistencyToken | undefined {
  if (text.length > TOKEN_MAX_LENGTH) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  // Decoding passes over what is not base64url: only what comes back as it was is a token.
  if (bytes.length <= OVERHEAD || bytes.toString('base64url') !== text || bytes.readUInt8(0) !== VERSION)
    return undefined;
  if (bytes.readUInt32BE(bytes.length - 4) !== crc32(bytes.subarray(0, -4))) return undefined;
  const n = Number(bytes.readBigUInt64BE(1));
  if (!Number.isSafeInteger(n) || n < 1) return undefined;
  const uid = bytes.subarray(9, -4);
  const setUid = uid.toString();
  return Buffer.from(setUid).equals(uid) ? { setUid, n } : undefined;
}

import { crc32c } from './crc32c.ts';

/** CRC-32C of all that follows (u32), length of the payload (u32), time of the record in ms since the epoch (f64); big-endian. */
export const FRAME_HEADER_BYTES = 16;

/** Longest payload. A length beyond it is damage: nothing that long is ever written. */
export const MAX_FRAME_BYTES = 268_435_456;

/** One record as a journal keeps it. */
export interface JournalRecord {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** A frame that was read; `end` is where the next begins. */
export interface Frame extends JournalRecord {
  readonly end: number;
}

/** Records as frames, one after the other. */
export function encodeFrames(records: readonly JournalRecord[]): Buffer {
  const lengths = records.map(({ text }) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + FRAME_HEADER_BYTES + length, 0));
  let at = 0;
  records.forEach(({ text, atMs }, index) => {
    const length = lengths[index] ?? 0;
    const end = at + FRAME_HEADER_BYTES + length;
    bytes.writeUInt32BE(length, at + 4);
    bytes.writeDoubleBE(atMs, at + 8);
    bytes.write(text, at + FRAME_HEADER_BYTES, 'utf8');
    bytes.writeUInt32BE(checksum(bytes, at, end), at);
    at = end;
  });
  return bytes;
}

/**
 * The frame at `at`. `short`: the bytes end before it does. `damaged`: no frame begins there, or it is not what was
 * written.
 */
export function readFrame(bytes: Buffer, at: number): Frame | 'short' | 'damaged' {
  if (at + FRAME_HEADER_BYTES > bytes.length) return 'short';
  const length = bytes.readUInt32BE(at + 4);
  if (length > MAX_FRAME_BYTES) return 'damaged';
  const end = at + FRAME_HEADER_BYTES + length;
  if (end > bytes.length) return 'short';
  if (bytes.readUInt32BE(at) !== checksum(bytes, at, end)) return 'damaged';
  return { text: bytes.toString('utf8', at + FRAME_HEADER_BYTES, end), atMs: bytes.readDoubleBE(at + 8), end };
}

/** How long the frame that begins at `at` is, if its header is there. */
export function frameBytes(bytes: Buffer, at: number): number | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  return FRAME_HEADER_BYTES + Math.min(MAX_FRAME_BYTES, bytes.readUInt32BE(at + 4));
}

/** The length is part of it, so that zeros, which a file system may leave behind a crash, are no frame. */
function checksum(bytes: Buffer, at: number, end: number): number {
  return crc32c(bytes, at + 4, end);
}

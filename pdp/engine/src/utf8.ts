import { isUtf8 } from 'node:buffer';

/**
 * Decodes UTF-8, replacing every byte that is not part of a valid sequence with one U+FFFD (as Go does; the Web's
 * decoders replace a whole broken sequence at once). A byte order mark is kept.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const parts: string[] = [];
  let validFrom = 0;
  let at = 0;
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(buffer.toString('utf8', validFrom, at), '\ufffd');
    at++;
    validFrom = at;
  }
  parts.push(buffer.toString('utf8', validFrom, at));
  return parts.join('');
}

/** Length of the valid sequence that starts at `at`, 0 if none does. */
function sequenceLength(buffer: Buffer, at: number): number {
  const lead = buffer[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const sequence = buffer.subarray(at, at + length);
  return sequence.length === length && isUtf8(sequence) ? length : 0;
}

import type { HeaderField } from './static-table.ts';

/**
 * A header block of literals. It neither reads nor changes the table that the peer keeps, so that it means the same on every
 * connection at any time. Values are ASCII.
 */
export function encodeBlock(fields: readonly HeaderField[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    // A literal that is not to be put into the table, its name given as text (RFC 7541, section 6.2.2).
    parts.push(LITERAL, lengthOf(name), Buffer.from(name, 'latin1'), lengthOf(value), Buffer.from(value, 'latin1'));
  }
  return Buffer.concat(parts);
}

const LITERAL = Buffer.from([0]);
const PREFIX = 0x7f;

/** The length of a string that is not Huffman-coded: an integer with a prefix of seven bits. */
function lengthOf(text: string): Buffer {
  if (text.length < PREFIX) return Buffer.from([text.length]);
  const bytes = [PREFIX];
  let rest = text.length - PREFIX;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

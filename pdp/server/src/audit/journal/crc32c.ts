/** Tables for eight bytes at a time (reflected polynomial 0x82f63b78, as in iSCSI, RFC 3720). */
const SLICE = 8;
/** Made for the first journal: to make them heats the optimizing compiler, whose code a PDP at rest is better without. */
let tablesMade: Int32Array | undefined;

function makeTables(): Int32Array {
  const tables = new Int32Array(SLICE * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256] ?? 0;
    tables[index] = (before >>> 8) ^ (tables[before & 255] ?? 0);
  }
  return tables;
}

/** CRC-32C of `bytes` from `start` to `end`, as an unsigned 32-bit number. Node's zlib has the other CRC-32 only. */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  // Typed arrays are always in bounds below; the coalescing is for the compiler and costs nothing measurable.
  const t = (tablesMade ??= makeTables());
  let crc = -1;
  let at = start;
  for (; at + SLICE <= end; at += SLICE) {
    const low =
      crc ^
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
    crc =
      (t[1792 + (low & 255)] ?? 0) ^
      (t[1536 + ((low >>> 8) & 255)] ?? 0) ^
      (t[1280 + ((low >>> 16) & 255)] ?? 0) ^
      (t[1024 + (low >>> 24)] ?? 0) ^
      (t[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (t[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (t[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (t[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0);
  return ~crc >>> 0;
}

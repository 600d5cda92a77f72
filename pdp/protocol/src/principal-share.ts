import type { BasisPoints, Share } from './messages.ts';

const ENCODER = new TextEncoder();

/**
 * Where a principal falls among ten thousand equal parts, 0 to 9,999: MurmurHash3 (x86, 32 bits, seed 0) over the UTF-8
 * bytes of the salt, one zero byte, and the UTF-8 bytes of the principal; that number times 10,000, divided by 2^32, rounded
 * down. A lone surrogate counts as U+FFFD. The same everywhere and for ever: one principal gets one answer from every PDP
 * and client that repeats this.
 */
export function principalShare(salt: string, principal: string): BasisPoints {
  return Math.floor((murmur3(ENCODER.encode(`${salt}\0${principal}`)) * 10_000) / 4_294_967_296);
}

/** True if the principal is one of the share. */
export function isInShare({ salt, upTo }: Share, principal: string): boolean {
  return principalShare(salt, principal) < upTo;
}

/** MurmurHash3_x86_32 with seed 0, as an unsigned number. Not for secrets. */
export function murmur3(bytes: Uint8Array): number {
  const blocks = bytes.length & ~3;
  let hash = 0;
  for (let at = 0; at < blocks; at += 4) {
    hash ^= scrambled(
      byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24),
    );
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= blocks; at -= 1) tail = (tail << 8) | byte(bytes, at);
  if (blocks < bytes.length) hash ^= scrambled(tail);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

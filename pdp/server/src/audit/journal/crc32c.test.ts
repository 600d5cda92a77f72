import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';

test.each([
  ['nothing', Buffer.alloc(0), 0],
  ['the check value of the polynomial', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros of RFC 3720', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones of RFC 3720', Buffer.alloc(32, 0xff), 0x62a8ab43],
] as const)('%s', (_name, bytes, sum) => {
  expect(crc32c(bytes)).toBe(sum);
});

/** A bit at a time, as the polynomial is defined. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('any part of any bytes has the sum that the definition gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, start) => {
      expect(crc32c(bytes, Math.min(start, bytes.length))).toBe(slowly(bytes.subarray(start)));
    }),
  );
});

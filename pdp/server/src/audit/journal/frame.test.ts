import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeFrames, FRAME_HEADER_BYTES, frameBytes, MAX_FRAME_BYTES, readFrame } from './frame.ts';

const records = fc.array(
  fc.record({ text: fc.string({ unit: 'grapheme' }), atMs: fc.double({ noNaN: true }) }, { noNullPrototype: true }),
  { minLength: 1, maxLength: 8 },
);

test('frames give back what was written', () => {
  fc.assert(
    fc.property(records, (written) => {
      const bytes = encodeFrames(written);
      const read = [];
      for (let at = 0; at < bytes.length;) {
        const frame = readFrame(bytes, at);
        if (typeof frame === 'string') throw new Error(frame);
        expect(frameBytes(bytes, at)).toBe(frame.end - at);
        read.push({ text: frame.text, atMs: frame.atMs });
        at = frame.end;
      }
      expect(read).toStrictEqual(written);
    }),
  );
});

test('a frame that was cut, or of which a bit was changed, is none', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 50 }), fc.nat(), fc.nat(7), (text, place, bit) => {
      const bytes = encodeFrames([{ text, atMs: 1 }]);
      const at = place % bytes.length;
      expect(readFrame(bytes.subarray(0, at), 0)).toBe('short');
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      expect(typeof readFrame(bytes, 0)).toBe('string');
    }),
  );
});

test('zeros, which a crash may leave in a file, are no frame', () => {
  expect(readFrame(Buffer.alloc(64), 0)).toBe('damaged');
});

test('a length beyond the bound is damage, not something to wait for', () => {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES);
  bytes.writeUInt32BE(MAX_FRAME_BYTES + 1, 4);
  expect(readFrame(bytes, 0)).toBe('damaged');
});

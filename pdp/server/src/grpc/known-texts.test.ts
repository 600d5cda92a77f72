import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KNOWN_TEXT_MAX_BYTES, KnownTexts } from './known-texts.ts';

test('a text is what its bytes are, however often and beside whichever others it is read', () => {
  const known = new KnownTexts();
  const unit = fc.oneof(fc.integer({ min: 0, max: 127 }), fc.integer({ min: 0, max: 255 }));
  const texts = fc.array(fc.array(unit, { maxLength: KNOWN_TEXT_MAX_BYTES + 4 }));
  fc.assert(
    fc.property(texts, (all) => {
      for (const one of [...all, ...all]) {
        const bytes = Buffer.from([0x61, ...one, 0x62]);
        expect(known.read(bytes, 1, bytes.length - 1)).toBe(Buffer.from(one).toString());
      }
    }),
  );
});

test('texts whose bytes have the same hash are told apart', () => {
  // 31 * 'A' + 'a' = 31 * 'B' + 'B'
  const known = new KnownTexts();
  const read = (text: string): string => known.read(Buffer.from(text), 0, text.length);
  expect(['Aa', 'BB', 'Aa', 'BB'].map(read)).toEqual(['Aa', 'BB', 'Aa', 'BB']);
});

test('bytes of characters beyond ASCII are not taken for one that has their numbers', () => {
  const known = new KnownTexts();
  const bytes = Buffer.from([0xe9]);
  expect(known.read(bytes, 0, 1)).toBe('\uFFFD');
  expect(known.read(Buffer.from('\u00e9'), 0, 2)).toBe('\u00e9');
  expect(known.read(bytes, 0, 1)).toBe('\uFFFD');
});

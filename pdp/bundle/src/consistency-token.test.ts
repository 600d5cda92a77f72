import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeToken, encodeToken, TOKEN_MAX_LENGTH } from './consistency-token.ts';

const uids = fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }).filter((uid) => uid.isWellFormed());
const numbers = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test('a token says what went into it', () => {
  fc.assert(
    fc.property(uids, numbers, (setUid, n) => {
      const token = encodeToken({ setUid, n });
      expect(token).toMatch(/^[\w-]+$/);
      expect(decodeToken(token)).toStrictEqual({ setUid, n });
    }),
  );
});

test('a UID of 253 characters of any alphabet has a token', () => {
  const setUid = '\u{ffff}'.repeat(253);
  expect(decodeToken(encodeToken({ setUid, n: Number.MAX_SAFE_INTEGER }))?.setUid).toBe(setUid);
});

test('a token with one character altered, cut off or added is no token', () => {
  const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(65 + index));
  const alphabet = [...letters, ...letters.map((letter) => letter.toLowerCase()), '0', '9', '-', '_'];
  fc.assert(
    fc.property(uids, numbers, fc.nat(), fc.constantFrom(...alphabet), (setUid, n, where, other) => {
      const token = encodeToken({ setUid, n });
      const at = where % token.length;
      const altered = token.slice(0, at) + other + token.slice(at + 1);
      expect(decodeToken(altered)).toStrictEqual(altered === token ? { setUid, n } : undefined);
      expect(decodeToken(token.slice(0, at))).toBeUndefined();
      expect(decodeToken(token + other)).toBeUndefined();
    }),
  );
});

test('reading never throws, whatever the text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' })), (text) => {
      decodeToken(text);
    }),
  );
});

test.each([
  ['a text that is too long', 'A'.repeat(TOKEN_MAX_LENGTH + 1)],
  ['nothing', ''],
  ['padding', `${encodeToken({ setUid: 'u', n: 1 })}=`],
  ['base64 with another alphabet', encodeToken({ setUid: '\u{fff}\u{fff}\u{fff}', n: 1 }).replaceAll('_', '/')],
])('%s is no token', (_name, text) => {
  expect(decodeToken(text)).toBeUndefined();
});

test.each([
  ['zero', 'u', 0],
  ['a fraction', 'u', 1.5],
  ['a number beyond exact integers', 'u', 2 ** 53],
  ['an empty UID', '', 1],
  ['a UID that is too long', 'u'.repeat(TOKEN_MAX_LENGTH), 1],
])('%s has no token', (_name, setUid, n) => {
  expect(() => encodeToken({ setUid, n })).toThrow(RangeError);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';

test.each<[string, unknown, string]>([
  ['keys in order', { b: 1, a: [true, null] }, '{"a":[true,null],"b":1}'],
  ['keys by UTF-16 units', { '\ufb33': 1, '\u{1f600}': 2, a: 3 }, '{"a":3,"\u{1f600}":2,"\ufb33":1}'],
  ['integers in all digits', 12345678901234567890n, '12345678901234567890'],
  ['a negative zero as such', -0, '-0'],
  ['large floats as ECMAScript does', 1e21, '1e+21'],
  ['no members that are undefined', { a: undefined }, '{}'],
  ['half a surrogate pair as an escape', '\ud800', '"\\ud800"'],
])('prints %s', (_name, value, expected) => {
  expect(canonicalJson(value)).toBe(expected);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, () => 1, [Symbol('s')]])('refuses %p', (value) => {
  expect(() => canonicalJson(value)).toThrow('is not JSON');
});

test('equal values print equally whatever the order of their keys, and read back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const reversed = JSON.parse(JSON.stringify(value), (_key, member: unknown) => {
        if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
        return Object.fromEntries(Object.entries(member).reverse());
      }) as unknown;
      expect(canonicalJson(JSON.parse(JSON.stringify(value)))).toBe(canonicalJson(reversed));
      expect(JSON.parse(canonicalJson(value))).toEqual(value);
    }),
  );
});

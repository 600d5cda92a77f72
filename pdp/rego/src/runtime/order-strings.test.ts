import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareStrings, sortBy, sortStrings } from './order-strings.ts';

test('strings come in the order of their UTF-8 bytes, few or many', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 30 }), (strings) => {
      const bytes = [...strings].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(sortStrings([...strings])).toStrictEqual(bytes);
    }),
  );
});

test('members that are equal by the order keep their places', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat()), { maxLength: 30 }), (pairs) => {
      const order = (a: readonly [number, number], b: readonly [number, number]): number => a[0] - b[0];
      expect(sortBy([...pairs], order)).toStrictEqual([...pairs].sort(order));
    }),
  );
});

test.each([
  ['a', 'a', 0],
  ['a', 'b', -1],
  ['b', 'a', 1],
  ['a', 'aa', -1],
  ['\u{1f600}', '\uffff', 1],
])('%j and %j', (a, b, sign) => {
  expect(Math.sign(compareStrings(a, b))).toBe(sign);
});

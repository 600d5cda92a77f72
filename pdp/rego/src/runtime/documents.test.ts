import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  anyKeysOf,
  anyValuesOf,
  baseIndex,
  index,
  isMember,
  KeyConflict,
  keysOf,
  lookUp,
  mergeBase,
  put,
  setPath,
  valuesOf,
  withoutSystem,
} from './documents.ts';
import { Parts } from './parts.ts';
import { equals, getIndex, RegoObject, RegoSet } from './value.ts';

test('a path is set in a copy, and what is no object gives way', () => {
  const document = { a: { b: 1 }, c: 2 };
  expect(setPath(document, ['a', 'x', 'y'], 3)).toEqual({ a: { b: 1, x: { y: 3 } }, c: 2 });
  expect(setPath(document, ['c', 'd'], 3)).toEqual({ a: { b: 1 }, c: { d: 3 } });
  expect(setPath(undefined, ['a'], 1)).toEqual({ a: 1 });
  expect(setPath(document, [], 1)).toBe(1);
  expect(document).toEqual({ a: { b: 1 }, c: 2 });
  expect(Object.keys(setPath({}, ['__proto__'], 1) as object)).toEqual(['__proto__']);
});

test('base documents win over what rules define where both are no objects', () => {
  expect(mergeBase({ a: 1, b: { c: 1 } }, { a: 2, b: { d: 2 }, e: 3 })).toEqual({ a: 1, b: { c: 1, d: 2 }, e: 3 });
  expect(mergeBase(undefined, { a: 1 })).toEqual({ a: 1 });
  expect(mergeBase([1], { a: 1 })).toEqual([1]);
  expect(withoutSystem({ system: 1, a: 2 })).toEqual({ a: 2 });
});

test('keys of base documents are parts of a storage path', () => {
  expect(baseIndex({ '2': 'x' }, 2)).toBe('x');
  expect(baseIndex(['x', 'y'], '1')).toBe('y');
  expect(baseIndex(['x'], '01')).toBeUndefined();
});

test('an index finds what the document has, and no more', () => {
  const large: Record<string, number> = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${String(i)}`, i]));
  expect(index({ a: 1 })).toBeUndefined();
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom(...Object.keys(large), 'toString', '__proto__'), fc.string(), fc.integer()),
      (key) => {
        expect(lookUp(index(large), large, key)).toBe(getIndex(large, key));
      },
    ),
  );
});

test('putting the same value twice is no conflict, another one is', () => {
  expect(put(put({}, 'a', 1, 7), 'a', 1, 7)).toEqual({ a: 1 });
  expect(() => put({ a: 1 }, 'a', 2, 7)).toThrow(KeyConflict);
  const mixed = put(put({}, 'a', 1, 7), 1, 2, 7);
  expect(mixed).toBeInstanceOf(RegoObject);
  expect(() => put(mixed, 1, 3, 7)).toThrow(KeyConflict);
});

test('parts make nested documents, and refuse what overlaps', () => {
  const parts = new Parts();
  parts.put(['a', 'b'], 1, 0);
  parts.add(['a', 's'], 1, 0);
  parts.add(['a', 's'], 1, 0);
  parts.put([1], 'x', 0);
  expect(
    equals(
      parts.value(),
      new RegoObject([
        [
          'a',
          new RegoObject([
            ['b', 1],
            ['s', new RegoSet([1])],
          ]),
        ],
        [1, 'x'],
      ]),
    ),
  ).toBe(true);
  expect(() => parts.put(['a', 'b', 'c'], 1, 0)).toThrow(KeyConflict);
  expect(() => parts.put(['a', 'b'], 2, 0)).toThrow(KeyConflict);
  expect(() => parts.add(['a', 'b'], 2, 0)).toThrow(KeyConflict);
});

test('members in any order are the members in order', () => {
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 2 },
      fc.integer(),
      fc.string(),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
      fc.array(tie('value')).map((members) => new RegoSet(members)),
    ),
  })).value;
  fc.assert(
    fc.property(values, fc.nat(), (value, pick) => {
      const some = anyValuesOf(value);
      expect(equals(new RegoSet(some), new RegoSet(valuesOf(value)))).toBe(true);
      expect(some).toHaveLength(valuesOf(value).length);
      (anyKeysOf(value) ?? []).forEach((key, i) => {
        expect(getIndex(value, key)).toBe(some[i]);
      });
      (keysOf(value) ?? []).forEach((key, i) => {
        expect(getIndex(value, key)).toBe(valuesOf(value)[i]);
      });
      expect(some.every((member) => isMember(member, value))).toBe(true);
      if (some.length > 0) expect(isMember(some[pick % some.length], value)).toBe(true);
      expect(isMember({ absent: 'absent' }, [...some, 1])).toBe(
        some.some((member) => equals(member, { absent: 'absent' })),
      );
    }),
  );
});

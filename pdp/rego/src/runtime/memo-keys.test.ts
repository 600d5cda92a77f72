import { expect, test } from '@jest/globals';
import { MAX_IDENTITIES, MemoKeys } from './memo-keys.ts';
import { numberFromText } from './number.ts';
import { buildObject, RegoSet, type Value } from './value.ts';

const kept = new RegoSet([1, 2]);

test.each<[string, Value, Value, boolean]>([
  ['equal strings', 'a', 'a', true],
  ['a number that is written in two ways', 1, numberFromText('1.0'), true],
  ['equal small arrays', ['a', 1, null], ['a', 1, null], true],
  ['arrays of the same characters', ['a', 'b'], ['ab'], false],
  ['a number and its text', [1], ['1'], false],
  ['true and its text', [true], ['true'], false],
  ['equal small sets', new RegoSet([2, 1]), kept, true],
  ['a small set and its array', kept, [1, 2], false],
  ['equal objects that are not the same', { a: 1 }, { a: 1 }, false],
  ['an object and one with another value', { a: 1 }, { a: 2 }, false],
])('%s', (_name, a, b, isSame) => {
  const keys = new MemoKeys();
  expect(keys.keyOf(a) === keys.keyOf(b)).toBe(isSame);
});

test('an object has one key, alone and in an array', () => {
  const keys = new MemoKeys();
  const object = { a: [1, 2, 3] };
  expect(keys.keyOf(object)).toBe(keys.keyOf(object));
  expect(keys.keyOf([object, 'x'])).toBe(keys.keyOf([object, 'x']));
  expect(keys.keyOf([object, 'x'])).not.toBe(keys.keyOf([{ a: [1, 2, 3] }, 'x']));
});

test('after very many objects in one evaluation equal ones have one key', () => {
  const keys = new MemoKeys();
  for (let index = 0; index < MAX_IDENTITIES; index++) keys.keyOf({ index });
  expect(keys.keyOf({ a: [1, { b: 2 }] })).toBe(keys.keyOf({ a: [1, { b: 2 }] }));
  expect(keys.keyOf([buildObject([[1, 'x']])])).toBe(keys.keyOf([buildObject([[1, 'x']])]));
  keys.forget();
  expect(keys.keyOf({ a: 1 })).not.toBe(keys.keyOf({ a: 1 }));
});

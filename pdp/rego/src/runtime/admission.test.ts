import { expect, test } from '@jest/globals';
import { admits, admitsKey, splitEscaped, type RuntimeTest } from './admission.ts';
import { RegoSet, type Value } from './value.ts';

test.each<readonly [string, Value, RuntimeTest, boolean]>([
  ['an equal value', 1, ['equal', 1], true],
  ['another value', 2, ['equal', 1], false],
  ['nothing at all', undefined, ['equal', 1], false],
  ['an array with the parts that are looked at', [1, { a: 1 }], ['parts', [1, undefined]], true],
  ['an array with another part', [2, 3], ['parts', [1, undefined]], false],
  ['an array of another length', [1], ['parts', [1, undefined]], false],
  ['a text in place of an array', 'ab', ['parts', ['a', 'b']], false],
  ['an array with the member', ['x', 'y'], ['member', 'y'], true],
  ['an object with the member as a key only', { y: 'x' }, ['member', 'y'], false],
  ['a set without the member', new RegoSet(['x']), ['member', 'y'], false],
  ['a text with the start', '/a/b', ['prefix', '/a'], true],
  ['a text with another start', '/b', ['prefix', '/a'], false],
  ['a collection with a text with the start', { k: '/a/b' }, ['prefix', '/a'], true],
  ['a number', 1, ['prefix', '1'], false],
  ['a text with the end', 'x.go', ['suffix', '.go'], true],
  ['a text with the parts of a glob', 'a:b', ['glob', ':', ['a', undefined]], true],
  ['a text with a part more', 'a:b:c', ['glob', ':', ['a', undefined]], false],
  ['an array of the parts of a glob', ['a', 'b'], ['glob', ':', ['a', undefined]], true],
  ['a value of one of the types', new RegoSet(), ['type', ['array', 'set']], true],
  ['a value of another type', {}, ['type', ['array', 'set']], false],
])('%s', (_, value, one, expected) => {
  expect(admits(value, [one])).toBe(expected);
  expect(admits(value, [])).toBe(false);
  expect(admits(value, [['equal', 'something else'], one])).toBe(expected);
});

test.each<readonly [string, Value, Value, boolean]>([
  ['an object with the key', { a: false }, 'a', true],
  ['an object with the key by inheritance only', {}, 'toString', false],
  ['a set with the member', new RegoSet([[1]]), [1], true],
  ['a set without the member', new RegoSet([1]), 2, false],
  ['an array, whatever the key', [], 5, true],
  ['no collection at all', undefined, 'a', false],
  ['no key at all', { a: 1 }, undefined, false],
])('keys: %s', (_, collection, key, expected) => {
  expect(admitsKey(collection, key)).toBe(expected);
});

test.each([
  ['a.b.c', '.', ['a', 'b', 'c']],
  ['a:b.c', ':.', ['a', 'b', 'c']],
  ['a\\.b.c', '.', ['a\\.b', 'c']],
  ['', '.', ['']],
  ['.', '.', ['', '']],
])('%j is cut at %j', (text, delimiters, parts) => {
  expect(splitEscaped(text, delimiters)).toEqual(parts);
});

import { expect, test } from '@jest/globals';
import { mergeDocuments } from './merge-documents.ts';

test('objects are merged to any depth, and not changed', () => {
  const left = { a: { b: 1 }, c: [1] };
  const right = { a: { d: { e: 2 } }, f: null };
  expect(mergeDocuments(left, right)).toEqual({ ok: true, value: { a: { b: 1, d: { e: 2 } }, c: [1], f: null } });
  expect(left).toEqual({ a: { b: 1 }, c: [1] });
});

test.each([
  ['two values', { a: { b: 1 } }, { a: { b: 2 } }, ['a', 'b']],
  ['a value and an object', { a: 1 }, { a: { b: 2 } }, ['a']],
  ['two arrays', { a: [1] }, { a: [2] }, ['a']],
  ['a document that is no object', {}, [1], []],
])('%s conflict', (_what, left, right, conflict) => {
  expect(mergeDocuments(left, right)).toEqual({ ok: false, conflict });
});

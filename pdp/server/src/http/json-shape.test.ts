import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { countMembers, nestsDeeper, shapeOfJson } from './json-shape.ts';

const shape = (text: string, maxDepth = 100) => shapeOfJson(Buffer.from(text), maxDepth);

test.each([
  ['a scalar', '7', 0, 0],
  ['lists in objects', '{"a":[[],{"b":{}}]}', 4, 2],
  ['brackets, colons and quotes within strings', String.raw`{"[{:\"\\":"]}:"}`, 1, 1],
  ['the same member twice', '{"a":1,"a":2}', 1, 2],
])('depth and members of %s', (_, text, depth, members) => {
  expect(shape(text)).toStrictEqual({ depth, members, hasHalfCharacter: false });
});

test.each([
  ['a pair', String.raw`"\ud83d\ude00"`, false],
  ['a pair in capitals', String.raw`"\uD83D\uDE00"`, false],
  ['two pairs', String.raw`"\ud83d\ude00\ud83d\ude00"`, false],
  ['an escape of another character', String.raw`"\ud7ff\u00e9"`, false],
  ['a backslash before the letters of an escape', String.raw`"\\ud83d"`, false],
  ['a high half alone', String.raw`"\ud83d"`, true],
  ['a low half alone', String.raw`"\ude00"`, true],
  ['a high half before a pair', String.raw`"\ud83d\ud83d\ude00"`, true],
  ['a high half before an escaped quote', String.raw`"\ud83d\""`, true],
  ['a half in a name', String.raw`{"\udc00":1}`, true],
])('halves of characters: %s', (_, text, has) => {
  expect(shape(text).hasHalfCharacter).toBe(has);
});

test('what nests too deeply is looked at no further than that', () => {
  const deep = Buffer.from('['.repeat(1_000_000));
  expect([shapeOfJson(deep, 10).depth, nestsDeeper(deep, 999_999), nestsDeeper(deep, 1_000_000)]).toStrictEqual([
    11,
    true,
    false,
  ]);
});

test('a text without duplicates has as many members as its value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      return shape(text).members === countMembers(JSON.parse(text));
    }),
  );
});

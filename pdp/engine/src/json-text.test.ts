import { expect, test } from '@jest/globals';
import { RegoNumber } from '@edict/rego/values';
import fc from 'fast-check';
import { jsonText } from './json-text.ts';

test.each<[string, unknown, string]>([
  ['keys in order', { b: 1, a: { d: 2, c: 3 } }, '{"a":{"c":3,"d":2},"b":1}'],
  ['nested arrays', [[], [1, [2]], {}], '[[],[1,[2]],{}]'],
  ['scalars', [null, true, false, 'x', 1.5, -0, 1e21, 1e-7], '[null,true,false,"x",1.5,-0,1e+21,1e-7]'],
  ['markup escaped', '<a & b>\u2028', '"\\u003ca \\u0026 b\\u003e\\u2028"'],
  ['control characters and quotes', 'a"\\\n\u0000', '"a\\"\\\\\\n\\u0000"'],
  ['lone surrogates replaced', '\ud83d', '"\ufffd"'],
  ['boxed numbers as doubles', new RegoNumber('12345678901234567890'), '12345678901234567000'],
  ['hostile keys', JSON.parse('{"__proto__":1,"constructor":{}}'), '{"__proto__":1,"constructor":{}}'],
])('writes %s', (_name, value, text) => {
  expect(jsonText(value)).toBe(text);
});

test('writes boxed numbers in full when asked', () => {
  expect(jsonText([new RegoNumber('12345678901234567890'), 5n], 'exact')).toBe('[12345678901234567890,5]');
});

test('writes any depth', () => {
  let value: unknown = 1;
  for (let level = 0; level < 100_000; level++) value = level % 2 === 0 ? [value] : { a: value };
  expect(jsonText(value)).toHaveLength(1 + 50_000 * 2 + 50_000 * 6);
});

test('what it writes reads back as the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(jsonText(value))).toEqual(value);
    }),
  );
});

test('strings read back as they are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(JSON.parse(jsonText(text))).toBe(text);
    }),
  );
});

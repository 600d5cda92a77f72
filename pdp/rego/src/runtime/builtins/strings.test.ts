import { expect, test } from '@jest/globals';
import { RegoNumber, RegoObject, RegoSet, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

test.each<[string, readonly Value[], Value]>([
  ['startswith', ['abc', 'ab'], true],
  ['endswith', ['abc', 'ab'], false],
  ['contains', ['abc', ''], true],
  ['lower', ['ÀSΣİ'], 'àsσi'],
  ['upper', ['straße ᾀ'], 'STRAßE ᾈ'],
  ['split', ['a.b.', '.'], ['a', 'b', '']],
  ['split', ['a😀', ''], ['a', '😀']],
  ['strings.split_n', ['a,b,c', ',', -2], ['b', 'c']],
  ['concat', [', ', new RegoSet(['b', 'a'])], 'a, b'],
  ['indexof', ['x😀y', 'y'], 2],
  ['indexof', ['abc', 'z'], -1],
  ['indexof_n', ['aaa', 'aa'], [0, 1]],
  ['substring', ['x😀yz', 1, 2], '😀y'],
  ['substring', ['abc', 1, -1], 'bc'],
  ['substring', ['abc', 9, 2], ''],
  ['replace', ['a.b', '.', '$&'], 'a$&b'],
  ['replace', ['abc', '', '-'], '-a-b-c-'],
  ['strings.replace_n', [{ a: 'b', b: 'a' }, 'abba'], 'baab'],
  ['strings.replace_n', [{ '<': '&lt;', '<<': 'never' }, '<<'], '&lt;&lt;'],
  ['trim', ['xxaxx', 'x'], 'a'],
  ['trim_left', ['abcab', 'ab'], 'cab'],
  ['trim_right', ['abcab', 'ab'], 'abc'],
  ['trim_prefix', ['aab', 'a'], 'ab'],
  ['trim_suffix', ['abb', 'b'], 'ab'],
  ['trim_space', ['\u0085 a \u2003'], 'a'],
  ['strings.reverse', ['a😀b'], 'b😀a'],
  ['strings.count', ['cheese', 'e'], 3],
  ['strings.count', ['abc', ''], 4],
  [
    'strings.any_prefix_match',
    [
      ['abc', 'x'],
      ['q', 'ab'],
    ],
    true,
  ],
  ['strings.any_suffix_match', ['abc', ['bc']], true],
  ['format_int', [255, 16], 'ff'],
  ['format_int', [-15.9, 16], '-f'],
  ['format_int', [new RegoNumber('18446744073709551617'), 10], '18446744073709551617'],
])('%s(%j) is %j', (name, args, expected) => {
  expect(callBuiltin(name, ...args)).toEqual({ value: expected });
});

test('affixes of many strings are found as affixes of few are', () => {
  const texts = Array.from({ length: 40 }, (_unused, index) => `path/${String(index)}/end`);
  const misses = Array.from({ length: 40 }, (_unused, index) => `other/${String(index)}`);
  expect(callBuiltin('strings.any_prefix_match', texts, [...misses, 'path/39'])).toEqual({ value: true });
  expect(callBuiltin('strings.any_prefix_match', texts, misses)).toEqual({ value: false });
  expect(callBuiltin('strings.any_suffix_match', texts, [...misses, '/17/end'])).toEqual({ value: true });
  expect(callBuiltin('strings.any_suffix_match', texts, misses)).toEqual({ value: false });
});

test.each<[string, readonly Value[], string]>([
  ['startswith', [1, 'a'], 'eval_type_error: operand 1 must be string but got number'],
  ['concat', [',', ['a', 1]], 'eval_type_error: operand 2 must be array of strings but got array containing number'],
  ['concat', [',', 'a'], 'eval_type_error: operand 2 must be one of {set, array} but got string'],
  ['indexof', ['a', ''], 'eval_builtin_error: empty search character'],
  ['substring', ['a', -1, 1], 'eval_builtin_error: negative offset'],
  ['substring', ['a', 0.5, 1], 'eval_type_error: operand 2 must be integer number but got floating-point number'],
  ['format_int', [1, 3], 'eval_type_error: operand 2 must be one of {2, 8, 10, 16}'],
  [
    'strings.replace_n',
    [new RegoObject([[1, 'a']]), 'a'],
    'eval_type_error: operand 1 non-string key found in pattern object',
  ],
])('%s(%j) fails with %s', (name, args, message) => {
  expect(callBuiltin(name, ...args)).toEqual({ error: message });
});

test('a replacement that explodes is refused', () => {
  const result = callBuiltin('replace', 'a'.repeat(100_000), 'a', 'b'.repeat(10_000));
  expect(result).toEqual({ error: expect.stringContaining('result is longer than') });
});

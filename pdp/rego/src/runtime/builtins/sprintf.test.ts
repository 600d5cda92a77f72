import { expect, test } from '@jest/globals';
import { RegoNumber, RegoSet, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

test.each<[string, readonly Value[], string]>([
  ['%s is %d', ['a', 5], 'a is 5'],
  ['%v %v %v', [{ b: [1, 'x'] }, new RegoSet(), null], '{"b": [1, "x"]} set() null'],
  ['%d%%', [50], '50%'],
  ['%5d|%-5d|%05d|%+d', [42, 42, 42, 42], '   42|42   |00042|+42'],
  ['%x %X %#x %o %b', [255, 255, 255, 8, 5], 'ff FF 0xff 10 101'],
  ['%x', ['héy'], '68c3a979'],
  ['%q', ['a"b\n'], '"a\\"b\\n"'],
  ['%c%U', [65, 0x1f600], 'AU+1F600'],
  ['%.2f|%8.3f|%e|%g', [1.005, 2.5, 12345.678, 1e-7], '1.00|   2.500|1.234568e+04|1e-07'],
  ['%v', [1234567.5], '1.2345675e+06'],
  ['%.0f %.0f %.0f', [0.5, 1.5, 2.5], '0 2 2'],
  ['%f', [new RegoNumber('0.0')], '0.000000'],
  ['%s', [new RegoNumber('123456789123456789123')], '123456789123456789123'],
  ['%d', [new RegoNumber('123456789123456789123')], '123456789123456789123'],
  ['%[2]s %[1]s', ['a', 'b'], 'b a'],
  ['%*d', [5, 42], '   42'],
  ['%6.2f%%', [12.345], ' 12.35%'],
  ['%s', [5], '%!s(int=5)'],
  ['%d', ['x'], '%!d(string=x)'],
  ['%d', [1.5], '%!d(float64=1.5)'],
  ['%d %d', [1], '1 %!d(MISSING)'],
  ['a', [1, 'b'], 'a%!(EXTRA int=1, string=b)'],
  ['%', [], '%!(NOVERB)'],
  ['%[3]d', [1], '%!d(BADINDEX)'],
  ['%T', [1.5], 'float64'],
])('%j with %j is %j', (format, args, expected) => {
  expect(callBuiltin('sprintf', format, args)).toEqual({ value: expected });
});

test('operands of wrong types', () => {
  expect(callBuiltin('sprintf', 1, [])).toEqual({ error: 'eval_type_error: operand 1 must be string but got number' });
  expect(callBuiltin('sprintf', 'a', 1)).toEqual({ error: 'eval_type_error: operand 2 must be array but got number' });
});

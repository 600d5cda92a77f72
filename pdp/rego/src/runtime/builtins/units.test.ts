import { expect, test } from '@jest/globals';
import { callBuiltin } from './call-builtin.ts';
import { UNITS_CACHE_SIZE } from './units.ts';

test.each([
  ['units.parse_bytes', '128Mi', 134_217_728],
  ['units.parse_bytes', '1.5Ki', 1536],
  ['units.parse_bytes', '10', 10],
  ['units.parse', '2M', 2_000_000],
  ['units.parse', '2', 2],
])('%s reads %s, again and again', (name, text, value) => {
  expect(callBuiltin(name, text)).toStrictEqual({ value });
  expect(callBuiltin(name, text)).toStrictEqual({ value });
});

test('the two readers do not answer for each other, nor upper for lower case', () => {
  expect(callBuiltin('units.parse_bytes', '4m')).toStrictEqual({ value: 4_000_000 });
  expect(JSON.stringify(callBuiltin('units.parse', '4m'))).toBe('{"value":0.0040000000}');
  expect(callBuiltin('units.parse', '4M')).toStrictEqual({ value: 4_000_000 });
  expect(callBuiltin('units.parse_bytes', '4m')).toStrictEqual({ value: 4_000_000 });
});

test('more amounts than are kept are read again, and bad ones fail again', () => {
  for (const turn of [1, 2]) {
    for (let amount = 0; amount < 2 * UNITS_CACHE_SIZE + 10; amount++) {
      const answer = callBuiltin('units.parse_bytes', `${String(amount)}Ki`);
      if (!('value' in answer) || answer.value !== amount * 1024)
        throw new Error(`turn ${String(turn)}: ${String(amount)}`);
    }
    expect(callBuiltin('units.parse_bytes', '4 Ki')).toHaveProperty('error');
  }
});

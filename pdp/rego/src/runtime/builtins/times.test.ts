import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RegoNumber, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';
import { daysFromCivil, toCivil } from './civil-time.ts';
import { TIMESTAMP_CACHE_SIZE } from './times.ts';

const instant = new RegoNumber('1700000000123456789');

test.each<[string, readonly Value[], Value]>([
  ['time.now_ns', [], new RegoNumber('1700000000000000000')],
  ['time.parse_rfc3339_ns', ['2023-11-14T22:13:20.123456789Z'], instant],
  ['time.parse_rfc3339_ns', ['2023-11-14T23:13:20+01:00'], new RegoNumber('1700000000000000000')],
  ['time.parse_ns', ['2006-01-02 15:04', '2024-02-29 00:30'], new RegoNumber('1709166600000000000')],
  ['time.parse_ns', ['RFC1123', 'Tue, 14 Nov 2023 22:13:20 GMT'], new RegoNumber('1700000000000000000')],
  ['time.parse_ns', ['3:04PM 2006-002', '9:15AM 1970-032'], 2_711_700_000_000_000],
  ['time.parse_duration_ns', ['1h2m3.5s'], 3_723_500_000_000],
  ['time.parse_duration_ns', ['-1w2d'], -777_600_000_000_000],
  ['time.format', [instant], '2023-11-14T22:13:20.123456789Z'],
  ['time.format', [[instant, 'Europe/Berlin', 'RFC1123']], 'Tue, 14 Nov 2023 23:13:20 CET'],
  [
    'time.format',
    [[instant, 'America/New_York', 'Mon Jan _2 3:04:05.000PM MST 2006']],
    'Tue Nov 14 5:13:20.123PM EST 2023',
  ],
  ['time.format', [[0, 'UTC', 'Janet Month 1st']], 'Janet Month 1st'],
  ['time.date', [[instant, 'Asia/Tokyo']], [2023, 11, 15]],
  ['time.clock', [[instant, 'Asia/Kolkata']], [3, 43, 20]],
  ['time.weekday', [instant], 'Tuesday'],
  ['time.add_date', [[instant, 'UTC'], 0, 3, 0], new RegoNumber('1707948800123456789')],
  ['time.diff', [[0, 'UTC'], instant], [53, 10, 13, 22, 13, 20]],
])('%s(%j) is %j', (name, args, expected) => {
  expect(callBuiltin(name, ...args)).toEqual({ value: expected });
});

test.each<[string, readonly Value[], string]>([
  ['time.parse_rfc3339_ns', ['x'], 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
  ['time.parse_rfc3339_ns', ['2023-02-30T00:00:00Z'], 'parsing time "2023-02-30T00:00:00Z": day out of range'],
  ['time.parse_rfc3339_ns', ['2300-01-01T00:00:00Z'], 'time outside of valid range'],
  ['time.parse_ns', ['2006', '2023x'], 'parsing time "2023x": extra text: "x"'],
  ['time.parse_duration_ns', ['5'], 'time: missing unit in duration "5"'],
  ['time.parse_duration_ns', ['5x'], 'time: unknown unit "x" in duration "5x"'],
  ['time.format', [[0, 'Nowhere/X']], 'unknown time zone Nowhere/X'],
  ['time.clock', [new RegoNumber('1e30')], 'timestamp too big'],
])('%s(%j) fails with %s', (name, args, message) => {
  expect(callBuiltin(name, ...args)).toEqual({ error: `eval_builtin_error: ${message}` });
});

test('dates and days since the epoch are each other turned around', () => {
  fc.assert(
    fc.property(fc.integer({ min: -106_000, max: 106_000 }), (days) => {
      const { year, month, day } = toCivil(BigInt(days) * 86_400_000_000_000n, 0);
      expect(daysFromCivil(year, month, day)).toBe(days);
      expect(new Date(days * 86_400_000).toISOString()).toContain(
        `-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T`,
      );
    }),
  );
});

test('a formatted instant parses to itself', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -9_000_000_000_000_000_000n, max: 9_000_000_000_000_000_000n }), (nanoseconds) => {
      const formatted = callBuiltin('time.format', new RegoNumber(String(nanoseconds)));
      const parsed = callBuiltin('time.parse_rfc3339_ns', 'value' in formatted ? formatted.value : undefined);
      expect('value' in parsed && String(parsed.value)).toBe(String(nanoseconds));
    }),
  );
});

test('more timestamps than are kept are read again, and bad ones fail again', () => {
  const read = (second: number) =>
    callBuiltin('time.parse_rfc3339_ns', new Date(second * 1000).toISOString().replace('.000', ''));
  const many = Array.from({ length: 2 * TIMESTAMP_CACHE_SIZE + 10 }, (_, second) => second);
  for (const turn of [1, 2]) {
    for (const second of many) {
      const wanted = second * 1e9;
      const { value } = read(second) as { readonly value: Value };
      if (String(value) !== String(wanted)) throw new Error(`turn ${String(turn)}: ${String(value)}`);
    }
  }
  expect(callBuiltin('time.parse_rfc3339_ns', '2023-02-30T00:00:00Z')).toHaveProperty('error');
  expect(callBuiltin('time.parse_rfc3339_ns', '2023-02-30T00:00:00Z')).toHaveProperty('error');
});

test.each(['9223372036854775807', '-9223372036854775808', '9223372036854775808', '1e400'])(
  'the instant %s is taken or refused as a 64-bit integer',
  (text) => {
    const isInstant = /^-?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
    const answer = callBuiltin('time.weekday', new RegoNumber(text));
    expect(answer).toHaveProperty(isInstant ? 'value' : 'error');
  },
);

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  absoluteTime,
  addressed,
  capital,
  duration,
  oneUnit,
  percentage,
  plural,
  relativeTime,
  shortDigest,
} from './format.ts';

test.each([
  ['nothing is plural', 0, '0 PDPs'],
  ['one is singular', 1, '1 PDP'],
  ['thousands are separated', 12_000, '12,000 PDPs'],
])('%s', (_, count, text) => {
  expect(plural(count, 'PDP')).toBe(text);
});

test('an odd plural is given', () => {
  expect([plural(1, 'entity', 'entities'), plural(2, 'entity', 'entities')]).toStrictEqual(['1 entity', '2 entities']);
});

test.each([
  ['a negative duration is nothing', -5, '0 ms'],
  ['less than a second is in milliseconds', 38.4, '38 ms'],
  ['seconds have a tenth', 4_120, '4.1 s'],
  ['just below ten seconds it is not 10.0', 9_960, '10 s'],
  ['just below a minute it is not 60 s', 59_700, '1 min'],
  ['minutes and seconds', 125_000, '2 min 5 s'],
  ['hours and minutes', 11_400_000, '3 h 10 min'],
  ['days and hours', 187_200_000, '2 d 4 h'],
  ['what is nothing is left out', 86_400_000, '1 d'],
])('%s', (_, milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

test.each([
  ['this very moment is now', 0, 'now'],
  ['a while ago', -12_900, '12 s ago'],
  ['five minutes ago', -300_000, '5 min ago'],
  ['ahead', 7_200_000, 'in 2 h'],
  ['days are not counted in hours', -172_800_000, '2 d ago'],
])('%s', (_, distance, text) => {
  expect(relativeTime(1e12 + distance, 1e12)).toBe(text);
});

test('a longer time never reads as a smaller number of the same unit', () => {
  const parts = (ms: number): readonly [number, string] => {
    const [count = '', unit = ''] = oneUnit(ms).split(' ');
    return [Number(count), unit];
  };
  fc.assert(
    fc.property(fc.nat(1e10), fc.nat(1e9), (ms, more) => {
      const [a, unit] = parts(ms);
      const [b, later] = parts(ms + more);
      expect(unit !== later || b >= a).toBe(true);
    }),
  );
});

test('an absolute time has all its digits', () => {
  expect(absoluteTime(Date.UTC(2026, 0, 2, 12, 4, 5))).toMatch(/^2026-01-0[123] [0-9]{2}:[0-9]{2}:05$/);
});

test.each([
  ['nothing of nothing is no share', 0, 0, '–'],
  ['none is none', 0, 9, '0 %'],
  ['a trace is not none', 1, 100_000, '< 0.1 %'],
  ['small shares have a tenth', 4, 1000, '0.4 %'],
  ['large ones do not', 123, 1000, '12 %'],
  ['all', 7, 7, '100 %'],
])('%s', (_, part, whole, text) => {
  expect(percentage(part, whole)).toBe(text);
});

test('a digest is told by its first letters, a sentence by its first', () => {
  expect([shortDigest(`sha256:${'ab'.repeat(32)}`), capital('it waits'), capital('')]).toStrictEqual([
    'abababababab',
    'It waits',
    '',
  ]);
});

test.each([
  ['who is named is spoken to', 'ann may not update policysets in shop', 'You may not update policysets in shop'],
  ['what is about somebody else stays', 'bob may not look', 'Bob may not look'],
])('%s', (_, message, text) => {
  expect(addressed(message, 'ann')).toBe(text);
});

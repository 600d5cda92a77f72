import { expect, test } from '@jest/globals';
import { durationMs, percentageFraction, selectorMatches } from './object.ts';

test.each([
  ['300ms', 300],
  ['10s', 10_000],
  ['1h30m', 5_400_000],
  ['1m500ms', 60_500],
  ['', Number.NaN],
  ['10', Number.NaN],
  ['ten seconds', Number.NaN],
])('duration %p is %p ms', (text, expected) => {
  expect(durationMs(text)).toBe(expected);
});

test.each([
  ['0%', 0],
  ['95%', 0.95],
  ['100%', 1],
])('percentage %p is %p', (text, expected) => {
  expect(percentageFraction(text)).toBe(expected);
});

const labels = { app: 'pdp', tier: 'gold' };
test.each([
  ['an empty selector takes everything', {}, true],
  ['equal labels match', { matchLabels: { app: 'pdp' } }, true],
  ['another value does not', { matchLabels: { app: 'web' } }, false],
  ['a missing label does not', { matchLabels: { zone: 'a' } }, false],
  [
    'In takes one of its values',
    { matchExpressions: [{ key: 'tier', operator: 'In' as const, values: ['gold'] }] },
    true,
  ],
  ['In wants the key', { matchExpressions: [{ key: 'zone', operator: 'In' as const, values: ['a'] }] }, false],
  [
    'NotIn takes a missing key',
    { matchExpressions: [{ key: 'zone', operator: 'NotIn' as const, values: ['a'] }] },
    true,
  ],
  [
    'NotIn refuses its values',
    { matchExpressions: [{ key: 'tier', operator: 'NotIn' as const, values: ['gold'] }] },
    false,
  ],
  ['Exists wants the key', { matchExpressions: [{ key: 'zone', operator: 'Exists' as const }] }, false],
  ['DoesNotExist refuses it', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' as const }] }, false],
  ['inherited names are no labels', { matchExpressions: [{ key: 'toString', operator: 'Exists' as const }] }, false],
])('%s', (_name, selector, expected) => {
  expect(selectorMatches(selector, labels)).toBe(expected);
});

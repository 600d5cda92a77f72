import { expect, test } from '@jest/globals';
import { age, table } from './table.ts';

test('columns are as wide as their widest cell, and lines end with text', () => {
  expect(
    table(
      ['NAME', 'N'],
      [
        ['a', '1'],
        ['longer', ''],
      ],
    ),
  ).toBe('NAME     N\na        1\nlonger\n');
});

test.each([
  [undefined, ''],
  ['2026-01-01T00:00:00Z', '0s'],
  ['2025-12-31T23:58:01Z', '119s'],
  ['2025-12-31T23:58:00Z', '2m'],
  ['2025-12-31T21:59:00Z', '2h'],
  ['2025-12-30T00:00:00Z', '2d'],
  ['2026-01-01T00:01:00Z', '0s'],
])('the age of %p is %p', (at, expected) => {
  expect(age(at, Date.parse('2026-01-01T00:00:00Z'))).toBe(expected);
});

import { expect, test } from '@jest/globals';
import { quantityValue } from './quantity.ts';

test.each([
  ['256Mi', 268_435_456],
  ['1Gi', 1_073_741_824],
  ['0.5Gi', 536_870_912],
  ['1.5G', 1_500_000_000],
  ['100m', 0.1],
  ['128974848', 128_974_848],
  ['129e6', 129_000_000],
  ['1E3', 1000],
  ['2E', 2e18],
  ['.5', 0.5],
  ['-1', -1],
  [12, 12],
])('%s means %d', (text, value) => {
  expect(quantityValue(text)).toBeCloseTo(value, 6);
});

test.each([['256 Mi'], ['Mi'], ['1KiB'], ['1mi'], ['0x10'], [''], ['1e'], [Number.NaN], [null], [undefined], [{}]])(
  '%p is no quantity',
  (text) => {
    expect(quantityValue(text)).toBeUndefined();
  },
);

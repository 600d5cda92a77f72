import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BoundedCache } from './bounded-cache.ts';

test('computes once while a text is in use', () => {
  const computed: string[] = [];
  const cache = new BoundedCache(2, 10, (key) => computed.push(key));
  for (let round = 0; round < 5; round++) {
    cache.get('hot');
    cache.get(`cold ${String(round)}`);
  }
  expect(computed.filter((key) => key === 'hot')).toHaveLength(1);
});

test('remembers undefined results too', () => {
  let count = 0;
  const cache = new BoundedCache<undefined>(2, 10, () => {
    count++;
    return undefined;
  });
  cache.get('a');
  cache.get('a');
  expect(count).toBe(1);
});

test('does not keep long texts', () => {
  const cache = new BoundedCache(2, 3, (key) => key.length);
  expect(cache.get('long text')).toBe(9);
  expect(cache.size).toBe(0);
});

test('answers what the function answers and never grows beyond twice its size', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (keys) => {
      const cache = new BoundedCache(3, 10, (key) => key.length);
      for (const key of keys) expect(cache.get(String(key))).toBe(String(key).length);
      expect(cache.size).toBeLessThanOrEqual(6);
    }),
  );
});

import { expect, test } from '@jest/globals';
import { BoundedCache } from './bounded-cache.ts';
import { builtinDeclarations } from './declarations.ts';
import { builtins } from './registry.ts';

/** What the compiler rewrites, so that nothing is ever called. */
const REWRITTEN = ['assign', 'eq'];

test('every declared built-in can be called, and every one that can be called is declared', () => {
  const declared = [...builtinDeclarations.keys()].filter((name) => !REWRITTEN.includes(name));
  expect(declared.filter((name) => !builtins.has(name))).toEqual([]);
  expect([...builtins.keys()].filter((name) => !builtinDeclarations.has(name))).toEqual([]);
  expect(builtinDeclarations.size).toBe(206);
});

test('a bounded cache keeps what is asked for and drops what is not', () => {
  const cache = new BoundedCache<number, string>(10);
  for (let key = 0; key < 100; key++) {
    cache.set(key, String(key));
    cache.get(0);
  }
  expect(cache.get(0)).toBe('0');
  expect(cache.get(1)).toBeUndefined();
  expect(cache.size).toBeLessThanOrEqual(20);
});

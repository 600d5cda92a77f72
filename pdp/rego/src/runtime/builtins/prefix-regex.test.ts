import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { callBuiltin } from './call-builtin.ts';
import { compilePrefix } from './native-regex.ts';

const atoms = [
  'a',
  'b',
  '/',
  '[ab]',
  '[^a]',
  '.',
  '\\d',
  '\\.',
  '(a)',
  '(?:b)?',
  'a*',
  'b+',
  'a?',
  '[ab]{2}',
  'a{0}',
  '(?i)b',
  '$',
  '\\b',
];

test('a text that a pattern matches passes the test of its prefix, and answers stay those of re2', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...atoms, 'a|b'), { maxLength: 6 }),
      fc.array(fc.constantFrom('a', 'b', 'B', '/', '.', '1', '\n', 'é', '😀'), { maxLength: 6 }),
      (parts, chars) => {
        const pattern = `^${parts.join('')}`;
        const text = chars.join('');
        const matches = RE2JS.compile(pattern).test(text);
        if (matches) expect(compilePrefix(pattern)?.(text) ?? true).toBe(true);
        expect(callBuiltin('regex.match', pattern, text)).toEqual({ value: matches });
      },
    ),
    { numRuns: 3_000 },
  );
});

test.each([
  ['^/api/v[12]/users(/[0-9]+)?$', '/api/v3/users'],
  ['^/a/[0-9a-f-]{8,36}/x(/.*)?$', '/b/'],
])('the prefix of %s alone refuses %s', (pattern, text) => {
  expect(compilePrefix(pattern)?.(text)).toBe(false);
});

test.each(['a', '^', '^a*', '^(a)', '^a|b', '^$', '^a{0}b'])('%s has no prefix', (pattern) => {
  expect(compilePrefix(pattern)).toBeUndefined();
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import type { Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';
import { compileNative } from './native-regex.ts';

test.each<[string, readonly Value[], Value]>([
  ['regex.match', ['^mrn:.*:a$', 'mrn:x:a'], true],
  ['regex.match', ['a.c', 'a\nc'], false],
  ['regex.match', ['(?i)ABC', 'xabcx'], true],
  ['re_match', ['b', 'abc'], true],
  ['regex.is_valid', ['(?=a)'], false],
  ['regex.is_valid', [1], false],
  ['regex.split', ['/+', 'a//b/c'], ['a', 'b', 'c']],
  ['regex.split', ['', 'ab'], ['a', 'b']],
  ['regex.find_n', ['a+', 'aabaaa', -1], ['aa', 'aaa']],
  ['regex.find_n', ['a*', 'baa', -1], ['', 'aa']],
  [
    'regex.find_all_string_submatch_n',
    ['(a)(b)?', 'aba', 2],
    [
      ['ab', 'a', 'b'],
      ['a', 'a', ''],
    ],
  ],
  ['regex.replace', ['foo bar', '(?P<first>\\w+) (\\w+)', '$2 ${first}$$'], 'bar foo$'],
  ['regex.replace', ['abc', 'b', '$1x'], 'ac'],
  ['regex.template_match', ['urn:<[a-z]+>:x', 'urn:abc:x', '<', '>'], true],
  ['regex.globs_match', ['a.a.[0-9]+z', '.b.b2359825792*594823z'], true],
  ['regex.globs_match', ['[a-c]+', 'x*'], false],
])('%s(%j) is %j', (name, args, expected) => {
  expect(callBuiltin(name, ...args)).toEqual({ value: expected });
});

test.each<[string, readonly Value[], string]>([
  ['regex.match', ['a(b', 'a'], 'eval_builtin_error: error parsing regexp: missing closing ): `a(b`'],
  ['regex.match', ['\\', 'a'], 'eval_builtin_error: error parsing regexp: trailing backslash at end of expression: ``'],
  ['regex.template_match', ['{a', 'a', '{', '}'], 'eval_builtin_error: unbalanced braces in "{a"'],
  [
    'regex.template_match',
    ['a', 'a', '<<', '>'],
    'eval_builtin_error: start delimiter has to be exactly one character long but is 2 long',
  ],
  [
    'regex.globs_match',
    ['x]', 'a'],
    "eval_builtin_error: input:x], pos:2, set-close ']' with no preceding '[': the input provided is invalid",
  ],
])('%s(%j) fails with %s', (name, args, message) => {
  expect(callBuiltin(name, ...args)).toEqual({ error: message });
});

test.each([
  '^(a+)+$',
  '^(a*)*$',
  '^a*a*b$',
  'a.*b.*c',
  '^.*a[a-z]+$',
  'x(a|b)*c',
  '^a*a+$',
  'x+x+y',
  '^(a|a)*$',
  '^(a|b|ab)*$',
  '^(a?b?)*$',
  '^([a-z]+\\.)+com$',
  '^.*a.*$',
  '^a?a?a?$',
  '^(a|b{0,2}){5}$',
  '^a*.*abc$',
  '^a|b$',
  '(?i)abc',
  '^a{1001}$',
  `^.*${'a'.repeat(200)}$`,
  `^${'(a|b|c)'.repeat(5)}$`,
])('%s is not left to the native engine', (pattern) => {
  expect(compileNative(pattern)).toBeUndefined();
});

test.each([
  '^[a-z]+:[0-9]+$',
  '^mrn:iam:.*$',
  '^\\w+$',
  'plain',
  '^a[.-]b?$',
  '^/api/v[12]/users(/[0-9]+)?$',
  '^/v2/[0-9a-f-]{8,36}/users(/.*)?$',
  '^(GET|POST|PUT)$',
  '^/api(/|$)',
  '^(?P<name>[a-z]+)-(?:[0-9]{2,4})$',
  '^.*\\.json$',
  '^[a-z0-9]+(-[a-z0-9]+)*$',
  '.*admin.*',
  '[0-9]{3}-[0-9]{4}',
])('%s runs on the native engine', (pattern) => {
  expect(compileNative(pattern)).toBeDefined();
});

describe('the native engine', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[a-c]', '[^a]', '\\d', '\\w', '\\.', '\\s', ':', 'é');
  const mark = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?');
  const item = fc.tuple(atom, mark).map((pair) => pair.join(''));
  const { pattern: nested } = fc.letrec<{ pattern: string; group: string; part: string }>((tie) => ({
    group: fc
      .tuple(fc.constantFrom('(', '(?:'), tie('pattern'), mark)
      .map(([open, inner, end]) => `${open}${inner})${end}`),
    part: fc.oneof({ maxDepth: 3 }, item, item, fc.constant('$'), tie('group')),
    pattern: fc
      .array(
        fc.array(tie('part'), { maxLength: 3 }).map((parts) => parts.join('')),
        { minLength: 1, maxLength: 3 },
      )
      .map((branches) => branches.join('|')),
  }));
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '.', ':', '1', '\n', 'é', '😀', '\u2028'), maxLength: 8 });

  test('answers as re2js does, wherever it is used', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 5 }),
        fc.constantFrom('', '$'),
        fc.string({ unit: fc.constantFrom('a', 'b', '.', ':', '1', '\n', 'é', '😀', '\u2028'), maxLength: 8 }),
        (items, end, text) => {
          const pattern = `^${items.join('')}${end}`;
          const native = compileNative(pattern);
          if (native !== undefined)
            expect([pattern, native(text)]).toEqual([pattern, RE2JS.compile(pattern).test(text)]);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('answers as re2js does for groups and alternatives', () => {
    let used = 0;
    fc.assert(
      fc.property(fc.constantFrom('^', ''), nested, fc.constantFrom('', '$'), texts, (start, inner, end, text) => {
        const pattern = start + inner + end;
        const native = compileNative(pattern);
        if (native === undefined) return;
        used++;
        expect([pattern, native(text)]).toEqual([pattern, RE2JS.compile(pattern).test(text)]);
      }),
      { numRuns: 4000 },
    );
    expect(used).toBeGreaterThan(400);
  });

  test('comes to an end on texts that make a backtracking engine try the most', () => {
    const letters = fc.constantFrom('a', '(a)', '(aa)', '(a|b)', '(a|aa)', '.');
    const parts = fc.array(fc.tuple(letters, mark), { maxLength: 5 });
    const text = `${'a'.repeat(3_000)}!`;
    fc.assert(
      fc.property(parts, fc.constantFrom('$', 'b$'), (items, end) => {
        const native = compileNative(`^${items.map((pair) => pair.join('')).join('')}${end}`);
        if (native !== undefined && end === 'b$') expect(native(text)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

test('a pattern that would blow up a backtracking engine answers', () => {
  expect(callBuiltin('regex.match', '^(a+)+$', `${'a'.repeat(5_000)}!`)).toEqual({ value: false });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';
import { compileGlob } from './glob-matcher.ts';
import { parseGlob } from './glob-syntax.ts';

test.each<[string, readonly string[] | null, string, boolean]>([
  ['mrn:iam:*', [':'], 'mrn:iam:x', true],
  ['mrn:iam:*', [':'], 'mrn:iam:x:y', false],
  ['mrn:iam:**', [':'], 'mrn:iam:x:y', true],
  ['*.example.com', [], 'api.example.com', true],
  ['*.example.com', [], 'a.b.example.com', false],
  ['*.example.com', null, 'a.b.example.com', true],
  ['a?c', ['b'], 'abc', false],
  ['a?c', [], 'a😀c', true],
  ['{cat,b[ao]t}s', [], 'bots', true],
  ['{a,{b,c}}d', [], 'cd', true],
  ['[!a-c]x', [], 'dx', true],
  ['[a-c]x', [], 'dx', false],
  ['*[.b]*x', ['.'], 'ab.x', true],
  ['\\*', [], '*', true],
  ['a*b*c', null, 'a1b2c3', false],
  ['*x.*y', ['.'], 'xx.yy', true],
  ['**x*y', ['.'], 'a.xb.xcy', true],
  ['', [], '', true],
  ['*', ['/', ':'], 'a:b', false],
  ['/api/*/admin/**', ['/'], '/api/v1/admin/x/y', true],
  ['/api/*/admin/**', ['/'], '/api/v1/x/admin/y', false],
  ['/api/*/admin/**', ['/'], '/api/v1/admin', false],
  ['/**/.git/**', ['/'], '/a/b/.git/', true],
  ['/**/.git/**', ['/'], '/.git/x', false],
  ['/a/*/b', ['/'], '/a/x/b', true],
  ['/a/*/b', ['/'], '/a/x/b/', false],
  ['/a/*/*', ['/'], '/a/x/', true],
  ['/a/*/*', ['/'], '/a/x/y/', false],
  ['**/a/**/b', ['/'], 'x/a/a/b', true],
  ['**/a/**/b', ['/'], 'x/a/b', false],
  ['a*/**', ['/'], 'ab', false],
])('%s with delimiters %j against %s is %s', (pattern, delimiters, text, expected) => {
  expect(callBuiltin('glob.match', pattern, delimiters, text)).toEqual({ value: expected });
});

test('the delimiters belong to the pattern, also when it is known already', () => {
  expect(callBuiltin('glob.match', 'k*', ['.'], 'k.x')).toEqual({ value: false });
  expect(callBuiltin('glob.match', 'k*', ['/'], 'k.x')).toEqual({ value: true });
  expect(callBuiltin('glob.match', 'k*', ['.'], 'k.x')).toEqual({ value: false });
});

test.each<[readonly Value[], string]>([
  [['{a', [], 'a'], 'eval_builtin_error: glob: syntax error at 2: unclosed `{`'],
  [['[a', [], 'a'], 'eval_builtin_error: glob: syntax error at 2: unexpected end of input'],
  [['[c-a]', [], 'a'], 'eval_builtin_error: glob: syntax error at 5: range hi character is less than lo'],
  [['a\\', [], 'a'], 'eval_builtin_error: glob: syntax error at 2: trailing backslash'],
  [['a', ['ab'], 'a'], 'eval_type_error: operand 2 must be array of runes but got array containing string'],
  [['a', 1, 'a'], 'eval_type_error: operand 2 must be one of {array, null} but got number'],
])('glob.match(%j) fails with %s', (args, message) => {
  expect(callBuiltin('glob.match', ...args)).toEqual({ error: message });
});

describe('all ways of matching agree', () => {
  const piece = fc.constantFrom('a', 'b', '.', '.', '.*.', '.**.', '*', '**', '?', '[ab]', '[!a]', '{a,b.}', '{*,x}');
  const toRegExp = (pattern: string): RegExp => {
    const source = pattern.replace(/\*\*|\*|\?|\.|\{|\}|,|\[!/g, (token) => {
      const known: Record<string, string> = {
        '**': '.*',
        '*': '[^.]*',
        '?': '[^.]',
        '.': '\\.',
        '{': '(?:',
        '}': ')',
        ',': '|',
        '[!': '[^',
      };
      return known[token] ?? token;
    });
    return new RegExp(`^(?:${source})$`, 's');
  };

  test('with a plain translation to regular expressions', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '.', 'x'), maxLength: 10 }),
        (pieces, text) => {
          const pattern = pieces.join('').replaceAll('***', '**');
          const parsed = parseGlob(pattern);
          if (!parsed.ok) throw new Error(parsed.message);
          expect([pattern, compileGlob(parsed.nodes, [0x2e])(text)]).toEqual([pattern, toRegExp(pattern).test(text)]);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('many stars do not take exponential time', () => {
  const pattern = 'a*'.repeat(200);
  expect(callBuiltin('glob.match', `${pattern}b`, null, 'a'.repeat(5_000))).toEqual({ value: false });
  expect(callBuiltin('glob.match', `{${pattern}b,x}`, null, 'a'.repeat(500))).toEqual({ value: false });
});

test('quoting takes the meaning away', () => {
  const { value } = callBuiltin('glob.quote_meta', '*?[a]{b}\\') as { value: string };
  expect(value).toBe('\\*\\?\\[a\\]\\{b\\}\\\\');
  expect(callBuiltin('glob.match', value, [], '*?[a]{b}\\')).toEqual({ value: true });
});

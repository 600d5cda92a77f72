import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { anchorSelector, compileSelector, SELECTOR_MAX_LENGTH } from './selector.ts';
import { compileSegments } from './selector-segments.ts';

const matches = (selector: string, subject: string): boolean => {
  const compiled = compileSelector(selector);
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.test(subject);
};

test.each([
  ['', '^$'],
  ['^', '^$'],
  ['$', '^$'],
  ['a|b', '^a|b$'],
  ['^a|b$', '^a|b$'],
  ['cost\\$', '^cost\\$'],
  ['\\', '^\\$'],
])('anchors %p as %p', (text, expected) => {
  expect(anchorSelector(text)).toBe(expected);
});

test.each<[string, string, string, boolean]>([
  ['an alternative is anchored at one end only', 'read|write', 'reading', true],
  ['an alternative is anchored at the other end only', 'read|write', 'overwrite', true],
  ['an escaped dollar counts as an anchor', 'cost\\$', 'cost$5', true],
  ['a dot excludes the line feed', 'a.b', 'a\nb', false],
  ['a dot matches a carriage return', 'a.b', 'a\rb', true],
  ['a dot matches one emoji', 'a.b', 'a\u{1f600}b', true],
  ['the end is the very end', 'a', 'a\n', false],
  ['space excludes the vertical tab', '\\s', '\v', false],
  ['digits are ASCII', '\\d', '\u0661', false],
  ['folding is simple Unicode folding', '(?i)k', '\u212a', true],
  ['names of properties disregard case', '\\p{greek}+', 'αβ', true],
  ['long names of categories are known', '\\p{Uppercase_Letter}', 'A', true],
  ['ASCII is a property', '\\p{ASCII}+', 'a~', true],
  ['ASCII can be negated in a class', '[\\P{ASCII}x]', 'é', true],
  ['ASCII can be negated by a caret', '\\p{^ASCII}', 'a', false],
  ['groups may share a name', '(?P<x>a)(?<x>b)', 'ab', true],
  ['quoting hides a property', '\\Q\\p{greek}\\E', '\\p{greek}', true],
  ['a bracket right behind a caret is a member', '[^]\\p{greek}]', ']', false],
  ['POSIX classes stand beside properties', '[[:digit:]\\p{greek}]+', '1α', true],
  ['a brace that repeats nothing is a character', 'a{,2}', 'a{,2}', true],
])('%s', (_name, selector, subject, expected) => {
  expect(matches(selector, subject)).toBe(expected);
});

test.each([
  ['look-ahead', 'a(?=b)'],
  ['look-behind', '(?<=a)b'],
  ['a back-reference', '(a)\\1'],
  ['a named back-reference', '(?P<n>a)(?P=n)'],
  ['a possessive repetition', 'a++'],
  ['an atomic group', '(?>a)'],
  ['a repetition above 1000', 'a{1001}'],
  ['nested repetitions above 1000', '((a{100}){100}){100}'],
  ['the end anchor of Perl', 'a\\Z'],
  ['an unknown property', '\\p{Foo}'],
  ['a script of several words', '\\p{Old_Italic}'],
  ['a comment', '(?#x)a'],
  ['an empty class', '[]'],
  ['an open group', '(a'],
])('%s is refused', (_name, selector) => {
  expect(compileSelector(selector)).toMatchObject({ ok: false });
});

test('selectors have a greatest length', () => {
  expect(compileSelector('a'.repeat(SELECTOR_MAX_LENGTH))).toMatchObject({ ok: true });
  expect(compileSelector('a'.repeat(SELECTOR_MAX_LENGTH + 1))).toMatchObject({ ok: false });
});

test('nesting without end is refused and does not overflow', () => {
  expect(compileSelector('('.repeat(2000))).toMatchObject({ ok: false });
});

const piece = fc.constantFrom('a', 'b', ':', '.*', '\\.', '.', '-', '/', 'mrn', '$', '\\$', '+', '*', 'é');
const subjectPiece = fc.constantFrom('a', 'b', ':', '.', '-', '/', 'mrn', '\n', '$', 'é', '');

test('texts with wildcards match as the expression does', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.array(subjectPiece, { maxLength: 8 }), (pieces, subject) => {
      const expression = anchorSelector(pieces.join(''));
      const segments = compileSegments(expression);
      if (segments === undefined) return;
      const text = subject.join('');
      expect(segments(text)).toBe(RE2JS.compile(expression).test(text));
    }),
    { numRuns: 2000 },
  );
});

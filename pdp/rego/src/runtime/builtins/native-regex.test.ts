import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { compileNativeSearch } from './native-regex.ts';

/** Start and end of every match, one after the other, as the engine of RE2's syntax finds them. */
const matchesOf = (find: (from: number) => readonly [number, number] | undefined, text: string): readonly string[] => {
  const found: string[] = [];
  for (let from = 0; from <= text.length;) {
    const match = find(from);
    if (match === undefined) break;
    found.push(match.join('-'));
    from = match[1] > from ? match[1] : from + ((text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
  }
  return found;
};

const byRe2 = (pattern: string, text: string): readonly string[] => {
  const matcher = RE2JS.compile(pattern).matcher(text);
  return matchesOf((from) => (matcher.find(from) ? [matcher.start(), matcher.end()] : undefined), text);
};

const byNative = (search: RegExp, text: string): readonly string[] =>
  matchesOf((from) => {
    search.lastIndex = from;
    const match = search.exec(text);
    return match === null ? undefined : [match.index, match.index + match[0].length];
  }, text);

const piece = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\s',
  '/',
  '(a)',
  '(?:ab)',
  '(a|b)',
  '(?:a|ab)',
  '$',
  '\\.',
);
const repetition = fc.constantFrom('', '', '', '+', '*', '?', '{2}', '{1,3}', '{2,}', '+?', '*?', '??');
const pattern = fc
  .tuple(
    fc.constantFrom('', '', '^'),
    fc.array(fc.tuple(piece, repetition), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '', '|b', '|a+'),
  )
  .map(([start, parts, end]) => start + parts.map((part) => part.join('')).join('') + end);
const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '/', '.', ' ', '\n', 'é', '😀'), maxLength: 12 });

test('where the native engine searches, it finds what RE2 finds', () => {
  let native = 0;
  fc.assert(
    fc.property(pattern, text, (source, where) => {
      const search = compileNativeSearch(source);
      if (search === undefined) return;
      native++;
      expect([source, where, byNative(search, where)]).toEqual([source, where, byRe2(source, where)]);
    }),
    { numRuns: 5_000 },
  );
  expect(native).toBeGreaterThan(500);
});

test.each([
  ['a loop at the end', '[ ,;]+', true],
  ['a class', '[^a-z0-9]', true],
  ['a loop behind a start', 'id=\\w+', true],
  ['everything from the start of the text', '^/users/[^/]+/([a-z]+)$', true],
  ['a loop that something has to follow', '[a-z]+[0-9]', false],
  ['a loop that takes little', 'a+?', false],
  ['a loop inside of a loop', '(a+)+', false],
  ['alternatives that loop', 'a+|b+', false],
  ['an end behind characters of two units', '.$', false],
])('%s: %s', (_name, source, expected) => {
  expect(compileNativeSearch(source) !== undefined).toBe(expected);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DIFF_LINES_COMPARED_MAX, DIFF_LINES_MAX, diffLines } from './line-diff.ts';

test.each<[string, string, string, readonly string[]]>([
  ['equal texts have no lines', 'a\nb\n', 'a\nb\n', []],
  ['a line in the middle', 'a\nb\nc\n', 'a\nx\nc\n', [' a', '-b', '+x', ' c']],
  ['a text where there was none', '', 'a\n', ['+a']],
  [
    'far from the change nothing is shown',
    '1\n2\n3\n4\n5\n6\n',
    '1\n2\n3\n4\n5\nx\n',
    [' ...', ' 3', ' 4', ' 5', '-6', '+x'],
  ],
])('%s', (_name, before, after, expected) => {
  expect(diffLines(before, after)).toStrictEqual(expected);
});

test('taking the marks off gives both sides back, where everything is near a change', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 });
  fc.assert(
    fc.property(lines, lines, (a, b) => {
      fc.pre(a.join() !== b.join());
      const shown = diffLines(a.join('\n'), b.join('\n'));
      const side = (mark: string) =>
        shown.filter((line) => line[0] === mark || line[0] === ' ').map((line) => line.slice(1));
      expect(side('-')).toStrictEqual(a);
      expect(side('+')).toStrictEqual(b);
    }),
  );
});

test('a long change is shown as replaced, and cut', () => {
  const lines = (mark: string) =>
    Array.from({ length: DIFF_LINES_COMPARED_MAX + 1 }, (_, i) => `${mark}${i}`).join('\n');
  const shown = diffLines(lines('a'), lines('b'));
  expect(shown).toHaveLength(DIFF_LINES_MAX);
  expect(shown.at(-1)).toBe(' ...');
});

import { expect, test } from '@jest/globals';
import { nextTheme, storedTheme, type Theme } from './theme-choice.ts';

test.each([
  ['nothing stored follows the system', null, 'auto'],
  ['a choice is kept', 'dark', 'dark'],
  ['what is no theme follows the system', 'pink', 'auto'],
])('%s', (_, stored, theme) => {
  expect(storedTheme({ getItem: () => stored })).toBe(theme);
});

test('the button goes through all themes and begins again', () => {
  const seen: Theme[] = ['auto'];
  for (let press = 0; press < 3; press += 1) seen.push(nextTheme(seen.at(-1) ?? 'auto'));
  expect(seen).toStrictEqual(['auto', 'light', 'dark', 'auto']);
});

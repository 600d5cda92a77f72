import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PageTokens, type PageScope } from './page-token.ts';

const scope: PageScope = { search: 'subject', question: { action: { name: 'lift' } }, revision: 'r1' };
const tokens = new PageTokens(new Uint8Array(32).fill(7));

test('a token says where the next page begins', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (offset, limit) => {
      const read = tokens.read(tokens.issue({ offset, limit }, scope), scope);
      expect(read).toStrictEqual({ ok: true, position: { offset, limit } });
    }),
  );
});

const token = tokens.issue({ offset: 3, limit: 2 }, scope);

test.each<[string, string, Partial<PageScope>, string]>([
  ['of another question', token, { question: { action: { name: 'drop' } } }, 'other-question'],
  ['of another search', token, { search: 'resource' }, 'other-question'],
  ['of another revision', token, { revision: 'r2' }, 'other-revision'],
  ['that was cut off', token.slice(0, -3), {}, 'invalid'],
  [
    'with another position',
    tokens.issue({ offset: 9, limit: 2 }, scope).replace(/\..*/, token.replace(/.*\./, '.')),
    {},
    'invalid',
  ],
  ['of another key', new PageTokens(new Uint8Array(32)).issue({ offset: 3, limit: 2 }, scope), {}, 'invalid'],
  ['that is no token', 'abc', {}, 'invalid'],
])('a token %s is refused', (_, text, change, reason) => {
  expect(tokens.read(text, { ...scope, ...change })).toStrictEqual({ ok: false, reason });
});

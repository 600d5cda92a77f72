import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PageTokens, type PageScope } from './page-token.ts';

const scope: PageScope = {
  search: 'subject',
  question: { action: { name: 'lift' } },
  revision: 'r1',
  key: new Uint8Array(32).fill(1),
};
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
  ['of JSON that is no token', `${Buffer.from('{"a":1}').toString('base64url')}.x`, {}, 'invalid'],
  ['that begins before the first result', tokens.issue({ offset: -1, limit: 2 }, scope), {}, 'invalid'],
])('a token %s is refused', (_, text, change, reason) => {
  expect(tokens.read(text, { ...scope, ...change })).toStrictEqual({ ok: false, reason });
});

test('without a key of their own PDPs take the tokens of those that have the same policy', () => {
  const issued = new PageTokens().issue({ offset: 3, limit: 2 }, scope);
  expect(new PageTokens().read(issued, scope)).toStrictEqual({ ok: true, position: { offset: 3, limit: 2 } });
  const other = { ...scope, key: new Uint8Array(32).fill(2) };
  expect(new PageTokens().read(issued, other)).toStrictEqual({ ok: false, reason: 'invalid' });
  expect(tokens.read(tokens.issue({ offset: 3, limit: 2 }, scope), other)).toMatchObject({ ok: true });
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hrefOf, parseRoute, SET_TABS } from './route.ts';

test.each([
  ['no address is the overview', '', { page: 'overview', query: {} }],
  ['filters of the overview', '#/?health=Failed', { page: 'overview', query: { health: 'Failed' } }],
  ['a set', '#/sets/shop/till', { page: 'set', namespace: 'shop', name: 'till', tab: 'rollout', query: {} }],
  [
    'its fleet, filtered',
    '#/sets/shop/till/fleet?state=Laggard',
    { page: 'set', namespace: 'shop', name: 'till', tab: 'fleet', query: { state: 'Laggard' } },
  ],
  ['a revision', '#/sets/shop/till/history/43', { page: 'revision', namespace: 'shop', name: 'till', n: 43 }],
  [
    'a PDP with a slash in its id',
    '#/sets/shop/till/fleet/a%2Fb',
    { page: 'pdp', namespace: 'shop', name: 'till', node: 'a/b' },
  ],
  ['a tab that there is not', '#/sets/shop/till/secrets', { page: 'unknown' }],
  ['a revision that is no number', '#/sets/shop/till/history/x', { page: 'unknown' }],
  ['half an address', '#/sets/shop', { page: 'unknown' }],
  ['an escape that is none', '#/sets/%E0%A4%A/till', { page: 'unknown' }],
  ['too long an address', '#/sets/a/b/fleet/c/d', { page: 'unknown' }],
])('%s', (_, hash, route) => {
  expect(parseRoute(hash)).toStrictEqual(route);
});

test('every address leads back to its route', () => {
  const word = fc.string({ minLength: 1, unit: 'grapheme' });
  const base = { namespace: word, name: word };
  const filled = fc.dictionary(word, word, { noNullPrototype: true });
  const route = fc.oneof(
    fc.record({ page: fc.constant('overview' as const), query: filled }),
    fc.record({ page: fc.constant('set' as const), ...base, tab: fc.constantFrom(...SET_TABS), query: filled }),
    fc.record({ page: fc.constant('revision' as const), ...base, n: fc.integer({ min: 1 }) }),
    fc.record({ page: fc.constant('pdp' as const), ...base, node: word }),
  );
  fc.assert(
    fc.property(route, (each) => {
      expect(parseRoute(hrefOf(each))).toEqual(each);
    }),
  );
});

test('a choice that is empty is left out', () => {
  expect(hrefOf({ page: 'overview', query: { health: '', q: 'till' } })).toBe('#/?q=till');
});

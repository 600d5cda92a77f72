import { expect, test } from '@jest/globals';
import { parseReference, qualifyReference } from './references.ts';

test.each([
  ['an id', 'mrn:p', { ok: true, domain: undefined, id: 'mrn:p' }],
  ['nothing', '', { ok: true, domain: undefined, id: '' }],
  ['a domain and an id', 'shop/mrn:p', { ok: true, domain: 'shop', id: 'mrn:p' }],
  ['an id with a slash in a domain', 'shop/a/b', { ok: true, domain: 'shop', id: 'a/b' }],
  ['no domain', '/mrn:p', { ok: false }],
  ['no id', 'shop/', { ok: false }],
  ['only a slash', '/', { ok: false }],
])('takes %s apart', (_name, text, expected) => {
  expect(parseReference(text)).toEqual(expected);
});

test('qualifies only what is not qualified yet', () => {
  expect([qualifyReference('mrn:l', 'shop'), qualifyReference('base/mrn:l', 'shop')]).toEqual([
    'shop/mrn:l',
    'base/mrn:l',
  ]);
});

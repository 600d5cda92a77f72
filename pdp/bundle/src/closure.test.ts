import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { dependencyClosure, libraryModules, policyFingerprint, policyModules } from './closure.ts';
import { indexDomains } from './domain-index.ts';
import { aDomain, aPolicy } from './fixtures.ts';

const library = (mrn: string, dependencies: readonly string[] = [], rego = `package ${mrn}\n`) => {
  return aPolicy({ mrn, rego, dependencies });
};

const base = aDomain({ name: 'base', libraries: [library('strings'), library('time', ['strings'])] });
const shop = aDomain({
  name: 'shop',
  libraries: [library('cart', ['base/time', 'money']), library('money')],
  policies: [aPolicy({ mrn: 'p', rego: 'package authz\n', dependencies: ['cart', 'money', 'base/time'] })],
});
const index = indexDomains([shop, base]);
const p = { domain: 'shop', mrn: 'p' };

test('the closure is depth first, in the order of the lists, and unqualified texts differ from qualified ones', () => {
  const policy = index.policy('p', 'shop');
  if (policy === undefined) throw new Error('the fixture has the policy');
  const names = dependencyClosure(index, policy).map(({ domain, entity }) => `${domain.name}/${entity.mrn}`);
  // `money` comes twice: as `shop/money` below cart, and as `money` in the policy's own list.
  expect(names).toEqual(['shop/cart', 'base/time', 'base/strings', 'shop/money', 'shop/money']);
});

test('the fingerprint hashes the MRN, the Rego, and the closure in order', () => {
  const hash = createHash('sha256').update('ppackage authz\n');
  for (const name of ['cart', 'time', 'strings', 'money', 'money']) hash.update(`package ${name}\n`);
  expect(policyFingerprint(index, p)).toBe(hash.digest('base64'));
});

test('modules are named by MRN, each once', () => {
  expect(policyModules(index, p).map(({ name }) => name)).toEqual(['p', 'cart', 'time', 'strings', 'money']);
  expect(libraryModules(index, { domain: 'shop', mrn: 'cart' }).map(({ name }) => name)).toEqual([
    'cart',
    'time',
    'strings',
    'money',
  ]);
});

test('a library with the MRN of the policy replaces its text', () => {
  const domain = aDomain({
    libraries: [library('p', [], 'package authz\nallow = 1\n')],
    policies: [aPolicy({ mrn: 'p', dependencies: ['p'] })],
  });
  expect(policyModules(indexDomains([domain]), p)).toEqual([{ name: 'p', source: 'package authz\nallow = 1\n' }]);
});

test('the first of equal domains and the last of equal MRNs count', () => {
  const first = aDomain({ policies: [aPolicy({ mrn: 'p', rego: 'one' }), aPolicy({ mrn: 'p', rego: 'two' })] });
  const second = aDomain({ policies: [aPolicy({ mrn: 'p', rego: 'three' })] });
  expect(policyModules(indexDomains([first, second]), p)).toEqual([{ name: 'p', source: 'two' }]);
});

test('an MRN with a slash is found as it is', () => {
  const domain = aDomain({ policies: [aPolicy({ mrn: 'a/b', rego: 'x' })] });
  expect(policyModules(indexDomains([domain]), { domain: 'shop', mrn: 'a/b' })).toEqual([{ name: 'a/b', source: 'x' }]);
});

test.each([
  ['an unknown policy', shop, { domain: 'shop', mrn: 'q' }, 'unknown-policy'],
  ['an unknown domain', shop, { domain: 'none', mrn: 'p' }, 'unknown-policy'],
  ['a library of a domain that is not there', shop, p, 'unknown-library'],
  ['an empty dependency', aDomain({ policies: [aPolicy({ mrn: 'p', dependencies: [''] })] }), p, 'unknown-library'],
  [
    'libraries in a circle',
    aDomain({
      libraries: [library('a', ['b']), library('b', ['shop/a'])],
      policies: [aPolicy({ mrn: 'p', dependencies: ['a'] })],
    }),
    p,
    'cycle',
  ],
])('%s is an error', (_name, domain, ref, code) => {
  expect(() => policyModules(indexDomains([domain]), ref)).toThrow(expect.objectContaining({ code }));
});

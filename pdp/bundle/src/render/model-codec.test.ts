import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../canonical-json.ts';
import { aDomain, anAnnotation, anyDomain, anyValue, aRole } from '../fixtures.ts';
import { decodeModel, encodeModel } from './model-codec.ts';
import type { CanonicalValue } from '../canonical-json.ts';

test('any domain is read back as it was, exact integers and unencodable values included', () => {
  fc.assert(
    fc.property(anyDomain(anyValue), (domain) => {
      expect(decodeModel(JSON.parse(canonicalJson(encodeModel(domain))))).toStrictEqual(domain);
    }),
    { numRuns: 300 },
  );
});

const encoded = encodeModel(aDomain({ roles: [aRole({ annotations: [anAnnotation('level', 1n)] })] })) as {
  readonly [key: string]: CanonicalValue;
};
const withValue = (value: CanonicalValue) => {
  return { ...encoded, roles: [{ ...aRole(), annotations: [{ name: 'level', value, merge: '' }] }] };
};

test.each<[string, unknown, string]>([
  ['no object', [], 'domain is not an object'],
  ['a missing section', { ...encoded, roles: undefined }, 'domain.roles is not a list'],
  ['an unknown section', { ...encoded, extra: [] }, 'domain.extra is not known'],
  ['a name that is no text', { ...encoded, name: 1 }, 'domain.name is not a string'],
  ['an entity with too little', { ...encoded, roles: [{}] }, 'domain.roles[0].mrn is missing'],
  ['an unknown mark', withValue({ $date: '2026' }), "the unknown mark '$date'"],
  ['an integer that is none', withValue({ $int: '1.5' }), "the unknown mark '$int'"],
])('%s is refused, and the place is named', (_name, value, message) => {
  expect(() => decodeModel(value)).toThrow(expect.objectContaining({ code: 'bad-data' }));
  expect(() => decodeModel(value)).toThrow(message);
});

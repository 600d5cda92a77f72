import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { aDomain, anAnnotation, anyDomain, aRole, expressibleValue } from '../fixtures.ts';
import { Unencodable } from '../model.ts';
import { domainFromObject, readDomain } from '../read/read-domain.ts';
import { toDomainObject } from './domain-object.ts';
import { printDomainObject } from './print-object.ts';
import type { AnnotationValue, DomainModel } from '../model.ts';

const annotatedWith = (value: AnnotationValue): DomainModel => {
  return aDomain({ roles: [aRole({ annotations: [anAnnotation('level', value)] })] });
};

const writtenValue = (value: AnnotationValue): unknown => {
  const { spec } = toDomainObject(annotatedWith(value));
  return (spec['roles'] as unknown as { annotations: { value?: unknown }[] }[])[0]?.annotations[0]?.value;
};

test.each<[string, AnnotationValue, unknown]>([
  ['plain text stays', 'gold', 'gold'],
  ['text that is JSON is quoted again', '42', '"42"'],
  ['text that is a JSON object is quoted again', '{"a":1}', '"{\\"a\\":1}"'],
  ['an exact integer is native', 42n, 42],
  ['an integer beyond 2^53 keeps its digits', 9007199254740993n, 9007199254740993n],
  ['a whole float is JSON text', 42, '42'],
  ['a negative zero is JSON text', -0, '-0'],
  ['a float with a fraction is native', 1.5, 1.5],
  ['a list of whole floats is JSON text', [1, 2], '[1,2]'],
  ['a list of exact integers is native', [1n, 2n], [1, 2]],
  ['texts inside a list are not decoded and stay', ['42'], ['42']],
  ['null is left out', null, undefined],
])('%s', (_name, value, expected) => {
  expect(writtenValue(value)).toEqual(expected);
});

test.each<[string, AnnotationValue, string]>([
  ['a value that JSON cannot hold', new Unencodable('.inf'), 'unencodable'],
  ['exact integers among whole floats', [1n, 1], 'mixed-numbers'],
  ['an integer of more than 64 bits with a sign', 2n ** 63n, 'integer-too-large'],
])('%s cannot be written', (_name, value, code) => {
  expect(() => toDomainObject(annotatedWith(value))).toThrow(expect.objectContaining({ code }));
});

test('writing a domain and reading it again gives the same domain', () => {
  fc.assert(
    fc.property(anyDomain(expressibleValue), (domain) => {
      expect(domainFromObject(toDomainObject(domain))).toMatchObject({ ok: true });
      expect(readBack(domainFromObject(toDomainObject(domain)))).toStrictEqual(domain);
    }),
    { numRuns: 300 },
  );
});

test('printing a domain and reading the text gives the same domain', () => {
  fc.assert(
    fc.property(anyDomain(expressibleValue), (domain) => {
      expect(readBack(readDomain(printDomainObject(toDomainObject(domain)), 'f'))).toStrictEqual(domain);
    }),
    { numRuns: 300 },
  );
});

test('name and namespace can be given', () => {
  const object = toDomainObject(aDomain(), {
    name: 'store',
    namespace: 'sales',
    apiVersion: 'iamlite.manetu.io/v1beta1',
  });
  expect(object).toEqual({
    apiVersion: 'iamlite.manetu.io/v1beta1',
    kind: 'PolicyDomain',
    metadata: { name: 'store', namespace: 'sales' },
    spec: {},
  });
});

function readBack(result: ReturnType<typeof readDomain>): DomainModel | undefined {
  return result.ok ? result.domain : undefined;
}

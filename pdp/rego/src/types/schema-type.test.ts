import { expect, test } from '@jest/globals';
import type { Value } from '../runtime/value.ts';
import { MAX_SCHEMA_PARTS, MAX_SCHEMA_UNROLLING, typeOfSchema } from './schema-type.ts';
import type { Type } from './type.ts';

const typeOf = (schema: Value): Type => {
  const result = typeOfSchema(schema);
  if (!result.ok) throw new Error(result.message);
  return result.type;
};

const member = (type: Type | undefined, name: string): Type | undefined =>
  type?.kind === 'object' ? type.properties.get(`string:${name}`) : undefined;

test('a schema that refers to itself is known so many levels deep, and anything below', () => {
  let at: Type | undefined = typeOf({ type: 'object', properties: { next: { $ref: '#' } } });
  for (let level = 0; level < MAX_SCHEMA_UNROLLING; level++) {
    at = member(at, 'next');
    expect(at?.kind).toBe('object');
  }
  expect(member(at, 'next')).toEqual({ kind: 'any', of: [] });
});

test('a schema that would be written out without end is known in part', () => {
  const names = Array.from({ length: 12 }, (_, index) => `d${String(index)}`);
  const properties = Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }]));
  const definitions = Object.fromEntries(names.map((name) => [name, { type: 'object', properties }]));
  const type = typeOf({ $ref: '#/definitions/d0', definitions });
  const parts = JSON.stringify(type, (_key, value: unknown) => (value instanceof Map ? [...value.values()] : value));
  expect(parts.split('"kind"').length).toBeLessThan(2 * MAX_SCHEMA_PARTS);
});

test.each<[string, Value, string]>([
  ['boolean in front of all', { type: ['string', 'boolean'] }, 'boolean'],
  ['string in front of numbers', { type: ['number', 'string'] }, 'string'],
  ['an object by its properties', { properties: { a: {} } }, 'object'],
  ['an array by its items', { items: {} }, 'array'],
  ['anything where nothing is said', {}, 'any'],
  ['null is anything', { type: 'null' }, 'any'],
])('%s', (_name, schema, kind) => {
  expect(typeOf(schema).kind).toBe(kind);
});

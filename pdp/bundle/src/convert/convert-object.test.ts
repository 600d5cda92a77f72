import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseExactJson, printExactJson } from '../exact-json.ts';
import { anyDomain, expressibleValue } from '../fixtures.ts';
import { domainFromObject } from '../read/read-domain.ts';
import { convertObject, manetuVersionOf, manetuVersions, type ManetuVersion } from './convert-object.ts';
import { KEPT_ANNOTATION, KEPT_MAX_BYTES, type Members } from './kept-annotation.ts';
import { toDomainObject } from './domain-object.ts';
import { withoutLosses } from './without-losses.ts';
import type { JsonValue } from '../read/object-node.ts';

const objectOf = (version: ManetuVersion, spec: JsonValue, annotations?: Members): Members => ({
  apiVersion: `iamlite.manetu.io/${version}`,
  kind: 'PolicyDomain',
  metadata: { name: 'shop', ...(annotations === undefined ? {} : { annotations }) },
  spec,
});
const roleWith = (...annotations: readonly JsonValue[]): Members => ({ roles: [{ mrn: 'r', annotations }] });
const annotationsOf = (object: Members): unknown =>
  (object as unknown as { spec: { roles: readonly { annotations: unknown }[] } }).spec.roles[0]?.annotations;
const domainOf = (object: Members) => {
  const read = domainFromObject(object);
  return read.ok ? read.domain : read.problems;
};

test.each<[string, JsonValue, JsonValue]>([
  ['text', { name: 'a', value: 'gold' }, { name: 'a', value: 'gold' }],
  ['text that is JSON', { name: 'a', value: '{"x":1}' }, { name: 'a', value: '{"x":1}' }],
  ['an integer, which is its text', { name: 'a', value: 42 }, { name: 'a', value: '42' }],
  ['a boolean, which is its text', { name: 'a', value: true }, { name: 'a', value: 'true' }],
  ['a decimal, which is its text', { name: 'a', value: 1.5 }, { name: 'a', value: '1.5' }],
  ['an integer beyond 2^53', { name: 'a', value: 9007199254740993n }, { name: 'a', value: '9007199254740993' }],
  ['null, which is empty text', { name: 'a', value: null }, { name: 'a', value: '' }],
  ['no value, which is empty text', { name: 'a' }, { name: 'a', value: '' }],
])('v1alpha4 says %s: v1beta1 means the same, and gives it back', (_name, written, expected) => {
  const object = objectOf('v1alpha4', roleWith(written));
  const converted = convertObject(object, 'v1alpha4', 'v1beta1');
  expect(annotationsOf(converted)).toEqual([expected]);
  expect(domainOf(converted)).toEqual(domainOf(object));
  expect(convertObject(converted, 'v1beta1', 'v1alpha4')).toEqual(object);
});

test.each<[string, JsonValue, JsonValue]>([
  ['an integer', { name: 'a', value: 42 }, { name: 'a', value: '42' }],
  ['a map', { name: 'a', value: { b: [1, 'x', null] } }, { name: 'a', value: '{"b":[1,"x",null]}' }],
  ['no value, which is null', { name: 'a' }, { name: 'a', value: 'null' }],
  ['null', { name: 'a', value: null }, { name: 'a', value: 'null' }],
  ['text', { name: 'a', value: '42' }, { name: 'a', value: '42' }],
])('v1beta1 says %s: v1alpha4 has JSON text for it, and gives it back', (_name, written, expected) => {
  const object = objectOf('v1beta1', roleWith(written));
  const converted = convertObject(object, 'v1beta1', 'v1alpha4');
  expect(annotationsOf(converted)).toEqual([expected]);
  expect(convertObject(converted, 'v1alpha4', 'v1beta1')).toEqual(object);
});

test('what v1alpha3 reads over stays without effect in v1beta1, whatever its shape, and comes back', () => {
  const object = objectOf('v1alpha3', {
    ...roleWith({ name: 'a', value: 'x', merge: 'replace' }),
    resources: [{ name: 'broken', selector: ['('] }, 7],
    'annotation-defaults': ['no', 'object'],
    unknown: { kept: true },
  });
  const converted = convertObject(object, 'v1alpha3', 'v1beta1');
  expect(converted['spec']).toEqual({ ...roleWith({ name: 'a', value: 'x' }), unknown: { kept: true } });
  expect(domainOf(converted)).toEqual(domainOf(object));
  expect(convertObject(converted, 'v1beta1', 'v1alpha3')).toEqual(object);
});

test('resources and merge strategies of v1beta1 outlive an edit through v1alpha3', () => {
  const resources = [{ name: 'all', selector: ['.*'], group: 'g' }];
  const object = objectOf('v1beta1', { ...roleWith({ name: 'tags', value: [1], merge: 'union' }), resources });
  const old = convertObject(object, 'v1beta1', 'v1alpha3');
  expect(old['spec']).toEqual(roleWith({ name: 'tags', value: '[1]' }));
  const edited = { ...old, spec: roleWith({ name: 'new', value: 'x' }, { name: 'tags', value: '[1,2]' }) };
  expect(convertObject(edited, 'v1alpha3', 'v1beta1')['spec']).toEqual({
    ...roleWith({ name: 'new', value: 'x' }, { name: 'tags', value: '[1,2]', merge: 'union' }),
    resources,
  });
  const removed = { ...old, spec: { roles: [{ mrn: 'other', annotations: [{ name: 'tags', value: '' }] }] } };
  expect(convertObject(removed, 'v1alpha3', 'v1beta1')['spec']).toEqual({ ...removed.spec, resources });
});

test('a value that was edited in between is what the edit says', () => {
  const object = objectOf('v1beta1', roleWith({ name: 'level', value: 42 }));
  const old = convertObject(object, 'v1beta1', 'v1alpha4');
  const edited = { ...old, spec: roleWith({ name: 'level', value: '43' }) };
  expect(annotationsOf(convertObject(edited, 'v1alpha4', 'v1beta1'))).toEqual([{ name: 'level', value: '43' }]);
});

test('there and back by any way is the same object, and every version means the same so far as it can say it', () => {
  const alpha: fc.Arbitrary<JsonValue> = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.integer(),
    fc.constantFrom(null, '42', '{"a":1}', 9007199254740993n, 1.5),
  );
  const entry = (value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
    fc.record(
      {
        name: fc.constantFrom('a', 'b', 'c'),
        value,
        merge: fc.constantFrom('', 'replace', 'union'),
        note: fc.constant('unknown'),
      },
      { requiredKeys: ['name'], noNullPrototype: true },
    );
  const specOf = (value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> => {
    const role = fc.record(
      { mrn: fc.constantFrom('r', 's'), annotations: fc.array(entry(value), { maxLength: 4 }) },
      { requiredKeys: ['mrn'], noNullPrototype: true },
    );
    const resource = fc.record({ name: fc.constant('n'), annotations: fc.array(entry(value), { maxLength: 2 }) });
    return fc.record(
      {
        roles: fc.array(role, { maxLength: 3 }),
        scopes: fc.array(role, { maxLength: 2 }),
        resources: fc.array(resource, { maxLength: 2 }),
        'annotation-defaults': fc.constant({ merge: 'deep' }),
      },
      { requiredKeys: [], noNullPrototype: true },
    );
  };
  const anyJson = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
  const start = fc.oneof(
    fc.tuple(fc.constant('v1alpha3' as const), specOf(alpha)),
    fc.tuple(fc.constant('v1alpha4' as const), specOf(alpha)),
    fc.tuple(fc.constant('v1beta1' as const), specOf(anyJson)),
  );
  const way = fc.array(fc.constantFrom(...manetuVersions), { maxLength: 5 });
  fc.assert(
    fc.property(start, way, fc.boolean(), ([version, spec], hops, isAnnotated) => {
      const text = printExactJson(objectOf(version, spec, isAnnotated ? { team: 'x' } : undefined));
      const object = parseExactJson(text) as Members;
      let current = object;
      let at: ManetuVersion = version;
      for (const next of hops) {
        current = parseExactJson(printExactJson(convertObject(current, at, next))) as Members;
        at = next;
        expect(current['apiVersion']).toBe(`iamlite.manetu.io/${next}`);
      }
      const back = convertObject(current, at, version);
      expect(sorted(back)).toEqual(sorted(object));
      expect(domainOf(back)).toEqual(domainOf(object));
    }),
    { numRuns: 500 },
  );
});

test('a conversion means what the conversion of a file means', () => {
  fc.assert(
    fc.property(anyDomain(expressibleValue), fc.constantFrom('v1alpha3', 'v1alpha4'), (domain, target) => {
      const object = toDomainObject(domain, { apiVersion: 'iamlite.manetu.io/v1beta1' });
      const converted = convertObject(object, 'v1beta1', target);
      expect(domainOf(converted)).toEqual(withoutLosses(domain, `iamlite.manetu.io/${target}`).model);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['no JSON', '{'],
  ['no object', '[]'],
  ['something else', '{"v1beta1":{"annotations":[{"at":"r"}]}}'],
])('an annotation that holds %s refuses a write, and hides nothing from a reader', (_name, text) => {
  const old = objectOf('v1alpha3', roleWith(), { [KEPT_ANNOTATION]: text });
  const convert = () => convertObject(old, 'v1alpha3', 'v1beta1');
  expect(convert).toThrow(expect.objectContaining({ code: 'kept-unreadable' }));
  expect(convert).toThrow(KEPT_ANNOTATION);
  const stored = objectOf('v1beta1', roleWith({ name: 'a', value: 1 }), { [KEPT_ANNOTATION]: text });
  expect(annotationsOf(convertObject(stored, 'v1beta1', 'v1alpha3'))).toEqual([{ name: 'a', value: '1' }]);
});

test('more than an annotation takes is refused with the number of bytes, never dropped', () => {
  const resources = [{ name: 'x'.repeat(KEPT_MAX_BYTES), selector: ['.*'] }];
  const convert = () => convertObject(objectOf('v1beta1', { resources }), 'v1beta1', 'v1alpha3');
  expect(convert).toThrow(expect.objectContaining({ code: 'kept-too-large' }));
  expect(convert).toThrow(/[0-9]+ bytes .* use v1beta1/);
});

test.each<[string, JsonValue]>([
  ['no spec', null],
  ['a spec that is text', 'x'],
  ['sections that are no lists', { roles: { a: 1 }, scopes: 7, groups: [null, 3, { annotations: 'x' }] }],
])('an object with %s is converted all the same: judging it is the work of others', (_name, spec) => {
  for (const version of ['v1alpha3', 'v1alpha4'] as const) {
    const object = objectOf(version, spec);
    const converted = convertObject(object, version, 'v1beta1');
    expect(converted['spec']).toEqual(spec);
    expect(convertObject(converted, 'v1beta1', version)).toEqual(object);
  }
});

test('only versions of the group are versions', () => {
  expect(manetuVersionOf('iamlite.manetu.io/v1alpha4')).toBe('v1alpha4');
  for (const other of ['iamlite.manetu.io/v1', 'edict.dev/v1beta1', 7]) expect(manetuVersionOf(other)).toBeUndefined();
});

test('numbers keep their digits through parsing and printing', () => {
  const text = '{"a":9007199254740993,"b":[-123456789012345678901,1.5,12345678901234567.5],"__proto__":{"x":1}}';
  expect(printExactJson(parseExactJson(text))).toBe(text.replace('12345678901234567.5', '12345678901234568'));
});

/** Members in order, as conversion may change it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]): [string, unknown] => [key, sorted(member)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

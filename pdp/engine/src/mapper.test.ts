import { expect, test } from '@jest/globals';
import { aDomain } from './domain-builder.ts';
import { mapRequest } from './mapper.ts';
import { toPorc } from './porc.ts';
import { testSnapshot } from './test-snapshot.ts';
import type { DomainModel } from '@edict/bundle';

const aMapper = (name: string, rego: string, selector: readonly string[] = []) => {
  return { name, selector, rego: `package mapper\n\n${rego}\n` };
};
const withMappers = (name: string, ...mappers: DomainModel['mappers']) => aDomain({ name, mappers });

const reading = aMapper('reading', 'porc = {"operation": concat(":", ["http", input.method]), "tags": {"b", "a"}}');
const conflicting = aMapper('conflicting', 'porc = 1 { true }\nporc = 2 { input.method }');

test('maps attributes to a PORC, sets becoming arrays', () => {
  const result = mapRequest(testSnapshot([withMappers('web', reading)]), { method: 'get' });
  expect(result).toEqual({ ok: true, value: { operation: 'http:get', tags: ['a', 'b'] } });
  expect(result.ok && toPorc(result.value)).toEqual(expect.objectContaining({ ok: true }));
});

test('selectors have no effect', () => {
  const snapshot = testSnapshot([withMappers('web', { ...reading, selector: ['never'] })]);
  expect(mapRequest(snapshot, { method: 'get' }).ok).toBe(true);
});

test.each<[string, readonly DomainModel[], unknown, string | undefined, object]>([
  ['no mapper at all', [aDomain()], {}, undefined, { code: 'NoMapper', message: 'no mapper in the loaded domains' }],
  ['no mapper in the domain', [aDomain({ name: 'a' }), withMappers('b', reading)], {}, 'a', { code: 'NoMapper' }],
  ['two in one domain', [withMappers('a', reading, reading)], {}, 'a', { code: 'AmbiguousMapper' }],
  [
    'two in all domains',
    [withMappers('a', reading), withMappers('b', reading)],
    {},
    undefined,
    { code: 'AmbiguousMapper' },
  ],
  [
    'an unknown domain',
    [withMappers('a', reading)],
    {},
    'z',
    { code: 'UnknownDomain', message: "no domain is named 'z'" },
  ],
  ['no value', [withMappers('a', reading)], {}, undefined, { code: 'MapperUndefined' }],
  ['attributes that are null', [withMappers('a', reading)], null, undefined, { code: 'MapperUndefined' }],
  ['a conflict', [withMappers('a', conflicting)], { method: 'x' }, undefined, { code: 'MapperFailed' }],
])('answers with an error value for %s', (_name, domains, attributes, domain, expected) => {
  expect(mapRequest(testSnapshot(domains), attributes, { domain })).toEqual({
    ok: false,
    message: expect.any(String),
    ...expected,
  });
});

test('a domain is chosen by its name', () => {
  const other = aMapper('other', 'porc = {"operation": "other"}');
  const snapshot = testSnapshot([withMappers('a', reading), withMappers('b', other)]);
  expect(mapRequest(snapshot, {}, { domain: 'b' })).toEqual({ ok: true, value: { operation: 'other' } });
});

test('time.now_ns is the time that the caller gives', () => {
  const snapshot = testSnapshot([withMappers('a', aMapper('clock', 'porc = {"at": time.now_ns()}'))]);
  expect(mapRequest(snapshot, {}, { nowMs: 1_000 })).toEqual({ ok: true, value: { at: 1_000_000_000 } });
});

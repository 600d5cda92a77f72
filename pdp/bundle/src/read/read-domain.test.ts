import { Buffer } from 'node:buffer';
import { expect, test } from '@jest/globals';
import { Unencodable } from '../model.ts';
import { ANNOTATION_MAX_DEPTH } from './annotation-text.ts';
import { DOMAIN_MAX_BYTES, domainFromObject, readDomain } from './read-domain.ts';
import type { AnnotationValue, DomainModel } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { ApiVersion } from '../sourced-domain.ts';

const head = (apiVersion: string) => `apiVersion: ${apiVersion}\nkind: PolicyDomain\nmetadata:\n  name: shop\nspec:\n`;

const spec = (lines: string, apiVersion = 'edict.dev/v1beta1') => readDomain(head(apiVersion) + lines, 'shop.yaml');

function domainOf(result: ReturnType<typeof readDomain>): DomainModel {
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('; '));
  return result.domain;
}

function problemsOf(result: ReturnType<typeof readDomain>): readonly Problem[] {
  return result.ok ? [] : result.problems;
}

const annotation = (value: string, apiVersion?: ApiVersion): AnnotationValue | undefined => {
  const text = `  roles:\n    - mrn: r\n      annotations:\n        - {name: a, value: ${value}}\n`;
  return domainOf(spec(text, apiVersion)).roles[0]?.annotations[0]?.value;
};

test('reads every section', () => {
  const domain = domainOf(
    spec(`
  annotation-defaults: {merge: deep}
  policy-libraries: [{mrn: l, name: lib, description: d, rego: package l, dependencies: [k]}]
  policies: [{mrn: p, rego: package authz}]
  roles: [{mrn: r, policy: p, default: yes}]
  groups: [{mrn: g, roles: [r], annotations: [{name: a, value: x, merge: replace}]}]
  resource-groups: [{mrn: rg, policy: p, default: true}]
  resources: [{name: res, selector: ['mrn:.*'], group: rg}]
  scopes: [{mrn: s, policy: p}]
  operations: [{name: op, selector: [a, b], policy: p}]
  mappers: [{name: m, selector: [.*], rego: package mapper}]
`),
  );
  const labels = { name: '', description: '' };
  expect(domain).toEqual({
    name: 'shop',
    libraries: [{ mrn: 'l', name: 'lib', description: 'd', rego: 'package l', dependencies: ['k'] }],
    policies: [{ mrn: 'p', ...labels, rego: 'package authz', dependencies: [] }],
    roles: [{ mrn: 'r', ...labels, policy: 'p', annotations: [] }],
    groups: [{ mrn: 'g', ...labels, roles: ['r'], annotations: [{ name: 'a', value: 'x', merge: 'replace' }] }],
    resourceGroups: [{ mrn: 'rg', ...labels, policy: 'p', annotations: [], default: true }],
    resources: [{ name: 'res', description: '', selector: ['mrn:.*'], group: 'rg', annotations: [] }],
    scopes: [{ mrn: 's', ...labels, policy: 'p', annotations: [] }],
    operations: [{ name: 'op', selector: ['a', 'b'], policy: 'p' }],
    mappers: [{ name: 'm', selector: ['.*'], rego: 'package mapper' }],
  });
});

test.each<[string, string, unknown]>([
  ['a number keeps its text', '{mrn: 1_000}', '1_000'],
  ['a boolean keeps its text', '{mrn: True}', 'True'],
  ['a date keeps its text', '{mrn: 2024-01-15}', '2024-01-15'],
  ['null is empty', '{mrn: ~}', ''],
  ['binary is decoded', '{mrn: !!binary aGk=}', 'hi'],
  ['keys have case', '{MRN: x}', ''],
  ['merge keys supply what is missing', '{<<: {mrn: a, name: b}, name: c}', 'a'],
  ['what is written goes before what is merged', '{<<: [{mrn: a}, {mrn: b}], mrn: c}', 'c'],
  ['the first of several merged mappings counts', '{<<: [{mrn: a}, {mrn: b}]}', 'a'],
])('in a string field %s', (_name, role, expected) => {
  expect(domainOf(spec(`  roles: [${role}]\n`)).roles[0]?.mrn).toBe(expected);
});

test.each<[string, AnnotationValue]>([
  ['42', 42n],
  ['"42"', 42],
  [`'"42"'`, '42'],
  ['"true"', true],
  ['"null"', null],
  ['" [1] "', [1]],
  ['"1e400"', '1e400'],
  ['yes', 'yes'],
  ['2024-01-15', '2024-01-15T00:00:00Z'],
  ['[1, 1.0, "1"]', [1n, 1, '1']],
  ['{a: {b: "{}"}}', { a: { b: '{}' } }],
  ['.inf', new Unencodable('.inf is not JSON')],
  ['[.nan]', [new Unencodable('.nan is not JSON')]],
  ['{1: a}', new Unencodable('a map with keys that are not strings is not JSON')],
  ['{"1": a}', { '1': 'a' }],
  ['{__proto__: 1}', Object.fromEntries([['__proto__', 1n]])],
  ['~', null],
])('the native value %s is decoded', (value, expected) => {
  expect(annotation(value)).toStrictEqual(expected);
});

test.each<[string, AnnotationValue]>([
  ['42', 42],
  ['0x1F', '0x1F'],
  ['2024-01-15', '2024-01-15'],
  ['true', true],
  ['~', ''],
  ['"{\\"a\\": [1]}"', { a: [1] }],
])('before v1beta1 the value %s is text', (value, expected) => {
  expect(annotation(value, 'iamlite.manetu.io/v1alpha4')).toStrictEqual(expected);
  expect(annotation(value, 'iamlite.manetu.io/v1alpha3')).toStrictEqual(expected);
});

test.each<[ApiVersion, number, string]>([
  ['iamlite.manetu.io/v1alpha3', 0, ''],
  ['iamlite.manetu.io/v1alpha4', 1, 'replace'],
  ['iamlite.manetu.io/v1beta1', 1, 'replace'],
  ['edict.dev/v1beta1', 1, 'replace'],
])('%s has %i resources and merge %p', (apiVersion, resources, merge) => {
  const text = '  resources: [{name: x}]\n  roles: [{mrn: r, annotations: [{name: a, value: v, merge: replace}]}]\n';
  const domain = domainOf(spec(text, apiVersion));
  expect([domain.resources.length, domain.roles[0]?.annotations[0]?.merge]).toEqual([resources, merge]);
});

test.each<[string, string, Partial<Problem>]>([
  ['a list as document', '- a\n', { class: 'yaml-type', line: 1, column: 1 }],
  ['nothing', '', { class: 'kind' }],
  ['a null document', '~\n', { class: 'kind' }],
  ['another kind', 'kind: Policy\napiVersion: edict.dev/v1beta1\n', { class: 'kind' }],
  ['another kind goes before another version', 'kind: Policy\napiVersion: v1\n', { class: 'kind' }],
  ['another version', 'kind: PolicyDomain\napiVersion: v1\n', { class: 'api-version' }],
  ['a reference', 'kind: PolicyDomainReference\napiVersion: edict.dev/v1beta1\n', { class: 'kind' }],
  ['a key that is there twice', 'kind: PolicyDomain\nkind: PolicyDomain\n', { class: 'yaml-type', line: 2 }],
  ['an unknown anchor', 'kind: *k\n', { class: 'yaml', line: 1, column: 7 }],
  ['a tab as indentation', 'kind: PolicyDomain\nspec:\n\troles: []\n', { class: 'yaml', line: 3 }],
  ['an open list', 'kind: [a\n', { class: 'yaml' }],
  ['an unknown directive', '%FOO 1\n---\nkind: PolicyDomain\n', { class: 'yaml' }],
  ['half a surrogate pair', 'kind: "\\ud800"\n', { class: 'yaml' }],
])('%s is refused', (_name, text, expected) => {
  expect(problemsOf(readDomain(text, 'shop.yaml'))[0]).toMatchObject({
    severity: 'error',
    file: 'shop.yaml',
    ...expected,
  });
});

test.each<[string, string, Partial<Problem>]>([
  ['a mapping in a string field', '  roles: [{mrn: {a: b}}]\n', { class: 'yaml-type', line: 6, column: 17 }],
  ['text in place of a list', '  roles: x\n', { class: 'yaml-type', line: 6 }],
  ['a mapping in place of a list', '  roles: {a: b}\n', { class: 'yaml-type', line: 6 }],
  ['text in place of an entity', '  roles: [x]\n', { class: 'yaml-type', line: 6 }],
  ['a quoted boolean', '  resource-groups: [{default: "true"}]\n', { class: 'yaml-type', line: 6 }],
  ['a number as boolean', '  resource-groups: [{default: 1}]\n', { class: 'yaml-type', line: 6 }],
  ['an alias inside itself', '  roles: [{annotations: [{value: &v [*v]}]}]\n', { class: 'yaml', line: 6 }],
  ['a merge of text', '  roles: [{<<: x}]\n', { class: 'yaml', line: 6 }],
  ['a tag that its text contradicts', '  roles: [{mrn: !!int x}]\n', { class: 'yaml', line: 6 }],
  [
    'a bad selector',
    '  operations:\n    - {name: op, selector: [a, "(b"]}\n',
    { class: 'selector-regex', line: 7, column: 32, kind: 'operation', mrn: 'op' },
  ],
  ['a bad selector of a mapper', '  mappers: [{selector: ["a(?=b)"]}]\n', { class: 'selector-regex', kind: 'mapper' }],
])('%s in the spec is refused', (_name, text, expected) => {
  expect(problemsOf(spec(text))[0]).toMatchObject(expected);
});

test('all type problems are reported at once', () => {
  expect(problemsOf(spec('  roles: x\n  groups: y\n')).map(({ line }) => line)).toEqual([6, 7]);
});

test.each(['y', 'Y', 'yes', 'on', '"on"', 'true', 'TRUE'])('default: %s is true', (word) => {
  expect(domainOf(spec(`  resource-groups: [{default: ${word}}]\n`)).resourceGroups[0]?.default).toBe(true);
});

test.each(['n', 'no', 'off', 'false', '~', ''])('default: %p is false', (word) => {
  expect(domainOf(spec(`  resource-groups: [{mrn: m, default: ${word}}]\n`)).resourceGroups[0]?.default).toBe(false);
});

test('elements that are null are left out', () => {
  expect(domainOf(spec('  operations: [~, {selector: [~, a]}]\n')).operations).toEqual([
    { name: '', selector: ['a'], policy: '' },
  ]);
});

test('documents that consist of repetitions are refused', () => {
  const levels = ['a: &l0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < 7; level += 1) {
    const alias = `*l${String(level - 1)}`;
    levels.push(`a${String(level)}: &l${String(level)} [${Array<string>(10).fill(alias).join(',')}]`);
  }
  const text = `${levels.join('\n')}\n${head('edict.dev/v1beta1')}  roles: [{mrn: r, annotations: [{name: a, value: *l6}]}]\n`;
  expect(problemsOf(readDomain(text, 'f'))[0]).toMatchObject({
    class: 'yaml',
    message: 'document contains excessive aliasing',
  });
});

test('what nests without end is refused', () => {
  expect(problemsOf(readDomain('['.repeat(20_000), 'f'))[0]).toMatchObject({ class: 'yaml' });
  expect(problemsOf(readDomain(`a: ${'['.repeat(1500)}${']'.repeat(1500)}\n`, 'f'))[0]).toMatchObject({
    class: 'yaml',
  });
});

test('annotation values nest as deep as allowed and no deeper', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  for (const version of ['edict.dev/v1beta1', 'iamlite.manetu.io/v1alpha4'] as const) {
    const read = (depth: number) => spec(`  roles: [{mrn: r, annotations: [{value: "${nested(depth)}"}]}]\n`, version);
    expect(problemsOf(read(ANNOTATION_MAX_DEPTH))).toEqual([]);
    expect(problemsOf(read(ANNOTATION_MAX_DEPTH + 1))[0]).toMatchObject({ class: 'yaml-type', line: 6 });
    expect(problemsOf(read(100_000))[0]).toMatchObject({ class: 'yaml-type', line: 6 });
  }
  const native = spec(`  roles: [{mrn: r, annotations: [{value: ${nested(ANNOTATION_MAX_DEPTH + 1)}}]}]\n`);
  expect(problemsOf(native)[0]).toMatchObject({ class: 'yaml-type' });
});

test('files have a greatest size', () => {
  const text = `${plain}#${'x'.repeat(DOMAIN_MAX_BYTES - plain.length - 1)}`;
  expect(problemsOf(readDomain(`${text}x`, 'f'))[0]).toMatchObject({ class: 'yaml' });
  expect(readDomain(text, 'f').ok).toBe(true);
});

test('only the first document counts', () => {
  expect(domainOf(readDomain(`${head('edict.dev/v1beta1')}---\n[ broken`, 'f')).name).toBe('shop');
});

const plain = head('edict.dev/v1beta1');
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');

test.each<[string, string | Uint8Array]>([
  ['UTF-8', new TextEncoder().encode(plain)],
  ['UTF-8 with a byte order mark', new TextEncoder().encode(`\ufeff${plain}`)],
  ['UTF-16, little end first', utf16(plain)],
  ['UTF-16, big end first', Buffer.from(utf16(plain)).swap16()],
  ['lines that end with two characters', plain.replaceAll('\n', '\r\n')],
  ['JSON', '{"apiVersion":"edict.dev/v1beta1","kind":"PolicyDomain","metadata":{"name":"shop"}}'],
])('%s is read', (_name, text) => {
  expect(domainOf(readDomain(text, 'f')).name).toBe('shop');
});

test.each<[string, Uint8Array | string]>([
  ['invalid UTF-8', new Uint8Array([0x61, 0xff])],
  ['half of a UTF-16 unit', new Uint8Array([0xfe, 0xff, 0x00])],
  ['a control character', 'kind: \u0001'],
])('%s is refused', (_name, text) => {
  expect(problemsOf(readDomain(text, 'f'))[0]).toMatchObject({ class: 'yaml' });
});

test('entities, fields and rows of Rego have their places', () => {
  const result = spec(
    '  policies:\n    - mrn: p\n      rego: | # text\n        package authz\n\n        allow = true\n',
  );
  if (!result.ok) throw new Error('the fixture is valid');
  expect(result.places.get('policies/0')).toEqual({ line: 7, column: 7 });
  expect(result.places.get('policies/0/rego')).toEqual({ line: 8, column: 13 });
  expect(result.regoRows.get('policies/0/rego')?.slice(0, 3)).toEqual([
    { line: 9, column: 9 },
    { line: 10, column: 1 },
    { line: 11, column: 9 },
  ]);
});

const object = (specification: unknown) => ({
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDomain',
  metadata: { name: 'shop', namespace: 'sales', uid: 'u', labels: { a: 'b' } },
  spec: specification,
});

test('an object is read by the same rules, and whole numbers are exact', () => {
  const annotations = [
    { name: 'a', value: 42 },
    { name: 'b', value: 1.5 },
    { name: 'c', value: '42' },
    { name: 'd', value: [true, null, 1e300] },
    { name: 'e' },
  ];
  const result = domainFromObject(object({ roles: [{ mrn: 'r', annotations }] }));
  expect(domainOf(result).roles[0]?.annotations.map(({ value }) => value)).toEqual([
    42n,
    1.5,
    42,
    [true, null, 1e300],
    null,
  ]);
});

test.each([
  9223372036854775807,
  9223372036854776000,
  18446744073709552000,
  1e21,
  -9223372036854777856,
  12345678901234567890n,
])('an object with the whole number %p, beyond 64 bits with a sign, has a float', (value) => {
  const result = domainFromObject(object({ roles: [{ mrn: 'r', annotations: [{ name: 'a', value }] }] }));
  expect(result.ok && result.domain.roles[0]?.annotations[0]?.value).toBe(Number(value));
});

test.each<[string, unknown, Partial<Problem>]>([
  ['a list where text is needed', object({ roles: [{ mrn: [] }] }), { class: 'yaml-type', file: 'sales/shop' }],
  ['a bad selector', object({ operations: [{ name: 'op', selector: ['('] }] }), { class: 'selector-regex', mrn: 'op' }],
  ['another version', { ...object({}), apiVersion: 'edict.dev/v2' }, { class: 'api-version' }],
  ['what is no object', 'x', { class: 'yaml-type', file: 'object' }],
  ['what is not JSON', object({ roles: [{ mrn: () => 1 }] }), { class: 'yaml-type' }],
])('an object with %s is refused', (_name, value, expected) => {
  expect(problemsOf(domainFromObject(value))[0]).toMatchObject(expected);
});

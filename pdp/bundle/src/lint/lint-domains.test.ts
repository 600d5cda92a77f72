import { expect, test } from '@jest/globals';
import { aDomain, anAnnotation, aPolicy, aRole } from '../fixtures.ts';
import { toDomainObject } from '../convert/domain-object.ts';
import { isError } from '../problem.ts';
import { lintDomains } from './lint-domains.ts';
import type { DomainModel } from '../model.ts';
import type { Problem } from '../problem.ts';

const head = 'apiVersion: edict.dev/v1beta1\nkind: PolicyDomain\nmetadata: {name: shop}\n';
const lint = (...texts: readonly string[]) =>
  lintDomains(texts.map((text, index) => ({ file: `${String(index)}.yaml`, text })));
const rego = 'rego: "package authz\\n"';

test.each<[string, string]>([
  ['a domain without a spec', head],
  ['entities with a name in place of an MRN', `${head}spec: {roles: [{name: r}]}\n`],
  ['one id in two sections', `${head}spec: {roles: [{mrn: r}], groups: [{mrn: r}]}\n`],
  ['text that a merge key supplies', `${head}spec:\n  x: &x {${rego}}\n  policies: [{<<: *x, mrn: p}]\n`],
  [
    'http.send',
    `${head}spec:\n  policies:\n    - mrn: p\n      rego: |\n        package authz\n        x = http.send({"url": "u", "method": "get"})\n`,
  ],
  ['blank Rego', `${head}spec: {policies: [{mrn: p, rego: " "}]}\n`],
])('%s has no errors', (_name, text) => {
  expect(lint(text).filter(isError)).toEqual([]);
});

test.each<[string, string, Partial<Problem>]>([
  ['no metadata', 'apiVersion: edict.dev/v1beta1\nkind: PolicyDomain\n', { source: 'schema' }],
  ['an empty name', head.replace('shop', '""'), { source: 'schema', line: 3 }],
  [
    'neither MRN nor name',
    `${head}spec: {roles: [{policy: ""}]}\n`,
    { source: 'schema', kind: 'role', mrn: 'roles[0]' },
  ],
  ['no Rego', `${head}spec: {policies: [{mrn: p}]}\n`, { source: 'schema', field: 'rego', mrn: 'p' }],
  ['no selectors', `${head}spec: {operations: [{name: o}]}\n`, { source: 'schema', field: 'selector' }],
  ['empty selectors', `${head}spec: {resources: [{name: o, selector: []}]}\n`, { source: 'schema', field: 'selector' }],
  ['a section in camel case', `${head}spec: {policyLibraries: [{mrn: l}]}\n`, { source: 'schema', kind: 'library' }],
  ['a section in map style', `${head}spec: {policies: {p: {name: n}}}\n`, { source: 'schema', mrn: 'p' }],
  [
    'one id twice',
    `${head}spec:\n  roles:\n  - mrn: r\n  - mrn: r\n`,
    { source: 'duplicate', line: 7, message: "'r' is defined twice (first at line 6)" },
  ],
  ['a bad selector', `${head}spec: {operations: [{name: o, selector: ["("]}]}\n`, { source: 'selector', mrn: 'o' }],
  [
    'a bad selector in a section that the version ignores',
    `${head.replace('edict.dev/v1beta1', 'iamlite.manetu.io/v1alpha3')}spec: {resources: [{name: o, selector: ["("]}]}\n`,
    { source: 'selector' },
  ],
  ['a type error', `${head}spec: {roles: x}\n`, { source: 'registry', class: 'yaml-type' }],
  ['a syntax error', `${head}spec: [\n`, { source: 'yaml' }],
  ['a reference that leads nowhere', `${head}spec: {roles: [{mrn: r, policy: p}]}\n`, { source: 'reference' }],
  [
    'a circle',
    `${head}spec: {policy-libraries: [{mrn: l, dependencies: [l], rego: package l}]}\n`,
    { source: 'cycle' },
  ],
  [
    'Rego that does not parse',
    `${head}spec: {policies: [{mrn: p, rego: x y}]}\n`,
    { source: 'rego', class: 'rego-parse' },
  ],
  [
    'Rego that does not compile',
    `${head}spec: {policies: [{mrn: p, rego: "package authz\\nx = y { true }\\n"}]}\n`,
    { source: 'opa-check', class: 'rego-compile' },
  ],
  [
    'libraries that cannot stand beside each other',
    `${head}spec:\n  policy-libraries:\n  - {mrn: a, rego: "package l\\ndefault x = 1\\n"}\n  - {mrn: b, rego: "package l\\ndefault x = 2\\n"}\n`,
    { source: 'opa-check', kind: 'library' },
  ],
])('%s is an error', (_name, text, expected) => {
  const errors = lint(text).filter(isError);
  expect(errors[0]).toMatchObject({ file: '0.yaml', ...expected });
});

test('files are linted together: references go from one to the other', () => {
  const base = `${head.replace('shop', 'base')}spec: {policies: [{mrn: p, ${rego}}]}\n`;
  const shop = `${head}spec: {operations: [{name: o, selector: [x], policy: base/p}]}\n`;
  expect(lint(shop, base).filter(isError)).toEqual([]);
  expect(lint(shop).filter(isError)).toMatchObject([{ class: 'unknown-domain' }]);
});

test('a bad selector is reported once, and other problems of the file beside it', () => {
  const text = `${head}spec: {operations: [{name: o, selector: ["("]}], policies: [{mrn: p}]}\n`;
  expect(lint(text).map(({ source }) => source)).toEqual(['schema', 'selector']);
});

const warningsOf = (domain: DomainModel) => {
  return lintDomains([{ object: toDomainObject(domain, { namespace: 'sales' }) }]).map(
    ({ severity, message }) => `${severity}: ${message}`,
  );
};
const open = aPolicy();

test.each<[string, DomainModel, string]>([
  ['a role without a policy', aDomain({ roles: [aRole({ policy: '' })] }), 'the role has no policy'],
  [
    'a qualified policy of a role',
    aDomain({ policies: [open], roles: [aRole({ policy: 'shop/mrn:policy:open' })] }),
    'is looked up as it stands',
  ],
  [
    'a resource without a group',
    aDomain({ resources: [{ name: 'r', description: '', selector: ['x'], group: '', annotations: [] }] }),
    'a resource without a group is denied',
  ],
  [
    'two mappers',
    aDomain({ mappers: [0, 1].map((n) => ({ name: `m${String(n)}`, selector: ['x'], rego: 'package mapper\n' })) }),
    'several mappers',
  ],
  [
    'two default groups',
    aDomain({ policies: [open], resourceGroups: ['a', 'b'].map((mrn) => ({ ...aRole({ mrn }), default: true })) }),
    'there is a default group already',
  ],
  [
    'an unknown merge strategy',
    aDomain({ policies: [open], roles: [aRole({ annotations: [anAnnotation('a', 1n, 'Deep')] })] }),
    "merge 'Deep' is unknown",
  ],
  [
    'an annotation twice',
    aDomain({ policies: [open], roles: [aRole({ annotations: [anAnnotation('a', 1n), anAnnotation('a', 2n)] })] }),
    'is given twice',
  ],
  ['another package', aDomain({ policies: [aPolicy({ rego: 'package other\n' })] }), "the package is 'other'"],
])('%s is a warning', (_name, domain, message) => {
  const found = warningsOf(domain);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`warning: `);
  expect(found[0]).toContain(message);
});

test('objects are linted as files are', () => {
  const object = { ...toDomainObject(aDomain({ policies: [open] }), { namespace: 'sales' }), spec: { roles: [{}] } };
  expect(lintDomains([{ object }]).filter(isError)).toMatchObject([{ source: 'schema', file: 'sales/shop' }]);
});

test('merges that repeat each other without end are looked at once', () => {
  const levels = ['m0: &m0 {a: b}'];
  for (let level = 1; level < 60; level += 1) {
    const alias = `*m${String(level - 1)}`;
    levels.push(`m${String(level)}: &m${String(level)} {<<: [${alias}, ${alias}]}`);
  }
  const found = lint(`${levels.join('\n')}\n${head}spec: {roles: [{<<: *m59}]}\n`);
  expect(found.filter(isError)[0]).toMatchObject({ source: 'schema', kind: 'role' });
});

const usingData = (use: string, libraries: DomainModel['libraries'] = []): DomainModel =>
  aDomain({
    data: '{"people":{"ann":1}}',
    libraries,
    policies: [aPolicy({ mrn: 'p', rego: `package authz\n\nallow { ${use} }\n` })],
  });

test.each([
  ['a member', 'data.people.ann'],
  ['the whole of it', 'data.people'],
  ['a member in a comprehension', 'count([1 | data.people[_]]) > 0'],
])('a policy that uses data is told that it sees none: %s', (_name, use) => {
  const found = lintDomains([{ object: toDomainObject(usingData(use)) }]);
  expect(found).toMatchObject([
    { severity: 'warning', mrn: 'p', field: 'rego', rego: { row: 3 }, message: expect.stringContaining('data.people') },
  ]);
});

test('what a package of the domain is called is no use of data, nor is a library that uses it', () => {
  const people = aPolicy({ mrn: 'l', rego: 'package people.rules\n\nx = data.people.ann { true }\n' });
  const objects = [usingData('data.people.rules.x', [people]), usingData('data.authz.other; input.people')];
  expect(objects.flatMap((domain) => lintDomains([{ object: toDomainObject(domain) }]))).toEqual([]);
});

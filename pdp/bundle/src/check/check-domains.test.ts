import { compile } from '@edict/rego';
import { expect, test } from '@jest/globals';
import { aDomain, aPolicy, aRole } from '../fixtures.ts';
import { readDomain } from '../read/read-domain.ts';
import { withoutPlaces } from '../sourced-domain.ts';
import { checkDomains } from './check-domains.ts';
import type { DomainModel } from '../model.ts';
import type { Problem } from '../problem.ts';

const check = (...domains: readonly DomainModel[]) =>
  checkDomains(domains.map((domain) => withoutPlaces(domain, `${domain.name}.yaml`)));
const library = (mrn: string, parts: Parameters<typeof aPolicy>[0] = {}) =>
  aPolicy({ mrn, rego: `package ${mrn}\n`, ...parts });
const withRego = (rego: string) => aDomain({ policies: [aPolicy({ mrn: 'p', rego })] });
const v0 = (body: string) => `package authz\n\n${body}\n`;

test.each<[string, readonly DomainModel[]]>([
  ['nothing', []],
  ['an empty domain', [aDomain()]],
  ['references that lead somewhere', [aDomain({ policies: [aPolicy()], roles: [aRole()] })]],
  [
    'references to other domains',
    [aDomain({ roles: [aRole({ policy: 'base/mrn:policy:open' })] }), aDomain({ name: 'base', policies: [aPolicy()] })],
  ],
  ['empty references', [aDomain({ roles: [aRole({ policy: '' })] })]],
  [
    'a library that two need',
    [
      aDomain({
        libraries: [library('a', { dependencies: ['b', 'c'] }), library('b', { dependencies: ['c'] }), library('c')],
      }),
    ],
  ],
  ['a second domain of the same name, whatever it says', [aDomain(), aDomain({ roles: [aRole()] })]],
  ['two definitions of one MRN', [aDomain({ policies: [aPolicy(), aPolicy()] })]],
  ['Rego of another package', [withRego('package other\n')]],
  ['the language of version 1 where it is imported', [withRego(v0('import rego.v1\nallow if input.x in {1}'))]],
  [
    'data beside rules of the same package',
    [
      aDomain({
        libraries: [library('a', { rego: 'package a.b\np[x] { x := 1 }\n' })],
        data: '{"a":{"b":{"q":1},"c":2},"b":{}}',
      }),
    ],
  ],
  [
    'a mapper that calls http.send',
    [
      aDomain({
        mappers: [
          { name: 'm', selector: [], rego: 'package mapper\nporc = http.send({"method": "get", "url": "http://x"})\n' },
        ],
      }),
    ],
  ],
])('%s is accepted', (_name, domains) => {
  expect(check(...domains)).toEqual([]);
});

test.each<[string, readonly DomainModel[], Partial<Problem>]>([
  [
    'a policy that is not there',
    [aDomain({ roles: [aRole()] })],
    { class: 'reference', kind: 'role', mrn: 'mrn:role:clerk', field: 'policy' },
  ],
  [
    'a policy in place of a library',
    [aDomain({ policies: [aPolicy({ dependencies: ['mrn:policy:open'] })] })],
    { class: 'reference', field: 'dependencies' },
  ],
  [
    'a policy of another domain, unqualified',
    [aDomain({ roles: [aRole()] }), aDomain({ name: 'base', policies: [aPolicy()] })],
    { class: 'reference' },
  ],
  ['an unknown domain', [aDomain({ roles: [aRole({ policy: 'base/x' })] })], { class: 'unknown-domain' }],
  ['half a reference', [aDomain({ roles: [aRole({ policy: 'base/' })] })], { class: 'reference-format' }],
  [
    'a role that is not there',
    [aDomain({ groups: [{ ...aRole(), roles: ['x', 'y'] }] })],
    { class: 'reference', kind: 'group', field: 'roles' },
  ],
  [
    'a group that is not there',
    [aDomain({ resources: [{ name: 'res', description: '', selector: [], group: 'x', annotations: [] }] })],
    { class: 'reference', kind: 'resource', field: 'group' },
  ],
  [
    'a library that needs itself',
    [aDomain({ libraries: [library('a', { dependencies: ['a'] })] })],
    { class: 'cycle', kind: 'library', mrn: 'a' },
  ],
  [
    'libraries in a circle through two domains',
    [
      aDomain({ libraries: [library('a', { dependencies: ['base/b'] })] }),
      aDomain({ name: 'base', libraries: [library('b', { dependencies: ['shop/a'] })] }),
    ],
    { class: 'cycle', message: 'libraries depend on each other in a circle: a -> b -> a' },
  ],
  ['an empty dependency', [aDomain({ policies: [aPolicy({ dependencies: [''] })] })], { class: 'reference' }],
  [
    'Rego that does not parse',
    [withRego(v0('allow {'))],
    { class: 'rego-parse', regoCode: 'rego_parse_error', kind: 'policy', mrn: 'p' },
  ],
  ['`in` without an import', [withRego(v0('allow { 1 in [1] }'))], { class: 'rego-parse' }],
  ['a template string', [withRego(v0('import rego.v1\nallow if $"{input.x}" == "1"'))], { class: 'rego-parse' }],
  ['blank Rego', [withRego(' \n')], { class: 'rego-compile', regoCode: 'rego_parse_error' }],
  [
    'a blank library',
    [aDomain({ libraries: [library('a', { rego: '' })], policies: [aPolicy({ dependencies: ['a'] })] })],
    { class: 'rego-compile', mrn: 'a' },
  ],
  [
    'an unsafe variable',
    [withRego(v0('allow { x > 1 }'))],
    { class: 'rego-compile', regoCode: 'rego_unsafe_var_error', rego: { row: 3, col: 9 } },
  ],
  ['an unknown function', [withRego(v0('allow { f(1) }'))], { class: 'rego-compile', regoCode: 'rego_type_error' }],
  [
    'a function of a library that is not declared',
    [
      aDomain({
        libraries: [library('a', { rego: 'package a\nf(x) = x { true }\n' })],
        policies: [aPolicy({ mrn: 'p', rego: v0('allow { data.a.f(1) }') })],
      }),
    ],
    { class: 'rego-compile' },
  ],
  [
    'Rego that nobody refers to',
    [aDomain({ libraries: [library('a', { rego: 'package a\nx = y { true }\n' })] })],
    { class: 'rego-compile', mrn: 'a' },
  ],
  [
    'a mapper that does not parse',
    [aDomain({ mappers: [{ name: 'm', selector: [], rego: 'x' }] })],
    { class: 'rego-parse', kind: 'mapper', mrn: 'm' },
  ],
])('%s is refused', (_name, domains, expected) => {
  const problems = check(...domains);
  expect(problems[0]).toMatchObject({ severity: 'error', ...expected });
});

test('references, cycles and syntax are reported together, compile errors only after those', () => {
  const broken = aDomain({
    libraries: [library('a', { dependencies: ['a'] })],
    policies: [aPolicy({ mrn: 'p', rego: v0('allow {') }), aPolicy({ mrn: 'q', rego: v0('allow { x > 1 }') })],
    roles: [aRole({ policy: 'none' })],
  });
  expect(check(broken).map((problem) => problem.class)).toEqual(['reference', 'cycle', 'rego-parse']);
});

test('an error in embedded Rego points into the file and into the text', () => {
  const text =
    'apiVersion: edict.dev/v1beta1\nkind: PolicyDomain\nmetadata: {name: shop}\nspec:\n  policies:\n' +
    '    - mrn: p\n      rego: |\n        package authz\n\n        allow { x > 1 }\n';
  const read = readDomain(text, 'shop.yaml');
  if (!read.ok) throw new Error('the fixture is valid');
  expect(checkDomains([read])[0]).toMatchObject({ file: 'shop.yaml', line: 10, column: 17, rego: { row: 3, col: 9 } });
});

test('an error in a library that a policy needs names the library', () => {
  const domain = aDomain({
    libraries: [library('a', { rego: 'package a\n\nx = y { true }\n' })],
    policies: [aPolicy({ mrn: 'p', dependencies: ['a'] })],
  });
  const [own, inPolicy] = check(domain);
  expect(own).toMatchObject({ mrn: 'a', rego: { row: 3 } });
  expect(inPolicy).toMatchObject({ mrn: 'p', message: expect.stringMatching(/^a:3:\d+: /) });
  expect(inPolicy).not.toHaveProperty('rego');
});

test('the caller chooses the compiler, which sees every library, policy and mapper once', () => {
  const domain = aDomain({
    libraries: [library('a')],
    policies: [aPolicy({ mrn: 'p', dependencies: ['a'] })],
    mappers: [{ name: 'm', selector: [], rego: 'package mapper\n\nporc = input\n' }],
  });
  const calls: (readonly string[])[] = [];
  const problems = checkDomains([withoutPlaces(domain, 'f')], {
    compile: (modules, options) => {
      calls.push(modules.map(({ name }) => name));
      return compile(modules, options);
    },
  });
  expect([problems, calls]).toEqual([[], [['a'], ['p', 'a'], ['m']]]);
});

test('data that meets a rule or a package of its own library is placed in the file, once for each place', () => {
  const text = [
    'apiVersion: edict.dev/v1beta1',
    'kind: PolicyDomain',
    'metadata: {name: shop}',
    'spec:',
    '  policy-libraries:',
    '  - mrn: mrn:library:a',
    '    rego: |',
    '      package a.b',
    '      p[x] { x := 1 }',
    '      q.r = 1 { input.x }',
    '      q.r = 2 { input.y }',
    '  - mrn: mrn:library:c',
    '    rego: package c.d',
    '  data:',
    '    a:',
    '      b:',
    '        p: []',
    '        q: {r: {deep: 1}, s: 2}',
    '    c: 1',
  ].join('\n');
  const read = readDomain(text, 'shop.yaml');
  if (!read.ok) throw new Error('the domain cannot be read');
  expect(checkDomains([read]).map(({ line, column, field, message }) => [line, column, field, message])).toEqual([
    [17, 9, 'data', 'the data gives data.a.b.p, which a rule defines too (mrn:library:a 2:1): rename one of them'],
    [18, 13, 'data', 'the data gives data.a.b.q.r, which a rule defines too (mrn:library:a 3:1): rename one of them'],
    [19, 5, 'data', 'data.c is a package (mrn:library:c 1:1), so that the data can only have an object there'],
  ]);
});

import { expect, test } from '@jest/globals';
import { buildReference } from './build-reference.ts';
import { readDomain } from './read/read-domain.ts';

const head = 'apiVersion: edict.dev/v1beta1\nkind: PolicyDomainReference\nmetadata: {name: shop}\nspec:\n';
const files: Readonly<Record<string, string>> = {
  'open.rego': 'package authz\n\ndefault allow = true\n\n\n',
  'bare.rego': 'package authz',
  'empty.rego': '\n\n',
  'odd.rego': 'package authz \n\tx = 1\n',
};
const build = (spec: string) => buildReference(head + spec, 'shop.yaml', (path) => files[path]);

test.each<[string, string, string]>([
  [
    'in a block',
    '  policies:\n  - mrn: p\n    rego_filename: open.rego # the text\n    name: n\n',
    'package authz\n\ndefault allow = true\n',
  ],
  [
    'in a flow mapping',
    '  policies: [{mrn: p, rego_filename: open.rego, name: n}]\n',
    'package authz\n\ndefault allow = true\n',
  ],
  ['in front of everything else', '  policies:\n  - rego_filename: bare.rego\n    mrn: p\n', 'package authz\n'],
  ['at the end of the file', '  policies:\n  - mrn: p\n    rego_filename: bare.rego', 'package authz\n'],
  ['when it is empty', '  policies:\n  - rego_filename: empty.rego\n    mrn: p\n', ''],
  ['when no block can hold it', '  policies:\n  - rego_filename: odd.rego\n    mrn: p\n', 'package authz \n\tx = 1\n'],
  [
    'on a line below its key',
    '  policies:\n  - mrn: p\n    rego_filename:\n      open.rego\n',
    'package authz\n\ndefault allow = true\n',
  ],
])('a file is put in %s', (_name, spec, expected) => {
  const built = build(spec);
  if (!built.ok) throw new Error(built.problems[0]?.message);
  const read = readDomain(built.text, 'built.yaml');
  expect(read).toMatchObject({ ok: true, domain: { policies: [{ mrn: 'p', rego: expected }] } });
});

test('comments and order stay, indentation becomes four spaces', () => {
  const built = build('  # ours\n  policies:\n    - mrn: p # first\n      rego_filename: bare.rego\n');
  expect(built).toEqual({
    ok: true,
    text: [
      'apiVersion: edict.dev/v1beta1',
      'kind: PolicyDomain',
      'metadata: {name: shop}',
      'spec:',
      '    # ours',
      '    policies:',
      '        - mrn: p # first',
      '          rego: |',
      '            package authz',
      '',
    ].join('\n'),
  });
});

test.each<[string, string, string]>([
  [
    'both texts',
    '  policies: [{rego: x, rego_filename: open.rego}]\n',
    "cannot specify both 'rego' and 'rego_filename'",
  ],
  ['neither text', '  mappers: [{name: m}]\n', "missing 'rego' or 'rego_filename' in 'mappers' entry"],
  ['sections in map style', '  policies: {p: {rego: x}}\n', "missing 'rego' or 'rego_filename' in 'policies' entry"],
  ['no file name', '  policies: [{rego_filename: ""}]\n', 'rego_filename cannot be empty'],
  ['a list as file name', '  policies: [{rego_filename: [a]}]\n', 'rego_filename is not a file name'],
  [
    'a file that is not there',
    '  policies: [{rego_filename: no.rego}]\n',
    "failed to read rego file 'no.rego': file not found",
  ],
])('%s cannot be built', (_name, spec, message) => {
  const built = build(spec);
  expect(built).toMatchObject({ ok: false, problems: [{ class: 'build', line: 5 }] });
  expect(built.ok ? '' : built.problems[0]?.message).toContain(message);
});

test('text that is not YAML is a problem of YAML', () => {
  expect(buildReference('a: [', 'f', () => undefined)).toMatchObject({ ok: false, problems: [{ class: 'yaml' }] });
});

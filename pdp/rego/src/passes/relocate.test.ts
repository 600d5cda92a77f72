import { expect, test } from '@jest/globals';

import { rewriteDataRefs } from './relocate.ts';

const moved = (source: string, version: 'v0' | 'v1' = 'v1', prefix = ['edict', 'p0']): string => {
  const result = rewriteDataRefs(source, 'policy.rego', version, prefix);
  if ('diagnostics' in result) throw new Error(JSON.stringify(result.diagnostics));
  return result.source;
};

test.each([
  ['the package', 'package authz', 'package edict.p0.authz'],
  ['a package in brackets', 'package a["b c"].d', 'package edict.p0.a["b c"].d'],
  ['a package behind a comment', 'package # here\n  authz', 'package # here\n  edict.p0.authz'],
  ['an import', 'package a\nimport data.utils', 'package edict.p0.a\nimport data.edict.p0.utils'],
  [
    'an import with an alias and what is used through it',
    'package a\nimport data.utils as u\np := u.x',
    'package edict.p0.a\nimport data.edict.p0.utils as u\np := u.x',
  ],
  [
    'the whole document under its own import',
    'package a\nimport data\np := data.x',
    'package edict.p0.a\nimport data\np := data.edict.p0.x',
  ],
  [
    'references',
    'package a\np := data.b["c"][data.d]',
    'package edict.p0.a\np := data.edict.p0.b["c"][data.edict.p0.d]',
  ],
  ['the document itself', 'package a\np := count(data)', 'package edict.p0.a\np := count(data.edict.p0)'],
  ['calls', 'package a\np := data.lib.f(1)', 'package edict.p0.a\np := data.edict.p0.lib.f(1)'],
  [
    'what with replaces',
    'package a\np if q with data.x as data.y',
    'package edict.p0.a\np if q with data.edict.p0.x as data.edict.p0.y',
  ],
  [
    'comprehensions and every',
    'package a\np if { every x in [y | y := data.ys] { data.zs[x] } }',
    'package edict.p0.a\np if { every x in [y | y := data.edict.p0.ys] { data.edict.p0.zs[x] } }',
  ],
  [
    'else branches',
    'package a\np if data.x else := data.y',
    'package edict.p0.a\np if data.edict.p0.x else := data.edict.p0.y',
  ],
  ['template strings', 'package a\np := $"{data.x}!"', 'package edict.p0.a\np := $"{data.edict.p0.x}!"'],
  ['members called data stay', 'package a\np := input.data.x', 'package edict.p0.a\np := input.data.x'],
  ['strings stay', 'package a\np := "data.x" # data.x', 'package edict.p0.a\np := "data.x" # data.x'],
])('%s: %s', (_name, source, expected) => {
  expect(moved(source)).toBe(expected);
});

test('a local that is called data is no document', () => {
  const source = 'package a\np { data := input; data.x }';
  expect(moved(source, 'v0')).toBe('package edict.p0.a\np { data := input; data.x }');
});

test('a rule that is called data hides the document', () => {
  const source = 'package a\ndata = 1\np = data';
  expect(moved(source, 'v0')).toBe('package edict.p0.a\ndata = 1\np = data');
});

test('parts of the prefix may be any text', () => {
  expect(moved('package a\np := data.x', 'v1', ['edict', 'p-0'])).toBe(
    'package edict["p-0"].a\np := data.edict["p-0"].x',
  );
});

test('a module that does not parse has diagnostics instead', () => {
  expect(rewriteDataRefs('package', 'policy.rego', 'v1', ['x'])).toMatchObject({
    diagnostics: [{ code: 'rego_parse_error', location: { file: 'policy.rego' } }],
  });
});

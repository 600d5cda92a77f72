import { expect, test } from '@jest/globals';
import {
  aDomain,
  anAnnotation,
  anOperation,
  aPolicy,
  aResource,
  aResourceGroup,
  aRole,
  simplePolicies,
} from './domain-builder.ts';
import { compileSnapshot } from './compile-snapshot.ts';
import { decide } from './decide.ts';
import { loadSnapshot } from './snapshot.ts';
import { testContext } from './test-snapshot.ts';
import type { DomainModel } from '@edict/bundle';
import type { CompiledSnapshot } from './compiled-snapshot.ts';

function compiled(domains: readonly DomainModel[], earlier?: CompiledSnapshot): CompiledSnapshot {
  const result = compileSnapshot(domains, { earlier });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result.compiled;
}

const domain = aDomain({
  policies: simplePolicies,
  operations: [anOperation('.*', 'zero')],
  roles: [aRole('r', 'yes')],
});

test('compiling is deterministic, and its result survives structuredClone', () => {
  const first = compiled([domain]);
  expect(structuredClone(first)).toEqual(compiled([domain]));
});

test('policies with equal modules share one program', () => {
  const twin = aDomain({ name: 'twin', policies: simplePolicies });
  const { programs, policies } = compiled([domain, twin]);
  expect(policies).toHaveLength(2 * simplePolicies.length);
  expect(programs).toHaveLength(simplePolicies.length);
});

test('an unchanged policy keeps its program from one snapshot to the next', () => {
  const before = loadSnapshot(compiled([domain]));
  const changed = {
    ...domain,
    policies: [...simplePolicies.slice(1), aPolicy('yes', 'allow = true { input.operation }')],
  };
  const next = compiled([changed], before.compiled);
  const kept = next.programs.filter(({ key }) => before.programs.has(key));
  expect(kept).toHaveLength(simplePolicies.length - 1);
  const after = loadSnapshot(next, before);
  for (const { key } of kept) expect(after.programs.get(key)).toBe(before.programs.get(key));
});

test('a decision goes by the snapshot it was given, whatever is loaded meanwhile', () => {
  const open = loadSnapshot(compiled([{ ...domain, operations: [anOperation('.*', 'one')] }]));
  const closed = loadSnapshot(compiled([domain]), open);
  expect([open, closed, open].map((snapshot) => decide(snapshot, {}, testContext).allow)).toEqual([true, false, true]);
});

test('libraries change the fingerprint and the program of the policies that need them', () => {
  const withLibrary = (rego: string) =>
    compiled([
      aDomain({
        policies: [aPolicy('p', 'import data.lib\nallow { lib.ok }', ['lib'])],
        libraries: [aPolicy('lib', `package lib\n\n${rego}`)],
      }),
    ]);
  const a = withLibrary('ok { true }');
  const b = withLibrary('ok { input.x }');
  expect(a.policies[0]?.fingerprint).not.toBe(b.policies[0]?.fingerprint);
  expect(a.programs[0]?.key).not.toBe(b.programs[0]?.key);
});

test.each<[string, DomainModel, object]>([
  [
    'Rego that does not compile',
    aDomain({ policies: [aPolicy('p', 'allow { x }')] }),
    { kind: 'policy', mrn: 'p', regoCode: 'rego_unsafe_var_error', rego: { row: 3, col: 9 } },
  ],
  [
    'a built-in that is not allowed',
    aDomain({ policies: [aPolicy('p', 'allow { http.send({}) }')] }),
    { mrn: 'p', class: 'rego-compile' },
  ],
  [
    'a reference to nothing',
    aDomain({ roles: [aRole('r', 'nowhere')] }),
    { kind: 'role', mrn: 'r', class: 'reference' },
  ],
  ['a library that needs itself', aDomain({ libraries: [aPolicy('l', 'package l', ['l'])] }), { class: 'cycle' }],
])('%s is refused, naming the entity', (_name, wrong, expected) => {
  const result = compileSnapshot([wrong]);
  expect(result.ok ? [] : result.problems).toEqual([expect.objectContaining(expected)]);
});

test('the list of built-ins that are not allowed can be replaced', () => {
  const policies = [aPolicy('p', 'allow { http.send({"method": "GET", "url": "x"}) }')];
  expect(compileSnapshot([aDomain({ policies })], { unsafeBuiltins: ['opa.runtime'] }).ok).toBe(true);
});

test('resources: the first entry that matches counts, in the order of domains', () => {
  const one = aDomain({
    name: 'one',
    policies: simplePolicies,
    resourceGroups: [aResourceGroup('a', 'yes'), aResourceGroup('b', 'yes', { default: true })],
    resources: [aResource('mrn:x:1', 'a'), aResource('mrn:x:.*', 'b')],
  });
  const two = aDomain({
    name: 'two',
    policies: simplePolicies,
    resourceGroups: [aResourceGroup('c', 'yes', { default: true })],
    resources: [aResource('.*y', 'c', [anAnnotation('k', 1)])],
  });
  const { resourceFor } = loadSnapshot(compiled([one, two]));
  const groups = ['mrn:x:1', 'mrn:x:2', 'mrn:x:y', 'mrn:y', 'mrn:z'].map((mrn) => resourceFor(mrn)?.groupId);
  expect(groups).toEqual(['a', 'b', 'b', 'c', 'b']);
});

test('loading what compileSnapshot did not make fails loudly', () => {
  const broken: CompiledSnapshot = { ...compiled([domain]), programs: [] };
  expect(() => loadSnapshot(broken)).toThrow('refers to position 0');
});

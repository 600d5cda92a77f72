import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkModules } from './compile.ts';
import { compile, instantiate } from './index.ts';

const sample = `package a

import data.lib

default allow := false

allow if {
	some role in data.roles[input.user]
	lib.grants(role)[_] == input.action
	not denied
}

denied if every x in input.flags { x > 1 }

counts[k] := n if {
	some k in ["a", "b"]
	n := sum({x | some x in input[k]}) with input.z as 1
}
`;

const library = `package lib

grants(role) := {g | some g in data.grants[role]}
`;

const modules = [
  { name: 'a.rego', source: sample },
  { name: 'lib.rego', source: library },
];

test('the same modules give the same code', () => {
  const options = { entrypoints: ['a/allow', 'a', 'a/counts'] };
  const first = compile(modules, options);
  expect(first).toEqual(compile(structuredClone(modules), structuredClone(options)));
  expect(first).toMatchObject({
    ok: true,
    program: { format: 1, entrypoints: ['a/allow', 'a', 'a/counts'], builtins: ['sum'] },
  });
});

test('diagnostics name file, row and column', () => {
  expect(compile([{ name: 'x.rego', source: 'package a\n\np := y' }], { entrypoints: [] })).toMatchObject({
    ok: false,
    diagnostics: [{ code: 'rego_unsafe_var_error', location: { file: 'x.rego', row: 3 } }],
  });
  expect(checkModules([{ name: 'x.rego', source: 'package a\np if' }])).toMatchObject([{ code: 'rego_parse_error' }]);
  expect(
    checkModules([{ name: 'x.rego', source: 'package a\np := http.send({})' }], { unsafeBuiltins: ['http.send'] }),
  ).toHaveLength(1);
  expect(checkModules([{ name: 'x.rego', source: 'package a\np { true }' }], { regoVersion: 'v0' })).toEqual([]);
});

test('no text makes the compiler throw, and what it accepts can be instantiated and asked', () => {
  const pieces = sample.split(/(\s+|\b)/).filter((piece) => piece !== '');
  const mutated = fc
    .array(
      fc.tuple(
        fc.nat(pieces.length - 1),
        fc.constantFrom(...pieces, '[', '}', '_', 'x', '1', 'not ', 'some ', ' with input as 1'),
      ),
      { maxLength: 4 },
    )
    .map((edits) => {
      const copy = [...pieces];
      for (const [index, piece] of edits) copy[index] = piece;
      return copy.join('');
    });
  fc.assert(
    fc.property(mutated, (source) => {
      const result = compile(
        [
          { name: 'a.rego', source },
          { name: 'lib.rego', source: library },
        ],
        { entrypoints: ['a/allow', 'a'] },
      );
      if (!result.ok) {
        expect(result.diagnostics.length).toBeGreaterThan(0);
        return;
      }
      const instance = instantiate(result.program, { data: { roles: { u: ['r'] }, grants: { r: ['read'] } } });
      for (const entry of result.program.entrypoints) {
        const outcome = instance.evaluate(entry, { user: 'u', action: 'read', flags: [1], a: [1] });
        expect(outcome.kind === 'error' ? outcome.code : '').not.toBe('eval_internal_error');
      }
    }),
    { numRuns: 300 },
  );
});

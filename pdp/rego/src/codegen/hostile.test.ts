import { createContext, runInContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, instantiate, type Value } from '../index.ts';
import { stringify, toJson } from '../runtime/json.ts';

const run = (source: string, input: Value, entry = 'a/p', data: Value = {}): Value => {
  const compiled = compile([{ name: 'm.rego', source }], { entrypoints: [entry] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  const outcome = instantiate(compiled.program, { data }).evaluate(entry, input);
  return outcome.kind === 'value' ? toJson(outcome.value) : outcome.kind;
};

const inherited = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'length',
  'size',
  'at',
  'text',
  'key',
  'get',
  '0',
];

test.each(inherited)('%s is a key like any other', (name) => {
  const key = JSON.stringify(name);
  expect(run(`package a\np if not input[${key}]`, {})).toBe(true);
  expect(run(`package a\np if not input.x[${key}]`, { x: [1, 2] })).toBe(true);
  expect(run(`package a\np if not input.x[${key}]`, { x: 'text' })).toBe(true);
  expect(run(`package a\np if not {x | some x in input.xs}[${key}]`, { xs: [1, 2] })).toBe(true);
  const own = JSON.parse(`{${key}: {${key}: 5}}`) as Value;
  expect(run(`package a\np := input[${key}][${key}]`, own)).toBe(5);
  expect(run(`package a\np := data.d[${key}][${key}]`, {}, 'a/p', { d: own })).toBe(5);
  expect(run(`package a\nk := ${key}\np := input[k][input.k]`, JSON.parse(`{${key}: {${key}: 5}, "k": ${key}}`))).toBe(
    name === 'k' ? 'undefined' : 5,
  );
  expect(stringify(run(`package a\np := {${key}: input.v}`, { v: 1 }))).toBe(`{${key}:1}`);
  expect(stringify(run(`package a\np := {k: 1 | some k in [${key}]}`, {}))).toBe(`{${key}:1}`);
  expect(stringify(run(`package a\np[k] := 1 if some k in [${key}]`, {}))).toBe(`{${key}:1}`);
  expect(stringify(run(`package a\np := x if x := input with input[${key}] as 1`, {}))).toBe(`{${key}:1}`);
  expect(stringify(run(`package a\np[${key}] := 1`, {}))).toBe(`{${key}:1}`);
});

const texts = [
  '*/ throw 1 /*',
  '`${process.exit(1)}`',
  "'; throw 1; '",
  '"\\"; throw 1; //',
  '\u2028throw 1\u2029',
  '</script>',
  '\\',
  '\u0000',
];

test.each(texts)('%j stays a text wherever it stands', (text) => {
  const literal = JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
  expect(run(`package a\np := ${literal}`, {})).toBe(text);
  expect(run(`package a\np := {${literal}: [${literal}, {${literal}}]}[${literal}][0]`, {})).toBe(text);
  expect(run(`package a\np := input[${literal}]`, { [text]: 1 })).toBe(1);
  expect(run(`package a[${literal}]\np := 1\nq if p == 2`, {}, `a/${text}/p`.replaceAll('//', '/'))).toBe(
    text.includes('/') ? 'undefined' : 1,
  );
  expect(run(`package a\np := x if x := input with input[${literal}] as 7`, {})).toEqual({ [text]: 7 });
});

test('any string constant comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(
        run(
          `package a\np := [${JSON.stringify(text)}, input[${JSON.stringify(text)}]]`,
          JSON.parse(`{${JSON.stringify(text)}: 1}`),
        ),
      ).toEqual([text, 1]);
    }),
    { numRuns: 200 },
  );
});

test('generated code names nothing but its runtime argument', () => {
  const source = `package a
p contains x if { some x in input.xs; not q[x]; every y in [1] { y == 1 } }
q[k] := v if some k, v in data.m
f(x) := count(x) if x != []
r := f(input.xs) with input.xs as [1]
default s := 1
s := data[k].p if k := input.k`.replace('r := f(input.xs) with', 'r := y if y := f(input.xs) with');
  const compiled = compile([{ name: 'm.rego', source }], { entrypoints: ['a', 'a/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  // Any name that is not declared reaches this and throws.
  const names = new Proxy(
    {},
    {
      has: (_, name) => typeof name === 'string' && !['rt', 'Map', 'Array', 'undefined'].includes(name),
      get: (_, name) => {
        throw new Error(`free name: ${String(name)}`);
      },
    },
  );
  const context = createContext({ names });
  const anything: unknown = new Proxy(() => anything, {
    get: (_, name) => (name === Symbol.toPrimitive ? () => 'x' : anything),
    apply: () => anything,
  });
  const start = runInContext(
    `(function (rt, names) { with (names) { return (function () { ${compiled.program.code.replace(`'use strict';`, '')} })(); } })`,
    context,
  ) as (rt: unknown, names: unknown) => { readonly entrypoints: ReadonlyMap<string, unknown> };
  expect([...start(anything, names).entrypoints.keys()]).toEqual(['a', 'a/p']);
  expect(compiled.program.code).not.toMatch(/\b(process|require|globalThis|eval|import|Function)\b/);
});

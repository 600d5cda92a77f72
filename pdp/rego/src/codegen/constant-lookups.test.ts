import { expect, test } from '@jest/globals';
import { compile, instantiate, type Value } from '../index.ts';

const run = (source: string, input: Value) => {
  const compiled = compile([{ name: 'm.rego', source: `package m\n${source}` }], { entrypoints: ['m/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  const outcome = instantiate(compiled.program, { data: {} }).evaluate('m/p', input);
  return { code: compiled.program.code, value: outcome.kind === 'value' ? outcome.value : outcome.kind };
};

const levels = 'levels := {"low": 1, "medium": 2, "high": 3, "none": null, "__proto__": 7, "constructor": 8}\n';

test.each<[string, string, Value, unknown]>([
  ['a member', 'p := levels[input.level]', { level: 'high' }, 3],
  ['a member that is null', 'p := levels[input.level]', { level: 'none' }, null],
  ['a member with the name of a prototype', 'p := levels[input.level]', { level: '__proto__' }, 7],
  ['a member with the name that all objects inherit', 'p := levels[input.level]', { level: 'constructor' }, 8],
  ['no member that objects inherit', 'p := levels[input.level]', { level: 'toString' }, 'undefined'],
  ['no member for a number', 'p := levels[input.level]', { level: 1 }, 'undefined'],
  ['an element of a constant array', 'p := ["a", "b", "c", "d", "e"][input.level]', { level: 1 }, 'b'],
  ['a member of an object with other keys', 'p := {1: "a", 2: "b", 3: "c", 4: "d"}[input.level]', { level: 2 }, 'b'],
])('a lookup in what stands in the policy finds %s', (_name, source, input, value) => {
  expect(run(levels + source, input).value).toStrictEqual(value);
});

test.each<[string, string, Value, unknown]>([
  ['a string of a set', 'p if input.x in {"a", "b"}', { x: 'b' }, true],
  ['no string of a set', 'p if input.x in {"a", "b"}', { x: 'c' }, 'undefined'],
  ['a value of the input', 'p if { some x in [input.x]; x in {"a", input.y} }', { x: 'z', y: 'z' }, true],
  [
    'an equal composite of the input',
    'p if { some x in [input.x]; x in ["a", input.y] }',
    { x: { k: [1] }, y: { k: [1] } },
    true,
  ],
  ['null', 'p if input.x in ["a", null, true]', { x: null }, true],
  ['no false for null', 'p if input.x in [false, null]', { x: 0 }, 'undefined'],
  ['a number that is written in two ways', 'p if input.x in [1.0, "a"]', { x: 1 }, true],
  ['nothing in an empty set', 'p if input.x in set()', { x: 1 }, 'undefined'],
  ['nothing where a member is undefined', 'p if input.x in {"a", input.y}', { x: 'a' }, 'undefined'],
])('a small collection that stands in the policy has %s', (_name, source, input, value) => {
  expect(run(source, input).value).toStrictEqual(value);
});

test('a small collection of the policy is not made to be looked into', () => {
  const { code } = run('p if input.x in {"a", input.y}', {});
  expect(code).not.toContain('newSet(');
});

test('an element at a constant place is read where there is an array', () => {
  const source = 'p := [a, b] if { some x in input.xs; a := x[0]; b := x[1] }';
  expect(run(source, { xs: ['text', { 0: 'object' }, [1], [1, 2]] }).value).toStrictEqual([1, 2]);
});

test('members with names that are no identifiers are read like others', () => {
  const source = 'p := [input.h["x-tenant"], input.h[""], input.h["a b"], object.get(input.h, "-1", "none")]';
  expect(run(source, { h: { 'x-tenant': 't', '': 'e', 'a b': 's' } }).value).toStrictEqual(['t', 'e', 's', 'none']);
  expect(run('p := input.h["0"]', { h: 'text' }).value).toBe('undefined');
  expect(run('p := input.h["0"]', { h: ['element'] }).value).toBe('undefined');
  expect(run('p := input.h["length"]', { h: ['element'] }).value).toBe('undefined');
});

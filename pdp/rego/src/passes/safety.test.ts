import { expect, test } from '@jest/globals';
import { checkModules } from '../compile.ts';

const diagnose = (body: string): readonly string[] =>
  checkModules([{ name: 'm.rego', source: `package a\n${body}` }]).map(
    (d) => `${String(d.location.row)}:${String(d.location.col)} ${d.code} ${d.message}`,
  );

const unsafe: readonly { readonly says: string; readonly body: string; readonly gives: readonly string[] }[] = [
  { says: 'a head var without a body', body: 'p := x', gives: ['2:1 rego_unsafe_var_error var x is unsafe'] },
  {
    says: 'a var in a negation only',
    body: 'p if {\n\tnot input.xs[x] == 1\n}',
    gives: ['3:2 rego_unsafe_var_error var x is unsafe'],
  },
  { says: 'a var in a comparison only', body: 'p if x > 1', gives: ['2:6 rego_unsafe_var_error var x is unsafe'] },
  {
    says: 'a var that only a closure binds',
    body: 'p if {\n\t[x | x = 1]\n\tx > 0\n}',
    gives: ['4:2 rego_unsafe_var_error var x is unsafe'],
  },
  {
    says: 'two vars that wait for each other',
    body: 'p if { x = y; y = x }',
    gives: ['2:8 rego_unsafe_var_error var x is unsafe', '2:8 rego_unsafe_var_error var y is unsafe'],
  },
  {
    says: 'an argument of with',
    body: 'p if input.y with input as x',
    gives: ['2:6 rego_unsafe_var_error var x is unsafe'],
  },
  {
    says: 'a var in the head of a comprehension',
    body: 'p := [x | true]',
    gives: ['2:1 rego_unsafe_var_error var x is unsafe'],
  },
];

test.each(unsafe)('$says is unsafe', ({ body, gives }) => {
  expect(diagnose(body).map((text) => text.replace(/^\S+ /, ''))).toEqual(
    gives.map((text) => text.replace(/^\S+ /, '')),
  );
});

test.each([
  ['an order that binds before it uses', 'p if { y > 1; y = x + 1; x = input.n }'],
  ['vars bound through patterns', 'p := z if { [x, {"k": z}] = input; x == 1 }'],
  ['refs that bind their brackets', 'p := [i, j] if input.xs[i].ys[j] == 1'],
  ['comprehensions that close over later vars', 'p := y if { y = [z | z = x[_]]; x = input.xs }'],
  ['negation of what comes later', 'p if { not x; x = input.flag }'],
  ['output arguments', 'p := v if walk(input, [_, v])'],
])('%s is safe', (_, body) => {
  expect(diagnose(body)).toEqual([]);
});

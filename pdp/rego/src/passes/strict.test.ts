import { expect, test } from '@jest/globals';
import type { RegoVersion } from '../ast.ts';
import { checkModules } from '../compile.ts';

/** What strict mode says: row, column and message. */
const strictly = (source: string, regoVersion: RegoVersion = 'v1'): readonly string[] =>
  checkModules([{ name: 'm.rego', source: `package a\n${source}` }], { strict: true, regoVersion }).map(
    ({ code, location, message }) => `${location.row}:${location.col} ${code} ${message}`,
  );

const loosely = (source: string, regoVersion: RegoVersion = 'v1'): readonly unknown[] =>
  checkModules([{ name: 'm.rego', source: `package a\n${source}` }], { regoVersion });

const wildcard = '(hint: use _ (wildcard variable) instead)';

test.each([
  ['an import that nothing uses', 'import data.x\np := 1', ['2:1 rego_compile_error import data.x unused']],
  ['the alias of an import counts', 'import data.x as y\np := 1', ['2:1 rego_compile_error import data.x as y unused']],
  ['an assignment that nothing reads', 'p if { x := 1 }', ['2:8 rego_compile_error assigned var x unused']],
  ['an assignment in a comprehension', 'p := [1 | y := 2]', ['2:11 rego_compile_error assigned var y unused']],
  ['one name of a pattern', 'p if { [x, y] := [1, 2]; x == 1 }', ['2:8 rego_compile_error assigned var y unused']],
  ['an argument', 'f(x) := 1', [`2:1 rego_compile_error unused argument x. ${wildcard}`]],
  [
    'an argument that a local of the same name hides',
    'f(x) := [1 | x := 2; x == 2]',
    [`2:1 rego_compile_error unused argument x. ${wildcard}`],
  ],
  [
    'every problem of a module, in the order of the text',
    'import data.x\nf(a, b) := b if { c := 1 }\np if { d := 2 }',
    [
      '2:1 rego_compile_error import data.x unused',
      `3:1 rego_compile_error unused argument a. ${wildcard}`,
      '3:19 rego_compile_error assigned var c unused',
      '4:8 rego_compile_error assigned var d unused',
    ],
  ],
])('strict mode refuses what is legal and most likely a mistake: %s', (_, source, problems) => {
  expect(strictly(source)).toEqual(problems);
  expect(loosely(source)).toEqual([]);
});

test.each([
  [
    'a duplicate import',
    'import data.x\nimport input.x\np { x }',
    '3:1 rego_compile_error import must not shadow import data.x',
  ],
  [
    'a rule called input',
    'input { true }',
    '2:1 rego_compile_error rules must not shadow input (use a different rule name)',
  ],
  [
    'a deprecated built-in',
    'p { any([true]) }',
    '2:5 rego_type_error deprecated built-in function calls in expression: any',
  ],
])('strict mode wants of v0 what v1 wants anyway: no %s', (_, source, problem) => {
  expect(strictly(source, 'v0')).toContain(problem);
  expect(loosely(source, 'v0')).toEqual([]);
});

test.each([
  ['an assignment that a nested body reads', 'p if { x := 1; count([y | y := x]) == 1 }'],
  ['an assignment that the head reads', 'p := x if { x := 1 }'],
  ['an argument that only an else reads', 'f(x) := 1 if { input.y } else := x'],
  ['an argument that another argument repeats', 'f(x, x) := 1'],
  ['wildcards', 'f(_) := 1\np if { _ := 1 }'],
  ['imports of the language', 'import rego.v1\nimport future.keywords.in\np := 1'],
  ['an import used as a function', 'import data.b\np := b.f(1) if { b.g }\n'],
])('strict mode accepts %s', (_, source) => {
  expect(strictly(source).filter((problem) => !problem.includes('undefined function'))).toEqual([]);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { printBody } from '../print.ts';
import { parseModule } from '../parser/index.ts';
import { analyzeModules, diagnose } from './index.ts';
import { resolveModules } from './resolve.ts';
import { nodeAt } from './unit.ts';

const problemsOf = (
  sources: string | readonly string[],
  version: 'v0' | 'v1' = 'v1',
  unsafeBuiltins: string[] = [],
) => {
  const list = typeof sources === 'string' ? [sources] : sources;
  const modules = list.map((source, index) => ({ name: `m${index}.rego`, source }));
  return diagnose(modules, version, { unsafeBuiltins }).diagnostics.map(
    ({ code, message, location: { row } }) => `${row} ${code}: ${message.split('\n')[0] ?? ''}`,
  );
};

test.each([
  ['a second assignment', 'x := 1; x := 2', '2 rego_compile_error: var x assigned above'],
  ['an assignment to what was used', 'x == 1; x := 2', '2 rego_compile_error: var x referenced above'],
  ['a second declaration', 'some x; some x; input[x]', '2 rego_compile_error: var x declared above'],
  [
    'a binding that names what was declared',
    'some x in input.a; some y in input.b[x] in input.c',
    '2 rego_compile_error: var x declared above',
  ],
  ['a declaration without use', 'some x; input.y', '2 rego_compile_error: declared var x unused'],
  ['an assignment to a number', '1 := input.x', '2 rego_compile_error: cannot assign to number'],
  ['an assignment under not', 'not x := 1', '2 rego_compile_error: cannot assign vars inside negated expression'],
  [
    'an assignment to input',
    'input := 1',
    '2 rego_compile_error: variables must not shadow input (use a different variable name)',
  ],
  ['a domain that names what it binds', 'some x in [x]', '2 rego_compile_error: var x assigned before'],
  ['an unknown function', 'nosuch(1)', '2 rego_type_error: undefined function nosuch'],
  ['too few arguments', 'count()', '2 rego_type_error: count: arity mismatch'],
  ['an argument of a wrong type', 'count(1) == 1', '2 rego_type_error: count: invalid argument(s)'],
  ['values that never match', '1 == "a"', '2 rego_type_error: match error'],
  ['a key that is not there', '{"a": 1}.b == 1', '2 rego_type_error: undefined ref: {"a": 1}.b'],
  ['a result of print', 'x := print(1)', '2 rego_type_error: print(1) used as value'],
  ['a deprecated built-in', 'any([true])', '2 rego_type_error: deprecated built-in function calls in expression: any'],
  ['a variable that nothing binds', 'x > 1', '2 rego_unsafe_var_error: var x is unsafe'],
  [
    'an unknown target of with',
    'true with nosuch as 1',
    '2 rego_type_error: with keyword target must reference existing input, data, or a function',
  ],
  [
    'a replaced operator',
    'true with eq as 1',
    '2 rego_compile_error: with keyword replacing built-in function: replacement of "eq" invalid',
  ],
])('%s is an error: %s', (_name, body, expected) => {
  expect(problemsOf(`package a\np if { ${body} }`)[0]).toContain(expected);
});

test.each([
  ['two values by two kinds of rule', 'p := 1\np contains 2', 'conflicting rules data.a.p found'],
  ['functions of different arity', 'f(x) := x\nf(x, y) := x', 'conflicting rules data.a.f found'],
  ['two defaults', 'default p := 1\ndefault p := 2', 'multiple default rules data.a.p found at m0.rego:2, m0.rego:3'],
  ['a rule below a rule', 'p := 1\np.q := 2', 'rule data.a.p conflicts with:'],
  ['a rule that uses itself', 'p if not p', 'rule data.a.p is recursive: data.a.p -> data.a.p'],
  ['rules that use each other', 'p if q\nq if p', 'rule data.a.p is recursive: data.a.p -> data.a.q -> data.a.p'],
  ['recursion by way of the package', 'p if data.a[x]', 'rule data.a.p is recursive: data.a.p -> data.a.p'],
  ['a wrong number of arguments', 'f(x) := x\np if f(1, 2, 3)', 'function data.a.f has arity 1, got 3 arguments'],
  ['a function without its arguments', 'f(x) := x\np if f == 1', 'function data.a.f used as reference, not called'],
  ['an argument twice', 'f(x) := y if { x := 1; y := 2 }', 'arg x redeclared'],
  ['a call as an argument', 'f(count(x)) := x', 'rule arguments cannot contain calls'],
  ['imports of one name', 'import data.b\nimport data.c.b\np := b', 'import must not shadow import data.b'],
])('%s are an error', (_name, rules, expected) => {
  expect(problemsOf(`package a\n${rules}`).join('\n')).toContain(expected);
});

test('a rule cannot stand where a package is', () => {
  expect(problemsOf(['package a\nb := 1', 'package a.b\np := 1']).join()).toContain(
    'conflicts with rule data.a.b defined at m0.rego:2',
  );
});

test('forbidden built-ins are reported', () => {
  expect(problemsOf('package a\np := http.send({})', 'v1', ['http.send'])).toEqual([
    '2 rego_type_error: unsafe built-in function calls in expression: http.send',
  ]);
});

test.each([
  ['shadowing in comprehensions', 'p := [x | x := 1] if { x := 2; x > 1 }'],
  ['iteration that narrows what is used', 'p := 1 if { some r in ["b", "c"]; data[r].x }'],
  ['deprecated built-ins in comprehension-free v1', 'p := max([1, 2])'],
  ['improved not with locals', 'import rego.v2\np if not { x := input.x; x > 1 }'],
  ['replacing a built-in', 'p if q with count as 3\nq if count([1]) == 3'],
])('%s is accepted', (_name, rules) => {
  expect(problemsOf(`package a\n${rules}`)).toEqual([]);
});

const resolve = (source: string) => {
  const { module } = parseModule(source, 'm.rego', 'v1');
  return resolveModules(module === undefined ? [] : [module]);
};

test('resolved bodies hold absolute references, renamed locals and no declarations', () => {
  const { unit, diagnostics } = resolve(
    'package a\nimport data.lib.f\np contains v if { some k, v in q; x := f(k); print(x); x > 1 }\nq := {"a": 1}\n',
  );
  // The imported function is unknown here, which is an error of its own.
  expect(diagnostics.map(({ message }) => message)).toEqual(['undefined function data.lib.f']);
  expect(unit.modules).toEqual([]);
});

test('the rule tree groups rules by absolute path', () => {
  const { unit } = resolve('package a.b\np.q[x] := 1 if x := input.x\np.r := 2\nf(x) := x');
  expect(nodeAt(unit.ruleTree, ['a', 'b', 'p', 'q'])?.rules).toHaveLength(1);
  expect([...(nodeAt(unit.ruleTree, ['a', 'b', 'p'])?.children.keys() ?? [])]).toEqual(['q', 'r']);
  expect(nodeAt(unit.ruleTree, ['a', 'b', 'f'])?.rules[0]?.head.rule).toBe('function');
});

test('locals get names that are unique in the rule', () => {
  const { unit } = resolve('package a\np := x if { x := [x | x := 1]; count(x) > 0 }');
  const [rule] = unit.modules[0]?.rules ?? [];
  expect(rule === undefined ? '' : JSON.stringify(rule).match(/"x@\d"/g)?.length).toBe(5);
  expect(rule && printBody(rule.body)).toBe('eq(x, [x | eq(x, 1)]); gt(count(x), 0)');
});

test('no soup of literals makes the analysis throw', () => {
  const literal = fc.constantFrom(
    'x := 1',
    'some x',
    'some x in xs',
    'some k, v in {"a": 1}',
    'y = [x, z]',
    'not x',
    'not { x := 1 }',
    'xs := [x | x := 1]',
    'every x in xs { x > 1 }',
    'p',
    'f(x)',
    'f(1, y)',
    'count(xs) > 1',
    'x with input as 1',
    'x with count as f',
    'input.a or input.b',
    '{ x := 1 } and { y := 2 }',
    'data[x].p',
    '$"a{x}" == y',
    '{x: y} = input.o',
    'z := input[_]',
    'print(x)',
    'data.a.p[x]',
    'walk(input, [x, y])',
    'input := 1',
    'xs := {1, "a"}',
    'x == "a"',
  );
  const rule = fc.tuple(
    fc.constantFrom('p if', 'p contains x if', 'p[x] := y if', 'f(x) := y if', 'q[x].r contains y if', 'g(x, [y]) if'),
    fc.array(literal, { minLength: 1, maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 4 }), (rules) => {
      const source = `package a\nimport rego.v2\n${rules.map(([head, body]) => `${head} { ${body.join('\n')} }`).join('\n')}`;
      const { module } = parseModule(source, 'soup.rego', 'v1');
      const { diagnostics } = analyzeModules(module === undefined ? [] : [module]);
      for (const { location } of diagnostics) expect(location.file).toBe('soup.rego');
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['domains of every', 'p if ', 'every x in [y | some y in input; ', 'true', '] { x }'],
  ['comprehensions', 'p := ', '[x | x := ', '1', ']'],
  ['arguments', 'p := ', 'count([x | x := ', '"1"', '])'],
  ['template strings', 'p := ', '$"{', '1', '}"'],
  ['groups', 'p if ', 'not (', 'input.a or input.b', ')'],
  ['bodies of every', 'p if ', 'every x in input { count([y | y := x; ', 'true', ']) > 0 }'],
])('%s that nest deeply are checked in time that grows with their number only', (_name, start, open, inner, close) => {
  // Doubling the work at each level would take 2^30 steps: the test would never end.
  const source = `package a\nimport rego.v2\n${start}${open.repeat(30)}${inner}${close.repeat(30)}`;
  expect(() => diagnose([{ name: 'm.rego', source }], 'v1')).not.toThrow();
});

import { expect, test } from '@jest/globals';
import { compile, instantiate, type EvaluateOptions, type Outcome, type Value } from './index.ts';
import { stringify, toJson } from './runtime/json.ts';

interface Row {
  readonly says: string;
  /** Module sources; `v0` in front of the package line makes all of them v0. */
  readonly policy: string | readonly string[];
  readonly entry?: string;
  readonly input?: Value;
  readonly data?: Value;
  readonly gives: Value;
}

const evaluate = (row: Omit<Row, 'says' | 'gives'>, options: EvaluateOptions = {}): Outcome => {
  const sources = typeof row.policy === 'string' ? [row.policy] : row.policy;
  const entry = row.entry ?? 'a/p';
  const modules = sources.map((source, index) => ({ name: `m${String(index)}.rego`, source }));
  const compiled = compile(modules, { entrypoints: [entry] });
  if (!compiled.ok)
    throw new Error(compiled.diagnostics.map((d) => `${String(d.location.row)}: ${d.message}`).join('\n'));
  // A program travels between threads.
  const program = structuredClone(compiled.program);
  return instantiate(program, { data: row.data ?? {} }).evaluate(entry, row.input, options);
};

const answer = (outcome: Outcome): Value => {
  if (outcome.kind === 'undefined') return 'undefined';
  return outcome.kind === 'value' ? toJson(outcome.value) : outcome.code;
};

const rows: readonly Row[] = [
  {
    says: 'a constant rule is its value',
    policy: 'package a\np := {"x": [1, "two", null, true]}',
    gives: { x: [1, 'two', null, true] },
  },
  { says: 'a body that fails leaves a rule undefined', policy: 'package a\np if 1 == 2', gives: 'undefined' },
  {
    says: 'default stands in for undefined',
    policy: 'package a\ndefault p := 7\np := 1 if input.x',
    input: {},
    gives: 7,
  },
  {
    says: 'a default may be a comprehension',
    policy: 'package a\ndefault p := [x | some x in [2, 1]]\np := 1 if input.x',
    input: {},
    gives: [2, 1],
  },
  {
    says: 'false is a value of a rule, and fails as a literal',
    policy: 'package a\nq := false\nr if q\np := [q, object.get({"r": 1}, "x", 0)] if not r',
    gives: [false, 0],
  },
  {
    says: 'null, zero and empty succeed as literals',
    policy: 'package a\nn := null\np if { n; 0; ""; [] }\n',
    gives: true,
  },
  {
    says: 'undefined is not false: == false needs a value',
    policy: 'package a\np if input.missing == false',
    input: {},
    gives: 'undefined',
  },
  { says: 'not of something undefined succeeds', policy: 'package a\np if not input.missing', input: {}, gives: true },
  {
    says: 'legacy not hoists what is inside its expression',
    policy: 'package a\np if not input.missing > 3',
    input: {},
    gives: 'undefined',
  },
  {
    says: 'improved not keeps it inside',
    policy: 'package a\nimport future.keywords.not\np if not input.missing > 3',
    input: {},
    gives: true,
  },
  {
    says: 'else is tried when what is before it fails',
    policy: 'package a\np := 1 if input.x == 1 else := 2 if input.x == 2 else := 3',
    input: { x: 2 },
    gives: 2,
  },
  {
    says: 'definitions that agree are one',
    policy: 'package a\np := 1 if input.x\np := 1 if input.y',
    input: { x: 1, y: 1 },
    gives: 1,
  },
  {
    says: 'definitions that differ conflict',
    policy: 'package a\np := 1 if input.x\np := 2 if input.y',
    input: { x: 1, y: 1 },
    gives: 'eval_conflict_error',
  },
  {
    says: 'one definition with two values conflicts',
    policy: 'package a\np := x if some x in [1, 2]',
    gives: 'eval_conflict_error',
  },
  { says: 'one definition with one value twice does not', policy: 'package a\np := x if some x in [1, 1.0]', gives: 1 },
  {
    says: 'a conflict behind an else is seen',
    policy: 'package a\np := 1 if false else := 2\np := 3',
    gives: 'eval_conflict_error',
  },
  {
    says: 'some binds keys and values',
    policy: 'package a\np := [[k, v] | some k, v in {"b": 1, "a": 2}]',
    gives: [
      ['a', 2],
      ['b', 1],
    ],
  },
  {
    says: 'sets are visited in order, whatever is in them',
    policy: 'package a\np := [x | some x in {"b", 3, null, [1], {"k": 1}, false, {1}, "a", 2}]',
    gives: [null, false, 2, 3, 'a', 'b', [1], { k: 1 }, [1]],
  },
  {
    says: 'keys of objects too',
    policy: 'package a\np := [k | some k, _ in {"b": 0, "10": 0, "9": 0, 7: 0}]',
    gives: [7, '10', '9', 'b'],
  },
  {
    says: 'strings order by code point',
    policy: 'package a\np := [x | some x in {"\\uff5e", "\\U0001F600", "z"}]'.replace('\\U0001F600', '\u{1f600}'),
    gives: ['z', '\uff5e', '\u{1f600}'],
  },
  {
    says: 'array patterns bind',
    policy: 'package a\np := [x, y] if [x, [y, 3]] = input.v',
    input: { v: [1, [2, 3]] },
    gives: [1, 2],
  },
  {
    says: 'array patterns of another length fail',
    policy: 'package a\np := x if [x, _] = input.v',
    input: { v: [1] },
    gives: 'undefined',
  },
  {
    says: 'object patterns bind values of known keys',
    policy: 'package a\np := x if {"a": x, "b": {"c": 2}} = input',
    input: { a: 1, b: { c: 2 } },
    gives: 1,
  },
  {
    says: 'object patterns want exactly their keys',
    policy: 'package a\np := x if {"a": x} = input',
    input: { a: 1, b: 2 },
    gives: 'undefined',
  },
  { says: 'patterns on both sides bind across', policy: 'package a\np := [x, y] if [x, 2] = [1, y]', gives: [1, 2] },
  {
    says: 'patterns wait for each other',
    policy: 'package a\np := [x, y, z] if [x, y, z] = [y, z, 3]',
    gives: [3, 3, 3],
  },
  {
    says: 'a var in a ref iterates, and joins',
    policy: 'package a\np contains i if input.xs[i] == input.ys[i]',
    input: { xs: [1, 2, 3], ys: [1, 5, 3] },
    gives: [0, 2],
  },
  {
    says: 'literals are ordered by safety',
    policy: 'package a\np := y if { y = x + 1; x = input.n }',
    input: { n: 4 },
    gives: 5,
  },
  { says: 'every holds over an empty domain', policy: 'package a\np if every x in [] { x > 1 }', gives: true },
  {
    says: 'every fails at a counter-example',
    policy: 'package a\np if every x in [2, 1] { x > 1 }',
    gives: 'undefined',
  },
  {
    says: 'every is undefined over what is no collection',
    policy: 'package a\np if every x in 5 { x }',
    gives: 'undefined',
  },
  {
    says: 'every sees keys',
    policy: 'package a\np if every k, v in {"a": 1, "b": 2} { input[k] == v }',
    input: { a: 1, b: 2 },
    gives: true,
  },
  {
    says: 'comprehensions close over vars',
    policy: 'package a\np := {x: [y | some y in input.ys; y > x] | some x in input.xs; true}'.replace(
      '{x:',
      '{sprintf("%d", [x]):',
    ),
    input: { xs: [1, 2], ys: [1, 2, 3] },
    gives: { '1': [2, 3], '2': [3] },
  },
  {
    says: 'object comprehensions with two values for a key conflict',
    policy: 'package a\np := {"k": v | some v in [1, 2]}',
    gives: 'eval_conflict_error',
  },
  {
    says: 'partial sets collect over all rules',
    policy: 'package a\np contains 1\np contains x if some x in [2, 1]',
    gives: [1, 2],
  },
  {
    says: 'partial objects collect',
    policy: 'package a\np[k] := v if some k, v in {"x": 1}\np.y := 2',
    gives: { x: 1, y: 2 },
  },
  {
    says: 'partial objects with two values for a key conflict',
    policy: 'package a\np[k] := v if { k := "x"; some v in [1, 2] }',
    gives: 'eval_conflict_error',
  },
  {
    says: 'a key that is asked for alone does not meet the conflicts of others',
    policy: 'package a\nq[k] := v if some [k, v] in [["x", 1], ["y", 2], ["y", 3]]\np := q.x',
    gives: 1,
  },
  {
    says: 'general heads build nested documents',
    policy: 'package a\np[x].q[y] := x + y if { some x in [1, 2]; some y in [3] }',
    entry: 'a/p',
    gives: { '1': { q: { '3': 4 } }, '2': { q: { '3': 5 } } },
  },
  {
    says: 'general heads hold sets',
    policy: 'package a\np[x].s contains y if { some x in ["a", "b"]; some y in [1, 2] }',
    gives: { a: { s: [1, 2] }, b: { s: [1, 2] } },
  },
  {
    says: 'legacy not hoists refs in brackets',
    policy: 'package a\np if not input.xs[input.missing]',
    input: { xs: [] },
    gives: 'undefined',
  },
  { says: 'functions take patterns', policy: 'package a\nf([x, {"k": y}]) := x + y\np := f([1, {"k": 2}])', gives: 3 },
  {
    says: 'functions are chosen by their arguments',
    policy: 'package a\nf("a") := 1\nf("b") := 2\ndefault f(_) := 0\np := [f("a"), f("b"), f("c")]',
    gives: [1, 2, 0],
  },
  {
    says: 'functions with two values for one input conflict',
    policy: 'package a\nf(x) := 1 if x > 0\nf(x) := 2 if x > 1\np := f(2)',
    gives: 'eval_conflict_error',
  },
  {
    says: 'a function that is undefined fails its literal',
    policy: 'package a\nf(x) := 1 if x > 0\np := f(0)',
    gives: 'undefined',
  },
  {
    says: 'with replaces input',
    policy: 'package a\nq := input.x\np := [q, y, q] if y := q with input as {"x": 2}',
    input: { x: 1 },
    gives: [1, 2, 1],
  },
  {
    says: 'with replaces a part of input',
    policy: 'package a\np := x if x := input with input.x.y as 2',
    input: { x: { z: 1 }, w: 0 },
    gives: { x: { z: 1, y: 2 }, w: 0 },
  },
  {
    says: 'with replaces base documents',
    policy: 'package a\nq := data.d.x\np := [q, y] if y := q with data.d.x as 2',
    data: { d: { x: 1 } },
    gives: [1, 2],
  },
  {
    says: 'with replaces rules',
    policy: 'package a\nq := 1\nr := q + 1\np := [r, y] if y := r with data.a.q as 5',
    gives: [2, 6],
  },
  {
    says: 'with replaces whole packages',
    policy: ['package a\np := x if x := data.b with data.b as {"q": 3}', 'package b\nq := 1\nr := 2'],
    gives: { q: 3 },
  },
  {
    says: 'with replaces functions by values and functions',
    policy:
      'package a\nf(x) := x\ng(x) := x * 10\nq := f(1)\np := [q, y, z] if { y := q with f as 7; z := q with f as g }',
    gives: [1, 7, 10],
  },
  {
    says: 'with replaces built-ins',
    policy: 'package a\nq := count([1, 2])\np := [q, y] if y := q with count as 9',
    gives: [2, 9],
  },
  {
    says: 'what stands in for a function calls the function itself',
    policy: 'package a\ng(x) := count(x) + 100\nq := count([1])\np := x if x := q with count as g',
    gives: 101,
  },
  {
    says: 'with keeps its iterations',
    policy: 'package a\nq contains input.x\np := [v | q[v] with input.x as input.y[_]]',
    input: { y: [3, 4] },
    gives: [3, 4],
  },
  {
    says: 'and, or bind nothing and short-cut',
    policy:
      'package a\nimport future.keywords.and\nimport future.keywords.or\np if input.x == 1 or input.y == 2 and input.x == 3',
    input: { x: 3, y: 2 },
    gives: true,
  },
  {
    says: 'base and virtual documents merge',
    policy: 'package a.b\np := 1',
    entry: 'a',
    data: { a: { b: { q: 2 }, c: 3 } },
    gives: { b: { p: 1, q: 2 }, c: 3 },
  },
  {
    says: 'packages are looked up by a var',
    policy: ['package a\np := {n: v | v := data.b[n].v}', 'package b.x\nv := 1', 'package b.y\nv := 2'],
    gives: { x: 1, y: 2 },
  },
  {
    says: 'looking a package up leaves the others alone',
    policy: ['package a\nn := "x"\np := data.b[n].v', 'package b.x\nv := 1', 'package b.y\nv := x if some x in [1, 2]'],
    gives: 1,
  },
  {
    says: 'template strings show what is undefined',
    policy: 'package a\np := $"x={input.x} y={input.y}"',
    input: { x: 1 },
    gives: 'x=1 y=<undefined>',
  },
  {
    says: 'built-in errors are undefined',
    policy: 'package a\np := x if x := to_number("x")\nq if not to_number("x")',
    entry: 'a',
    gives: { q: true },
  },
  {
    says: 'walk gives every path',
    policy: 'package a\np := [path | walk({"a": [1]}, [path, value]); is_number(value)]',
    gives: [['a', 0]],
  },
  {
    says: 'composite keys find members of sets',
    policy: 'package a\ns := {[1, 2], [1, 3]}\np := [y | s[[1, y]]]',
    gives: [2, 3],
  },
  {
    says: 'numbers keep what JavaScript would lose',
    policy: 'package a\np := input.n + 1',
    input: { n: 9007199254740991 },
    gives: 9007199254740992,
  },
  { says: '1 and 1.0 are one member', policy: 'package a\np := count({1, 1.0, 2})', gives: 2 },
];

test.each(rows)('$says', ({ gives, ...row }) => {
  expect(stringify(answer(evaluate(row)))).toBe(stringify(gives));
});

test('v0 modules declare sets by brackets', () => {
  const compiled = compile([{ name: 'm.rego', source: 'package a\np[x] { x := input[_] }' }], {
    regoVersion: 'v0',
    entrypoints: ['a/p'],
  });
  if (!compiled.ok) throw new Error('does not compile');
  expect(answer(instantiate(compiled.program).evaluate('a/p', [2, 1]))).toEqual([1, 2]);
});

test('strict built-in errors fail with the first error', () => {
  const policy = 'package a\np := [x | some v in ["1", "x", "y"]; x := to_number(v)]';
  const outcome = evaluate({ policy }, { strictBuiltinErrors: true });
  expect(outcome).toMatchObject({ kind: 'error', code: 'eval_builtin_error', location: { file: 'm0.rego', row: 2 } });
  expect(outcome.kind === 'error' && outcome.message).toMatch(/^to_number: .*x/);
  expect(answer(evaluate({ policy }))).toEqual([1]);
});

test('a conflict names the rule and its place', () => {
  expect(evaluate({ policy: 'package a\n\np := 1\np := 2' })).toMatchObject({
    kind: 'error',
    code: 'eval_conflict_error',
    message: 'rule data.a.p produced conflicting values',
    location: { row: 4 },
  });
});

test('an evaluation that takes too many steps is cancelled', () => {
  const policy = 'package a\nxs := numbers.range(1, 1000)\np := count([1 | some x in xs; some y in xs; x + y < 0])';
  expect(answer(evaluate({ policy }, { maxSteps: 100_000 }))).toBe('eval_cancel_error');
  expect(answer(evaluate({ policy }, { maxSteps: 2_000_000 }))).toBe(0);
});

test('the clock stands still during an evaluation', () => {
  const policy = 'package a\np := time.now_ns()';
  expect(answer(evaluate({ policy }, { nowNs: 1_700_000_000_000_000_001n }))).toMatchObject({
    text: '1700000000000000001',
  });
});

test('deep input is no way to crash', () => {
  let deep: Value = 1;
  for (let i = 0; i < 200_000; i++) deep = [deep];
  let other: Value = 1;
  for (let i = 0; i < 200_000; i++) other = [other];
  const outcome = evaluate({ policy: 'package a\np if input.x == input.y', input: { x: deep, y: other } });
  expect(outcome).toMatchObject({ kind: 'error', code: 'eval_cancel_error' });
});

test('one evaluation leaves nothing to the next', () => {
  const compiled = compile([{ name: 'm.rego', source: 'package a\nq := input.x\np := q + 1' }], {
    entrypoints: ['a/p', 'a/q'],
  });
  if (!compiled.ok) throw new Error('does not compile');
  const instance = instantiate(compiled.program);
  expect(answer(instance.evaluate('a/p', { x: 1 }))).toBe(2);
  expect(answer(instance.evaluate('a/p', { x: 5 }))).toBe(6);
  expect(answer(instance.evaluate('a/p', undefined))).toBe('undefined');
  expect(answer(instance.evaluate('a/q', { x: 9 }))).toBe(9);
  expect(instance.evaluate('a/unknown', {})).toMatchObject({ kind: 'error', code: 'eval_internal_error' });
});

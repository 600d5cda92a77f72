import { expect, test } from '@jest/globals';
import type { EvaluateOptions, Outcome } from './api.ts';
import { compile } from './compile.ts';
import { instantiate, Runner } from './instantiate.ts';
import { builtins } from './runtime/builtins/registry.ts';
import { STEPS_PER_LOOK } from './runtime/evaluation.ts';
import { DEFAULT_MAX_DEPTH } from './runtime/output.ts';
import { equals, type Value } from './runtime/value.ts';

const program = (source: string) => {
  const compiled = compile([{ name: 'm.rego', source: `package a\n${source}` }], { entrypoints: ['a/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  return compiled.program;
};

const evaluate = (source: string, how: EvaluateOptions, input: Value = {}): Outcome =>
  instantiate(program(source)).evaluate('a/p', input, how);

const range = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

test.each([
  ['a loop', 'p if { some x in input.xs; x < 0 }', { xs: range(200) }],
  ['nested loops', 'p if { some x in input.xs; some y in input.xs; x + y < 0 }', { xs: range(20) }],
  ['calls', 'f(x) := x + 1\np := [y | some x in input.xs; y := f(x)]', { xs: range(99) }],
  ['numbers.range', 'p := numbers.range(1, 1000000)', {}],
  ['walk', 'p := count([1 | walk(input, _)])', { xs: range(200) }],
  ['graph.reachable', 'p := graph.reachable(input.g, ["a"])', { g: { a: range(200) } }],
  [
    'graph.reachable_paths, whose paths double with every layer',
    'p := graph.reachable_paths(input.g, ["0"])',
    { g: Object.fromEntries(range(40).map((n) => [String(n), [String(n + 1), `${String(n + 1)}x`]])) },
  ],
  ['a regular expression over a long text', 'p if regex.match("x(a|b)*c", input.text)', { text: 'ab'.repeat(5_000) }],
  ['a glob over a long text', 'p if glob.match("{a,b}*c", [], input.text)', { text: 'ab'.repeat(5_000) }],
  ['contains over a long text', 'p if contains(input.text, "x")', { text: 'ab'.repeat(5_000) }],
  ['a part of a long text', 'p := split(input.text, "x")[0]', { text: 'ab'.repeat(5_000) }],
  ['a long result', 'p := sprintf("%1000d%1000d", [1, 2])', {}],
  ['a sum over a long array', 'p := sum(input.xs)', { xs: range(5_000) }],
  ['a member of a long array', 'p if "x" in input.xs', { xs: range(5_000) }],
  [
    'object.keys of a large object',
    'p := object.keys(input.g)',
    { g: Object.fromEntries(range(5_000).map((n) => [n, n])) },
  ],
  ['a union of sets', 'p := union({{x | some x in input.xs}})', { xs: range(5_000) }],
  ['net.cidr_expand', 'p := net.cidr_expand("10.0.0.0/12")', {}],
])('a step budget ends %s', (_, source, input) => {
  expect(evaluate(source, { maxSteps: 100 }, input)).toEqual({
    kind: 'error',
    code: 'eval_cancel_error',
    message: 'the evaluation took more steps than it may',
  });
});

const levels = range(40);
const shared = (name: string): string =>
  [
    `${name}0 := [input.x]`,
    ...levels.map((n) => `${name}${String(n + 1)} := [${name}${String(n)}, ${name}${String(n)}]`),
  ].join('\n');

test.each([
  ['json.marshal', 'p := json.marshal(r40)'],
  ['json.marshal_with_options', 'p := json.marshal_with_options(r40, {"pretty": true})'],
  ['yaml.marshal', 'p := yaml.marshal(r40)'],
  ['sprintf', 'p := sprintf("%v", [r40])'],
  ['an equation', 'p if r40 == s40'],
  ['an order', 'p if r40 <= s40'],
  ['a sort', 'p := sort([r40, s40])'],
  ['a member', 'p if r40 in [s40]'],
  ['a set', 'p := count({r40, s40, 1, 2, 3, 4, 5, 6, 7, 8, 9})'],
  ['an object', 'p := count({r40: 1})'],
  ['a function whose results are kept', 'f(x) := y if { some y in x }\np := [f({r40}), f({s40})]'],
  ['object.subset', 'p if object.subset({"a": r40}, {"a": s40})'],
])('a step budget ends %s over values whose parts are shared, which double with every rule', (_, source) => {
  expect(evaluate(`${shared('r')}\n${shared('s')}\n${source}`, { maxSteps: 100_000 }, { x: 1 })).toMatchObject({
    kind: 'error',
    code: 'eval_cancel_error',
    message: 'the evaluation took more steps than it may',
  });
});

test('values outside of evaluations are compared without a bound', () => {
  const instance = instantiate(program('p := [input.x, input.x]'));
  expect(instance.evaluate('a/p', { x: 1 }, { maxSteps: 10 }).kind).toBe('value');
  expect(instance.evaluate('a/p', {}, { maxSteps: 0 }).kind).toBe('error');
  expect(equals(range(50_000), range(50_000))).toBe(true);
});

test('an evaluation within its steps has its value, and one step less ends it', () => {
  const source = 'p := count([x | some x in input.xs])';
  const input = { xs: range(50) };
  const budget = { remaining: 1_000 };
  expect(evaluate(source, { budget }, input)).toEqual({ kind: 'value', value: 50 });
  const used = 1_000 - budget.remaining;
  expect(used).toBeGreaterThanOrEqual(50);
  expect(evaluate(source, { maxSteps: used }, input).kind).toBe('value');
  expect(evaluate(source, { maxSteps: used - 1 }, input).kind).toBe('error');
});

test('evaluations that share a budget end when it has run out, and leave nothing below zero', () => {
  const instance = instantiate(program('p := count([x | some x in input.xs])'));
  const budget = { remaining: 2 * STEPS_PER_LOOK };
  const input = { xs: range(STEPS_PER_LOOK - 10) };
  expect(instance.evaluate('a/p', input, { budget }).kind).toBe('value');
  expect(instance.evaluate('a/p', input, { budget }).kind).toBe('value');
  expect(instance.evaluate('a/p', input, { budget })).toMatchObject({ code: 'eval_cancel_error' });
  expect(budget.remaining).toBe(0);
  expect(instance.evaluate('a/p', input, { budget })).toMatchObject({ code: 'eval_cancel_error' });
  expect(instance.evaluate('a/p', input).kind).toBe('value');
});

test('a time budget ends an evaluation', () => {
  let now = 0;
  const surroundings = { nowNs: () => 0n, elapsedMs: () => now++, randomBytes: (n: number) => new Uint8Array(n) };
  const runner = new Runner(
    program('p if { some x in input.xs; some y in input.xs; x + y < 0 }'),
    {},
    builtins,
    surroundings,
  );
  const input = { xs: range(1_000) };
  runner.run('a/p', input, { maxMs: 5 });
  expect(runner.failure).toMatchObject({
    code: 'eval_cancel_error',
    message: 'the evaluation took longer than it may',
  });
  runner.run('a/p', input, { maxMs: 1_000 });
  expect(runner.failure).toBeUndefined();
});

test.each([
  ['characters', 'p := input.text', { text: 'x'.repeat(101) }],
  ['members', 'p := [x | some x in input.xs]', { xs: range(100) }],
  ['what stands at several places', 'a := input.xs\nb := [a, a]\np := {"x": [b, b], "y": {b}}', { xs: range(30) }],
  ['keys', 'p := {k: 1 | some k in input.ks}', { ks: ['k'.repeat(60), 'l'.repeat(60)] }],
  ['keys that are no strings', 'p := {[k]: 1 | some k in input.ks}', { ks: ['k'.repeat(60), 'l'.repeat(60)] }],
])('an answer that is too large by its %s is none', (_, source, input) => {
  expect(evaluate(source, { maxOutput: 100 }, input)).toMatchObject({
    code: 'eval_cancel_error',
    message: 'the answer is larger than it may be',
  });
  expect(evaluate(source, { maxOutput: 1_000 }, input).kind).toBe('value');
});

const nested = (depth: number): Value => {
  let value: Value = [];
  for (let level = 1; level < depth; level++) value = level % 2 === 0 ? [value] : { x: value };
  return value;
};

test('an answer that is too deep is none', () => {
  expect(evaluate('p := input', {}, nested(DEFAULT_MAX_DEPTH)).kind).toBe('value');
  expect(evaluate('p := input', {}, nested(DEFAULT_MAX_DEPTH + 1))).toMatchObject({ code: 'eval_cancel_error' });
  expect(evaluate('p := input', { maxDepth: 3 }, nested(4))).toMatchObject({
    message: 'the answer is deeper than it may be',
  });
});

test.each([
  ['a set', 'p := count({input})'],
  ['an equation', 'p if input == input.x'],
  ['an equation of equal parts', 'p if input.a == input.b'],
  ['walk', 'p := count([1 | walk(input, _)])'],
  ['json.marshal', 'p := json.marshal(input)'],
  ['an order', 'p := sort([input.a, input.b])'],
])('input far too deep for the stack fails the evaluation in %s, not the process', (_, source) => {
  const input = { a: nested(200_000), b: nested(200_000), x: 1 };
  const outcome = evaluate(source, {}, input);
  if (outcome.kind === 'error') expect(outcome.code).toBe('eval_cancel_error');
  else expect(['value', 'undefined']).toContain(outcome.kind);
  expect(evaluate('p := 1', {}, input)).toEqual({ kind: 'value', value: 1 });
});

test('a chain of rules that is too deep for the stack fails the evaluation', () => {
  const rules = range(3_000).map((n) => `r${String(n)} := r${String(n + 1)} + 1`);
  const outcome = evaluate(`${rules.join('\n')}\nr3000 := input.x\np := r0`, {}, { x: 1 });
  if (outcome.kind === 'value') expect(outcome.value).toBe(3_001);
  else expect(outcome).toMatchObject({ kind: 'error', code: 'eval_cancel_error' });
});

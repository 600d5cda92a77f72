import { expect, test } from '@jest/globals';
import { compile } from './compile.ts';
import { instantiate } from './instantiate.ts';
import { parseJson, stringify, toJson } from './runtime/json.ts';
import type { Value } from './runtime/value.ts';

/** Places below keys that are no strings, and what replaces places; answers are those of OPA 1.22. */
const places: readonly (readonly [name: string, rules: string, expected: string])[] = [
  ['a default below a number', 'p[1] := 5\ndefault p[2] := 7\nr := p', '{"1":5,"2":7}'],
  ['a default deeper below a number', 'default p[4].y := 8\np[4].y := 9 if input.no\nr := p[4]', '{"y":8}'],
  ['a number that is written in another way', 'p[1] := 5\nr := [v | some k in [1.0, 1, "1"]; v := p[k]]', '[5]'],
  ['a number in a loop over a place', 'p[1] := 5\np.a := 6\nr := [[k, v] | some k, v in p]', '[[1,5],["a",6]]'],
  ['a boolean in a loop over places', 'p[true].x := 5\np.a.x := 6\nr := {k: v | v := p[k].x}', '{"a":6,"true":5}'],
  ['only what is asked for below a number', 'p[1] := 5\np[2] := 6\np[2] := 7\nr := data.fuzz.p[1]', '5'],
  ['a place of which a part is replaced', 'p[1] := 5\nr := x if { x := p with p.a as 6 }', '{"1":5,"a":6}'],
  ['a place that is replaced', 'p[1].q contains 2\nr := x if { x := p with p as {"q": 1} }', '{"q":1}'],
  ['a place below a place that is replaced', 'p.a.b := 1\nr := x if { x := p.a with p as {"a": {"z": 3}} }', '{"z":3}'],
  [
    'a place below a place that is replaced, in a loop',
    'p.a.b := 1\nr := x if { x := [v | some k in ["a"]; v := p[k]] with p as {"a": {"z": 3}} }',
    '[{"z":3}]',
  ],
  [
    'digits for an index of an array that stands in for a base document',
    'r := [x | some k in ["1", 1]; x := data.base.xs[k] with data.base.xs as [5, 6]]',
    '[6]',
  ],
  [
    'constant digits for an index of an array that stands in for a base document',
    'p := x if { x := data.base.xs["1"] with data.base.xs as [5, 6] }\nr := [1 | p]',
    '[]',
  ],
  ['digits for an index of an array in the base documents', 'r := data.base.xs["1"]', '8'],
];

const evaluate = (rules: string): string => {
  const compiled = compile([{ name: 'm.rego', source: `package fuzz\n${rules}\n` }], { entrypoints: ['fuzz/r'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
  const outcome = instantiate(compiled.program, { data: read('{"base": {"xs": [7, 8]}}') }).evaluate('fuzz/r', {});
  if (outcome.kind === 'error') return outcome.code;
  return outcome.kind === 'undefined' ? 'undefined' : stringify(toJson(outcome.value));
};

const read = (text: string): Value => {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
};

test.each(places)('%s', (_, rules, expected) => {
  expect(evaluate(rules)).toBe(expected);
});

/** OPA goes on behind the first success of what it negates; answers are those of OPA 1.22. */
const negations: readonly (readonly [name: string, rules: string, expected: string])[] = [
  [
    'a conflict behind the first success counts',
    'f(x) := x\nf(x) := 0 if x > 1\nr if not { some x in [1, 2]; f(x) == 1 }',
    'eval_conflict_error',
  ],
  [
    'a conflict behind the first success counts in a document that a function asks for',
    'p := x if some x in [1, 2]\nf(x) if { x == 1 }\nf(x) if { x > 1; p }\nr if not { some x in [1, 2]; f(x) }',
    'eval_conflict_error',
  ],
  [
    'a failed built-in behind the first success does not',
    'r := 1 if not { some x in ["1", "a"]; to_number(x) }',
    'undefined',
  ],
];

test.each(negations)('in a negation %s', (_, rules, expected) => {
  expect(evaluate(`import future.keywords.not\n${rules}`)).toBe(expected);
});

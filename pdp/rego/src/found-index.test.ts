import { expect, test } from '@jest/globals';
import { compile } from './compile.ts';
import { instantiate } from './instantiate.ts';
import { parseJson, stringify, toJson } from './runtime/json.ts';
import type { Value } from './runtime/value.ts';

/**
 * OPA evaluates only the rules that its index admits, so that what goes wrong in the others does not happen. All bodies
 * fail in a built-in before they come to what the index asks; answers are those of OPA 1.22 with strict errors.
 */
const rows: readonly (readonly [name: string, rules: string, input: string, expected: string])[] = [
  ['a ref that is compared with another value', 'p if { to_number("x"); input.a == 1 }', '{"a": 2}', '{}'],
  ['a ref that is compared with that value', 'p if { to_number("x"); input.a == 1 }', '{"a": 1}', 'eval_builtin_error'],
  ['a ref that is missing', 'p if { to_number("x"); input.a }', '{}', '{}'],
  ['a ref that is there, though false', 'p if { to_number("x"); input.a }', '{"a": false}', 'eval_builtin_error'],
  ['a ref that a head needs', 'p := input.a if to_number("x")', '{}', '{}'],
  ['a start that does not fit', 'p if { to_number("x"); startswith(input.a, "/b") }', '{"a": "/a"}', '{}'],
  [
    'a start of a member that fits',
    'p if { to_number("x"); startswith(input.a, "/b") }',
    '{"a": ["/b/c"]}',
    'eval_builtin_error',
  ],
  ['an end that does not fit', 'p if { to_number("x"); endswith(input.a, ".go") }', '{"a": "x.ts"}', '{}'],
  [
    'one of several starts',
    'p if { to_number("x"); strings.any_prefix_match(input.a, ["/a", "/b"]) }',
    '{"a": "/c"}',
    '{}',
  ],
  ['a glob of whole parts', 'p if { to_number("x"); glob.match("a:*", [":"], input.a) }', '{"a": "b:c"}', '{}'],
  [
    'a glob of whole parts that fits',
    'p if { to_number("x"); glob.match("a:*", [":"], input.a) }',
    '{"a": "a:c"}',
    'eval_builtin_error',
  ],
  [
    'a glob that the index does not know',
    'p if { to_number("x"); glob.match("{a,b}", [":"], input.a) }',
    '{"a": "c"}',
    'eval_builtin_error',
  ],
  ['a value among constants', 'p if { to_number("x"); input.a in {"b", "c"} }', '{"a": "d"}', '{}'],
  ['a constant in a collection', 'p if { to_number("x"); "b" in input.a }', '{"a": ["c"]}', '{}'],
  ['a constant in a collection through a wildcard', 'p if { to_number("x"); input.a[_] == "b" }', '{"a": ["c"]}', '{}'],
  ['a ref behind a local', 'p if { to_number("x"); y := input.a; y == 1 }', '{"a": 2}', '{}'],
  ['a ref below a local', 'p if { y := input; to_number("x"); y.a == 1 }', '{"a": 2}', '{}'],
  ['an array with a part that differs', 'p if { to_number("x"); input.a = [1, y]; y > 0 }', '{"a": [2, 3]}', '{}'],
  [
    'an array that fits as far as the index looks',
    'p if { to_number("x"); input.a == [1, [2]] }',
    '{"a": [1, 3]}',
    'eval_builtin_error',
  ],
  ['an argument of a function', 'p := f("b")\nf(x) := 1 if { to_number("x"); x == "a" }', '{}', '{}'],
  ['alternatives', 'p if { to_number("x"); { input.a == 1 } or { input.a == 2 } }', '{"a": 3}', '{}'],
  [
    'alternatives of which one cannot be asked',
    'p if { to_number("x"); { input.a == 1 } or { input.b != 2 } }',
    '{"a": 3, "b": 2}',
    'eval_builtin_error',
  ],
  ['a conjunction', 'p if { to_number("x"); { input.a == 1 } and { input.b == 2 } }', '{"a": 1, "b": 3}', '{}'],
  [
    'a negation, which the index does not know',
    'p if { to_number("x"); not input.a }',
    '{"a": 1}',
    'eval_builtin_error',
  ],
  [
    'a key of a base document',
    'p := 1 if { to_number("x"); data.base.roles[input.user] }\np := 2 if input.z',
    '{"user": "nobody"}',
    '{}',
  ],
  [
    'a key of a base document where all rules agree',
    'p if { to_number("x"); data.base.roles[input.user] }',
    '{"user": "nobody"}',
    'eval_builtin_error',
  ],
  ['a member that may be the value itself', 'p if input.a in {input.a, -1}', '{"a": 1}', '{}'],
  ['an else', 'p := 1 if input.z\nelse := 2 if { to_number("x"); input.a == 1 }', '{"a": 2}', '{}'],
  [
    'another rule of the same value behind one that holds',
    'p if input.a == 1\np if to_number("x")',
    '{"a": 1}',
    '{"p":true}',
  ],
  [
    'another rule of the same value, if the odd one is left out',
    'p := 2 if input.z\np if input.a == 1\np if to_number("x")',
    '{"a": 1}',
    '{"p":true}',
  ],
  [
    'another rule of the same value, if the odd one is not left out',
    'p := 2 if not input.a\np if input.a == 1\np if to_number("x")',
    '{"a": 1}',
    'eval_builtin_error',
  ],
  [
    'a conflict in a rule that is left out',
    'p if { q; input.a == 1 }\nq := 1\nq := 2 if true',
    '{"a": 2}',
    'eval_conflict_error',
  ],
];

const read = (text: string): Value => {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
};

test.each(rows)('the index and %s', (_, rules, input, expected) => {
  const compiled = compile([{ name: 'm.rego', source: `package fuzz\nimport rego.v2\n${rules}\n` }], {
    entrypoints: ['fuzz'],
  });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
  const data = read('{"base": {"roles": {"ann": []}}}');
  const outcome = instantiate(compiled.program, { data }).evaluate('fuzz', read(input), { strictBuiltinErrors: true });
  if (outcome.kind === 'undefined') throw new Error('a package has a value');
  expect(outcome.kind === 'error' ? outcome.code : stringify(toJson(outcome.value))).toBe(expected);
});

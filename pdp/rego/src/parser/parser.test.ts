import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { Expr, Module, Rule, Term } from '../ast.ts';
import { printBody, printTerm } from '../print.ts';
import { parseModule, parseQuery, parseTerm } from './index.ts';
import { MAX_NESTING } from '../limits.ts';

const moduleOf = (source: string, version: 'v0' | 'v1' = 'v1'): Module => {
  const { module, diagnostics } = parseModule(source, 'policy.rego', version);
  if (module === undefined) throw new Error(JSON.stringify(diagnostics));
  return module;
};

const ruleOf = (text: string, version: 'v0' | 'v1' = 'v1'): Rule => {
  const [rule] = moduleOf(`package demo\n${text}`, version).rules;
  if (rule === undefined) throw new Error('no rule');
  return rule;
};

const problemsOf = (source: string, version: 'v0' | 'v1' = 'v1'): string[] =>
  parseModule(source, 'policy.rego', version).diagnostics.map(
    ({ code, message, location: { row, col } }) => `${row}:${col} ${code}: ${message}`,
  );

const termOf = (source: string): Term => {
  const { term, diagnostics } = parseTerm(source, 'term.rego');
  if (term === undefined) throw new Error(JSON.stringify(diagnostics));
  return term;
};

test.each([
  ['products bind tighter than sums', 'a + b * c', 'plus(a, mul(b, c))'],
  ['sums associate to the left', 'a - b - c', 'minus(minus(a, b), c)'],
  ['intersections bind tighter than unions', 'a | b & c', 'or(a, and(b, c))'],
  ['comparisons bind weaker than unions', 'a | b == c', 'equal(or(a, b), c)'],
  ['membership binds weakest', 'a + 1 in xs', 'internal.member_2(plus(a, 1), xs)'],
  ['membership may name the key', 'k, v in xs', 'internal.member_3(k, v, xs)'],
  ['parentheses group', '(a + b) * c', 'mul(plus(a, b), c)'],
  ['a minus before a name subtracts from zero', '-a.b', 'minus(0, a.b)'],
  ['a minus before digits belongs to the number', '-1', '-1'],
])('%s: %s', (_name, source, expected) => {
  expect(printTerm(termOf(source))).toBe(expected);
});

test.each([
  ['numbers keep their text', '1.50', { kind: 'number', text: '1.50' }],
  ['exponents keep their text', '1e2', { kind: 'number', text: '1e2' }],
  ['escapes are resolved', String.raw`"a\n\u0041"`, { kind: 'string', value: 'a\nA' }],
  ['halves of surrogate pairs are replaced', String.raw`"\ud800"`, { kind: 'string', value: '\ufffd' }],
  ['raw strings are taken as written', '`a\\n`', { kind: 'string', value: 'a\\n' }],
  ['empty braces are an object', '{}', { kind: 'object', entries: [] }],
  ['set() is the empty set', 'set()', { kind: 'set', items: [] }],
  ['input alone is a reference', 'input', { kind: 'ref', path: [] }],
])('%s: %s', (_name, source, expected) => {
  expect(termOf(source)).toMatchObject(expected);
});

test.each([
  ['an array comprehension', '[x | x := 1]', 'array-comprehension'],
  ['a set comprehension', '{x | x := 1}', 'set-comprehension'],
  ['an object comprehension', '{x: y | x := 1; y := 2}', 'object-comprehension'],
  ['a set with a union in it', '{1, a | b}', 'set'],
  ['a call', 'f(1, 2)', 'call'],
  ['a reference into a call', 'f(1).x', 'ref'],
  ['a template string', '$"a {x} b"', 'template-string'],
])('%s is recognized', (_name, source, kind) => {
  expect(termOf(source).kind).toBe(kind);
});

test.each([
  ['a complete rule', 'p := 1', 'v1', 'complete'],
  ['a rule that is true', 'p if input.x', 'v1', 'complete'],
  ['a set rule', 'p contains x if x := 1', 'v1', 'set'],
  ['an object rule', 'p[x] := 1 if x := input.x', 'v1', 'object'],
  ['a general reference', 'p[x].q contains y if { x := 1; y := 2 }', 'v1', 'set'],
  ['a constant reference', 'p.q.r := 1', 'v1', 'complete'],
  ['a function', 'f(x) := x', 'v1', 'function'],
  ['a function without arguments is no function', 'f() := 1', 'v1', 'complete'],
  ['a v0 set', 'p[x] { x := 1 }', 'v0', 'set'],
  ['a v0 object', 'p[x] = y { x := 1; y := 2 }', 'v0', 'object'],
  ['a v0 set written with a dot', 'p.q { true }', 'v0', 'set'],
  ['a v0 rule with if', 'import future.keywords.if\np[x] if { x := 1 }', 'v0', 'object'],
] as const)('%s: %s', (_name, text, version, kind) => {
  expect(ruleOf(text, version).head.rule).toBe(kind);
});

test('bodies that follow each other are rules of their own', () => {
  const { rules } = moduleOf('package demo\np { input.a } { input.b }', 'v0');
  expect(rules.map(({ body }) => printBody(body))).toEqual(['input.a', 'input.b']);
});

test('else branches form a chain', () => {
  const rule = ruleOf('p := 1 if input.a\nelse := 2 if input.b\nelse := 3');
  expect([rule.head.value, rule.else?.head.value, rule.else?.else?.head.value].map((v) => v && printTerm(v))).toEqual([
    '1',
    '2',
    '3',
  ]);
});

test('every wildcard is another variable', () => {
  const [first] = ruleOf('p if input[_][_]').body;
  const term = (first as Expr).term;
  const names = term.kind === 'ref' ? term.path.slice(0).map((part) => (part.kind === 'var' ? part.name : '')) : [];
  expect(new Set(names).size).toBe(2);
});

test.each([
  ['rego.v1 turns the keywords of v1 on', 'package a\nimport rego.v1\np if true', 'v1', false],
  ['rego.v2 improves not', 'package a\nimport rego.v2\np if not input.x', 'v1', true],
  ['future.keywords.if leaves v0 what it is', 'package a\nimport future.keywords.if\np if true', 'v0', false],
] as const)('%s', (_name, source, regoVersion, improvedNot) => {
  expect(moduleOf(source, 'v0')).toMatchObject({ regoVersion, improvedNot });
});

test('improved not is a body, also without braces', () => {
  const [expr] = ruleOf('import rego.v2\np if not f(input.x)').body;
  expect(expr).toMatchObject({ negated: false, term: { kind: 'not-body', implicit: true } });
});

test('and binds tighter than or', () => {
  const [expr] = ruleOf('import rego.v2\np if input.a or input.b and input.c').body;
  expect(expr?.term).toMatchObject({ kind: 'or', right: [{ term: { kind: 'and' } }] });
});

test('keywords may name parts of references', () => {
  expect(printTerm(termOf('input.if.not["in"]'))).toBe('input.if.not.in');
});

test('a position counts rows and characters, and indexes the source', () => {
  const source = 'package demo\n\np := "😀" if {\n  😀\n}\n';
  const [diagnostic] = parseModule(source, 'policy.rego', 'v1').diagnostics;
  expect(diagnostic?.location).toMatchObject({ file: 'policy.rego', row: 4, col: 3 });
  const rule = ruleOf('p := input.list[3]');
  const value = rule.head.value;
  expect(value && 'package demo\np := input.list[3]'.slice(value.location.start, value.location.end)).toBe(
    'input.list[3]',
  );
});

test.each([
  ['no package', 'p := 1', '1:1 rego_parse_error: package expected'],
  ['no text', '', '0:0 rego_parse_error: empty module'],
  ['a v0 body in v1', 'package a\np { true }', '2:1 rego_parse_error: `if` keyword is required before rule body'],
  ['an empty body', 'package a\np := [x | ]', '2:11 rego_parse_error: found empty body'],
  ['an open string', 'package a\np := "x', '2:6 rego_parse_error: non-terminated string'],
  ['an unknown escape', 'package a\np := "\\q"', '2:6 rego_parse_error: illegal escape sequence'],
  ['a null character', 'package a\np := \0', '2:6 rego_parse_error: illegal null character'],
  ['a keyword as a name', 'package a\nevery := 1', '2:1 rego_parse_error: every keyword cannot be used for rule name'],
  ['a number that no evaluation could hold', 'package a\np := 1e99999', '2:6 rego_parse_error: number too big'],
  [
    'a leading zero',
    'package a\np := 01',
    '2:6 rego_parse_error: unexpected number token: expected number without leading zero',
  ],
  [
    'a default without a value',
    'package a\ndefault p.q',
    '2:1 rego_parse_error: illegal default rule (must have a value)',
  ],
  [
    'a default that depends on input',
    'package a\ndefault p := input.x',
    '2:1 rego_parse_error: illegal default rule (value cannot contain ref)',
  ],
  [
    'an import of nothing known',
    'package a\nimport foo.bar',
    '2:8 rego_parse_error: unexpected import path, must begin with one of: {data, future, input, rego}, got: foo (hint: if this is unexpected, try updating OPA)',
  ],
  [
    'else on a set',
    'package a\np contains 1 if true else := 2',
    '2:22 rego_parse_error: else keyword cannot be used on multi-value rules',
  ],
])('%s is an error', (_name, source, expected) => {
  expect(problemsOf(source)[0]).toBe(expected);
});

test('a missing import is hinted at', () => {
  expect(problemsOf('package a\np { some x in input.xs }', 'v0')[0]).toContain('import future.keywords.in');
});

test.each([
  ['brackets', '['],
  ['parentheses', '('],
  ['braces', '{'],
  ['comprehensions', '[x | '],
  ['objects', '{"a": '],
  ['calls', 'f('],
])('%s that nest without end are refused, not followed', (_name, open) => {
  const problems = problemsOf(`package a\np := ${open.repeat(20 * MAX_NESTING)}`);
  expect(problems.join()).toContain(`nested more than ${MAX_NESTING} levels deep`);
});

test('nesting just below the bound is accepted', () => {
  const depth = Math.floor(MAX_NESTING / 4);
  expect(problemsOf(`package a\np := ${'['.repeat(depth)}${']'.repeat(depth)}`)).toEqual([]);
});

test('operators without end are refused', () => {
  expect(problemsOf(`package a\np := 1${' + 1'.repeat(2 * MAX_NESTING)}`).join()).toContain('too many operators');
});

test('a query is a body', () => {
  const { body } = parseQuery('x := input.x; not x', 'query.rego');
  expect(body?.map(({ negated }) => negated)).toEqual([false, true]);
});

test('terms survive being printed and read again', () => {
  const leaf = fc.oneof(
    fc.constantFrom('null', 'true', 'input', 'x', 'data.a.b', 'input["a b"][y]'),
    fc.integer().map(String),
    fc.string().map((text) => JSON.stringify(text.toWellFormed().replaceAll('\0', ''))),
  );
  const { term } = fc.letrec<{ term: string }>((tie) => ({
    term: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('term'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      fc.array(tie('term'), { maxLength: 3, minLength: 1 }).map((items) => `{${items.join(', ')}}`),
      fc.tuple(tie('term'), tie('term')).map(([key, value]) => `{${key}: ${value}}`),
      fc.tuple(tie('term'), tie('term')).map(([a, b]) => `f(${a}, ${b})`),
      fc.tuple(leaf, tie('term')).map(([head, body]) => `[${head} | ${body}]`),
    ),
  }));
  fc.assert(
    fc.property(term, (source) => {
      const printed = printTerm(termOf(source));
      expect(printTerm(termOf(printed))).toBe(printed);
    }),
  );
});

test('no soup of tokens makes the parser throw or hang', () => {
  const word = fc.constantFrom(
    ...'package import default else not some every with as in if contains and or null true false data input set'.split(
      ' ',
    ),
    ...['x', '_', '1', '-', '.', ',', ':', ';', ':=', '=', '==', '|', '&', '+', '{', '}', '[', ']', '(', ')'],
    ...['"s"', '`r`', '$"t{', '}"', '#c\n', '\n', ' ', '"', '$', '!', '\ud800', '\u00a0', 'rego.v2', 'future.keywords'],
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), fc.constantFrom('v0' as const, 'v1' as const), (words, version) => {
      const source = `package a\nimport rego.v2\n${words.join(' ')}`;
      const { module, diagnostics } = parseModule(source, 'soup.rego', version);
      expect(module === undefined).toBe(diagnostics.length > 0);
    }),
    { numRuns: 2000 },
  );
});

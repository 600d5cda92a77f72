import { expect, test } from '@jest/globals';
import { Writer } from './codegen/writer.ts';
import { checkModules, compile } from './compile.ts';
import { instantiate } from './instantiate.ts';
import {
  MAX_CODE_LENGTH,
  MAX_DEPENDENCIES,
  MAX_ELSES,
  MAX_LISTED,
  MAX_LITERALS,
  MAX_NESTING,
  MAX_REF_PARTS,
  MAX_SOURCE_LENGTH,
} from './limits.ts';
import { MAX_TYPE_SIZE } from './types/bounded.ts';

const problemsOf = (source: string): readonly string[] =>
  checkModules([{ name: 'm.rego', source: `package a\n${source}` }]).map(({ code, message }) => `${code}: ${message}`);

const lines = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join('\n');

const nested = (depth: number): string => `p := ${'['.repeat(depth)}${']'.repeat(depth)}`;
const ref = (parts: number): string => `p := input${'[_]'.repeat(parts)}`;
const elses = (count: number): string => `p := 0 if input.a ${lines(count, (n) => `else := ${n} if input.b`)}`;
const literals = (count: number): string => `p if {\n${lines(count, () => 'true')}\n}`;

test.each([
  ['nests', nested, MAX_NESTING, 100],
  ['has a long reference', ref, MAX_REF_PARTS, 0],
  ['has many elses', elses, MAX_ELSES, 0],
  ['has a long body', literals, MAX_LITERALS, 0],
])('a policy that %s is refused beyond the bound, and not before', (_, make, bound, slack) => {
  expect(problemsOf(make(bound - slack))).toEqual([]);
  expect(problemsOf(make(bound + 1)).join('\n')).toMatch(new RegExp(`\\b${bound}\\b`));
});

test('modules are refused that are too long together', () => {
  const half = `# ${'x'.repeat(MAX_SOURCE_LENGTH / 2)}\n`;
  const module = (name: string) => ({ name, source: `package a\n${half}p := 1` });
  expect(checkModules([module('one.rego')])).toEqual([]);
  expect(checkModules([module('one.rego'), module('two.rego')])).toMatchObject([
    { code: 'rego_parse_error', location: { file: 'two.rego' } },
  ]);
});

test('rules that may all use each other are refused when there are too many pairs', () => {
  const count = Math.ceil(Math.sqrt(MAX_DEPENDENCIES)) + 1;
  expect(problemsOf(lines(count, (n) => `r${n} := data.a[input.x]`))).toEqual([
    'rego_compile_error: the policy is too large: its rules use each other in too many ways',
  ]);
});

test('code that grows beyond the bound is not written to its end', () => {
  const writer = new Writer();
  const line = 'x'.repeat(2 ** 20);
  expect(() => {
    for (let length = 0; length <= 2 * MAX_CODE_LENGTH; length += line.length) writer.line(line);
  }).toThrow('too large');
});

test('a long cycle is named in part, and so are many', () => {
  const count = 3 * MAX_LISTED;
  const problems = problemsOf(lines(count, (n) => `r${n} if r${(n + 1) % count}`));
  expect(problems).toHaveLength(MAX_LISTED);
  expect(problems[0]).toMatch(/^rego_recursion_error: rule data\.a\.r0 is recursive: data\.a\.r0 -> .* -> …$/);
});

test('of many rules in conflict with one some are named', () => {
  const [problem = ''] = problemsOf(`p := 1\n${lines(5 * MAX_LISTED, (n) => `p.q${n} := 1`)}`);
  expect(problem.split('\n')).toHaveLength(MAX_LISTED + 1);
});

test.each([
  ['rules', 'x0 := input.y\n' + lines(60, (n) => `x${n + 1} := {"a": x${n}, "b": x${n}}`)],
  [
    'variables',
    `p if {\nx0 := {"z": input.z}\n${lines(60, (n) => `x${n + 1} := {"a": x${n}, "b": [x${n}]}`)}\nx60.c\n}`,
  ],
])('types that double with every line are checked up to a size: %s', (_, source) => {
  expect(2 ** 60).toBeGreaterThan(MAX_TYPE_SIZE);
  expect(problemsOf(source).every((problem) => problem.length < 10_000)).toBe(true);
});

test.each([
  ['literals in the opposite order of evaluation', `p if {\n${lines(800, (n) => `x${n} = x${n + 1}`)}\nx800 = 1\n}`],
  ['closures that wait for each other', `p if {\n${lines(300, (n) => `x${n} = [y | y = x${n + 1}]`)}\nx300 = 1\n}`],
  ['comprehensions inside of each other', `p := ${'{y | y := '.repeat(60)}{1}${'[_]}'.repeat(60)}`],
  ['many loops inside of each other', `p if { ${lines(300, () => 'input[_]')} }`],
])('a policy compiles and loads that is hard on the compiler: %s', (_, source) => {
  const compiled = compile([{ name: 'm.rego', source: `package a\n${source}` }], { entrypoints: ['a/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
  expect(instantiate(compiled.program).evaluate('a/p', {}).kind).not.toBe('error');
});

test('what fills the stack of the compiler is refused', () => {
  const compiled = compile([{ name: 'm.rego', source: `package a\np if {\n${lines(5_000, () => 'input[_]')}\n}` }], {
    entrypoints: ['a/p'],
  });
  expect(compiled).toMatchObject({ ok: false, diagnostics: [{ code: 'rego_compile_error' }] });
});

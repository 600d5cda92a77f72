import { expect, test } from '@jest/globals';
import { compile, instantiate, type Outcome, type Value } from './index.ts';
import { stringify } from './runtime/json.ts';

interface Circumstances {
  readonly data?: Value;
  readonly name?: string;
  readonly entrypoints?: readonly string[];
}

const load = (source: string, { data = {}, name = 'm.rego', entrypoints = ['a/p'] }: Circumstances = {}) => {
  const compiled = compile([{ name, source }], { entrypoints });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  return instantiate(compiled.program, { data });
};

const textOf = (outcome: Outcome): string => (outcome.kind === 'value' ? stringify(outcome.value) : outcome.kind);

const freeze = (value: Value): Value => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
};

test.each([
  ...['arguments', 'async', 'await', 'break', 'class', 'const', 'constructor', 'debugger', 'delete', 'enum', 'eval'],
  ...['function', 'globalThis', 'instanceof', 'let', 'new', 'process', 'prototype', 'require', 'return', 'static'],
  ...[
    'super',
    'switch',
    'this',
    'throw',
    'typeof',
    'undefined',
    'var',
    'void',
    'while',
    'yield',
    '__proto__',
    '__dirname',
  ],
  ...[
    'rt',
    'C',
    'I',
    'D',
    'E',
    'S',
    'M',
    'U',
    'd0',
    'f0',
    'g0',
    'm0',
    't0',
    'stop',
    'end',
    'sites',
    'entrypoints',
    'conflict',
  ],
])('%s names packages, rules, functions, arguments and variables like any other word', (word) => {
  const source = `package a.${word}
import data.a.${word} as alias
${word}(x) := [x | x > 0]
p := {"${word}": out} if { some ${word} in input.xs; out := [${word}, alias.f(${word}), input.${word}] }
f(${word}) := y if { y := ${word} + 1 }`;
  const entry = `a/${word}/p`;
  const outcome = load(source, { entrypoints: [entry] }).evaluate(entry, JSON.parse(`{"xs":[1],"${word}":7}`));
  expect(textOf(outcome)).toBe(`{"${word}":[1,2,7]}`);
});

const wouldBeCode = [
  `'); throw 1; ('`,
  '`${process.exit(1)}`',
  '*/ throw 1; /*',
  '\n throw 1',
  '\u2028throw 1',
  '"',
  '\\',
];

test.each(wouldBeCode)('a file called %j is named in errors, and runs nowhere', (name) => {
  const outcome = load('package a\np := 1 if input.x\np := 2 if input.x', { name }).evaluate('a/p', { x: true });
  expect(outcome).toMatchObject({ kind: 'error', code: 'eval_conflict_error', location: { file: name } });
});

test.each(wouldBeCode)('an entry point called %j is a name, and runs nowhere', (name) => {
  const entry = `a/${name}`;
  const compiled = compile([{ name: 'm.rego', source: 'package a\np := 1' }], { entrypoints: ['a/p', entry] });
  if (!compiled.ok) throw new Error('refused');
  const instance = instantiate(compiled.program);
  expect(instance.evaluate(entry, {})).toEqual({ kind: 'undefined' });
  expect(instance.evaluate('a/p', {})).toEqual({ kind: 'value', value: 1 });
});

test.each(['__proto__', 'constructor', 'toString', 'size', 'get'])('%s is no entry point unless it is one', (name) => {
  expect(load('package a\np := 1').evaluate(name, {})).toMatchObject({ kind: 'error', code: 'eval_internal_error' });
});

test.each([
  'object.union({"a": 1}, input.evil)',
  'object.union_n([{}, input.evil, {"a": {}}])',
  'json.unmarshal(input.text)',
  'json.unmarshal(json.marshal(input.evil))',
  'yaml.unmarshal(input.text)',
  'yaml.unmarshal(yaml.marshal(input.evil))',
  'json.patch({}, [{"op": "add", "path": "/__proto__", "value": input.evil.__proto__}])',
  'object.filter(input.evil, ["__proto__"])',
  'object.remove(input.evil, ["constructor"])',
  'json.filter(input.evil, ["__proto__/polluted"])',
  'json.remove(input.evil, ["constructor"])',
  '{k: v | some k, v in input.evil}',
  'data.evil',
  'x if { x := input.evil with input.evil.__proto__.polluted as true }',
  'urlquery.decode_object("__proto__=polluted&constructor=1")',
])('%s changes no prototype, and keeps the member', (expression) => {
  const evil = '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}';
  const input = JSON.parse(`{"evil": ${evil}}`) as object;
  const instance = load(`package a\np := ${expression}`, { data: JSON.parse(`{"evil": ${evil}}`) });
  const before = Object.getOwnPropertyNames(Object.prototype);
  const outcome = instance.evaluate('a/p', { ...input, text: evil });
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  expect(Object.getOwnPropertyNames(Function.prototype)).not.toContain('polluted');
  expect(({} as { readonly polluted?: unknown }).polluted).toBeUndefined();
  if (outcome.kind !== 'value') throw new Error(JSON.stringify(outcome));
  expect(Object.keys(outcome.value as object)).toContain('__proto__');
});

test('input and data are read, never changed', () => {
  const source = `package a
p := [
	object.union(input.o, data.o),
	json.patch(input.o, [{"op": "replace", "path": "/x/y", "value": 5}]),
	array.concat(input.xs, data.xs),
	sort(input.xs),
	{x | some x in input.xs},
	replaced,
]
replaced := x if x := [input, data.o] with input.o.x as 7 with data.o.x as 8`;
  const json = '{"o":{"x":{"y":[1,{"z":2}]}},"xs":[3,1,2]}';
  const input = freeze(JSON.parse(json));
  const data = freeze(JSON.parse(json));
  expect(load(source, { data }).evaluate('a/p', input).kind).toBe('value');
  expect([JSON.stringify(input), JSON.stringify(data)]).toEqual([json, json]);
});

test.each([
  ['arrays', `p := ${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['parentheses', `p := ${'('.repeat(100_000)}1${')'.repeat(100_000)}`],
  ['comprehensions', `p := ${'[x | x := '.repeat(20_000)}1${']'.repeat(20_000)}`],
  ['calls', `p := ${'abs('.repeat(100_000)}1${')'.repeat(100_000)}`],
  ['references', `p := input${'[input'.repeat(50_000)}${']'.repeat(50_000)}`],
  ['every', `p if { ${'every x in [1] { '.repeat(20_000)}true${' }'.repeat(20_000)} }`],
])('%s nested far too deep are refused with a place, and break nothing', (_, rule) => {
  const compiled = compile([{ name: 'm.rego', source: `package a\n${rule}` }], { entrypoints: ['a/p'] });
  if (compiled.ok) throw new Error('accepted');
  expect(compiled.diagnostics[0]).toMatchObject({ code: 'rego_parse_error', location: { file: 'm.rego', row: 2 } });
  expect(load('package a\np := 1').evaluate('a/p', {})).toEqual({ kind: 'value', value: 1 });
});

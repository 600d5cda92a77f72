import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, instantiate, type Outcome, type Value } from '../index.ts';
import { stringify } from '../runtime/json.ts';
import { numberFromText } from '../runtime/number.ts';

const load = (source: string) => {
  const compiled = compile([{ name: 'm.rego', source: `package a\n${source}` }], { entrypoints: ['a/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  return { code: compiled.program.code, instance: instantiate(compiled.program) };
};

const show = (outcome: Outcome): string =>
  outcome.kind === 'value' ? stringify(outcome.value) : outcome.kind === 'error' ? outcome.code : 'undefined';

const answer = (source: string, input: Value): string => show(load(source).instance.evaluate('a/p', input));

describe('comprehensions that are only counted', () => {
  test.each<[string, string, Value, string]>([
    ['an array counts every turn', 'p := count([x | some x in input.xs])', { xs: [1, 1, 2] }, '3'],
    ['a set counts equal members once', 'p := count({x | some x in input.xs})', { xs: [1, 1, 2] }, '2'],
    [
      'a set counts what is written differently once',
      'p := count({x | some x in input.xs})',
      { xs: [1, numberFromText('1.0')] },
      '1',
    ],
    [
      'a set of a set counts all',
      's := {x | some x in input.xs}\np := count({x | some x in s; x > 1})',
      { xs: [1, 2, 2, 3] },
      '2',
    ],
    ['a set of keys counts all', 'p := count({k | some k, _ in input.o})', { o: { a: 1, b: 1 } }, '2'],
    ['a set of values counts equal ones once', 'p := count({v | some _, v in input.o})', { o: { a: 1, b: 1 } }, '1'],
    ['an object counts its keys', 'p := count({k: v | some k, v in input.o})', { o: { a: 1, b: 1 } }, '2'],
    ['nothing is none', 'p := count({x | some x in input.xs})', {}, '0'],
    [
      'each turn of a loop counts anew',
      'p := [n | some y in input.xs; n := count({x | some x in input.xs; x >= y})]',
      { xs: [1, 2, 2] },
      '[2,1,1]',
    ],
    [
      'what is used otherwise, too, is there',
      'p := [n, s] if { s := {x | some x in input.xs}; n := count(s) }',
      { xs: [2, 2, 1] },
      '[2,[1,2]]',
    ],
    [
      'a replaced count is called',
      'f(_) := "other"\nq := count({x | some x in input.xs})\np := x if x := q with count as f',
      { xs: [1] },
      '"other"',
    ],
  ])('%s', (_name, source, input, expected) => {
    expect(answer(source, input)).toBe(expected);
  });
});

describe('one part of a split text', () => {
  test.each<[string, Value, string]>([
    ['split(input.t, ":")[0]', { t: 'a:b:c' }, '"a"'],
    ['split(input.t, ":")[1]', { t: 'a:b:c' }, '"b"'],
    ['split(input.t, ":")[2]', { t: 'a:b:c' }, '"c"'],
    ['split(input.t, ":")[3]', { t: 'a:b:c' }, 'undefined'],
    ['split(input.t, "::")[1]', { t: 'a::b' }, '"b"'],
    ['split(input.t, ":")[0]', { t: '' }, '""'],
    ['split(input.t, ":")[1]', { t: 'a:' }, '""'],
    ['split(input.t, ":")[0]', { t: 1 }, 'undefined'],
    ['split(input.t, "")[1]', { t: 'a😀c' }, '"😀"'],
    ['split(input.t, ":")[input.i]', { t: 'a:b', i: 1 }, '"b"'],
  ])('%s of %j is %s', (term, input, expected) => {
    expect(answer(`p := ${term}`, input)).toBe(expected);
  });

  test('is that of the whole list', () => {
    const { code, instance } = load('p := [[y | y := split(x, "/")[1]] | some x in input.xs]');
    expect(code).toContain('splitPart(');
    const whole = load('p := [[y | s := split(x, "/"); count(s) > 0; y := s[1]] | some x in input.xs]');
    expect(whole.code).not.toContain('splitPart(');
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', '/', 'é'), maxLength: 6 })), (xs) => {
        expect(instance.evaluate('a/p', { xs })).toEqual(whole.instance.evaluate('a/p', { xs }));
      }),
    );
  });

  test('a text that is none is a failure of split under strict errors', () => {
    const { instance } = load('p := split(input.t, ":")[0]');
    expect(instance.evaluate('a/p', { t: 1 }, { strictBuiltinErrors: true })).toMatchObject({
      kind: 'error',
      code: 'eval_type_error',
      message: 'split: operand 1 must be string but got number',
    });
    expect(instance.evaluate('a/p', { t: 'a' }, { strictBuiltinErrors: true }).kind).toBe('value');
  });
});

describe('sums in place', () => {
  test.each<[string, readonly Value[], string]>([
    ['+', [9007199254740991, 1], '9007199254740992'],
    ['-', [-9007199254740991, 2], '-9007199254740993'],
    ['*', [94906267, 94906267], '9007199515875289'],
    ['*', [-1, 0], '0'],
    ['+', [0.1, 0.2], '0.3'],
    ['+', [1, numberFromText('1.0')], '2'],
    ['%', [-4, 2], '0'],
    ['%', [4, 0], 'undefined'],
    ['+', ['1', 1], 'undefined'],
    ['+', [null, 1], 'undefined'],
  ])('%s of %j is %s', (operator, [a, b], expected) => {
    expect(answer(`p := input.a ${operator} input.b`, { a, b })).toBe(expected);
  });
});

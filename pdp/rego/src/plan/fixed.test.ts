import { expect, test } from '@jest/globals';
import { compile, instantiate } from '../index.ts';

const programOf = (source: string) => {
  const compiled = compile([{ name: 'm.rego', source: `package m\n${source}` }], { entrypoints: ['m/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  return compiled.program;
};

/** Steps of two evaluations of one instance: fewer in the second if it takes something from the first. */
const stepsOf = (source: string): readonly number[] => {
  const instance = instantiate(programOf(source), { data: { names: ['ada', 'eve', 'joe'] } });
  return [1, 2].map(() => {
    const budget = { remaining: 1_000 };
    expect(instance.evaluate('m/p', { suffix: '!' }, { budget }).kind).toBe('value');
    return 1_000 - budget.remaining;
  });
};

test.each<[string, string, boolean]>([
  ['a document of base documents is kept', 'q contains upper(n) if some n in data.names\np := count(q)', true],
  ['so is one that calls functions', 'f(n) := upper(n)\nq contains f(n) if some n in data.names\np := count(q)', true],
  ['so is one of such a document', 'q contains n if some n in data.names\nr := [n | some n in q]\np := count(r)', true],
  [
    'one that reads the input is not',
    'q contains concat("", [n, input.suffix]) if some n in data.names\np := count(q)',
    false,
  ],
  [
    'nor is one that calls a function which does',
    'f(n) := concat("", [n, input.suffix])\nq contains f(n) if some n in data.names\np := count(q)',
    false,
  ],
  ['nor one that asks the clock', 'q contains [n, time.now_ns()] if some n in data.names\np := count(q)', false],
  ['nor one that a trace tells of', 'q contains n if { some n in data.names; trace(n) }\np := count(q)', false],
  [
    'nor one whose base documents are replaced somewhere',
    'q contains n if some n in data.names\np := count(q) if { q with data.names as ["x"] }',
    false,
  ],
  [
    'nor one whose built-in is replaced somewhere',
    'q contains upper(n) if some n in data.names\np := count(q) if { q with upper as lower }',
    false,
  ],
])('%s for later evaluations', (_name, source, isKept) => {
  const [first = 0, second = 0] = stepsOf(source);
  expect(second < first).toBe(isKept);
});

test('what a with replaces has another value under it, and its own elsewhere', () => {
  const instance = instantiate(
    programOf('q contains n if some n in data.names\np := [a, count(q)] if a := count(q) with data.names as ["x"]'),
    { data: { names: ['ada', 'eve'] } },
  );
  for (let turn = 0; turn < 2; turn++) {
    expect(instance.evaluate('m/p', {})).toStrictEqual({ kind: 'value', value: [1, 2] });
  }
});

test('a document that fails fails every time, and is computed once it can be', () => {
  const instance = instantiate(programOf('q := count([x | some x in numbers.range(1, 500)])\np := q'));
  for (let turn = 0; turn < 2; turn++) {
    expect(instance.evaluate('m/p', {}, { maxSteps: 100 })).toMatchObject({ code: 'eval_cancel_error' });
  }
  expect(instance.evaluate('m/p', {})).toStrictEqual({ kind: 'value', value: 500 });
  expect(instance.evaluate('m/p', {}, { maxSteps: 100 })).toStrictEqual({ kind: 'value', value: 500 });
});

test('where the first failure of a built-in counts it counts in every evaluation', () => {
  const instance = instantiate(programOf('q contains n if { some n in ["1", "x"]; to_number(n) }\np := count(q)'));
  for (const strictBuiltinErrors of [false, true, false, true]) {
    const outcome = instance.evaluate('m/p', {}, { strictBuiltinErrors });
    expect(outcome.kind).toBe(strictBuiltinErrors ? 'error' : 'value');
  }
});

test('ten thousand documents that use each other are looked through', () => {
  const rules = Array.from({ length: 10_000 }, (_, n) => `r${String(n + 1)} := r${String(n)}`);
  expect(() => programOf(`r0 := 1\n${rules.join('\n')}\np := 1`)).not.toThrow();
});

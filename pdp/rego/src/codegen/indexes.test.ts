import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, instantiate, type Outcome, type Value } from '../index.ts';
import { toJson } from '../runtime/json.ts';
import { numberFromText } from '../runtime/number.ts';

const load = (source: string, data: Value = {}) => {
  const compiled = compile([{ name: 'm.rego', source: `package a\n${source}` }], { entrypoints: ['a/p'] });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  return { code: compiled.program.code, instance: instantiate(compiled.program, { data }) };
};

const answer = (source: string, input: Value, data: Value = {}): unknown => {
  const outcome: Outcome = load(source, data).instance.evaluate('a/p', input);
  return outcome.kind === 'value' ? toJson(outcome.value) : outcome.kind === 'error' ? outcome.code : 'undefined';
};

const numbers = Array.from({ length: 12 }, (_, index) => String(index));
const values = numbers.map((n) => `p := ${n} if { input.action == "act-${n}"; input.ok }`).join('\n');
const sets = numbers.map((n) => `p contains "${n}" if input.action in {"act-${n}", "both"}`).join('\n');
const functions = `${numbers.map((n) => `f("k${n}", x) := x + ${n}`).join('\n')}\np := f(input.k, input.n)`;
const keys = `${numbers.map((n) => `o["k${n}"] := ${n} if input.n == ${n}`).join('\n')}\np := o`;

test.each<[string, string, Value, unknown]>([
  ['the rule for a value', values, { action: 'act-7', ok: true }, 7],
  ['no rule for a value that none names', values, { action: 'other', ok: true }, 'undefined'],
  ['no rule where there is no value', values, { ok: true }, 'undefined'],
  ['the rest of the rule', values, { action: 'act-7', ok: false }, 'undefined'],
  ['a default', `default p := -1\n${values}`, { action: 'x', ok: true }, -1],
  [
    'a rule that names no value, beside the others',
    `${values}\np := 7 if input.any`,
    { action: 'act-7', ok: true, any: 1 },
    7,
  ],
  ['such a rule alone', `${values}\np := 50 if input.any`, { any: 1 }, 50],
  [
    'a conflict with such a rule',
    `${values}\np := 50 if input.any`,
    { action: 'act-7', ok: true, any: 1 },
    'eval_conflict_error',
  ],
  [
    'else behind a value that does not fit',
    `${values}\np := 1 if input.action == "x" else := 60 if input.any`,
    { any: 1 },
    60,
  ],
  ['one of the members of a set', sets, { action: 'act-3' }, ['3']],
  ['all rules that name a value', sets, { action: 'both' }, [...numbers].sort()],
  ['arguments', functions, { k: 'k5', n: 10 }, 15],
  ['arguments that no rule takes', functions, { k: 'k50', n: 10 }, 'undefined'],
  ['numbers however they are written', keys, { n: numberFromText('3.0') }, { k3: 3 }],
  ['text that is no number', keys, { n: '3' }, {}],
  [
    'a body behind a loop',
    numbers.map((n) => `p contains x if { some x in input.xs; input.a == ${n} }`).join('\n'),
    { a: 3, xs: [1] },
    [1],
  ],
  [
    'a replaced input',
    `${values.replaceAll('p :=', 'q :=')}\np := r if r := q with input.action as "act-2"`,
    { action: 'act-1', ok: true },
    2,
  ],
])('rules behind an index: %s', (_, source, input, expected) => {
  expect(load(source).code).toContain('rulesFor');
  expect(answer(source, input)).toEqual(expected);
});

test('a table of rules stays small where many rules name no value', () => {
  const open = Array.from({ length: 60 }, (_, n) => `p contains ${String(n)} if input.x > ${String(n)}`).join('\n');
  expect(load(`${sets}\n${open}`).code.length).toBeLessThan(200_000);
  expect(answer(`${sets}\n${open}`, { action: 'act-3', x: 2 })).toEqual([0, 1, '3']);
});

const people = Object.fromEntries(
  Array.from({ length: 40 }, (_, n) => [
    `p${String(n).padStart(2, '0')}`,
    { team: n % 7 === 6 ? undefined : `t${String(n % 7)}`, age: n },
  ]),
);
const data = JSON.parse(
  JSON.stringify({
    people,
    list: Object.values(people),
    nested: { north: Object.values(people) },
    few: [{ team: 't1' }],
  }),
) as Value;

test.each<[string, string, Value, unknown]>([
  [
    'keys',
    'p contains k if { some k, v in data.people; v.team == input.t }',
    { t: 't3' },
    ['p03', 'p10', 'p17', 'p24', 'p31', 'p38'],
  ],
  ['values in order', 'p := [v.age | some v in data.list; v.team == input.t]', { t: 't1' }, [1, 8, 15, 22, 29, 36]],
  ['what is unified', 'p := [v.age | v := data.list[_]; input.t = v.team; v.age > 20]', { t: 't1' }, [22, 29, 36]],
  ['what no member has', 'p := [v.age | some v in data.list; v.team == input.t]', { t: 'none' }, []],
  ['a value that is not there', 'p := [v.age | some v in data.list; v.team == input.t]', {}, []],
  ['numbers', 'p := [k | some k, v in data.list; v.age == input.n]', { n: numberFromText('4.0') }, [4]],
  [
    'the value of a rule',
    't := lower(input.t)\np := [k | some k, v in data.list; v.team == t; v.age < 9]',
    { t: 'T1' },
    [1, 8],
  ],
  [
    'a document that is only known then',
    'p := [k | some k, v in data.nested[input.at]; v.team == "t0"; v.age < 9]',
    { at: 'north' },
    [0, 7],
  ],
  ['a small document', 'p := [k | some k, v in data.few; v.team == input.t]', { t: 't1' }, [0]],
  [
    'a replaced document',
    'q := [k | some k, v in data.list; v.team == input.t]\np := [q, r] if r := q with data.list as [{"team": "t0"}, {"team": "t1"}]',
    { t: 't1' },
    [[1, 8, 15, 22, 29, 36], [1]],
  ],
  [
    'a document beside a replaced one',
    'q := [k | some k, v in data.list; v.team == input.t]\np := r if r := q with data.few as 1',
    { t: 't1' },
    [1, 8, 15, 22, 29, 36],
  ],
])('members behind an index: %s', (_, source, input, expected) => {
  expect(load(source).code).toContain('probe(');
  expect(answer(source, input, data)).toEqual(expected);
});

test('an index gives what going through all members gives', () => {
  const member = fc.oneof(
    fc.constantFrom('a', 'b', 1, 2, null, true),
    fc.array(fc.constantFrom(1, 'a'), { maxLength: 2 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.record({ f: member }, { requiredKeys: [] }), { minLength: 16, maxLength: 40 }),
      member,
      (xs, y) => {
        const indexed = answer('p := [k | some k, v in data.xs; v.f == input.y]', { y }, { xs });
        const plain = answer('p := [k | some k, v in input.xs; v.f == input.y]', { y, xs });
        expect(indexed).toEqual(plain);
      },
    ),
    { numRuns: 30 },
  );
});

const joined: readonly [string, string][] = [
  ['an array', 'xs := input.xs'],
  ['an object', 'xs := {sprintf("k%02d", [i]): x | some i, x in input.xs}'],
  ['a set', 'xs := {x | some x in input.xs}'],
];
const joins: readonly [string, string][] = [
  ['a comprehension', 'p := [[y, [x.n | some x in xs; x.k == y]] | some y in input.ys]'],
  ['a comprehension over keys', 'p := [[y, [i | some i, x in xs; x.k == y; not is_object(i)]] | some y in input.ys]'],
  ['a set', 'p := [[y, {x | some x in xs; x.k == y}] | some y in input.ys]'],
  ['a count', 'p := [[y, n] | some y in input.ys; n := count({x | some x in xs; x.k == y})]'],
  ['a function', 'f(y) := [x.n | some x in xs; x.n > 2; x.k == y]\np := [f(y) | some y in input.ys]'],
  ['a negation', 'f(y) if { some x in xs; x.k == y; x.n > 3 }\np := [y | some y in input.ys; not f(y)]'],
];
const parts = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom<Value>('a', '1', null, [1], numberFromText('1.0')),
);

test.each(joins.flatMap(([loop, rule]) => joined.map(([kind, xs]) => [loop, kind, `${xs}\n${rule}`] as const)))(
  '%s that goes through %s many times gives what single turns give',
  (_loop, _kind, source) => {
    const { code, instance } = load(source);
    expect(code).toContain('C.joinIndex(');
    const member = fc.record({ k: parts, n: fc.integer({ min: 0, max: 4 }) }, { requiredKeys: ['n'] });
    fc.assert(
      fc.property(
        fc.array(member, { minLength: 14, maxLength: 40 }),
        fc.array(parts, { minLength: 1, maxLength: 12 }),
        (xs, ys) => {
          const together = instance.evaluate('a/p', { xs, ys });
          // A loop with a single turn never gets an index.
          const alone = ys.map((y) => instance.evaluate('a/p', { xs, ys: [y] }));
          const rows = alone.flatMap((outcome) => (outcome.kind === 'value' ? (toJson(outcome.value) as Value[]) : []));
          expect(together.kind === 'value' ? toJson(together.value) : together).toEqual(rows);
        },
      ),
      { numRuns: 60 },
    );
  },
);

test('a join takes steps in proportion to both sides', () => {
  const { instance } = load('p := count([1 | some y in input.ys; some x in input.xs; x.k == y])');
  const xs = Array.from({ length: 3_000 }, (_, n) => ({ k: n }));
  const budget = { remaining: 1_000_000 };
  expect(instance.evaluate('a/p', { xs, ys: xs.map(({ k }) => k) }, { budget })).toEqual({
    kind: 'value',
    value: 3_000,
  });
  expect(1_000_000 - budget.remaining).toBeLessThan(10 * 3_000);
});

test('an index is of one evaluation: the next may have changed what it went through', () => {
  const { instance } = load('p := [n | some y in input.ys; n := count([x | some x in input.xs; x.k == y])]');
  const xs = Array.from({ length: 20 }, (_, k) => ({ k }));
  const ys = Array.from({ length: 10 }, (_, k) => k);
  expect(instance.evaluate('a/p', { xs, ys })).toEqual({ kind: 'value', value: ys.map(() => 1) });
  for (const x of xs) x.k += 100;
  expect(instance.evaluate('a/p', { xs, ys })).toEqual({ kind: 'value', value: ys.map(() => 0) });
});

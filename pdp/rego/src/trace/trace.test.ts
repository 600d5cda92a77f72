import { expect, test } from '@jest/globals';
import { bindProgram } from '../run-program.ts';
import { stringify } from '../runtime/json.ts';
import type { Value } from '../runtime/value.ts';
import { openWorkspace, type WorkspaceQuery } from '../workspace.ts';
import { Coverage, percentCovered } from './coverage.ts';
import { EventLog } from './event-log.ts';
import { Explanation, type ExplainedBody, type ExplainedLiteral } from './explanation.ts';
import { Profile } from './profile.ts';

const policy = `package shop

default allow := false

allow if {
	some role in input.roles
	role == "clerk"
	not suspended
	count(input.items) <= limit(input.level)
}

allow if input.owner

suspended if input.user in {"eve", "mallory"}

limit(level) := 10 if level > 1

limit(level) := 3 if level <= 1

reasons contains reason if {
	some item in input.items
	item.price > 100
	reason := sprintf("%s is dear", [item.name])
}

cheap if every item in input.items { item.price < 10 }
`;

const compile = (query: string, instrument: boolean, source = policy): WorkspaceQuery => {
  const opened = openWorkspace([{ name: 'shop.rego', source }], { instrument, print: 'keep' });
  if (!opened.ok) throw new Error(JSON.stringify(opened.diagnostics));
  const compiled = opened.value.query(query);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  return compiled.value;
};

const explain = (query: string, input: Value, source = policy): Explanation => {
  const { program, places } = compile(query, true, source);
  const explanation = new Explanation(places);
  bindProgram(program, {}, { trace: explanation.listener })('query', input, {});
  return explanation;
};

/** `+` or `-`, the text, and what it saw, as tests write it down. */
const line = ({ place, succeeded, values, parts }: ExplainedLiteral): string => {
  const seen = [...values, ...parts].map(([name, value]) => `${name}=${stringify(value)}`).join(' ');
  return `${succeeded ? '+' : '-'} ${place.text.replaceAll(/\s+/g, ' ')}${seen === '' ? '' : ` | ${seen}`}`;
};

const ruleOf = (explanation: Explanation, path: string, index = 0): ExplainedBody => {
  const body = explanation.documents.get(path)?.bodies[index];
  if (body === undefined) throw new Error(`${path} was not evaluated`);
  return body;
};

test.each([
  ['the first rule', { roles: ['clerk'], items: [], level: 1 }],
  ['a later turn of a loop', { roles: ['guest', 'clerk'], items: [1, 2], level: 1 }],
  ['the second rule', { roles: [], owner: true }],
  ['no rule', { roles: ['clerk'], items: [1, 2, 3, 4], level: 0 }],
  ['a negation', { roles: ['clerk'], items: [], level: 1, user: 'eve' }],
  [
    'partial rules',
    {
      items: [
        { name: 'pen', price: 2 },
        { name: 'ring', price: 900 },
      ],
    },
  ],
  ['no input at all', undefined],
])('a program that tells what it does gives the same answer: %s', (_what, input) => {
  const query = 'data.shop';
  const plain = bindProgram(compile(query, false).program, {})('query', input, {});
  const told = bindProgram(compile(query, true).program, {})('query', input, {});
  expect(stringify(told.value ?? null)).toBe(stringify(plain.value ?? null));
  expect(told.failure).toEqual(plain.failure);
});

test('a program that is to tell nothing holds nothing of it', () => {
  const { program, places } = compile('data.shop', false);
  expect(program.code).not.toContain('trace');
  expect(places).toEqual([]);
});

test('the rule that decided shows the attempt that succeeded, with the values that it saw', () => {
  const explanation = explain('data.shop.allow', { roles: ['guest', 'clerk'], items: [1, 2], level: 2 });
  const allow = ruleOf(explanation, 'shop.allow');
  expect(allow.successes).toBe(1);
  expect(allow.values).toEqual([true]);
  expect(allow.place.location).toMatchObject({ file: 'shop.rego', row: 5, col: 1 });
  expect(allow.literals.map(line)).toEqual([
    '+ some role in input.roles | role="clerk"',
    '+ role == "clerk" | role="clerk"',
    '+ not suspended',
    '+ count(input.items) <= limit(input.level) | count(input.items)=2 limit(input.level)=10',
  ]);
  expect(allow.literals[1]?.attempts).toBe(2);
  const limit = allow.literals[3]?.calls[0]?.bodies[0];
  expect(limit?.args).toEqual([['level', 2]]);
  expect(limit?.values).toEqual([10]);
});

test('a rule that failed shows the attempt that came furthest, and every rule that was tried', () => {
  const explanation = explain('data.shop.allow', {
    roles: ['guest', 'clerk', 'guest'],
    items: [],
    level: 1,
    user: 'eve',
  });
  expect(ruleOf(explanation, 'shop.allow').literals.map(line)).toEqual([
    '+ some role in input.roles | role="clerk"',
    '+ role == "clerk" | role="clerk"',
    '- not suspended',
  ]);
  expect(ruleOf(explanation, 'shop.allow', 1).literals.map(line)).toEqual(['- input.owner']);
  expect(ruleOf(explanation, 'shop.allow', 2)).toMatchObject({
    successes: 1,
    values: [false],
    place: { isDefault: true },
  });
  expect(ruleOf(explanation, 'shop.suspended').successes).toBe(1);
});

test('a literal that stands in another one is told below it', () => {
  const explanation = explain('data.shop.cheap', { items: [{ price: 1 }, { price: 50 }] });
  const [every] = ruleOf(explanation, 'shop.cheap').literals;
  expect(every?.succeeded).toBe(false);
  expect(every?.inner.map(line)).toEqual(['- item.price < 10 | item={"price":50}']);
});

test('a rule that gives several values keeps them', () => {
  const items = [
    { name: 'ring', price: 900 },
    { name: 'pen', price: 1 },
    { name: 'car', price: 9000 },
  ];
  const reasons = ruleOf(explain('data.shop.reasons', { items }), 'shop.reasons');
  expect(reasons.successes).toBe(2);
  expect(reasons.values.map((value) => stringify(value))).toEqual(['["ring is dear"]', '["car is dear"]']);
});

test('events are those of OPA, with the rules around those of one kind', () => {
  const { program, places } = compile(
    'data.shop.allow',
    true,
    'package shop\n\nallow if {\n\tblocked == false\n}\n\nallow if {\n\ttrace("here")\n\tinput.x\n}\n\nblocked if input.y\n',
  );
  const log = new EventLog(places);
  bindProgram(program, {}, { trace: log.listener, note: log.note })('query', { x: 1 }, {});
  const shown = (filter: 'full' | 'notes' | 'fails'): readonly string[] =>
    log.events(filter).map(({ operation, depth, place, message }) => `${depth} ${operation} ${message ?? place.text}`);
  expect(shown('full')).toEqual([
    '0 Enter data.shop.allow',
    '0 Eval data.shop.allow',
    '1 Enter shop.allow',
    '1 Eval blocked == false',
    '2 Enter shop.blocked',
    '2 Eval input.y',
    '2 Fail input.y',
    '1 Fail blocked == false',
    '1 Enter shop.allow',
    '1 Eval trace("here")',
    '1 Note here',
    '1 Eval input.x',
    '1 Exit shop.allow',
    '0 Exit data.shop.allow',
  ]);
  expect(shown('notes')).toEqual(['0 Enter data.shop.allow', '1 Enter shop.allow', '1 Note here']);
  expect(shown('fails')).toEqual([
    '0 Enter data.shop.allow',
    '1 Enter shop.allow',
    '2 Enter shop.blocked',
    '2 Fail input.y',
    '1 Fail blocked == false',
  ]);
});

test('a full log counts what it leaves out', () => {
  const { program, places } = compile('x := numbers.range(1, 50)[_]', true);
  const log = new EventLog(places, 10);
  bindProgram(program, {}, { trace: log.listener })('query', undefined, {});
  expect(log.events('full')).toHaveLength(10);
  expect(log.dropped).toBeGreaterThan(10);
});

test('coverage names lines and the stretches on them', () => {
  const source = 'package a\n\np if {\n\tinput.x == 1\n\tinput.y == 2\n}\n\nq := 1\n';
  const { program, places } = compile('data.a.p', true, source);
  const coverage = new Coverage();
  const run = bindProgram(program, {}, { trace: coverage.listenTo(places) });
  run('query', { x: 2 }, {});
  const report = (): ReturnType<Coverage['report']> => coverage.report(new Map([['shop.rego', source]]));
  expect(report().get('shop.rego')).toEqual({
    covered: [{ start: { row: 4, col: 2 }, end: { row: 4, col: 14 } }],
    notCovered: [
      { start: { row: 3, col: 1 }, end: { row: 3, col: 2 } },
      { start: { row: 5, col: 2 }, end: { row: 5, col: 14 } },
      { start: { row: 8, col: 1 }, end: { row: 8, col: 7 } },
    ],
    coveredLines: 1,
    notCoveredLines: 3,
  });
  expect(percentCovered(report().values())).toBe(25);
  run('query', { x: 1, y: 2 }, {});
  expect(percentCovered(report().values())).toBe(75);
});

test('a profile counts evaluations, and gives time to the line that took it', () => {
  const { program, places } = compile('data.shop.allow', true);
  let clock = 0;
  const profile = new Profile(() => clock++);
  bindProgram(program, {}, { trace: profile.listenTo(places) })('query', { roles: ['a', 'b'], items: [] }, {});
  const lines = new Map(profile.top(100).map((one) => [`${one.file}:${one.row}`, one]));
  expect(lines.get('shop.rego:6')).toMatchObject({ evaluations: 1, redos: 1, generated: 0 });
  expect(lines.get('shop.rego:7')).toMatchObject({ evaluations: 2, redos: 0 });
  for (const { totalTimeNs } of lines.values()) expect(totalTimeNs).toBeGreaterThan(0);
  expect(profile.top(1)).toHaveLength(1);
});

test('what a print shows is no literal of the policy', () => {
  const messages: string[] = [];
  const { program, places } = compile(
    'data.a.p',
    true,
    'package a\n\np if {\n\tprint("x is", input.x, input.none)\n\tinput.x\n}\n',
  );
  const explanation = new Explanation(places);
  const note = (message: string): void => void messages.push(message);
  bindProgram(program, {}, { trace: explanation.listener, note })('query', { x: 1 }, {});
  expect(messages).toEqual(['x is 1 <undefined>']);
  const [print] = ruleOf(explanation, 'a.p').literals;
  expect(print?.inner).toEqual([]);
});

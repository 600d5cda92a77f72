import { expect, test } from '@jest/globals';
import type { EvaluateOptions } from './api.ts';
import { bindTests, fullTestName, openTests, type TestRuleResult } from './tests.ts';

const rooms = { name: 'rooms.rego', source: 'package rooms\n\nentry if input.person == data.owner\n' };
const bounds = { maxMs: 10_000 };

function resultsOf(source: string, how: EvaluateOptions = bounds): ReadonlyMap<string, TestRuleResult> {
  const opened = openTests([rooms, { name: 'rooms_test.rego', source }]);
  if (!opened.ok) throw new Error(JSON.stringify(opened.diagnostics));
  const { tests } = opened.value;
  const bound = bindTests(opened.value, tests, { owner: 'ann' });
  if (!bound.ok) throw new Error(JSON.stringify(bound.diagnostics));
  return new Map(tests.map((one) => [fullTestName(one), bound.value(one, how)]));
}

test('tests see the rules and the data of other modules, and each is told apart', () => {
  const results = resultsOf(`package rooms_test

import data.rooms

test_owner if rooms.entry with input as {"person": "ann"}
test_stranger if rooms.entry with input as {"person": "bob"}
test_other_owner if rooms.entry with input as {"person": "bob"} with data.owner as "bob"
`);
  expect([...results].map(([name, { outcome }]) => [name, outcome])).toStrictEqual([
    ['data.rooms_test.test_owner', 'passed'],
    ['data.rooms_test.test_stranger', 'failed'],
    ['data.rooms_test.test_other_owner', 'passed'],
  ]);
});

test('cases are named, and one that the test came to without passing has failed', () => {
  const results = resultsOf(`package rooms_test

test_people[name] if {
  some name, person in {"owner": "ann", "stranger": "bob"}
  data.rooms.entry with input as {"person": person}
}
`);
  expect(results.get('data.rooms_test.test_people')).toMatchObject({
    outcome: 'failed',
    cases: [
      { name: 'owner', failed: false },
      { name: 'stranger', failed: true },
    ],
  });
});

test('a test that takes more steps than it may ends with an error that says where', () => {
  const source = `package rooms_test

test_long if count([x | some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); x := a * b]) == 1000000
`;
  const result = resultsOf(source, { ...bounds, maxSteps: 1_000 }).get('data.rooms_test.test_long');
  expect(result).toMatchObject({ outcome: 'error', failure: { code: 'eval_cancel_error' } });
});

test('modules that do not compile together are refused with their place', () => {
  const opened = openTests([
    rooms,
    { name: 'rooms_test.rego', source: 'package rooms_test\n\ntest_x if missing(1)\n' },
  ]);
  expect(opened).toMatchObject({
    ok: false,
    diagnostics: [{ code: 'rego_type_error', location: { file: 'rooms_test.rego', row: 3 } }],
  });
});

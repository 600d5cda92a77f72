import { expect, test } from '@jest/globals';
import { parseModule } from './parser/index.ts';
import { prepareTests, type TestRule } from './test-rules.ts';

const testsOf = (source: string): readonly TestRule[] => {
  const { module, diagnostics } = parseModule(source, 'a.rego', 'v1');
  if (module === undefined) throw new Error(JSON.stringify(diagnostics));
  return prepareTests([module]).tests;
};

test.each([
  ['a rule', 'test_x if true', [{ name: 'test_x', path: ['a', 'test_x'], isTodo: false, hasCases: false }]],
  ['a rule that is not to run yet', 'todo_test_x if true', [{ name: 'todo_test_x', isTodo: true }]],
  ['a rule below another name', 'x.test_y if true', [{ name: 'x.test_y', path: ['a', 'x', 'test_y'] }]],
  ['a rule with cases', 'test_x[c] if some c in ["p"]', [{ name: 'test_x', hasCases: true }]],
  [
    'rules of one name',
    'test_x if true\n\ntest_x if false',
    [
      { name: 'test_x', path: ['a', 'test_x'] },
      { name: 'test_x#01', path: ['a', 'test_x#01'] },
    ],
  ],
  ['no function', 'test_f(x) := x', []],
  ['no other rule', 'text_x if true', []],
])('finds %s', (_what, rules, expected) => {
  expect(testsOf(`package a\n\n${rules}\n`)).toMatchObject(expected);
  expect(testsOf(`package a\n\n${rules}\n`)).toHaveLength(expected.length);
});

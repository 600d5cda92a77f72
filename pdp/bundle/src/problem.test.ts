import { expect, test } from '@jest/globals';
import { formatProblem, isError } from './problem.ts';
import type { Problem } from './problem.ts';

const problem: Problem = {
  source: 'rego',
  severity: 'error',
  class: 'rego-parse',
  file: 'shop.yaml',
  message: 'no package',
};

test.each<[string, Partial<Problem>, string]>([
  ['only the file is known', {}, 'shop.yaml: no package'],
  ['line and column are known', { line: 7, column: 3 }, 'shop.yaml:7:3: no package'],
  [
    'the entity is known',
    { line: 7, column: 3, kind: 'policy', mrn: 'mrn:p' },
    'shop.yaml:7:3: [policy mrn:p] no package',
  ],
  [
    'the place in the Rego is known',
    { kind: 'mapper', rego: { row: 2, col: 5 } },
    'shop.yaml: [mapper] no package (rego 2:5)',
  ],
  ['it is a warning', { severity: 'warning' }, 'shop.yaml: warning: no package'],
])('prints a problem of which %s', (_name, parts, expected) => {
  expect(formatProblem({ ...problem, ...parts })).toBe(expected);
});

test('warnings are not errors', () => {
  expect([isError(problem), isError({ ...problem, severity: 'warning' })]).toEqual([true, false]);
});

import { expect, test } from '@jest/globals';
import type { Body, Expr } from '../ast.ts';
import { parseModule } from '../parser/index.ts';
import { printTerm } from '../print.ts';
import { hoistDynamicTerms } from './dynamic-terms.ts';
import { isTerm } from './expand.ts';
import { analyzeModules } from './index.ts';

const textOf = ({ term, negated, with: withs }: Expr): string =>
  `${negated ? 'not ' : ''}${isTerm(term) ? printTerm(term) : term.kind}${withs.length > 0 ? ' with' : ''}`;

const hoisted = (body: string): readonly string[] => {
  const { module, diagnostics } = parseModule(`package a\np if { ${body} }`, 'm.rego', 'v1');
  if (module === undefined) throw new Error(diagnostics.map(({ message }) => message).join());
  const analysis = analyzeModules([module]);
  if (analysis.diagnostics.length > 0) throw new Error(analysis.diagnostics.map(({ message }) => message).join());
  const written: Body = analysis.unit.modules[0]?.rules[0]?.body ?? [];
  return hoistDynamicTerms(written).map(textOf);
};

test.each<readonly [string, string, readonly string[]]>([
  ['a ref in a call', 'count(input.x) > 1', ['eq(%r0, input.x)', 'count(%r0, %0)', 'gt(%0, 1)']],
  ['a ref in brackets', 'input.x[input.y]', ['eq(%r0, input.y)', 'input.x[%r0]']],
  ['a ref on a side of an equation stays', 'input.x == input.y', ['eq(input.x, input.y)']],
  ['a ref in a composite', '[input.x] == input.y', ['eq(%r0, input.x)', 'eq([%r0], input.y)']],
  [
    'a ref in a negated call stands in front of it',
    'not startswith(input.x, "a")',
    ['eq(%r0, input.x)', 'not startswith(%r0, "a")'],
  ],
  [
    'a ref under a modifier keeps it',
    'startswith(input.x, "a") with input as {"x": "a"}',
    ['eq(%r0, input.x) with', 'startswith(%r0, "a") with'],
  ],
  ['nothing to move', 'x := 1; x == 2', ['eq(x, 1)', 'eq(x, 2)']],
])('%s', (_, body, expected) => {
  expect(hoisted(body)).toEqual(expected);
});

import { expect, test } from '@jest/globals';
import { compile } from '../compile.ts';
import { MAX_EXIT_RULES } from './rule-admission.ts';

/** Pairs of rules with one value each, in which something can go wrong. */
const codeOf = (pairs: number): string => {
  const rules = Array.from({ length: 2 * pairs }, (_, index) => {
    const n = String(index);
    return `p := ${String(index % pairs)} if { input.a == ${n}; 1 / input.b == ${n} }`;
  });
  const result = compile([{ name: 'm.rego', source: `package m\n${rules.join('\n')}` }], { entrypoints: ['m/p'] });
  if (!result.ok) throw new Error(result.diagnostics[0]?.message);
  return result.program.code;
};

test('code grows with the rules, and not with their square', () => {
  const pairs = Math.ceil(Math.sqrt(MAX_EXIT_RULES / 2)) + 1;
  expect(codeOf(pairs).length).toBeLessThan(pairs * 2_000);
  expect(codeOf(2 * pairs).length).toBeLessThan(2.2 * codeOf(pairs).length);
  expect(codeOf(2)).not.toBe(codeOf(3));
});

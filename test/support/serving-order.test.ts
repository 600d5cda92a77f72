import { expect, test } from '@jest/globals';
import type { Answer } from './load-generator.ts';
import { findRegressions, findUncommitted, firstServed } from './serving-order.ts';

const answer = (target: string, sentAt: number, receivedAt: number, revision: number): Answer => ({
  target,
  sentAt,
  receivedAt,
  status: 200,
  allow: true,
  revision,
  porc: {},
});

test.each<[string, readonly Answer[], number]>([
  ['a pod that only rises', [answer('a', 0, 1, 1), answer('a', 2, 3, 2)], 0],
  ['a pod that goes back', [answer('a', 0, 1, 2), answer('a', 2, 3, 1)], 1],
  ['two pods, each rising on its own', [answer('a', 0, 1, 2), answer('b', 2, 3, 1)], 0],
  ['questions under way at the same time', [answer('a', 0, 3, 2), answer('a', 1, 2, 1)], 0],
  ['an older answer that overtook nothing', [answer('a', 5, 6, 1), answer('a', 0, 4, 2)], 1],
])('%s has as many regressions as it should', (_name, answers, expected) => {
  expect(findRegressions(answers)).toHaveLength(expected);
});

test('an answer before the decision, and one without any, are found', () => {
  const early = answer('a', 0, 9, 2);
  const unknown = answer('a', 0, 20, 3);
  const decidedAt = new Map([[2, 10]]);
  expect(findUncommitted([early, unknown, answer('a', 0, 10, 2)], decidedAt)).toEqual([early, unknown]);
});

test('the first answer of each target counts', () => {
  const answers = [answer('a', 0, 5, 2), answer('a', 0, 3, 2), answer('b', 0, 4, 2), answer('b', 0, 1, 1)];
  expect(Object.fromEntries(firstServed(answers, 2))).toEqual({ a: 3, b: 4 });
});

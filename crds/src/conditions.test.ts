import { expect, test } from '@jest/globals';
import { findCondition, mergeConditions, type DesiredCondition } from './conditions.ts';

const ready = (status: 'True' | 'False', reason: DesiredCondition['reason']): DesiredCondition => ({
  type: 'Ready',
  status,
  reason,
  message: '',
});

test('the transition time moves only when the status changes', () => {
  const first = mergeConditions(undefined, [ready('False', 'Progressing')], [], 1, 't1');
  const second = mergeConditions(first, [ready('False', 'Nacked')], [], 2, 't2');
  expect(findCondition(second, 'Ready')).toMatchObject({
    lastTransitionTime: 't1',
    reason: 'Nacked',
    observedGeneration: 2,
  });
  const third = mergeConditions(second, [ready('True', 'Converged')], [], 2, 't3');
  expect(findCondition(third, 'Ready')?.lastTransitionTime).toBe('t3');
});

test('absent conditions go, others stay, and the order is by type', () => {
  const before = mergeConditions(
    undefined,
    [ready('False', 'Nacked'), { type: 'Stalled', status: 'True', reason: 'Nacked', message: 'm' }],
    [],
    1,
    't1',
  );
  const after = mergeConditions(
    before,
    [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '' }],
    ['Stalled'],
    1,
    't2',
  );
  expect(after.map(({ type }) => type)).toStrictEqual(['Accepted', 'Ready']);
});

import { expect, test } from '@jest/globals';
import type { PolicyRevisionStatus } from '@edict/crds';
import { turnsOf } from './turns.ts';

const hold = { reason: 'PauseRequested', message: 'a pause was asked for' };

test.each<[string, PolicyRevisionStatus, PolicyRevisionStatus, readonly string[]]>([
  ['a pause is told', { phase: 'Soaking' }, { phase: 'Paused', hold }, ['Paused: revision 2: a pause was asked for']],
  ['a pause that goes on is told once', { phase: 'Paused', hold }, { phase: 'Paused', hold }, []],
  ['so is its end', { phase: 'Paused', hold }, { phase: 'Soaking' }, ['Resumed: revision 2 goes on']],
  [
    'so is its end where the next decision came first',
    { phase: 'Committing', hold },
    { phase: 'Committing' },
    ['Resumed: revision 2 goes on'],
  ],
  ['what is given up does not go on', { phase: 'Paused', hold }, { phase: 'RolledBack' }, []],
  [
    'an approval is told with its author, once',
    { approvals: [{ wave: 0 }] },
    { approvals: [{ wave: 0 }, { wave: 1, by: 'alice' }] },
    ['Approved: revision 2, wave 2 was approved by alice'],
  ],
  [
    'that one is needed is told',
    { phase: 'Preparing' },
    { phase: 'AwaitingApproval', hold: { reason: 'ApprovalRequired', message: 'wave 0 awaits its approval' } },
    ['AwaitingApproval: revision 2: wave 0 awaits its approval'],
  ],
  ['figures are no turn', { phase: 'Preparing' }, { phase: 'Preparing', preparedCount: '1/2' }, []],
])('%s', (_name, before, after, told) => {
  expect(turnsOf(2, before, after).map(({ reason, message }) => `${reason}: ${message}`)).toStrictEqual(told);
});

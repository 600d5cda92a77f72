import { expect, test } from '@jest/globals';
import type { SetSummary } from '../../src/console/wire.ts';
import { countedRevision, headlineOf, pdpWording, reasonText } from './words.ts';

const SET: SetSummary = {
  namespace: 'shop',
  name: 'till',
  uid: 'u',
  mode: 'Standard',
  desired: 3,
  committed: 2,
  pdps: { required: 1, connected: 1, prepared: 1, active: 0, nacked: 0, laggards: 0, missing: 0 },
  ready: { status: 'False', reason: 'x', message: '' },
  health: 'Waiting',
  headline: 'revision 3: wave 0 awaits its approval',
  isPaused: false,
};

test.each([
  [
    'a wave that waits is counted from 1',
    { phase: 'AwaitingApproval', wave: { index: 0, count: 2 } },
    /wave 1 of 2\.$/,
  ],
  ['a rollout of one wave waits as a whole', { phase: 'AwaitingApproval' }, /approves it\.$/],
  ['otherwise it is the operator who speaks', { phase: 'Soaking' }, /^Revision 3: wave 0/],
] as const)('%s', (_, over, text) => {
  expect(headlineOf({ ...SET, ...over })).toMatch(text);
});

test.each([
  ['under way, the newest is counted', { phase: 'Committing' }, 3],
  ['given up, what is committed is counted', { phase: 'Aborted' }, 2],
  ['completed, both are one', { phase: 'Completed', committed: 3 }, 3],
] as const)('%s', (_, over, n) => {
  expect(countedRevision({ ...SET, ...over })).toBe(n);
});

test('words that a newer operator has are shown as they are', () => {
  expect([pdpWording('Asleep').text, reasonText('Whim')]).toStrictEqual(['Asleep', 'Whim']);
  expect([pdpWording('Nacked').text, reasonText('Spec')]).toStrictEqual(['Refused', 'Edit']);
});

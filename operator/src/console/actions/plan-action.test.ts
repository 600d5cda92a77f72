import { expect, test } from '@jest/globals';
import { aCompleted, aProgress, aRevision, aSet, aSight, type RevisionOptions } from '../testing/sights.ts';
import type { SetSight } from '../views/sight.ts';
import type { ActionBody, ActionName } from '../wire.ts';
import { changedSet, planAction, type ActionPlan } from './plan-action.ts';

const plan = (action: ActionName, sight: SetSight, body: ActionBody = {}): ActionPlan =>
  planAction(action, sight, body, 'alice');
const waves = {
  rollout: {
    waves: [
      { principals: '5%', soak: '5m' },
      { all: true, approval: 'Required' },
    ],
  },
};
const gated = aSight({ set: aSet(waves) });
const awaiting = (wave: number): SetSight => ({
  ...gated,
  progress: aProgress(2, {
    phase: 'AwaitingApproval',
    hold: { reason: 'ApprovalRequired', message: 'waits' },
    wave: { index: wave, count: 2, required: 3, active: 0, serving: 0, decided: [] },
  }),
});
const open = (options: RevisionOptions): SetSight => ({ ...gated, revisions: [aCompleted(1), aRevision(2, options)] });
const quiet = aSight({ revisions: [aCompleted(1), aCompleted(2)] });
const paused = aSight({ set: aSet({ paused: true }, { 'edict.dev/paused-by': 'bob' }) });

test.each<[string, ActionPlan, object]>([
  [
    'pausing names who and why',
    plan('pause', quiet, { reason: 'a freeze' }),
    { spec: { paused: true }, annotations: { 'edict.dev/paused-by': 'alice', 'edict.dev/pause-reason': 'a freeze' } },
  ],
  [
    'resuming takes the name away',
    plan('resume', paused),
    { spec: { paused: false }, annotations: { 'edict.dev/paused-by': null, 'edict.dev/pause-reason': null } },
  ],
  [
    'approving takes the wave that waits',
    plan('approve', awaiting(1)),
    { n: 2, annotations: { 'edict.dev/approve-wave': '1', 'edict.dev/approved-by': 'alice' } },
  ],
  [
    'approving adds to what is approved',
    plan('approve', open({ annotations: { 'edict.dev/approve-wave': '0', 'edict.dev/approved-by': 'bob' } }), {
      wave: 1,
    }),
    { annotations: { 'edict.dev/approve-wave': '0,1', 'edict.dev/approved-by': 'alice' } },
  ],
  [
    'approving overrules an analysis by the wave that follows',
    plan('approve', {
      ...gated,
      progress: aProgress(2, {
        phase: 'Paused',
        hold: { reason: 'AnalysisFailed', message: 'errors rose' },
        wave: { index: 0, count: 2, required: 3, active: 3, serving: 3, decided: [] },
      }),
    }),
    { annotations: { 'edict.dev/approve-wave': '1' } },
  ],
  [
    'ending a rollout says why and who',
    plan('abort', gated, { reason: 'wrong' }),
    { n: 2, annotations: { 'edict.dev/abort': 'wrong', 'edict.dev/aborted-by': 'alice' } },
  ],
  [
    'undoing goes to the content before',
    plan('undo', quiet, { reason: 'locked out' }),
    {
      spec: { rollbackTo: 1 },
      annotations: {
        'edict.dev/rollback-by': 'alice',
        'edict.dev/rollback-reason': 'locked out',
        'edict.dev/emergency': null,
        'edict.dev/emergency-by': null,
      },
    },
  ],
  [
    'undoing at once is an emergency in the name of who asks',
    plan('undo', quiet, { now: true }),
    {
      spec: { rollbackTo: 1 },
      annotations: {
        'edict.dev/rollback-by': 'alice',
        'edict.dev/emergency': '1',
        'edict.dev/emergency-by': 'alice',
      },
    },
  ],
  [
    'ending an undo leaves no name behind',
    plan('undo', { ...quiet, set: aSet({ rollbackTo: 1 }) }, { clear: true }),
    { spec: { rollbackTo: null }, annotations: { 'edict.dev/rollback-by': null, 'edict.dev/emergency': null } },
  ],
])('%s', (_name, found, expected) => {
  expect(found).toMatchObject(expected);
});

test.each<[string, ActionPlan, RegExp]>([
  ['a set that is paused already', plan('pause', paused), /is paused already/],
  ['a set that nobody paused', plan('resume', quiet), /is not paused/],
  [
    'a wave that is approved already',
    plan('approve', open({ annotations: { 'edict.dev/approve-wave': '1' } }), { wave: 1 }),
    /approved already/,
  ],
  [
    'a rollout that is being ended',
    plan('abort', open({ annotations: { 'edict.dev/abort': 'x' } }), { reason: 'y' }),
    /being ended already/,
  ],
  [
    'an undo that is asked for already',
    plan('undo', { ...quiet, set: aSet({ rollbackTo: 1 }) }),
    /goes back to the content of revision 1 already/,
  ],
  ['the end of an undo that is none', plan('undo', quiet, { clear: true }), /serves what its domains say/],
])('nothing is written for %s', (_name, found, message) => {
  expect(found).toMatchObject({ type: 'Nothing', message: expect.stringMatching(message) });
});

test.each<[string, ActionPlan, 'Conflict' | 'Invalid', RegExp]>([
  [
    'another revision is under way by now',
    plan('abort', gated, { revision: 1, reason: 'x' }),
    'Conflict',
    /not the newest/,
  ],
  ['no rollout is under way to end', plan('abort', quiet, { reason: 'x' }), 'Conflict', /no rollout/],
  ['no rollout is under way to approve', plan('approve', quiet), 'Conflict', /no rollout/],
  ['nothing waits for approval', plan('approve', gated), 'Conflict', /no wave of revision 2 waits/],
  ['the wave is not there', plan('approve', gated, { wave: 2 }), 'Invalid', /has 2 waves: there is no wave 3/],
  ['an end has no reason', plan('abort', gated), 'Invalid', /needs a reason/],
  ['there is nothing before', plan('undo', aSight({ revisions: [aCompleted(1)] })), 'Conflict', /no earlier/],
  ['the revision to go back to is gone', plan('undo', quiet, { toRevision: 9 }), 'Invalid', /has no revision 9/],
  ['it was never committed', plan('undo', gated, { toRevision: 2 }), 'Invalid', /was never committed/],
  ['it is to be ended and moved', plan('undo', quiet, { clear: true, toRevision: 1 }), 'Invalid', /neither/],
  [
    'the analysis holds a rollout that nobody paused',
    plan('resume', open({ status: { phase: 'Paused', hold: { reason: 'AnalysisFailed', message: 'errors rose' } } })),
    'Conflict',
    /holds by itself \(errors rose\)/,
  ],
])('it is refused when %s', (_name, found, code, message) => {
  expect(found).toMatchObject({ type: 'Refused', code, message: expect.stringMatching(message) });
});

test('a change of the set removes what is to be gone, and leaves all else', () => {
  const set = aSet({ rollbackTo: 3, minReady: 2 }, { other: 'x', 'edict.dev/rollback-by': 'bob' });
  const cleared = plan('undo', { ...quiet, set }, { clear: true });
  if (cleared.type !== 'WriteSet') throw new Error(cleared.type);
  const after = changedSet(set, cleared);
  expect(after.metadata.annotations).toStrictEqual({ other: 'x' });
  expect(after.spec).not.toHaveProperty('rollbackTo');
  expect(after.spec).toMatchObject({ minReady: 2, paused: false });
});

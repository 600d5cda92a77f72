import { expect, test } from '@jest/globals';
import { findCondition, type PolicyRevision, type PolicyRevisionStatus } from '@edict/crds';
import type { RolloutProgress } from '@edict/protocol';
import { planRevision, type ObservedRevision } from './plan.ts';

const NOW = 1_700_000_000_000;

function aRevision(n: number, status: PolicyRevisionStatus = {}): PolicyRevision {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyRevision',
    metadata: { name: `s-${String(n)}`, namespace: 'ns', generation: 1 },
    spec: { set: 's', setUid: 'uid', n } as PolicyRevision['spec'],
    status,
  };
}

function told(revision: number, phase: RolloutProgress['phase'], active = 2): RolloutProgress {
  return {
    set: 'ns/s',
    setUid: 'uid',
    revision,
    digest: '',
    phase,
    committed: 0,
    counts: { required: 3, connected: 3, prepared: 3, active, nacked: 0, laggards: 0, missing: 0 },
    exceptions: [],
    ready: { status: 'False', reason: 'Progressing', message: '' },
    ...(phase === 'Completed' ? { completedAt: NOW, convergenceMs: 120.4, skewMs: 7 } : {}),
  };
}

const observe = (over: Partial<ObservedRevision>): ObservedRevision => ({
  revision: aRevision(1),
  progress: undefined,
  committedN: 0,
  writtenAt: 0,
  intervalMs: 1000,
  now: NOW,
  ...over,
});
const commit: PolicyRevisionStatus = { waves: [{ index: 0, decision: 'Commit' }] };
const abort = (cause: string): PolicyRevisionStatus => ({
  waves: [{ index: 0, decision: 'Abort' }],
  phase: 'Aborted',
  cause,
});

test.each<[string, Partial<ObservedRevision>, string, string, string]>([
  ['nobody has begun', {}, 'Pending', 'False', 'WaitingForPDP'],
  ['PDPs prepare it', { progress: told(1, 'Preparing') }, 'Preparing', 'False', 'WaitingForPDP'],
  ['the decision is being written', { progress: told(1, 'Gating') }, 'Preparing', 'False', 'WaitingForPDP'],
  [
    'it is decided',
    { revision: aRevision(1, commit), progress: told(1, 'Committing') },
    'Committing',
    'False',
    'WaitingForPDP',
  ],
  [
    'it serves everywhere',
    { revision: aRevision(1, commit), progress: told(1, 'Completed', 3) },
    'Completed',
    'True',
    'Converged',
  ],
  [
    'a newer one was committed before it served everywhere',
    { revision: aRevision(1, commit), committedN: 2, progress: told(2, 'Committing') },
    'Completed',
    'False',
    'Superseded',
  ],
  [
    'a PDP refused it',
    { revision: aRevision(1, abort('Nack: no')), progress: told(1, 'Aborted') },
    'Aborted',
    'False',
    'Nacked',
  ],
  ['time was over', { revision: aRevision(1, abort('Timeout: 1 of 3')) }, 'Aborted', 'False', 'DeadlineExceeded'],
  ['it was superseded', { revision: aRevision(1, abort('Superseded: by 2')) }, 'Aborted', 'False', 'Superseded'],
])('%s', (_name, over, phase, status, reason) => {
  const { status: written } = planRevision(observe(over));
  expect(written).toMatchObject({ phase, observedGeneration: 1 });
  expect(findCondition(written?.conditions, 'Ready')).toMatchObject({ status, reason });
});

test('the decision is carried along as it was written', () => {
  const { status } = planRevision(observe({ revision: aRevision(1, commit), progress: told(1, 'Completed', 3) }));
  expect(status).toMatchObject({ ...commit, activeCount: '3/3', convergenceMilliseconds: 120, skewMilliseconds: 7 });
});

test.each<[string, PolicyRevisionStatus, string]>([
  ['given up', abort('Timeout: late'), 'Aborted'],
  [
    'taken back after a wave',
    {
      ...abort('Analysis: bad'),
      waves: [
        { index: 0, decision: 'Commit', final: false },
        { index: 1, decision: 'Abort' },
      ],
    },
    'RolledBack',
  ],
])('one that was %s says so although a newer one serves before anybody looked', (_, ended, phase) => {
  const { status: working } = planRevision(observe({ progress: told(1, 'Preparing') }));
  const revision = aRevision(1, { ...working, ...ended });
  const { status } = planRevision(observe({ revision, committedN: 2, progress: told(2, 'Completed') }));
  expect(status?.phase).toBe(phase);
  expect(findCondition(status?.conditions, 'Ready')?.message).toBe(ended.cause);
  expect(findCondition(status?.conditions, 'Reconciling')).toBeUndefined();
  const after = observe({ revision: aRevision(1, status), committedN: 2, progress: told(2, 'Completed') });
  expect(planRevision(after)).toStrictEqual({});
});

test('a closed rollout is history: later figures do not change it', () => {
  const { status } = planRevision(observe({ revision: aRevision(1, commit), progress: told(1, 'Completed', 3) }));
  expect(planRevision(observe({ revision: aRevision(1, status), progress: told(1, 'Completed', 1) }))).toStrictEqual(
    {},
  );
});

test('figures of a revision that was given up do not claim that anybody serves it', () => {
  const { status } = planRevision(
    observe({ revision: aRevision(1, abort('Nack: no')), progress: told(1, 'Aborted', 3) }),
  );
  expect(status?.activeCount).toBe('0/3');
});

test('figures alone wait for their time, a change of phase does not', () => {
  const { status } = planRevision(observe({ progress: told(1, 'Preparing', 1) }));
  const again = observe({ revision: aRevision(1, status), progress: told(1, 'Preparing', 2), writtenAt: NOW - 400 });
  expect(planRevision(again)).toStrictEqual({ requeueAfterMs: 600 });
  expect(planRevision({ ...again, revision: aRevision(1, { ...status, ...commit }) }).status?.phase).toBe('Committing');
});

const differences = { total: 9, changed: 6, grantToDeny: 6, denyToGrant: 0, errors: 0, dropped: 0 };
const judged = (verdict: 'Waiting' | 'Fail', counts = differences): Pick<RolloutProgress, 'shadow'> => ({
  shadow: { counts, samples: [], reporting: 2, done: 2, proven: true, awaitsTraffic: false, verdict, message: verdict },
});

test('the last figures of a shadow evaluation are recorded although its end was recorded first', () => {
  const gate = { ...told(1, 'Gating'), ...judged('Waiting', { ...differences, total: 5 }) };
  const { status: waiting } = planRevision(observe({ progress: gate }));
  const { status: ended } = planRevision(
    observe({ revision: aRevision(1, { ...waiting, ...abort('Gate: too many') }), progress: gate }),
  );
  expect(ended?.shadow?.total).toBe(5);
  const last = { ...told(1, 'Aborted'), ...judged('Fail') };
  const { status } = planRevision(observe({ revision: aRevision(1, ended), progress: last }));
  expect(status).toStrictEqual({ ...ended, shadow: { ...differences, verdict: 'Fail', message: 'Fail', samples: [] } });
  expect(planRevision(observe({ revision: aRevision(1, status), progress: last }))).toStrictEqual({});
});

test('what was told before the end does not take back the verdict that the end was decided for', () => {
  const passing = { wave: 0, verdict: 'Pass', message: 'all is well' } as const;
  const failed = { wave: 0, verdict: 'Fail', message: 'denied answers went up' } as const;
  const soaking = { ...told(1, 'Soaking'), analysis: passing };
  const stopped: PolicyRevisionStatus = {
    phase: 'Aborted',
    cause: 'Analysis: denied answers went up',
    analysis: failed,
    waves: [
      { index: 0, decision: 'Commit', final: false },
      { index: 1, decision: 'Abort' },
    ],
  };
  const { status } = planRevision(observe({ revision: aRevision(1, stopped), progress: soaking }));
  expect(status?.analysis).toStrictEqual(failed);
});

const firstWave = { index: 0, count: 2, required: 3, active: 0, serving: 0, decided: [] };
const firstDecided: PolicyRevisionStatus['waves'] = [{ index: 0, decision: 'Commit', final: false }];
const approval = { reason: 'ApprovalRequired', message: 'awaited' } as const;

test('a rollout that waits for approval says what to write', () => {
  const progress = { ...told(1, 'AwaitingApproval'), wave: firstWave, hold: approval };
  const { status } = planRevision(observe({ progress }));
  const message = 'wave 1 of 2 waits for approval: annotation edict.dev/approve-wave "0" on the PolicyRevision';
  expect(status?.hold).toStrictEqual({ reason: 'ApprovalRequired', message });
  expect(findCondition(status?.conditions, 'Ready')).toMatchObject({ reason: 'AwaitingApproval', message });
});

test('what was told before a decision does not take back what the decision moved on', () => {
  const progress = { ...told(1, 'AwaitingApproval'), wave: firstWave, hold: approval };
  const { status } = planRevision(observe({ progress }));
  const decided = { ...status, phase: 'Committing' as const, waves: firstDecided };
  expect(planRevision(observe({ revision: aRevision(1, decided), progress }))).toStrictEqual({});
});

test('a rollout stays where it was known to be while a new leader has told nothing yet', () => {
  const progress = { ...told(1, 'Soaking'), wave: { ...firstWave, decided: [{ index: 0, decidedAt: NOW }] } };
  const { status } = planRevision(observe({ revision: aRevision(1, { waves: firstDecided }), progress }));
  expect(status?.phase).toBe('Soaking');
  expect(planRevision(observe({ revision: aRevision(1, status) })).status?.phase ?? status?.phase).toBe('Soaking');
});

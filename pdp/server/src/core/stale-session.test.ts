import { expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS, type Consistency } from '@edict/bundle';
import { Serving } from '@edict/crds';
import type { AccessRecord } from '@edict/engine';
import type { LeaseView } from '@edict/protocol';
import { ActiveSets } from '../active-sets.ts';
import { createMetrics } from '../observability/metrics.ts';
import { craneDomain, liftRequest, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { createDecisionCore } from './decision-core.ts';

function start(consistency: Partial<Consistency>, lease: Partial<LeaseView> = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const records: AccessRecord[] = [];
  let nowMs = 0;
  const core = createDecisionCore({
    sets,
    metrics,
    audit: {
      room: () => true,
      record: (decision) => {
        if (!('kind' in decision)) records.push(decision);
        return undefined;
      },
    },
    clock: { nowMs: () => nowMs, monotonicNs: () => nowMs * 1e6 },
  });
  sets.leases
    .of(SET)
    .tell({ consistency: { ...CONSISTENCY_DEFAULTS, ...consistency }, minRev: 0, stableRev: 0, ...lease });
  sets.swap({
    ...{ set: SET, setUid: 'uid', n: 1, digest: 'sha256:1', activatedAtMs: 0 },
    snapshot: snapshotOf([craneDomain(5)], { serving: Serving.parse({ documents: { policies: [] } }) }),
  });
  const ask = (atMs: number) => {
    nowMs = atMs;
    const entry = core.enter({ api: 'manetu', instance: undefined });
    if (entry instanceof Promise) throw new Error('it waits');
    if (entry.kind === 'refused') return { refused: entry.problem };
    const { session } = entry;
    const answer = session.decide(liftRequest(1), { probe: false });
    session.end();
    if (answer instanceof Promise || answer.kind === 'refused') throw new Error('not decided');
    return { allow: answer.allow, stale: session.headers['policy-stale'] };
  };
  const staleDecisions = async (): Promise<number> =>
    (await metrics.staleDecisions.get()).values.reduce((sum, { value }) => sum + value, 0);
  return { sets, core, ask, records, staleDecisions };
}

test.each([
  ['NotReady refuses', { onStale: 'NotReady' }, { refused: 'stale' }, 0],
  ['Deny denies, and says so', { onStale: 'Deny' }, { allow: false, stale: 'true' }, 1],
  ['Serve goes on, and says so', { onStale: 'Serve' }, { allow: true, stale: 'true' }, 1],
] as const)('after the lease %s', async (_name, consistency, answer, counted) => {
  const { ask, staleDecisions } = start({ mode: 'Strict', ...consistency }, { until: 1_000 });
  expect([ask(999), ask(1_000)]).toStrictEqual([{ allow: true, stale: undefined }, answer]);
  expect(await staleDecisions()).toBe(counted);
});

test('a lease that is given anew opens at once', () => {
  const { sets, ask } = start({ mode: 'Strict', onStale: 'NotReady' }, { until: 1_000 });
  expect(ask(1_500)).toStrictEqual({ refused: 'stale' });
  const view = sets.leases.of(SET).view;
  if (view === undefined) throw new Error('nothing was told');
  sets.leases.of(SET).tell({ ...view, until: 2_000 });
  expect([ask(1_500), ask(2_000)]).toMatchObject([{ allow: true }, { refused: 'stale' }]);
});

test.each([
  ['Strict', { mode: 'Strict' }, { refused: 'stale' }],
  ['AfterLease', { onBoot: 'AfterLease' }, { refused: 'stale' }],
  ['Standard', {}, { allow: true, stale: undefined }],
] as const)('before the first lease a set that is %s answers as it promises', (_name, consistency, answer) => {
  expect(start(consistency).ask(1)).toStrictEqual(answer);
});

test.each([
  ['goes on', 'Serve', { allow: true, stale: 'true' }],
  ['stops', 'Stop', { refused: 'stale' }],
] as const)(
  'while the operator says that it is cut off itself a set %s as it is told to',
  (_name, onControlPlaneLoss, answer) => {
    const consistency = { mode: 'Strict', onStale: 'NotReady', onControlPlaneLoss } as const;
    expect(start(consistency, { until: 1_000, cutOffUntil: 5_000 }).ask(2_000)).toStrictEqual(answer);
  },
);

test('a deny for want of a lease is recorded with its reason', () => {
  const { ask, records } = start({ mode: 'Strict', onStale: 'Deny' }, { until: 1_000 });
  ask(2_000);
  expect(records).toMatchObject([
    {
      decision: 'DENY',
      operation: 'crane:lift',
      subject: 'ada',
      references: [{ reason: expect.stringContaining('lease') }],
    },
  ]);
});

test('a document is not evaluated without a lease where decisions are denied', () => {
  const { core, ask } = start({ mode: 'Strict', onStale: 'Deny' }, { until: 1_000 });
  ask(2_000);
  const entry = core.enter({ api: 'opa', instance: undefined });
  if (entry instanceof Promise || entry.kind === 'refused') throw new Error('not entered');
  expect(entry.session.query({ path: [], input: {} })).toMatchObject({ kind: 'refused', problem: 'stale' });
  entry.session.end();
});

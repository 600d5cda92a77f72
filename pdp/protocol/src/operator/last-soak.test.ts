import { describe, expect, test } from '@jest/globals';
import type { SetLoad } from '../messages.ts';
import { aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import type { RolloutOptions, RolloutRecord, SetObservation } from './observation.ts';

const NODES = ['a', 'b'];
const all = { soakMs: 60_000, needsApproval: false };
const load = (denied: number): SetLoad => ({ decisions: 100, errors: 0, denied, p99Micros: 100 });
const analysis = { maxDenyRateIncrease: 0.1, minDecisions: 10, external: false };
const watched: Partial<RolloutOptions> = { waves: [all], analysis, autoRollback: true };

/** Revision 1 serves and was measured; revision 2 is committed, and everyone serves it. */
function lastSoak(options: Partial<RolloutOptions>): RolloutDriver {
  const driver = new RolloutDriver(
    anObservation({ options: someOptions(options), committed: aRevision(1), completed: true }),
  );
  for (const node of NODES) driver.connect(node, { active: aRevision(1) }).beat(node, 1, 0, undefined, load(5));
  driver.observe({ undecided: [aRevision(2)] });
  for (const node of NODES) driver.prepared(node, aRevision(2));
  driver.answer('written');
  for (const node of NODES) driver.active(node, aRevision(2));
  driver.said();
  return driver;
}

/** What the store shows once revision 2 is committed. */
const shown = (record: Partial<RolloutRecord> = {}): Partial<SetObservation> => ({
  committed: aRevision(2),
  completed: false,
  committedRecord: { decided: [{ index: 0, decidedAt: 0 }], ...record },
  predecessor: aRevision(1),
  undecided: [],
});

const failingBeats = (driver: RolloutDriver): RolloutDriver => {
  for (const node of NODES) driver.beat(node, 2, 0, undefined, load(50));
  return driver.wait(500);
};

describe('the last wave', () => {
  test('is watched, and then the rollout is complete', () => {
    const driver = lastSoak(watched);
    expect(driver.progress()).toMatchObject({ phase: 'Soaking', committed: 2, hold: { reason: 'Soak' } });
    expect(driver.progress().ready).toMatchObject({ status: 'False', reason: 'Progressing' });
    driver.observe(shown()).wait(60_000);
    expect(driver.progress()).toMatchObject({ phase: 'Completed', ready: { status: 'True' } });
    expect(driver.rollBacks).toEqual([]);
  });

  test('that does badly is recorded as failed, and what was before is asked for', () => {
    const driver = failingBeats(lastSoak(watched).observe(shown()));
    expect(driver.decisions.at(-1)).toMatchObject({
      revision: { n: 2 },
      wave: { index: 1, final: false },
      decision: { type: 'Abort', cause: { reason: 'Analysis' } },
    });
    expect(driver.rollBacks).toEqual([]);
    driver.answer('written').wait(500);
    expect(driver.progress()).toMatchObject({ phase: 'RolledBack', committed: 2, ready: { status: 'False' } });
    expect(driver.rollBacks).toMatchObject([{ revision: { n: 2 }, cause: { reason: 'Analysis' } }]);
    // Nobody is told to forget what everyone serves.
    expect(driver.said()).toEqual([]);
  });

  test('that failed is left by a revision with the content before, even if that timed out once', () => {
    const driver = failingBeats(lastSoak(watched).observe(shown())).answer('written');
    const back = { ...aRevision(3), digest: aRevision(1).digest, reason: 'Rollback' as const };
    driver.observe({ ...shown(), undecided: [back], failedDigests: [back.digest, aRevision(2).digest] });
    expect(driver.said()).toEqual(['Prepare 3 -> a', 'Prepare 3 -> b']);
    for (const node of NODES) driver.prepared(node, back);
    driver.answer('written');
    for (const node of NODES) driver.active(node, back);
    expect(driver.progress()).toMatchObject({ phase: 'Completed', committed: 3 });
  });

  test('that failed is asked for again when a newer revision was given up in between', () => {
    const driver = failingBeats(lastSoak(watched).observe(shown())).answer('written');
    driver.observe({ ...shown(), undecided: [aRevision(3)] });
    driver.nack('a', aRevision(3), true).answer('written').wait(6_000);
    expect(driver.rollBacks.at(-1)).toMatchObject({ revision: { n: 2 }, cause: { reason: 'Analysis' } });
  });

  test('whose content failed is not offered again by itself', () => {
    const driver = failingBeats(lastSoak(watched).observe(shown())).answer('written');
    const again = { ...aRevision(3), digest: aRevision(2).digest };
    driver.observe({ ...shown(), undecided: [again], failedDigests: [again.digest] });
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 3 }, decision: { type: 'Abort' } });
    expect(driver.said()).toEqual([]);
  });

  test('that a leader before this one found failed is asked for by this one', () => {
    const cause = { reason: 'Analysis', message: 'denied answers' } as const;
    const driver = new RolloutDriver(anObservation({ options: someOptions(watched), ...shown(), failed: cause }));
    driver.wait(500);
    expect(driver.progress()).toMatchObject({ phase: 'RolledBack', cause });
    expect(driver.rollBacks).toMatchObject([{ revision: { n: 2 }, cause }]);
  });

  test('that another leader found failed ends the watch of this one, even if it was over here', () => {
    const driver = lastSoak(watched).observe(shown()).wait(60_500);
    driver.observe({ ...shown(), failed: { reason: 'Analysis', message: 'denied answers' } }).wait(500);
    expect(driver.progress().phase).toBe('RolledBack');
    expect(driver.rollBacks).toHaveLength(1);
  });

  test('is watched anew by a new leader, as the record alone has it', () => {
    const options = someOptions({ ...watched, waves: [{ principals: 500, soakMs: 9, needsApproval: true }, all] });
    const decided = [
      { index: 0, principals: 500, decidedAt: 0 },
      { index: 1, decidedAt: 0 },
    ];
    const driver = new RolloutDriver(anObservation({ options, ...shown(), committedRecord: { decided } }));
    for (const node of NODES) driver.connect(node, { active: aRevision(2) });
    driver.wait(500);
    expect(driver.progress()).toMatchObject({ phase: 'Soaking', wave: { index: 1, count: 2 } });
    driver.analysed(aRevision(2), 1, 'Fail');
    expect(driver.decisions).toMatchObject([{ wave: { index: 2, final: false }, decision: { type: 'Abort' } }]);
  });

  test('that somebody ends is taken back whatever the set says of rollbacks', () => {
    const driver = lastSoak({ waves: [all] }).observe(shown({ abortRequested: 'no' }));
    driver.answer('written').wait(500);
    expect(driver.rollBacks).toMatchObject([{ revision: { n: 2 }, cause: { reason: 'User', message: 'no' } }]);
  });

  test('pauses where nothing is to be taken back by itself, until somebody approves', () => {
    const driver = failingBeats(lastSoak({ ...watched, autoRollback: false }).observe(shown()));
    expect(driver.progress()).toMatchObject({ phase: 'Paused', hold: { reason: 'AnalysisFailed' } });
    driver.observe(shown({ approvals: [1] }));
    expect(driver.progress()).toMatchObject({ phase: 'Completed', ready: { status: 'True' } });
  });

  test('is over when something newer is wanted', () => {
    const driver = lastSoak(watched).observe({ ...shown(), undecided: [aRevision(3)] });
    expect(driver.said()).toEqual(['Prepare 3 -> a', 'Prepare 3 -> b']);
    failingBeats(driver);
    expect(driver.rollBacks).toEqual([]);
  });

  test('is not watched where there is nothing that could come back', () => {
    const driver = new RolloutDriver(anObservation({ options: someOptions(watched) })).connect('a');
    driver
      .observe({ undecided: [aRevision(1)] })
      .prepared('a', aRevision(1))
      .answer('written');
    driver.active('a', aRevision(1));
    expect(driver.progress().phase).toBe('Completed');
  });
});

test('an approval that was taken back and given anew overrules the analysis', () => {
  const record = (approvals: readonly number[]): Partial<SetObservation> => ({
    rollouts: new Map([[2, { decided: [{ index: 0, principals: 500, decidedAt: 0 }], approvals }]]),
    undecided: [aRevision(2)],
  });
  const waves = [{ principals: 500, soakMs: 60_000, needsApproval: false }];
  const driver = new RolloutDriver(
    anObservation({
      options: someOptions({ waves, analysis, autoRollback: false }),
      committed: aRevision(1),
      completed: true,
    }),
  );
  driver
    .connect('a', { active: aRevision(1) })
    .observe({ undecided: [aRevision(2)] })
    .prepared('a', aRevision(2));
  driver
    .answer('written')
    .observe(record([1]))
    .beat('a', 1, 0, { n: 2, upTo: 500 });
  driver.analysed(aRevision(2), 0, 'Fail');
  expect(driver.progress()).toMatchObject({ phase: 'Paused', hold: { reason: 'AnalysisFailed' } });
  driver.observe(record([]));
  driver.observe(record([1]));
  expect(driver.decisions.at(-1)).toMatchObject({ wave: { index: 1, final: true }, decision: { type: 'Commit' } });
});

describe('a PDP that may never install what is decided for it', () => {
  const waves = [
    { principals: 500, soakMs: 0, needsApproval: false },
    { nodes: { labels: { tier: 'gold' } }, soakMs: 0, needsApproval: false },
  ];
  const gold = { labels: { tier: 'gold' } };
  const stopped = (n: number, decided: RolloutRecord['decided']): Partial<SetObservation> => ({
    stopped: [{ revision: aRevision(n), decided, cause: { reason: 'Superseded', message: 'newer' } }],
  });

  /** Says again and again that it cannot. */
  function failing(driver: RolloutDriver, n: number): RolloutDriver {
    for (let time = 0; time < 12; time += 1) {
      if (driver.announced.at(-1)?.message.revision.n === n) driver.nack('a', aRevision(n), false);
      driver.wait(40_000);
    }
    return driver;
  }

  test('is offered what comes next although a share of the principals cannot be served', () => {
    const driver = new RolloutDriver(
      anObservation({
        options: someOptions({ progressDeadlineMs: 10_000_000 }),
        committed: aRevision(1),
        completed: true,
        ...stopped(2, [{ index: 0, principals: 500, decidedAt: 0 }]),
        undecided: [aRevision(3)],
      }),
    );
    driver.connect('a', { active: aRevision(1) });
    expect(driver.said()).toEqual(['Commit 2 -> a']);
    expect(failing(driver.nack('a', aRevision(2), false), 2).said()).toContain('Prepare 3 -> a');
  });

  test('gets a newer one that is decided for it when the committed one cannot be had', () => {
    const driver = new RolloutDriver(
      anObservation({
        options: someOptions({ waves: [...waves], progressDeadlineMs: 10_000_000 }),
        committed: aRevision(1),
        completed: true,
        undecided: [aRevision(2)],
        rollouts: new Map([[2, { decided: [{ index: 0, nodes: gold, decidedAt: 0 }] }]]),
      }),
    );
    driver.connect('a', {}, '1.0.0', gold);
    expect(driver.said()).toEqual(['Commit 1 -> a']);
    expect(failing(driver.nack('a', aRevision(1), false), 1).said()).toContain('Prepare 2 -> a');
    expect(driver.prepared('a', aRevision(2)).said()).toEqual(['Commit 2 -> a']);
  });

  test('is not waited for in a wave of principals when it refuses what those are a share of', () => {
    const driver = new RolloutDriver(
      anObservation({
        options: someOptions({ waves: [...waves] }),
        committed: aRevision(1),
        completed: true,
        ...stopped(2, [{ index: 0, nodes: gold, decidedAt: 0 }]),
      }),
    );
    driver.connect('a', { active: aRevision(1) }, '1.0.0', gold);
    driver.forged('a', aRevision(2)).observe({ undecided: [aRevision(3)] });
    driver.prepared('a', aRevision(3)).answer('written');
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 3 }, wave: { index: 1 } });
  });

  test('ends a wave that is decided when it refuses it for good', () => {
    const driver = new RolloutDriver(
      anObservation({ options: someOptions({ waves: [...waves] }), committed: aRevision(1), completed: true }),
    );
    driver.connect('a', { active: aRevision(1) }).observe({ undecided: [aRevision(2)] });
    driver.prepared('a', aRevision(2)).answer('written');
    driver.connect('b', { active: aRevision(1) }).nack('b', aRevision(2), true);
    expect(driver.decisions.at(-1)).toMatchObject({
      revision: { n: 2 },
      wave: { index: 1 },
      decision: { type: 'Abort', cause: { reason: 'Nack' } },
    });
  });
});

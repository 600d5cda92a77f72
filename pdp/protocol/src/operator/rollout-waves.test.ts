import { describe, expect, test } from '@jest/globals';
import type { SetLoad, ShadowCounts } from '../messages.ts';
import type { SignedRevision } from '@edict/bundle';
import { aDigest, aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import type { RolloutOptions, RolloutRecord, Wave } from './observation.ts';

const NODES = ['a', 'b', 'c'];
const share = (principals: number, soakMs = 0): Wave => ({ principals, soakMs, needsApproval: false });
const SHARE = { salt: 'uid-1/1', upTo: 500 };

/** Revision 1 serves all; revision 2 is prepared by everyone. */
function prepared(options: Partial<RolloutOptions>, revision: SignedRevision = aRevision(2)): RolloutDriver {
  const driver = new RolloutDriver(
    anObservation({ options: someOptions(options), committed: aRevision(1), completed: true }),
  );
  for (const node of NODES) driver.connect(node, { active: aRevision(1) });
  driver.observe({ undecided: [revision] });
  driver.said();
  for (const node of NODES) driver.prepared(node, revision);
  return driver;
}

/** The first wave is decided and has reached everyone. */
function soaking(options: Partial<RolloutOptions>): RolloutDriver {
  const driver = prepared(options).answer('written');
  for (const node of NODES) driver.active(node, aRevision(2), SHARE);
  driver.said();
  return driver;
}

const recorded = (record: Partial<RolloutRecord>): { readonly rollouts: ReadonlyMap<number, RolloutRecord> } => ({
  rollouts: new Map([[2, { decided: [], ...record }]]),
});

describe('a wave of principals', () => {
  test('is decided with whom it reaches, and told with the share', () => {
    const driver = prepared({ waves: [share(500)] });
    expect(driver.decisions).toMatchObject([
      { revision: { n: 2 }, wave: { index: 0, final: false, principals: 500 }, decision: { type: 'Commit' } },
    ]);
    expect(driver.said()).toEqual([]);
    driver.answer('written');
    expect(driver.announced.map(({ message }) => message)).toMatchObject(
      NODES.map(() => ({ type: 'Commit', revision: { n: 2 }, share: { salt: 'uid-1/1', upTo: 500 } })),
    );
  });

  test('goes on to the next when everyone has it, and ends with all', () => {
    const driver = soaking({ waves: [share(500), share(5_000)] });
    expect(driver.decisions.map(({ wave }) => wave)).toEqual([
      { index: 0, final: false, principals: 500 },
      { index: 1, final: false, principals: 5_000 },
    ]);
    driver.answer('written');
    expect(driver.said()).toEqual(['Commit 2 -> a', 'Commit 2 -> b', 'Commit 2 -> c']);
    for (const node of NODES) driver.active(node, aRevision(2), { ...SHARE, upTo: 5_000 });
    expect(driver.decisions.at(-1)?.wave).toEqual({ index: 2, final: true });
    driver.answer('written').said();
    expect(driver.progress()).toMatchObject({ phase: 'Committing', wave: { index: 2, count: 3, active: 0 } });
    for (const node of NODES) driver.active(node, aRevision(2));
    expect(driver.progress()).toMatchObject({ phase: 'Completed', committed: 2, ready: { status: 'True' } });
  });

  test('is not passed before everyone has the whole share', () => {
    const driver = prepared({ waves: [share(500)] }).answer('written');
    driver.active('a', aRevision(2), SHARE).active('b', aRevision(2), SHARE);
    driver.beat('c', 1, 0, { n: 2, upTo: 499 });
    expect(driver.progress()).toMatchObject({ phase: 'Committing', wave: { required: 3, active: 2 } });
    driver.beat('c', 1, 0, { n: 2, upTo: 500 });
    expect(driver.decisions).toHaveLength(2);
  });

  test('reaches a joiner too: first what is committed, then the share', () => {
    const driver = soaking({ waves: [share(500, 60_000)] });
    driver.connect('d');
    expect(driver.said()).toEqual(['Commit 1 -> d']);
    driver.active('d', aRevision(1));
    expect(driver.announced).toMatchObject([{ to: 'd', message: { type: 'Commit', share: { upTo: 500 } } }]);
  });

  test('is told again after a restart of a PDP that lost it', () => {
    const driver = soaking({ waves: [share(500, 60_000)] });
    driver.connect('a', { active: aRevision(1), canary: { revision: aRevision(2), ...SHARE } });
    expect(driver.said()).toEqual([]);
    driver.connect('a', { active: aRevision(1) });
    expect(driver.said()).toEqual(['Commit 2 -> a']);
  });

  test('of the first revision of a set does not exist', () => {
    const options = someOptions({ waves: [share(500)] });
    const driver = new RolloutDriver(anObservation({ options })).connect('a').observe({ undecided: [aRevision(1)] });
    driver.prepared('a', aRevision(1));
    expect(driver.decisions.map(({ wave }) => wave)).toEqual([{ index: 0, final: true }]);
  });
});

test('a wave for fewer principals than are decided takes the revision from nobody, and the rollout goes on', () => {
  const driver = prepared({ waves: [share(5_000, 60_000), share(6_000)] }).answer('written');
  const half = { ...SHARE, upTo: 5_000 };
  for (const node of NODES) driver.active(node, aRevision(2), half);
  // Shares that rise among themselves, edited while half of the principals have the revision.
  driver.observe({
    options: someOptions({ waves: [share(500), share(2_000, 60_000), share(7_000)] }),
    ...recorded({ decided: [{ index: 0, decidedAt: 0, principals: 5_000 }] }),
  });
  driver.said();
  driver.wait(60_000);
  for (const node of NODES) driver.beat(node, 1, 0, { n: 2, upTo: 5_000 });
  driver.wait(500);
  expect(driver.decisions.at(-1)?.wave).toMatchObject({ index: 1, principals: 2_000 });
  driver.answer('written').wait(500);
  expect(driver.said()).toEqual([]);
  expect(driver.progress()).toMatchObject({ phase: 'Soaking', wave: { index: 1, required: 3, active: 3 } });
  driver.connect('a', { active: aRevision(1) });
  expect(driver.announced).toMatchObject([{ message: { type: 'Commit', revision: { n: 2 }, share: { upTo: 5_000 } } }]);
});

describe('a wave of PDPs', () => {
  const traits = new Map([
    ['a', { zone: 'a', labels: { tier: 'canary' } }],
    ['b', { zone: 'b' }],
    ['c', { zone: 'b' }],
  ]);
  const waves: readonly Wave[] = [{ nodes: { zones: ['a'] }, soakMs: 60_000, needsApproval: false }];

  function inZoneA(): RolloutDriver {
    return prepared({ waves }).observe({ traits }).answer('written');
  }

  test('everyone prepares, only its PDPs are told, and only they are waited for', () => {
    const driver = inZoneA();
    expect(driver.said()).toEqual(['Commit 2 -> a']);
    driver.active('a', aRevision(2));
    expect(driver.progress()).toMatchObject({ phase: 'Soaking', wave: { index: 0, required: 1, active: 1 } });
    driver.wait(60_000);
    expect(driver.decisions.at(-1)?.wave).toEqual({ index: 1, final: true });
  });

  test('without any PDP is passed at once', () => {
    const driver = prepared({ waves: [{ nodes: { zones: ['z'] }, soakMs: 0, needsApproval: false }] }).answer(
      'written',
    );
    expect(driver.said()).toEqual([]);
    expect(driver.decisions.at(-1)?.wave).toEqual({ index: 1, final: true });
  });

  test('goes by what authentication says where nobody keeps a list', () => {
    const driver = prepared({ waves });
    driver.connect('d', { active: aRevision(1) }, '1.0.0', { zone: 'a' });
    driver.answer('written');
    expect(driver.said()).toContain('Commit 2 -> d');
    expect(driver.said()).not.toContain('Commit 2 -> a');
  });
});

describe('the soak', () => {
  const load = (change: Partial<SetLoad> = {}): SetLoad => ({
    decisions: 1_000,
    errors: 0,
    denied: 100,
    p99Micros: 100,
    ...change,
  });
  const analysis = { minDecisions: 100, external: false, maxDenyRateIncrease: 0.05 };
  const waves = [share(500, 60_000)];

  /** Beats with loads: before the first wave, then during it. */
  function measured(options: Partial<RolloutOptions>, during: Partial<SetLoad>): RolloutDriver {
    const driver = new RolloutDriver(
      anObservation({
        options: someOptions({ waves, analysis, ...options }),
        committed: aRevision(1),
        completed: true,
      }),
    );
    for (const node of NODES) driver.connect(node, { active: aRevision(1) }).beat(node, 1, 0, undefined, load());
    driver.observe({ undecided: [aRevision(2)] });
    for (const node of NODES) driver.prepared(node, aRevision(2));
    driver.answer('written');
    for (const node of NODES) driver.active(node, aRevision(2), SHARE);
    for (const node of NODES) driver.beat(node, 1, 0, { n: 2, upTo: 500 }, load(), load(during));
    driver.wait(500);
    return driver;
  }

  test('lasts as long as the wave says, from when everyone has it', () => {
    const driver = soaking({ waves });
    expect(driver.progress()).toMatchObject({ phase: 'Soaking', hold: { reason: 'Soak' } });
    driver.wait(59_500);
    expect(driver.decisions).toHaveLength(1);
    driver.wait(500);
    expect(driver.decisions).toHaveLength(2);
  });

  test('that goes well goes on', () => {
    const driver = measured({}, {}).wait(60_000);
    expect(driver.decisions.at(-1)).toMatchObject({ wave: { index: 1, final: true }, decision: { type: 'Commit' } });
    expect(driver.progress().analysis).toMatchObject({ verdict: 'Pass', wave: 0 });
  });

  test('that goes badly stops the rollout at once, and asks for what was before until that is there', () => {
    const driver = measured({ autoRollback: true }, { denied: 200 });
    expect(driver.decisions.at(-1)).toMatchObject({
      wave: { index: 1 },
      decision: { type: 'Abort', cause: { reason: 'Analysis' } },
    });
    expect(driver.rollBacks).toEqual([]);
    driver.answer('written').wait(500);
    expect(driver.rollBacks).toMatchObject([{ revision: { n: 2 }, cause: { reason: 'Analysis' } }]);
    expect(driver.progress()).toMatchObject({ phase: 'RolledBack', ready: { status: 'False', reason: 'Rejected' } });
    driver.wait(5_000);
    expect(driver.rollBacks).toHaveLength(2);
    const back = aRevision(3, { digest: aDigest(1), reason: 'Rollback' });
    driver.observe({ undecided: [aRevision(2), back] });
    driver.said();
    for (const node of NODES) driver.prepared(node, back);
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 3 }, wave: { index: 0, final: true } });
    driver.answer('written');
    for (const node of NODES) driver.active(node, back);
    expect(driver.progress()).toMatchObject({ phase: 'Completed', revision: 3, ready: { status: 'True' } });
    expect(driver.wait(20_000).rollBacks).toHaveLength(2);
  });

  test('that goes badly pauses where nothing is to happen by itself, until somebody approves or gives up', () => {
    const driver = measured({}, { denied: 200 }).wait(120_000);
    expect(driver.progress()).toMatchObject({ phase: 'Paused', hold: { reason: 'AnalysisFailed' } });
    expect(driver.decisions).toHaveLength(1);
    driver.observe(recorded({ decided: [{ index: 0, decidedAt: 0, principals: 500 }], approvals: [1] }));
    expect(driver.decisions).toHaveLength(2);
  });

  test('that goes badly is not overruled by an approval from before', () => {
    const driver = new RolloutDriver(
      anObservation({ options: someOptions({ waves, analysis }), committed: aRevision(1), completed: true }),
    );
    driver.connect('a', { active: aRevision(1) }).beat('a', 1, 0, undefined, load());
    driver.observe({ undecided: [aRevision(2)], ...recorded({ approvals: [1] }) });
    driver.prepared('a', aRevision(2)).answer('written').active('a', aRevision(2), SHARE);
    driver.beat('a', 1, 0, { n: 2, upTo: 500 }, load(), load({ denied: 900 })).wait(120_000);
    expect(driver.progress().hold?.reason).toBe('AnalysisFailed');
  });

  test.each<[string, 'Pass' | 'Fail' | 'Unknown' | undefined, string | undefined, number]>([
    ['that passes goes on', 'Pass', undefined, 2],
    ['that fails pauses', 'Fail', 'AnalysisFailed', 1],
    ['that does not know pauses', 'Unknown', 'AnalysisUnknown', 1],
    ['that does not come pauses', undefined, 'AnalysisUnknown', 1],
  ])('a verdict from outside %s', (_name, verdict, hold, decisions) => {
    const driver = soaking({ waves, analysis: { minDecisions: 1, external: true } });
    if (verdict !== undefined) driver.analysed(aRevision(2), 0, verdict);
    driver.wait(61_000);
    expect(driver.progress().hold?.reason).toBe(hold);
    expect(driver.decisions).toHaveLength(decisions);
  });

  test('a verdict about another wave does not count', () => {
    const driver = soaking({ waves, analysis: { minDecisions: 1, external: true } });
    driver.analysed(aRevision(2), 1, 'Pass').analysed(aRevision(9), 0, 'Fail').wait(61_000);
    expect(driver.progress().hold?.reason).toBe('AnalysisUnknown');
  });

  test('after a change of leader compares with what is answered beside the wave', () => {
    const driver = new RolloutDriver(
      anObservation({
        options: someOptions({ waves, analysis, autoRollback: true }),
        committed: aRevision(1),
        completed: true,
        undecided: [aRevision(2)],
        ...recorded({ decided: [{ index: 0, decidedAt: 0, principals: 500 }] }),
      }),
    );
    for (const node of NODES) {
      driver.connect(node, { active: aRevision(1), canary: { revision: aRevision(2), ...SHARE } });
    }
    driver.wait(500);
    expect(driver.progress().phase).toBe('Soaking');
    const all = load({ decisions: 2_000, denied: 300 });
    driver.beat('a', 1, 0, { n: 2, upTo: 500 }, all, load({ denied: 200 })).wait(500);
    expect(driver.decisions.at(-1)?.decision).toMatchObject({ type: 'Abort', cause: { reason: 'Analysis' } });
  });
});

describe('pause, approval, abort', () => {
  test('nothing is decided while a pause is asked for, and nobody runs out of time', () => {
    const driver = prepared({ waves: [share(500)] }, aRevision(2));
    driver
      .answer('conflict')
      .observe(recorded({ pauseRequested: true }))
      .wait(120_000);
    expect(driver.progress()).toMatchObject({ phase: 'Paused', hold: { reason: 'PauseRequested' } });
    expect(driver.decisions).toHaveLength(1);
    driver.observe(recorded({})).wait(500);
    expect(driver.decisions).toHaveLength(2);
  });

  test('a pause stops the clock of those who have not prepared', () => {
    const driver = new RolloutDriver(anObservation()).connect('a');
    driver.observe({ undecided: [aRevision(2)], ...recorded({ pauseRequested: true }) }).wait(120_000);
    expect(driver.decisions).toEqual([]);
    driver.observe(recorded({})).wait(60_500);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort', cause: { reason: 'Timeout' } } }]);
  });

  test('a wave that needs approval awaits it', () => {
    const waves: readonly Wave[] = [{ ...share(500), needsApproval: true }];
    const driver = prepared({ waves });
    expect(driver.decisions).toEqual([]);
    expect(driver.progress()).toMatchObject({ phase: 'AwaitingApproval', hold: { reason: 'ApprovalRequired' } });
    driver.observe(recorded({ approvals: [1] }));
    expect(driver.decisions).toEqual([]);
    driver.observe(recorded({ approvals: [0] }));
    expect(driver.decisions).toHaveLength(1);
  });

  test('an abort before the first wave gives the revision up', () => {
    const driver = new RolloutDriver(anObservation()).connect('a').observe({ undecided: [aRevision(2)] });
    driver.observe(recorded({ abortRequested: 'not today' }));
    expect(driver.decisions).toMatchObject([
      { wave: { index: 0 }, decision: { type: 'Abort', cause: { reason: 'User', message: 'not today' } } },
    ]);
    expect(driver.answer('written').progress().phase).toBe('Aborted');
    expect(driver.wait(500).rollBacks).toEqual([]);
  });

  test('an abort after a wave stops the revision and asks for what was before, also without automatic rollback', () => {
    const driver = soaking({ waves: [share(500, 60_000)] });
    driver.observe(recorded({ decided: [{ index: 0, decidedAt: 0, principals: 500 }], abortRequested: 'no' }));
    expect(driver.decisions.at(-1)).toMatchObject({ wave: { index: 1 }, decision: { type: 'Abort' } });
    driver.answer('written').wait(500);
    expect(driver.rollBacks).toMatchObject([{ revision: { n: 2 }, cause: { reason: 'User' } }]);
  });

  test('the next leader asks too', () => {
    const cause = { reason: 'Analysis', message: 'm' } as const;
    const stopped = [{ revision: aRevision(2), cause, decided: [{ index: 0, decidedAt: 0, principals: 500 }] }];
    const options = someOptions({ autoRollback: true });
    const driver = new RolloutDriver(anObservation({ committed: aRevision(1), completed: true, stopped, options }));
    expect(driver.wait(500).rollBacks).toMatchObject([{ revision: { n: 2 }, cause }]);
    expect(driver.progress().phase).toBe('RolledBack');
  });
});

describe('superseding', () => {
  test('a revision of which a wave is decided is stopped, and what is decided of it stays until the next one takes over', () => {
    const driver = soaking({ waves: [share(2_000, 60_000), share(5_000)] });
    const decided = [{ index: 0, decidedAt: 0, principals: 2_000 }];
    driver.observe({ undecided: [aRevision(2), aRevision(3)], ...recorded({ decided }) });
    expect(driver.decisions.at(-1)).toMatchObject({
      revision: { n: 2 },
      wave: { index: 1 },
      decision: { type: 'Abort', cause: { reason: 'Superseded' } },
    });
    driver.answer('written').said();
    expect(driver.rollBacks).toEqual([]);
    driver.connect('d', { active: aRevision(1) });
    expect(driver.announced).toMatchObject([{ message: { revision: { n: 2 }, share: { upTo: 2_000 } } }]);
    driver.said();
    driver.observe({ options: someOptions({ waves: [share(500)] }) });
    for (const node of NODES) driver.prepared(node, aRevision(3));
    driver.answer('written');
    // Nobody who had revision 2 is given revision 1 again.
    expect(driver.announced[0]?.message).toMatchObject({ revision: { n: 3 }, share: { salt: 'uid-1/1', upTo: 2_000 } });
  });

  test('nor where the older one serves everybody by now', () => {
    const decided = [
      { index: 0, decidedAt: 0, principals: 2_000 },
      { index: 1, decidedAt: 0, nodes: { zones: ['a'] } },
    ];
    const cause = { reason: 'Superseded', message: 'm' } as const;
    const driver = new RolloutDriver(
      anObservation({
        committed: aRevision(1),
        completed: true,
        stopped: [{ revision: aRevision(2), decided, cause }],
        undecided: [aRevision(3)],
        rollouts: new Map([[3, { decided: [{ index: 0, decidedAt: 0, principals: 500 }] }]]),
        traits: new Map([['a', { zone: 'a' }]]),
      }),
    );
    driver.connect('a', { active: aRevision(1) });
    expect(driver.said()).toEqual(['Commit 2 -> a']);
    driver.active('a', aRevision(2));
    expect(driver.announced).toMatchObject([{ message: { revision: { n: 3 }, share: { upTo: 2_000 } } }]);
    expect(driver.rollout.vouchFor('a')).toMatchObject({ minRev: 2, canary: { n: 3, upTo: 2_000 } });
  });
});

describe('refusals and failures', () => {
  test('a refusal after a wave stops the rollout', () => {
    const driver = soaking({ waves: [share(500, 60_000)] });
    driver.connect('d', { active: aRevision(1) }).nack('d', aRevision(2), true);
    expect(driver.decisions.at(-1)).toMatchObject({
      wave: { index: 1 },
      decision: { type: 'Abort', cause: { reason: 'Nack' } },
    });
  });

  test('a wave that does not reach everyone in time holds, and goes on without those who may be left behind', () => {
    const driver = prepared({ waves: [share(500)], progressDeadlineMs: 10_000 }).answer('written');
    driver.active('a', aRevision(2), SHARE).active('b', aRevision(2), SHARE).wait(10_500);
    expect(driver.progress()).toMatchObject({ phase: 'Committing', hold: { reason: 'DeadlineExceeded' } });
    driver.observe({ options: someOptions({ waves: [share(500)], maxLaggardsPercent: 34 }) }).wait(500);
    // They are asked again with the next wave.
    expect(driver.progress()).toMatchObject({ phase: 'Gating', counts: { required: 3 } });
    expect(driver.decisions).toHaveLength(2);
  });

  test('a PDP that can never have what is committed is not waited for before the last wave', () => {
    const options = someOptions({ waves: [share(500)] });
    const driver = new RolloutDriver(anObservation({ options, committed: aRevision(1), completed: true }));
    driver
      .connect('a', { active: aRevision(1) })
      .connect('d')
      .nack('d', aRevision(1), true)
      .said();
    driver.observe({ undecided: [aRevision(2)] });
    expect(driver.said()).toEqual(['Prepare 2 -> a', 'Prepare 2 -> d']);
    driver.prepared('a', aRevision(2)).prepared('d', aRevision(2)).answer('written');
    expect(driver.said()).toEqual(['Commit 2 -> a']);
    driver.active('a', aRevision(2), SHARE);
    expect(driver.decisions.at(-1)?.wave).toEqual({ index: 1, final: true });
    expect(driver.answer('written').said()).toEqual(['Commit 2 -> a', 'Commit 2 -> d']);
  });

  test('a PDP that fails to install what is committed again and again is offered the next one in between', () => {
    const driver = prepared({ waves: [share(500, 60_000)] }).answer('written');
    driver.connect('d');
    for (let failures = 0; failures < 3; failures += 1) driver.nack('d', aRevision(1), false).wait(30_000);
    driver.said();
    driver.nack('d', aRevision(1), false).wait(30_000).nack('d', aRevision(1), false).wait(30_000);
    const offers = driver.said().filter((line) => line.endsWith('-> d'));
    expect(offers).toContain('Commit 1 -> d');
    expect(offers).toContain('Prepare 2 -> d');
  });

  test('a signature that is refused says nothing about the content: properly signed it is offered again', () => {
    const driver = prepared({});
    driver.answer('written').observe({ committed: aRevision(2), undecided: [] });
    for (const node of NODES) driver.active(node, aRevision(2));
    driver.observe({ completed: true, undecided: [aRevision(3)] });
    driver.forged('a', aRevision(3)).answer('written').said();
    driver.observe({ undecided: [aRevision(4, { digest: aDigest(3) })], failedDigests: [] });
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 3 }, decision: { type: 'Abort' } });
    expect(driver.said()).toContain('Prepare 4 -> a');
  });

  test('the way back is open to a content that failed another time, if it is what serves', () => {
    const driver = prepared({});
    driver
      .answer('written')
      .observe({ committed: aRevision(2), undecided: [], failedDigests: [aDigest(1), aDigest(2)] });
    driver.observe({ undecided: [aRevision(3, { digest: aDigest(2), reason: 'Rollback' })] }).said();
    for (const node of NODES) driver.prepared(node, aRevision(3, { digest: aDigest(2), reason: 'Rollback' }));
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 3 }, decision: { type: 'Commit' } });
    driver.answer('written').observe({ undecided: [aRevision(4, { digest: aDigest(1) })] });
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 4 }, decision: { type: 'Abort' } });
  });

  test('after three failures in ten minutes no rollout begins, but an emergency does', () => {
    const failedAt = [0, 1, 2].map((second) => Date.parse('2026-01-01T00:00:00.000Z') + second * 1_000);
    const options = someOptions({});
    const driver = new RolloutDriver(anObservation({ options, failedAt, undecided: [aRevision(2)] })).connect('a');
    expect(driver.progress()).toMatchObject({ phase: 'Paused', hold: { reason: 'RepeatedFailure' } });
    expect(driver.said()).toEqual([]);
    driver.observe({ undecided: [aRevision(2, { reason: 'Emergency' })] });
    driver.observe({ undecided: [] }).observe({ undecided: [aRevision(3, { reason: 'Emergency' })] });
    expect(driver.said()).toEqual(['Prepare 3 -> a']);
    const later = new RolloutDriver(anObservation({ options, failedAt, undecided: [aRevision(2)] })).connect('a');
    expect(later.wait(600_000).said()).toEqual(['Prepare 2 -> a']);
  });
});

describe('Strict', () => {
  const options = { strictLeaseMs: 10_000, waves: [share(500)] };

  test('commits of one cohort are a lease apart, by the clock of who decides, drift included', () => {
    const driver = prepared({ ...options, waves: [] });
    expect(driver.progress()).toMatchObject({
      phase: 'Gating',
      hold: { reason: 'LeaseGap' },
      revocationBoundMs: 10_000,
    });
    driver.wait(10_000);
    expect(driver.decisions).toEqual([]);
    driver.wait(500);
    expect(driver.decisions).toHaveLength(1);
  });

  test('waves of one revision need not wait for each other', () => {
    const driver = prepared(options).wait(10_500).answer('written');
    for (const node of NODES) driver.active(node, aRevision(2), SHARE);
    expect(driver.decisions).toHaveLength(2);
  });

  test('an emergency does not wait, but is prepared by everyone', () => {
    const driver = prepared(options, aRevision(2, { reason: 'Emergency' }));
    expect(driver.decisions).toMatchObject([{ wave: { index: 0, final: true } }]);
  });

  test('what a BeatAck vouches for is what is decided for that PDP', () => {
    const driver = prepared({ waves: [share(500)] });
    expect(driver.rollout.vouchFor('a')).toMatchObject({ setUid: 'uid-1', minRev: 1, stableRev: 1 });
    driver.answer('written');
    expect(driver.rollout.vouchFor('a')).toMatchObject({ minRev: 1, stableRev: 1, canary: { n: 2, upTo: 500 } });
    for (const node of NODES) driver.active(node, aRevision(2), SHARE);
    driver.answer('written');
    expect(driver.rollout.vouchFor('a')).toEqual({ set: 'default/payments', setUid: 'uid-1', minRev: 2, stableRev: 2 });
    expect(driver.rollout.vouchFor('nobody')).toBeUndefined();
  });
});

describe('shadow', () => {
  const shadow = {
    samplePpm: 100_000,
    windowMs: 60_000,
    maxDenyToGrant: 0,
    minSamples: 1,
    onNoTraffic: 'Pass' as const,
  };
  const counts: ShadowCounts = { total: 10, changed: 0, grantToDeny: 0, denyToGrant: 0, errors: 0, dropped: 0 };

  test('without requests to compare waits for them where the set wants that, or for an approval', () => {
    const waiting = prepared({ shadow: { ...shadow, onNoTraffic: 'Wait' } }).wait(90_500);
    expect(waiting.progress()).toMatchObject({ phase: 'Gating', hold: { reason: 'ShadowNoTraffic' } });
    expect(waiting.decisions).toEqual([]);
    waiting.shadow('a', aRevision(2), counts, false).wait(500);
    expect(waiting.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
    const approved = prepared({ shadow: { ...shadow, onNoTraffic: 'Wait' } }).wait(90_500);
    approved.observe({ ...recorded({ approvals: [0] }), undecided: [aRevision(2)] });
    expect(approved.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test('without requests to compare gives the revision up where the set wants that', () => {
    const driver = prepared({ shadow: { ...shadow, onNoTraffic: 'Fail' } }).wait(90_500);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort', cause: { reason: 'Gate' } } }]);
  });

  test('is asked for with Prepare, and the decision waits until every PDP has ended its window', () => {
    const driver = new RolloutDriver(
      anObservation({ options: someOptions({ shadow }), committed: aRevision(1), completed: true }),
    ).connect('a', { active: aRevision(1) });
    driver.observe({ undecided: [aRevision(2)] });
    expect(driver.announced).toMatchObject([{ message: { shadow: { samplePpm: 100_000, windowMs: 60_000 } } }]);
    driver.prepared('a', aRevision(2));
    expect(driver.progress()).toMatchObject({
      phase: 'Gating',
      hold: { reason: 'ShadowWindow' },
      shadow: { verdict: 'Waiting' },
    });
    driver.shadow('a', aRevision(2), counts, true).wait(500);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test('that differs by more than is allowed gives the revision up', () => {
    const driver = prepared({ shadow });
    driver.shadow('a', aRevision(2), { ...counts, denyToGrant: 1, changed: 1 }, false).wait(500);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort', cause: { reason: 'Gate' } } }]);
    expect(driver.answer('written').progress()).toMatchObject({ phase: 'Aborted', ready: { reason: 'Rejected' } });
  });

  test('is not waited for longer than its window and a grace', () => {
    const driver = prepared({ shadow }).wait(89_500);
    expect(driver.decisions).toEqual([]);
    expect(driver.wait(1_000).decisions).toHaveLength(1);
  });

  test('of another revision does not count', () => {
    const driver = prepared({ shadow });
    for (const node of NODES) driver.shadow(node, aRevision(9), counts, true);
    expect(driver.wait(500).decisions).toEqual([]);
  });

  test.each(['Rollback', 'Emergency'] as const)('is not asked of a revision of reason %s', (reason) => {
    const driver = prepared({ shadow }, aRevision(2, { reason }));
    expect(driver.decisions).toHaveLength(1);
  });
});

describe('a scheduled commit', () => {
  test('names the same moment to all, and none to those who are told after it', () => {
    const driver = prepared({ commitLeadMs: 1_000 }).answer('written');
    const activateAt = driver.now().wall + 1_000;
    expect(driver.announced.map(({ message }) => message)).toMatchObject(NODES.map(() => ({ activateAt })));
    driver.said();
    driver.wait(1_000).connect('d', { active: aRevision(1) });
    expect(driver.announced).toHaveLength(1);
    expect(driver.announced[0]?.message).not.toHaveProperty('activateAt');
  });
});

test('the next leader takes up a wave where it was decided, and goes on from there', () => {
  const decided = [{ index: 0, decidedAt: 0, principals: 500 }];
  const driver = new RolloutDriver(
    anObservation({
      options: someOptions({ waves: [share(9_000), share(9_500)] }),
      committed: aRevision(1),
      completed: true,
      undecided: [aRevision(2)],
      ...recorded({ decided }),
    }),
  );
  driver.connect('a', { active: aRevision(1) });
  // What was decided is told, whatever the set says by now.
  expect(driver.announced).toMatchObject([{ message: { type: 'Commit', share: { upTo: 500 } } }]);
  driver.active('a', aRevision(2), SHARE).wait(500);
  expect(driver.decisions.at(-1)?.wave).toEqual({ index: 1, final: false, principals: 9_500 });
});

import { describe, expect, test } from '@jest/globals';
import { aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import { NODES, prepared, recorded, share, SHARE, soaking } from '../testing/rollout-stages.ts';
import type { Wave } from './observation.ts';

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
  expect(driver.progress()).toMatchObject({ phase: 'Soaking', wave: { index: 1, required: 3, active: 3, serving: 3 } });
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
    expect(driver.progress()).toMatchObject({
      phase: 'Soaking',
      wave: { index: 0, required: 1, active: 1, serving: 1 },
    });
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

  test('without any PDP waits for those who are there, if the leader that decided the wave before saw nobody', () => {
    const options = someOptions({
      waves: ['y', 'z'].map((zone) => ({ nodes: { zones: [zone] }, soakMs: 0, needsApproval: false })),
    });
    const driver = new RolloutDriver(anObservation({ options, committed: aRevision(1), completed: true }));
    driver.connect('a', { active: aRevision(1) });
    const decided = [{ index: 0, decidedAt: 0, nodes: { zones: ['y'] } }];
    driver.observe({ undecided: [aRevision(2)], ...recorded({ decided }) }).wait(1_000);
    expect(driver.said()).toEqual(['Prepare 2 -> a']);
    expect(driver.decisions).toEqual([]);
    driver.prepared('a', aRevision(2)).wait(500);
    expect(driver.decisions).toMatchObject([{ wave: { index: 1, final: false }, decision: { type: 'Commit' } }]);
  });

  test('goes by what authentication says where nobody keeps a list', () => {
    const driver = prepared({ waves });
    driver.connect('d', { active: aRevision(1) }, '1.0.0', { zone: 'a' });
    driver.answer('written');
    expect(driver.said()).toContain('Commit 2 -> d');
    expect(driver.said()).not.toContain('Commit 2 -> a');
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

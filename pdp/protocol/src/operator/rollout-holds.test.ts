import { describe, expect, test } from '@jest/globals';
import type { ShadowCounts } from '../messages.ts';
import { aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import { NODES, prepared, recorded, share, SHARE } from '../testing/rollout-stages.ts';

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

import { describe, expect, test } from '@jest/globals';
import { aDigest, aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import { NODES, prepared, recorded, share, SHARE, soaking } from '../testing/rollout-stages.ts';

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

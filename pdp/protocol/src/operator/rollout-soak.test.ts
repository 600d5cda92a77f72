import { describe, expect, test } from '@jest/globals';
import type { SetLoad } from '../messages.ts';
import { aDigest, aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import { NODES, recorded, share, SHARE, soaking } from '../testing/rollout-stages.ts';
import type { RolloutOptions } from './observation.ts';

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

import { expect, test } from '@jest/globals';
import { aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import type { RolloutOptions } from './observation.ts';

/** Revision 1 serves `a` and `b`; revision 2 is open. */
function opened(options: Partial<RolloutOptions> = {}): RolloutDriver {
  const driver = new RolloutDriver(
    anObservation({ options: someOptions(options), committed: aRevision(1), completed: true }),
  );
  driver.connect('a', { active: aRevision(1) }).connect('b', { active: aRevision(1) });
  return driver.observe({ undecided: [aRevision(2)] });
}

const entry = (driver: RolloutDriver, nodeId: string) =>
  driver.rollout.listing(driver.now()).find(([node]) => node.nodeId === nodeId)?.[1];

test('while a revision is prepared, who has not is awaited', () => {
  const driver = opened().prepared('a', aRevision(2));
  expect(entry(driver, 'a')).toMatchObject({ prepared: 2, awaited: false, wave: 0, active: 1 });
  expect(entry(driver, 'b')).toMatchObject({ prepared: 0, awaited: true, wave: 0 });
});

test('while a wave is committed, who is in it and does not serve it is awaited; who is in a later one is not', () => {
  const nodes = { sharePercent: 50 };
  const driver = opened({ waves: [{ nodes, soakMs: 0, needsApproval: false }] });
  driver.prepared('a', aRevision(2)).prepared('b', aRevision(2)).answer('written');
  const standing = ['a', 'b'].map((nodeId) => entry(driver, nodeId));
  expect(standing.filter((one) => one?.awaited === true && one.wave === 0)).toHaveLength(1);
  expect(standing.filter((one) => one?.awaited === false && one.wave === undefined)).toHaveLength(1);
});

test('a refusal is told with its code, and when what may pass is tried again', () => {
  const driver = opened().nack('a', aRevision(2), false);
  expect(entry(driver, 'a')).toMatchObject({
    nack: expect.stringContaining('because'),
    refusal: { n: 2, phase: 'Fetch', code: 'Unavailable', deterministic: false },
    retryAt: expect.any(Number),
  });
  driver.nack('b', aRevision(2), true);
  expect(entry(driver, 'b')).toMatchObject({ refusal: { n: 2, deterministic: true } });
  expect(entry(driver, 'b')).not.toHaveProperty('retryAt');
});

test('who is left behind is a laggard, and nobody waits for it', () => {
  const driver = opened({ maxLaggardsPercent: 50, progressDeadlineMs: 1_000 });
  driver.prepared('a', aRevision(2)).wait(2_000);
  expect(entry(driver, 'b')).toMatchObject({ laggard: true, awaited: false });
});

test('nothing is awaited, and there is no wave, once a rollout is over', () => {
  const driver = opened();
  driver.prepared('a', aRevision(2)).prepared('b', aRevision(2)).answer('written');
  driver.active('a', aRevision(2)).active('b', aRevision(2));
  expect(driver.progress().phase).toBe('Completed');
  expect(entry(driver, 'a')).toMatchObject({ active: 2, awaited: false });
  expect(entry(driver, 'a')).not.toHaveProperty('wave');
});

test('since when somebody is away is told by the wall clock', () => {
  const driver = opened();
  driver.mono = 5_000;
  driver.disconnect('a');
  driver.mono = 7_000;
  expect(driver.now().wall - (entry(driver, 'a')?.changedAt ?? 0)).toBe(2_000);
});

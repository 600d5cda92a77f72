import { describe, expect, test } from '@jest/globals';
import type { Hello, SiteReport } from '../messages.ts';
import { aRevision } from '../testing/builders.ts';
import { SET } from '../testing/pdp-driver.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import { siteIdentity } from './identity.ts';
import { OperatorMachine } from './machine.ts';
import { OPERATOR_TUNING } from './observation.ts';

const one = aRevision(1);
const two = aRevision(2);
const EU = 'site:eu';

const report: SiteReport = {
  type: 'SiteReport',
  set: SET,
  setUid: 'uid-1',
  revision: 2,
  committed: 1,
  counts: { required: 3, connected: 2, prepared: 2, active: 0, nacked: 0, laggards: 0, missing: 1 },
  exceptions: [{ node: 'shop/pdp-3', state: 'Missing', active: 1, reason: 'no live stream' }],
};

/** Two PDPs and the relay of `eu` that all serve revision 1; revision 2 is wanted. */
function aFleet(change: Parameters<typeof someOptions>[0] = {}, wanted = two): RolloutDriver {
  const options = someOptions(change);
  const driver = new RolloutDriver(anObservation({ committed: one, completed: true, sites: ['us', 'eu'], options }));
  const active = { active: { setUid: 'uid-1', n: 1, digest: one.digest } };
  driver.connect('a', active).connect('b', active).connect(EU, active, '1.0.0', undefined, 'eu');
  return driver.observe({ undecided: [wanted] });
}

describe('a site that follows', () => {
  test('is asked to prepare with the others, and nobody waits for it', () => {
    const driver = aFleet();
    expect(driver.said()).toContain(`Prepare 2 -> ${EU}`);
    driver.prepared('a', two).prepared('b', two);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
    driver.answer('written');
    expect(driver.said()).toContain(`Commit 2 -> ${EU}`);
    driver.active('a', two).active('b', two);
    expect(driver.progress()).toMatchObject({ phase: 'Completed', counts: { required: 2, connected: 2, active: 2 } });
  });

  test('is told of apart from the PDPs, also while it is away', () => {
    const driver = aFleet();
    driver.rollout.siteReported(EU, report);
    const { set: _set, setUid: _setUid, type: _type, ...told } = report;
    expect(driver.progress().sites).toStrictEqual([
      { site: 'eu', connected: true, active: 1, prepared: false, report: told },
      { site: 'us', connected: false, active: 0, prepared: false },
    ]);
    driver.prepared(EU, two);
    expect(driver.progress().sites?.[0]).toMatchObject({ site: 'eu', prepared: true });
    driver.disconnect(EU);
    expect(driver.progress().sites?.[0]).toMatchObject({ site: 'eu', connected: false, active: 1 });
    expect(driver.progress().exceptions.map(({ nodeId }) => nodeId)).not.toContain(EU);
  });

  test('is remembered with what it served for as long as the set names it', () => {
    const driver = aFleet();
    driver.observe({ members: new Map([['a', 'default/a']]) });
    driver.disconnect(EU).wait(2 * OPERATOR_TUNING.goneAfterMs);
    expect(driver.progress().sites?.[0]).toMatchObject({ site: 'eu', connected: false, active: 1 });
    driver.observe({ sites: ['us'] }).wait(1_000);
    driver.observe({ sites: ['us', 'eu'] });
    expect(driver.progress().sites?.[0]).toMatchObject({ site: 'eu', connected: false, active: 0 });
  });

  test('keeps from everyone what its PDPs can never load, until that is decided', () => {
    const driver = aFleet().nack(EU, two, true);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort', cause: { reason: 'Nack' } } }]);
  });

  test('is not one of a share of the PDPs, but can be a wave of its own', () => {
    const waves = [{ nodes: { sharePercent: 100 }, soakMs: 60_000, needsApproval: false }];
    const driver = aFleet({ waves }).prepared('a', two).prepared('b', two).prepared(EU, two);
    driver.said();
    driver.answer('written');
    expect(driver.said()).toStrictEqual(['Commit 2 -> a', 'Commit 2 -> b']);
    const site = new RolloutDriver(anObservation({ committed: one, completed: true, sites: ['eu'] }));
    const { traits } = siteIdentity('eu', 'relay');
    site.connect(EU, { active: { setUid: 'uid-1', n: 1, digest: one.digest } }, '1.0.0', traits, 'eu');
    const nodes = { labels: { 'edict.dev/site': 'eu' } };
    site.observe({ undecided: [two], rollouts: new Map([[2, { decided: [{ index: 0, nodes, decidedAt: 0 }] }]]) });
    expect(site.said()).toStrictEqual([`Commit 2 -> ${EU}`]);
  });
});

describe('a barrier', () => {
  const barrier = { maxLaggardSites: 0 };

  test('nothing is decided before every site has prepared, one that is away included', () => {
    const driver = aFleet({ barrier }).prepared('a', two).prepared('b', two).prepared(EU, two).wait(1_000);
    expect(driver.decisions).toStrictEqual([]);
    expect(driver.progress()).toMatchObject({ phase: 'Gating', hold: { reason: 'AwaitingSites' } });
    expect(driver.progress().hold?.message).toBe('1 of 2 sites have not prepared: us');
    driver.connect('site:us', {}, '1.0.0', undefined, 'us').prepared('site:us', two).wait(1_000);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test.each([
    { name: 'gives the revision up', maxLaggardSites: 0, type: 'Abort' },
    { name: 'goes on without as many as may lag', maxLaggardSites: 1, type: 'Commit' },
  ])('at the deadline it $name', ({ maxLaggardSites, type }) => {
    const driver = aFleet({ barrier: { maxLaggardSites }, progressDeadlineMs: 20_000 });
    driver.prepared('a', two).prepared('b', two).prepared(EU, two).wait(19_000);
    expect(driver.decisions).toStrictEqual([]);
    driver.wait(2_000);
    expect(driver.decisions).toMatchObject([{ decision: { type } }]);
  });

  test('going back waits for no site', () => {
    const back = aRevision(2, { reason: 'Rollback' });
    const driver = aFleet({ barrier }, back).prepared('a', back).prepared('b', back);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });
});

describe('the hub and its relays', () => {
  const hello: Hello = {
    type: 'Hello',
    protocol: 1,
    engine: { name: 'edict-relay', version: '1.0.0', features: [] },
    sets: [],
    bootReason: 'Fresh',
    capacityBytes: 0,
  };

  function aHub(sites: readonly string[]): OperatorMachine {
    const tuning = { ...OPERATOR_TUNING, settleMs: 0 };
    const rest = { artifactsUrl: '', random: () => 0.5, issueTicket: () => 'ticket' };
    const machine = new OperatorMachine({ replica: 'hub', tuning, ...rest }, { mono: 0, wall: 0 });
    const members = new Map([['pod', 'shop/pod']]);
    machine.step(
      { type: 'observed', observation: anObservation({ committed: one, members, sites }) },
      { mono: 0, wall: 0 },
    );
    return machine;
  }

  function said(machine: OperatorMachine, message: Hello | SiteReport): readonly unknown[] {
    const effects = machine.step({ type: 'message', sessionId: 's', message }, { mono: 1, wall: 1 });
    return effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));
  }

  test.each([
    { sites: ['eu'], sets: [SET] },
    { sites: ['us'], sets: [] },
  ])('the relay of eu gets $sets of a set for $sites', ({ sites, sets }) => {
    const machine = aHub(sites);
    machine.step({ type: 'opened', sessionId: 's', identity: siteIdentity('eu', 'relay') }, { mono: 1, wall: 1 });
    expect(said(machine, hello)[0]).toMatchObject({ type: 'Welcome', sets });
  });

  test('lists the relay, and behind its name the PDPs that it names', () => {
    const machine = aHub(['eu']);
    machine.step({ type: 'opened', sessionId: 's', identity: siteIdentity('eu', 'relay') }, { mono: 1, wall: 1 });
    said(machine, hello);
    said(machine, report);
    expect(machine.pdps({ mono: 1, wall: 1 }).map(({ pod, connected }) => ({ pod, connected }))).toStrictEqual([
      { pod: 'eu/shop/pdp-3', connected: false },
      { pod: 'shop/pod', connected: false },
      { pod: 'site/eu', connected: true },
    ]);
  });

  test('a PDP that speaks for a site is not listened to', () => {
    const machine = aHub(['eu']);
    const identity = { nodeId: 'pod', podName: 'pod', namespace: 'shop', serviceAccount: 'pdp', sets: [] };
    machine.step({ type: 'opened', sessionId: 's', identity }, { mono: 1, wall: 1 });
    said(machine, hello);
    said(machine, report);
    expect(machine.pdps({ mono: 1, wall: 1 })).toHaveLength(1);
    expect(machine.progress(SET, { mono: 1, wall: 1 })?.sites).toStrictEqual([
      { site: 'eu', connected: false, active: 0, prepared: false },
    ]);
  });
});

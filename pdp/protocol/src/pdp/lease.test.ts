import { describe, expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS, type Consistency } from '@edict/bundle';
import type { Vouch } from '../messages.ts';
import { aManifest, aRevision } from '../testing/builders.ts';
import { anOffer, PdpDriver, SET } from '../testing/pdp-driver.ts';
import { judgeLease, type LeaseView } from './lease.ts';

const L = 10_000;
const LENGTH = 9_900;
const strict: Consistency = { ...CONSISTENCY_DEFAULTS, mode: 'Strict', leaseMs: L, onStale: 'NotReady' };

function view(change: Partial<Consistency>, lease: Partial<LeaseView> = {}): LeaseView {
  return { consistency: { ...CONSISTENCY_DEFAULTS, ...change }, minRev: 0, stableRev: 0, ...lease };
}

describe('a lease is judged', () => {
  const ended = { until: 100 };
  const cutOff = { until: 100, cutOffUntil: 300 };
  test.each<[string, LeaseView, string, boolean]>([
    ['valid: serve', view({ mode: 'Strict' }, { until: 201 }), 'Serve', false],
    ['at its very end: stale', view({ onStale: 'Deny' }, { until: 200 }), 'Deny', true],
    ['ended, Serve: serve, marked', view({ onStale: 'Serve' }, ended), 'Serve', true],
    ['ended, NotReady: stop', view({ onStale: 'NotReady' }, ended), 'NotReady', true],
    ['ended, Deny: deny', view({ onStale: 'Deny' }, ended), 'Deny', true],
    ['never given, Standard: serve', view({}), 'Serve', false],
    ['never given, AfterLease: stop', view({ onBoot: 'AfterLease' }), 'NotReady', true],
    ['never given, Strict: stop', view({ mode: 'Strict' }), 'NotReady', true],
    ['the operator is cut off, Serve: serve, marked', view({ onStale: 'Deny' }, cutOff), 'Serve', true],
    [
      'the operator is cut off, Stop: as when stale',
      view({ onStale: 'Deny', onControlPlaneLoss: 'Stop' }, cutOff),
      'Deny',
      true,
    ],
    ['the operator is cut off, Stop, Serve: stop', view({ onControlPlaneLoss: 'Stop' }, cutOff), 'NotReady', true],
    ['the operator was cut off long ago', view({ onStale: 'Deny' }, { until: 100, cutOffUntil: 200 }), 'Deny', true],
  ])('%s', (_name, lease, act, stale) => {
    expect(judgeLease(lease, 200)).toEqual({ act, stale });
  });
});

const manifestOf = (consistency: Consistency) => (n: number) => aManifest(n, { consistency });

function online(consistency = strict): PdpDriver {
  const driver = new PdpDriver(undefined, { presenceTimeoutMs: 100_000 }, manifestOf(consistency)).online();
  return driver.install(aRevision(1));
}

/** Beats at `driver.now`, and is answered after `delayMs` with `vouch`. */
function vouched(driver: PdpDriver, vouch: Partial<Vouch>, delayMs = 0, asOfAgeMs = 0): void {
  driver.step({ type: 'timer', key: 'beat' });
  const { seq } = driver.state;
  driver.now += delayMs;
  const sets = [{ set: SET, setUid: 'uid-1', minRev: 0, stableRev: 0, ...vouch }];
  driver.receive({ type: 'BeatAck', seq, asOfAgeMs, clock: 0, sets });
}

const until = (driver: PdpDriver) => driver.last('lease').lease.until;

describe('the lease of a set', () => {
  test('runs from the sending of the Beat, less the age of what the operator knows, so that no delay lengthens it', () => {
    const driver = online();
    driver.now = 50_000;
    vouched(driver, { minRev: 1 }, 700, 300);
    expect(until(driver)).toBe(50_000 + LENGTH - 300);
  });

  test('is not ended by a word that wants more, but not prolonged either, until that is served', () => {
    const driver = online();
    driver.now = 50_000;
    vouched(driver, { minRev: 1 });
    driver.now = 52_000;
    vouched(driver, { minRev: 2 });
    expect(driver.last('lease').lease).toMatchObject({ until: 50_000 + LENGTH, minRev: 2 });
    driver.install(aRevision(2));
    expect(driver.set.lease.grantedAsOf).toBe(52_000);
  });

  test('is not shortened by an older word that comes late, nor by a replica that lags behind', () => {
    const driver = online();
    driver.now = 50_000;
    vouched(driver, { minRev: 1, stableRev: 1 });
    vouched(driver, { minRev: 0, stableRev: 0 }, 0, 4_000);
    expect(driver.set.lease).toMatchObject({ grantedAsOf: 50_000, minRev: 1, stableRev: 1 });
  });

  test.each<[string, Partial<Vouch>]>([
    ['another set UID', { setUid: 'uid-2' }],
    ['a canary that this PDP does not have', { minRev: 1, canary: { n: 2, upTo: 500 } }],
    ['another set', { set: 'default/other' }],
  ])('is not given by a word about %s', (_name, vouch) => {
    const driver = online();
    vouched(driver, vouch);
    expect(driver.set.lease.grantedAsOf).toBeUndefined();
  });

  test('is not given by the answer to a Beat that nobody knows', () => {
    const driver = online();
    driver.receive({
      type: 'BeatAck',
      seq: 77,
      asOfAgeMs: 0,
      clock: 0,
      sets: [{ set: SET, setUid: 'uid-1', minRev: 0, stableRev: 0 }],
    });
    expect(driver.set.lease.grantedAsOf).toBeUndefined();
  });

  test('is asked for at once where nothing is answered without it', () => {
    const driver = new PdpDriver(undefined, {}, manifestOf(strict)).online();
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.settle();
    expect(driver.sentTypes()).toEqual(['Active', 'Beat']);
    expect(judgeLease(driver.last('lease').lease, driver.now).act).toBe('NotReady');
    const standard = new PdpDriver().online();
    standard.receive(anOffer('Commit', aRevision(1)));
    standard.settle();
    expect(standard.sentTypes()).toEqual(['Active']);
  });

  test('is told to the server before what it is about is served', () => {
    const driver = new PdpDriver(undefined, {}, manifestOf(strict)).online();
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.settle('swap');
    expect(driver.effects.map(({ type }) => type).slice(-2)).toEqual(['lease', 'swap']);
  });

  test('shows that the operator itself is cut off, for as long as its word counts', () => {
    const driver = online();
    driver.now = 50_000;
    vouched(driver, { minRev: 1 }, 0, LENGTH);
    expect(driver.last('lease').lease.cutOffUntil).toBe(150_000);
    vouched(driver, { minRev: 1 });
    expect(driver.last('lease').lease.cutOffUntil).toBeUndefined();
  });

  test.each<[string, Consistency, number | undefined]>([
    ['vouches for what was on disk', { ...strict, onBoot: 'ServePersisted' }, 4_000 + LENGTH],
    ['vouches for nothing with AfterLease', { ...strict, onBoot: 'AfterLease' }, undefined],
  ])('at boot %s', (_name, consistency, expected) => {
    const manifest = aManifest(1, { consistency });
    const driver = new PdpDriver({ active: { revision: aRevision(1), manifest } });
    driver.now = 4_000;
    driver.step({ type: 'boot' });
    driver.settle();
    expect(until(driver)).toBe(expected);
    expect(driver.effects.map(({ type }) => type)).toEqual(['compile', 'lease', 'swap', 'retain']);
  });

  test('begins anew with another set of the same name', () => {
    const driver = online();
    vouched(driver, { minRev: 1 });
    const other = aRevision(1, { setUid: 'uid-2', createdAt: '2030-01-01T00:00:00.000Z' });
    driver.install(other);
    expect(driver.set.lease.grantedAsOf).toBeUndefined();
  });
});

describe('a scheduled commit', () => {
  /** A PDP that knows the operator's clock to be `offset` ahead of its own, give or take half of `roundTripMs`. */
  function synchronised(roundTripMs: number): PdpDriver {
    const driver = new PdpDriver().online();
    driver.install(aRevision(1)).receive(anOffer('Prepare', aRevision(2)));
    driver.settle();
    driver.step({ type: 'timer', key: 'beat' });
    const { seq } = driver.state;
    const clock = 1_000_000 + driver.now + roundTripMs / 2;
    driver.now += roundTripMs;
    driver.receive({ type: 'BeatAck', seq, asOfAgeMs: 0, clock, sets: [] });
    driver.effects = [];
    return driver;
  }

  function commitAt(driver: PdpDriver, inMs: number): void {
    const activateAt = 1_000_000 + driver.now + inMs;
    driver.receive({
      type: 'Commit',
      set: SET,
      revision: aRevision(2),
      ticket: 't',
      deadlineMs: 1,
      spreadMs: 0,
      activateAt,
    });
  }

  test('is made durable at once, and swaps at its moment by the operator’s clock', () => {
    const driver = synchronised(40);
    commitAt(driver, 1_000);
    driver.settle();
    expect(driver.effects).toContainEqual({ type: 'setTimer', key: `activate/${SET}`, delayMs: 1_000 });
    expect(driver.set.active?.revision.n).toBe(1);
    driver.now += 1_000;
    driver.step({ type: 'timer', key: `activate/${SET}` });
    driver.settle();
    expect(driver.set.active?.revision.n).toBe(2);
    expect(driver.sent().at(-1)).toMatchObject({ type: 'Active', timing: 'OnTime' });
  });

  test.each<[string, number, number, string]>([
    ['that comes late', 40, -1, 'Late'],
    ['when the clock is not known well enough', 502, 1_000, 'ClockUnsure'],
    ['that lies too far ahead to be true', 40, 10_001, 'ClockUnsure'],
  ])('%s is done at receipt, and says so', (_name, roundTripMs, inMs, timing) => {
    const driver = synchronised(roundTripMs);
    commitAt(driver, inMs);
    driver.settle();
    expect(driver.set.active?.revision.n).toBe(2);
    expect(driver.sent().at(-1)).toMatchObject({ type: 'Active', timing });
  });

  test('without an answered Beat is done at receipt', () => {
    const driver = synchronised(40);
    driver.step({ type: 'disconnected' });
    driver.step({ type: 'connected' });
    commitAt(driver, 1_000);
    driver.settle();
    expect(driver.set.active).toMatchObject({ revision: { n: 2 }, timing: 'ClockUnsure' });
  });
});

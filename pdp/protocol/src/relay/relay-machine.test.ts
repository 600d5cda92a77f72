import { describe, expect, test } from '@jest/globals';
import { CLOCK_DRIFT } from '../limits.ts';
import { aDigest, aRevision } from '../testing/builders.ts';
import { SET } from '../testing/pdp-driver.ts';
import { RelayDriver, type RelayDriverOptions } from '../testing/relay-driver.ts';
import { UNKNOWN_AGE_MS } from './hub-link.ts';
import { HUB_SILENCE_MAX_MS, STORE_RETRY_MS } from './relay-machine.ts';
import { SITE_HOLD_MAX_MS } from './site-set.ts';

const one = aRevision(1);
const two = aRevision(2);
const three = aRevision(3);

/** A site of two PDPs that serves revision 1. */
function aSite(options: RelayDriverOptions = {}): RelayDriver {
  const site = new RelayDriver(options).connect().commit(one);
  if (options.fetches === 'by-hand') site.fetched(one);
  const id = site.stores.at(-1)?.id;
  if (options.disk === 'by-hand' && id !== undefined) site.stored(id);
  return site.join('a', one).join('b', one).wait(1_000);
}

describe('a rollout', () => {
  test('PDPs are told to prepare once the artifacts are in the site, and the hub that all have, when all have', () => {
    const site = aSite({ fetches: 'by-hand' }).prepare(two);
    expect(site.fetches.at(-1)).toMatchObject({ revision: two, ticket: 't', deadlineMs: 60_000 });
    expect(site.told('a', 'Prepare')).toStrictEqual([]);
    site.fetched(two);
    expect(site.told('a', 'Prepare')).toMatchObject([{ revision: two, ticket: 'ticket of a' }]);
    site.prepared('a', two);
    expect(site.said('Prepared')).toStrictEqual([]);
    site.prepared('b', two);
    expect(site.said('Prepared')).toMatchObject([{ set: SET, revision: { n: 2 } }]);
  });

  test('nothing is committed without the hub, however long all have prepared', () => {
    const site = aSite().prepare(two).prepared('a', two).prepared('b', two).wait(600_000);
    expect([...site.told('a', 'Commit'), ...site.told('b', 'Commit')]).toStrictEqual([]);
    expect(site.stores).toHaveLength(1);
    expect(site.said('Prepared')).toHaveLength(1);
  });

  test('PDPs are told of a decision only once it is on disk; the hub hears Active when all are', () => {
    const site = aSite({ disk: 'by-hand' }).prepare(two).prepared('a', two).prepared('b', two).commit(two);
    const write = site.stores.at(-1);
    expect(write?.record).toStrictEqual({ set: SET, committed: two });
    expect(site.told('a', 'Commit')).toStrictEqual([]);
    site.stored(write?.id ?? 0);
    expect(site.told('a', 'Commit')).toMatchObject([{ revision: two }]);
    site.active('a', two).look();
    expect(site.said('Active').map(({ revision }) => revision.n)).toStrictEqual([1]);
    site.active('b', two).look();
    expect(site.said('Active').at(-1)).toMatchObject({ revision: { n: 2 }, persisted: true });
    expect(site.retained).toStrictEqual([two.digest]);
  });

  test('a site without PDPs is where the hub is as soon as time has shown that none come', () => {
    const site = new RelayDriver({ settleMs: 5_000 }).connect().commit(one).wait(4_000);
    expect(site.said('Active')).toStrictEqual([]);
    site.wait(2_000);
    expect(site.said('Active')).toMatchObject([{ revision: { n: 1 } }]);
  });

  test('a repeated word of the hub is answered again and does nothing else', () => {
    const site = aSite().prepare(two).prepared('a', two).prepared('b', two).prepare(two);
    expect(site.said('Prepared')).toHaveLength(2);
    site.commit(two).active('a', two).active('b', two).look().commit(two);
    expect(site.said('Active').filter(({ revision }) => revision.n === 2)).toHaveLength(2);
    expect(site.stores).toHaveLength(2);
  });

  test('a revision that the hub gives up is forgotten by the PDPs, and what is decided is not', () => {
    const site = aSite().prepare(two).prepared('a', two);
    site.hub({ type: 'Abort', set: SET, revision: two, reason: 'User' });
    expect(site.told('a', 'Abort')).toMatchObject([{ revision: { n: 2 } }]);
    site.hub({ type: 'Abort', set: SET, revision: one, reason: 'User' }).wait(5_000);
    expect(site.machine.committed().get(SET)).toBe(1);
    expect(site.retained).toStrictEqual([one.digest]);
  });

  test('the refusal of one PDP reaches the hub with its name and place', () => {
    const site = aSite().prepare(two).prepared('a', two);
    const detail = { message: 'unsafe', domain: 'orders', mrn: 'mrn:policy:main', line: 3, column: 5 };
    const code = 'rego_unsafe_var_error';
    site.says('b', { type: 'Nack', set: SET, revision: two, phase: 'Compile', code, deterministic: true, detail });
    expect(site.said('Nack')).toMatchObject([
      { phase: 'Compile', code, deterministic: true, detail: { ...detail, message: 'default/b: unsafe' } },
    ]);
    site.wait(10_000);
    expect(site.said('Nack')).toHaveLength(1);
  });

  test('a site that is late says so once, and that it is ready when it is', () => {
    const site = aSite().prepare(two, { deadlineMs: 5_000 }).prepared('a', two).wait(8_000);
    expect(site.said('Nack')).toMatchObject([{ code: 'SiteNotPrepared', deterministic: false }]);
    site.prepared('b', two).wait(1_000);
    expect(site.said('Prepared')).toHaveLength(1);
  });

  test('what cannot be fetched is refused in the words of whoever fetched', () => {
    const site = aSite({ fetches: 'by-hand' }).prepare(two);
    const detail = { message: 'another digest' };
    const failure = { phase: 'Verify', code: 'DigestMismatch', deterministic: false, detail } as const;
    site.step({ type: 'fetchFailed', set: SET, revision: two, ...failure });
    expect(site.said('Nack')).toMatchObject([failure]);
    expect(site.told('a', 'Prepare')).toStrictEqual([]);
  });

  test('a share of the principals is chosen by the salt of the hub, and widened', () => {
    const share = { salt: 'of the hub', upTo: 500 };
    const site = aSite().prepare(two).prepared('a', two).prepared('b', two).commit(two, { share });
    expect(site.told('a', 'Commit')).toMatchObject([{ revision: two, share }]);
    expect(site.stores.at(-1)?.record).toMatchObject({ committed: one, canary: { revision: two, share } });
    site.active('a', two, share).active('b', two, share).look();
    expect(site.said('Active').at(-1)).toMatchObject({ revision: { n: 2 }, share });
    const wider = { ...share, upTo: 5_000 };
    site.commit(two, { share: { ...share, upTo: 100 } }).commit(two, { share: wider });
    expect(site.told('b', 'Commit').at(-1)).toMatchObject({ revision: two, share: wider });
    site.active('a', two, wider).active('b', two, wider).look().commit(two);
    expect(site.told('b', 'Commit').at(-1)).not.toHaveProperty('share');
    expect(site.stores.at(-1)?.record).toStrictEqual({ set: SET, committed: two });
  });
});

describe('what was missed', () => {
  test('a decision that comes unprepared is prepared by the site first, then taken over by all at once', () => {
    const site = aSite().step({ type: 'hubDisconnected' }).wait(60_000).connect().commit(three);
    expect(site.told('a', 'Prepare')).toMatchObject([{ revision: three }]);
    site.prepared('a', three).wait(1_000);
    expect(site.told('a', 'Commit')).toStrictEqual([]);
    site.prepared('b', three);
    expect(site.told('a', 'Commit')).toMatchObject([{ revision: three }]);
    expect(site.told('b', 'Commit')).toMatchObject([{ revision: three }]);
  });

  test('one that does not prepare is waited for no longer than the bound', () => {
    const site = aSite()
      .commit(two)
      .prepared('a', two)
      .wait(SITE_HOLD_MAX_MS - 1_000);
    expect(site.told('a', 'Commit')).toStrictEqual([]);
    site.wait(2_000);
    expect(site.told('a', 'Commit')).toMatchObject([{ revision: two }]);
  });

  test('a Strict set waits for nobody', () => {
    const site = aSite({ isStrict: true }).commit(two);
    expect(site.told('a', 'Commit')).toMatchObject([{ revision: two }]);
  });

  test('a relay that starts with the hub away gives a joiner what was decided last, and nothing newer', () => {
    const record = { set: SET, committed: two };
    const site = new RelayDriver({ records: [{ record, held: new Map([[two.digest, false]]) }] }).join('a');
    expect(site.told('a', 'Welcome').at(-1)?.sets).toStrictEqual([SET]);
    expect(site.told('a', 'Commit')).toMatchObject([{ revision: two }]);
    expect(site.toHub).toStrictEqual([]);
  });

  test('a relay without its disk knows nothing, and takes nothing from anyone', () => {
    const site = new RelayDriver().join('a', two).wait(5_000);
    expect(site.told('a', 'Commit')).toStrictEqual([]);
    site.connect().commit(one);
    expect(site.told('a', 'Commit')).toStrictEqual([]);
    expect(site.machine.committed().get(SET)).toBe(1);
  });

  test.each([
    { name: 'an older revision', revision: aRevision(1) },
    {
      name: 'a revision of a set that is no more',
      revision: aRevision(9, { setUid: 'uid-0', createdAt: '2001-01-01T00:00:00Z' }),
    },
    { name: 'the same number with another digest', revision: aRevision(2, { digest: aDigest('forged') }) },
    { name: 'a revision of another set', revision: aRevision(3, { set: 'default/other' }) },
  ])('$name is not passed on', ({ revision }) => {
    const site = new RelayDriver().connect().commit(two).join('a', two).wait(1_000).commit(revision).prepare(revision);
    site.wait(5_000);
    expect(site.machine.committed().get(SET)).toBe(2);
    expect([...site.told('a', 'Commit'), ...site.told('a', 'Prepare')]).toStrictEqual([]);
  });

  test('a decision stands although the disk takes no record; it is written again, and the hub knows', () => {
    const site = aSite({ disk: 'broken' });
    expect(site.said('Active')).toMatchObject([{ revision: { n: 1 }, persisted: false }]);
    const writes = site.stores.length;
    site.wait(2 * STORE_RETRY_MS);
    expect(site.stores.length).toBeGreaterThan(writes);
    expect(site.stores.at(-1)?.record).toStrictEqual({ set: SET, committed: one });
  });

  test('a set that the hub takes from the site is offered to nobody any more', () => {
    const site = aSite();
    site.hub({ type: 'Welcome', replica: 'hub-0', sets: [], heartbeatMs: 2_000, artifactsUrl: '' });
    expect(site.told('a', 'Welcome').at(-1)?.sets).toStrictEqual([]);
    expect(site.beat('a', 7)?.sets).toStrictEqual([]);
  });
});

describe('leases', () => {
  test('the age of a word is that at the hub, the time since, and what the clock may have missed of it', () => {
    const site = aSite().wait(2_500);
    const beatAt = site.mono;
    site.wait(2_500);
    const sentAt = site.said('Beat').at(-1)?.sentAt ?? beatAt;
    site.mono += 300;
    site.vouch({ stableRev: 1 }, 700);
    site.mono += 4_000;
    const ack = site.beat('a', 1);
    expect(ack?.sets).toStrictEqual([{ set: SET, setUid: 'uid-1', minRev: 1, stableRev: 1 }]);
    expect(ack?.asOfAgeMs).toBe(Math.ceil((site.mono - sentAt + 700) * (1 + CLOCK_DRIFT)));
  });

  test('what the hub wants served is told to PDPs before the site has it', () => {
    const site = aSite().wait(2_500).vouch({ stableRev: 2 });
    expect(site.beat('a', 1)?.sets).toMatchObject([{ minRev: 2, stableRev: 2 }]);
  });

  test('without a word of the hub nothing that is told prolongs a lease', () => {
    const record = { set: SET, committed: two };
    const site = new RelayDriver({ records: [{ record, held: new Map([[two.digest, false]]) }] }).join('a', two);
    expect(site.beat('a', 1)).toMatchObject({ asOfAgeMs: UNKNOWN_AGE_MS, sets: [{ minRev: 2 }] });
  });

  test('an answer to a Beat of an earlier stream vouches for nothing', () => {
    const site = aSite().wait(2_500).step({ type: 'hubDisconnected' }).connect();
    site.hub({
      type: 'BeatAck',
      seq: 1,
      asOfAgeMs: 0,
      clock: 0,
      sets: [{ set: SET, setUid: 'uid-1', minRev: 1, stableRev: 1 }],
    });
    expect(site.beat('a', 1)?.asOfAgeMs).toBe(UNKNOWN_AGE_MS);
  });

  test('a hub that says nothing is hung up on', () => {
    const site = aSite().wait(HUB_SILENCE_MAX_MS + 1_000);
    expect(site.hangUps).toHaveLength(1);
    expect(site.machine.isHubUp).toBe(false);
  });
});

describe('what the hub is told', () => {
  test('counts of the site, and by name who is not where it should be', () => {
    const site = aSite().prepare(two).prepared('a', two).wait(2_000);
    expect(site.said('SiteReport').at(-1)).toMatchObject({
      revision: 2,
      committed: 1,
      counts: { required: 2, connected: 2, prepared: 1 },
      exceptions: [{ node: 'default/b', state: 'Preparing', active: 1 }],
    });
    const reports = site.said('SiteReport').length;
    site.wait(20_000);
    expect(site.said('SiteReport')).toHaveLength(reports);
  });

  test('a report that may be lost is said again', () => {
    const site = aSite();
    const reports = site.said('SiteReport').length;
    for (let seq = 0; seq < 10; seq += 1) site.wait(2_000).vouch({ stableRev: 1 });
    expect(site.said('SiteReport')).toHaveLength(reports + 1);
  });

  test('what its PDPs answered, added up', () => {
    const site = aSite();
    const load = { decisions: 10, errors: 1, denied: 2, p99Micros: 90 };
    for (const [nodeId, p99Micros] of [
      ['a', 90],
      ['b', 250],
    ] as const) {
      const set = {
        set: SET,
        setUid: 'uid-1',
        state: 'Active' as const,
        active: 1,
        staged: 0,
        load: { ...load, p99Micros },
      };
      const rest = { decisions: 0, errors: 0, denied: 0, p99Micros: 0, unlogged: 0, rssBytes: 0 };
      site.says(nodeId, { type: 'Beat', seq: 1, sentAt: 0, sets: [set], load: rest });
    }
    site.wait(3_000);
    const loads = site
      .said('Beat')
      .flatMap(({ sets }) => sets.map((set) => set.load))
      .filter((told) => told !== undefined);
    expect(loads).toStrictEqual([{ decisions: 20, errors: 2, denied: 4, p99Micros: 250 }]);
  });

  test('how live requests compare, when the hub asked for that', () => {
    const site = aSite().prepare(two, { shadow: { samplePpm: 1000, windowMs: 60_000 } });
    expect(site.told('a', 'Prepare')).toMatchObject([{ shadow: { samplePpm: 1000, windowMs: 60_000 } }]);
    site.prepared('a', two).prepared('b', two).look();
    expect(site.said('Prepared')).toHaveLength(1);
    const counts = { total: 5, changed: 1, grantToDeny: 1, denyToGrant: 0, errors: 0, dropped: 0 };
    for (const nodeId of ['a', 'b']) {
      site.says(nodeId, { type: 'ShadowReport', set: SET, revision: two, done: true, counts, samples: [] });
    }
    site.wait(3_000);
    expect(site.said('ShadowReport').at(-1)).toMatchObject({ done: true, counts: { total: 10, grantToDeny: 2 } });
  });
});

describe('signed decisions', () => {
  const decision = { final: true, keyId: 'key-1', signature: 'ZGVjaWRlZA==' };
  const share = { salt: 'of the hub', upTo: 500 };

  test("PDPs are told a decision with the hub's signature, which is kept with the record", () => {
    const site = aSite().prepare(two).prepared('a', two).prepared('b', two).commit(two, { decision });
    expect(site.stores.at(-1)?.record).toStrictEqual({ set: SET, committed: two, decision });
    expect(site.told('a', 'Commit').at(-1)).toMatchObject({ revision: two, decision });
    const { record } = site.stores.at(-1) ?? {};
    if (record === undefined) throw new Error('nothing was stored');
    const next = new RelayDriver({ records: [{ record, held: new Map([[two.digest, false]]) }] });
    expect(next.join('a').wait(1_000).told('a', 'Commit').at(-1)).toMatchObject({ revision: two, decision });
  });

  test('the signature of a share is for that share alone', () => {
    const part = { final: false, keyId: 'key-1', signature: 'cGFydA==' };
    const site = aSite().prepare(two).prepared('a', two).prepared('b', two).commit(two, { share, decision: part });
    expect(site.told('a', 'Commit').at(-1)).toMatchObject({ share, decision: part });
    site.active('a', two, share).active('b', two, share).look();
    site.commit(two, { share: { ...share, upTo: 5_000 } });
    expect(site.told('a', 'Commit').at(-1)).toMatchObject({ share: { upTo: 5_000 } });
    expect(site.told('a', 'Commit').at(-1)).not.toHaveProperty('decision');
  });

  test('a relay whose record lacks the signature asks for it by saying that it has nothing, and keeps it', () => {
    const site = aSite();
    const hello = () => site.said('Hello').at(-1)?.sets[0];
    site.step({ type: 'hubDisconnected' }).connect();
    expect(hello()).not.toHaveProperty('active');
    site.commit(one, { decision });
    expect(site.stores.at(-1)?.record).toStrictEqual({ set: SET, committed: one, decision });
    expect(site.said('Active').at(-1)).toMatchObject({ revision: { n: 1 } });
    site.step({ type: 'hubDisconnected' }).connect();
    expect(hello()).toMatchObject({ active: { n: 1 } });
    const stored = site.stores.length;
    site.commit(one, { decision });
    expect(site.stores).toHaveLength(stored);
    expect(site.join('c').wait(1_000).told('c', 'Commit').at(-1)).toMatchObject({ revision: one, decision });
  });
});

test('PDPs are told where to load without relay and hub, and to wait as long between dials as the hub wants', () => {
  const site = new RelayDriver().step({ type: 'hubConnected' });
  const fallbackSources = ['https://site.example'];
  const welcome = { replica: 'hub-0', sets: [SET], heartbeatMs: 2_000, artifactsUrl: '' };
  site
    .hub({ type: 'Welcome', ...welcome, fallbackSources, redialMaxMs: 60_000 })
    .commit(one)
    .join('a');
  expect(site.told('a', 'Welcome').at(-1)).toMatchObject({ replica: 'relay-0', fallbackSources, redialMaxMs: 60_000 });
  site.hub({ type: 'Welcome', ...welcome, redialMaxMs: 1 }).join('b');
  const { redialMaxMs = 0 } = site.told('b', 'Welcome').at(-1) ?? {};
  expect(redialMaxMs).toBeGreaterThan(1);
  expect(site.told('b', 'Welcome').at(-1)).not.toHaveProperty('fallbackSources');
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { OperatorMessage, Share } from '../messages.ts';
import { aDigest, aManifest, aRevision } from '../testing/builders.ts';
import { anOffer, PdpDriver, SET } from '../testing/pdp-driver.ts';
import type { DurableRecord } from './state.ts';

const SALT = 'uid-1/1';
const slot = (n: number) => ({ revision: aRevision(n), manifest: aManifest(n) });

function part(n: number, upTo: number, salt = SALT): OperatorMessage {
  const share: Share = { salt, upTo };
  return { type: 'Commit', set: SET, revision: aRevision(n), ticket: 't', deadlineMs: 60_000, spreadMs: 0, share };
}

/** Revision 1 serves all, revision 2 so many of the principals. */
function withCanary(upTo = 500): PdpDriver {
  const driver = new PdpDriver().online().install(aRevision(1));
  driver.receive(anOffer('Prepare', aRevision(2)));
  driver.settle();
  driver.receive(part(2, upTo));
  driver.settle();
  return driver;
}

describe('a commit for a share', () => {
  test('is made durable, splits, and says so; what serves everyone else stays', () => {
    const driver = withCanary();
    expect(driver.last('persistActive').record).toMatchObject({
      active: { revision: { n: 1 } },
      canary: { revision: { n: 2 }, share: { salt: SALT, upTo: 500 } },
    });
    expect(driver.last('split')).toMatchObject({ revision: { n: 2 }, salt: SALT, upTo: 500 });
    expect(driver.sent().at(-1)).toMatchObject({
      type: 'Active',
      revision: { n: 2 },
      share: { salt: SALT, upTo: 500 },
    });
    expect(driver.set).toMatchObject({ active: { revision: { n: 1 } }, canary: { revision: { n: 2 } } });
    expect(driver.set.staged).toBeUndefined();
  });

  test('keeps both contents, and tells of both in Hello and Beat', () => {
    const driver = withCanary();
    expect(driver.last('retain').compiled).toEqual([aDigest(1), aDigest(2)]);
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.sent().at(-1)).toMatchObject({ sets: [{ active: 1, staged: 0, canary: { n: 2, upTo: 500 } }] });
    driver.step({ type: 'disconnected' });
    driver.step({ type: 'connected' });
    expect(driver.sent().at(-1)).toMatchObject({
      type: 'Hello',
      sets: [{ active: { n: 1 }, canary: { revision: { n: 2 }, salt: SALT, upTo: 500 } }],
    });
  });

  test('rises without compiling anything', () => {
    const driver = withCanary();
    driver.effects = [];
    driver.receive(part(2, 5_000));
    driver.settle();
    expect(driver.effects.map(({ type }) => type)).toEqual(['persistActive', 'split', 'send', 'retain']);
    expect(driver.set.canary?.share.upTo).toBe(5_000);
  });

  test.each([
    ['a smaller share', part(2, 499)],
    ['the same share again', part(2, 500)],
    ['another salt', part(2, 5_000, 'other')],
  ])('is not changed by %s: what holds is said again', (_name, message) => {
    const driver = withCanary();
    driver.effects = [];
    driver.receive(message);
    expect(driver.effects.map(({ type }) => type)).toEqual(['send']);
    expect(driver.sent()).toMatchObject([{ type: 'Active', revision: { n: 2 }, share: { salt: SALT, upTo: 500 } }]);
  });

  test('becomes one for all without compiling anything', () => {
    const driver = withCanary();
    driver.effects = [];
    driver.receive(anOffer('Commit', aRevision(2)));
    driver.settle();
    expect(driver.effects.map(({ type }) => type)).toEqual(['persistActive', 'lease', 'swap', 'send', 'retain']);
    expect(driver.set).toMatchObject({ active: { revision: { n: 2 } }, lkg: { revision: { n: 1 } } });
    expect(driver.set.canary).toBeUndefined();
    expect(driver.last('persistActive').record.canary).toBeUndefined();
  });

  test('gives way to a newer revision, for a share or for all', () => {
    const driver = withCanary();
    driver.receive(anOffer('Prepare', aRevision(3)));
    driver.settle();
    driver.receive(part(3, 500));
    driver.settle();
    expect(driver.set).toMatchObject({ active: { revision: { n: 1 } }, canary: { revision: { n: 3 } } });
    driver.receive(part(2, 9_000));
    expect(driver.set.canary?.revision.n).toBe(3);
    driver.install(aRevision(4, { digest: aDigest(1) }));
    expect(driver.set.active?.revision.n).toBe(4);
    expect(driver.set.canary).toBeUndefined();
  });

  test('stays while something older than it becomes what serves everyone', () => {
    const driver = new PdpDriver().online().install(aRevision(1));
    driver.receive(part(3, 500));
    driver.settle();
    driver.receive(anOffer('Commit', aRevision(2)));
    driver.settle();
    expect(driver.set).toMatchObject({ active: { revision: { n: 2 } }, canary: { revision: { n: 3 } } });
    expect(driver.last('persistActive').record).toMatchObject({ canary: { revision: { n: 3 } } });
  });

  test('a rollback over it only relabels: nothing is fetched or compiled', () => {
    const driver = withCanary();
    driver.effects = [];
    const back = aRevision(3, { digest: aDigest(1), reason: 'Rollback' });
    driver.install(back);
    expect(driver.set.active?.revision).toMatchObject({ n: 3, digest: aDigest(1) });
    expect(driver.set.canary).toBeUndefined();
    expect(driver.effects.some(({ type }) => type === 'compile' || type === 'fetchBundles')).toBe(false);
  });

  test('without a whole that it is a part of is ignored: the operator sends that first', () => {
    const driver = new PdpDriver().online();
    driver.receive(part(2, 500));
    expect(driver.effects).toEqual([]);
  });

  test('of what is not prepared prepares it first', () => {
    const driver = new PdpDriver().online().install(aRevision(1));
    driver.receive(part(2, 500));
    driver.settle();
    expect(driver.set.canary?.revision.n).toBe(2);
  });

  test('that rises while it is being written is done next', () => {
    const driver = new PdpDriver().online().install(aRevision(1));
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.settle();
    driver.receive(part(2, 500));
    driver.receive(part(2, 5_000));
    driver.receive(anOffer('Commit', aRevision(2)));
    driver.settle();
    expect(driver.set.active?.revision.n).toBe(2);
    expect(driver.set.canary).toBeUndefined();
  });

  test('whose split fails leaves everything as it was and is told', () => {
    const driver = new PdpDriver().online().install(aRevision(1));
    driver.receive(part(2, 500));
    driver.settle('split');
    const failed = { phase: 'Commit', code: 'Internal', deterministic: false, detail: { message: 'no' } } as const;
    driver.step({ type: 'failed', set: SET, id: driver.last('split').id, ...failed });
    expect(driver.set).toMatchObject({ active: { revision: { n: 1 } } });
    expect(driver.set.canary).toBeUndefined();
    expect(driver.sent().at(-1)).toMatchObject({ type: 'Nack', revision: { n: 2 }, phase: 'Commit' });
  });

  test('splits although the disk fails, says so, and again once the record is written', () => {
    const driver = new PdpDriver().online().install(aRevision(1));
    driver.receive(part(2, 500));
    driver.settle('persistActive');
    const id = driver.last('persistActive').id;
    driver.step({ type: 'persistFailed', set: SET, id, record: 'active', message: 'full' });
    driver.step({ type: 'swapped', set: SET, id, activatedAt: 1, swapMicros: 1 });
    expect(driver.sent().at(-1)).toMatchObject({ type: 'Active', share: { upTo: 500 }, persisted: false });
    driver.step({ type: 'timer', key: `persist/${SET}` });
    driver.step({ type: 'persisted', set: SET, id: driver.last('persistActive').id, record: 'active' });
    expect(driver.sent().at(-1)).toMatchObject({ type: 'Active', share: { upTo: 500 }, persisted: true });
  });
});

describe('a boot with a canary on disk', () => {
  const record: DurableRecord = { active: slot(1), canary: { ...slot(2), share: { salt: SALT, upTo: 500 } } };

  test('puts both in place, the canary first, before a request is answered', () => {
    const driver = new PdpDriver(record);
    driver.step({ type: 'boot' });
    driver.settle();
    expect(driver.effects.map(({ type }) => type)).toEqual(['compile', 'compile', 'split', 'lease', 'swap', 'retain']);
    expect(driver.set).toMatchObject({
      active: { revision: { n: 1 } },
      canary: { revision: { n: 2 }, share: { upTo: 500 } },
    });
  });

  test('serves without a canary that cannot be loaded', () => {
    const driver = new PdpDriver(record);
    driver.step({ type: 'boot' });
    const active = driver.answer(driver.last('compile'));
    if (active !== undefined) driver.step(active);
    const failed = { phase: 'Compile', code: 'x', deterministic: true, detail: { message: 'no' } } as const;
    driver.step({ type: 'failed', set: SET, id: driver.last('compile').id, ...failed });
    driver.settle();
    expect(driver.set).toMatchObject({ active: { revision: { n: 1 } } });
    expect(driver.set.canary).toBeUndefined();
  });

  test('does not serve a canary beside the last known good', () => {
    const driver = new PdpDriver({ ...record, lkg: slot(1) });
    driver.step({ type: 'boot' });
    const failed = { phase: 'Compile', code: 'x', deterministic: true, detail: { message: 'no' } } as const;
    driver.step({ type: 'failed', set: SET, id: driver.last('compile').id, ...failed });
    driver.settle();
    expect(driver.set.canary).toBeUndefined();
    expect(driver.effects.some(({ type }) => type === 'split')).toBe(false);
  });
});

describe('the load of sets', () => {
  const load = { decisions: 5, errors: 1, denied: 2, p99Micros: 10 };
  const process = { ...load, unlogged: 0, rssBytes: 1 };

  test('is added up until a Beat tells it, and told once', () => {
    const driver = withCanary();
    const measured = new Map([[SET, { load, canaryLoad: { ...load, decisions: 1 } }]]);
    driver.step({ type: 'load', load: process, sets: measured });
    driver.step({ type: 'load', load: process, sets: measured });
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.sent().at(-1)).toMatchObject({
      sets: [{ load: { decisions: 10, errors: 2, denied: 4, p99Micros: 10 }, canaryLoad: { decisions: 2 } }],
    });
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.sent().at(-1)).not.toHaveProperty('sets.0.load');
  });
});

describe('a shadow evaluation', () => {
  const shadow = { samplePpm: 100_000, windowMs: 60_000 };
  const counts = { total: 9, changed: 1, grantToDeny: 1, denyToGrant: 0, errors: 0, dropped: 0 };
  const prepare = (n: number): OperatorMessage => ({ ...anOffer('Prepare', aRevision(n)), shadow }) as OperatorMessage;

  function shadowing(): PdpDriver {
    const driver = new PdpDriver().online().install(aRevision(1));
    driver.receive(prepare(2));
    driver.settle();
    return driver;
  }

  test('starts when the revision is prepared, and every report goes to the operator', () => {
    const driver = shadowing();
    const { id } = driver.last('startShadow');
    expect(driver.last('startShadow')).toMatchObject({ revision: { n: 2 }, ...shadow });
    const samples = [{ difference: 'GrantToDeny', principal: 'p'.repeat(300), operation: 'o', resource: 'r' }] as const;
    driver.step({ type: 'shadowed', set: SET, id, done: true, counts, samples });
    expect(driver.sent().at(-1)).toMatchObject({ type: 'ShadowReport', revision: { n: 2 }, done: true, counts });
    expect(driver.set.shadow?.samples[0]?.principal).toHaveLength(256);
  });

  test('is told again when it is asked for again, and not started twice', () => {
    const driver = shadowing();
    driver.effects = [];
    driver.receive(prepare(2));
    expect(driver.sentTypes()).toEqual(['Prepared', 'ShadowReport']);
    expect(driver.effects.some(({ type }) => type === 'startShadow')).toBe(false);
  });

  test.each<[string, OperatorMessage]>([
    ['a commit', anOffer('Commit', aRevision(2))],
    ['an abort', { type: 'Abort', set: SET, revision: aRevision(2), reason: 'User' }],
    ['a newer revision', prepare(3)],
  ])('ends with %s', (_name, message) => {
    const driver = shadowing();
    const { id } = driver.last('startShadow');
    driver.receive(message);
    expect(driver.effects).toContainEqual({ type: 'stopShadow', set: SET, id });
    driver.effects = [];
    driver.step({ type: 'shadowed', set: SET, id, done: true, counts, samples: [] });
    expect(driver.sentTypes()).toEqual([]);
  });

  test('that does not end by itself is ended, with what was counted', () => {
    const driver = shadowing();
    const { id } = driver.last('startShadow');
    driver.step({ type: 'shadowed', set: SET, id, done: false, counts, samples: [] });
    driver.step({ type: 'timer', key: `shadow/${SET}` });
    expect(driver.sent().at(-1)).toMatchObject({ type: 'ShadowReport', done: true, counts });
  });

  test('without anything that serves has nothing to compare and is done', () => {
    const driver = new PdpDriver().online();
    driver.receive(prepare(1));
    driver.settle();
    expect(driver.sent().at(-1)).toMatchObject({ type: 'ShadowReport', done: true, counts: { total: 0 } });
  });
});

test('whatever comes in whatever order, nobody is given back what is older, and nothing undecided is served', () => {
  const action = fc.oneof(
    fc.record({
      type: fc.constantFrom('Prepare' as const, 'Commit' as const, 'Share' as const, 'Abort' as const),
      n: fc.integer({ min: 1, max: 5 }),
      upTo: fc.constantFrom(100, 500, 5_000),
    }),
    fc.record({
      type: fc.constantFrom('answer' as const, 'crash' as const),
      n: fc.nat({ max: 9 }),
      upTo: fc.constant(0),
    }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      let driver = new PdpDriver().online();
      let disk: DurableRecord = {};
      const [whole, shared] = [new Set<number>(), new Map<number, number>()];
      /** What the least and the most favoured principal are given. */
      let [floor, ceiling] = [0, 0];
      for (const { type, n, upTo } of actions) {
        if (type === 'Commit') whole.add(n);
        if (type === 'Share') shared.set(n, Math.max(upTo, shared.get(n) ?? 0));
        if (type === 'Prepare' || type === 'Commit') driver.receive(anOffer(type, aRevision(n)));
        else if (type === 'Share') driver.receive(part(n, upTo));
        else if (type === 'Abort') driver.receive({ type, set: SET, revision: aRevision(n), reason: 'User' });
        else if (type === 'crash') {
          driver = new PdpDriver(disk).online();
          const served = driver.state.sets.get(SET);
          [floor, ceiling] = [served?.active?.revision.n ?? 0, served?.canary?.revision.n ?? 0];
        } else {
          const open = driver.effects.filter((effect) => driver.answer(effect) !== undefined);
          const effect = open[open.length - 1 - (n % Math.max(1, open.length))];
          if (effect?.type === 'persistActive' || effect?.type === 'persistStaged') disk = effect.record;
          const event = effect === undefined ? undefined : driver.answer(effect);
          if (event !== undefined) driver.step(event);
        }
        const { active, canary } = driver.state.sets.get(SET) ?? {};
        const [base, top] = [active?.revision.n ?? 0, canary?.revision.n ?? active?.revision.n ?? 0];
        expect(base).toBeGreaterThanOrEqual(floor);
        expect(top).toBeGreaterThanOrEqual(ceiling);
        if (base > 0) expect(whole).toContain(base);
        if (canary !== undefined) {
          expect(top).toBeGreaterThan(base);
          expect(canary.share.upTo).toBeLessThanOrEqual(shared.get(top) ?? 0);
        }
        [floor, ceiling] = [base, top];
      }
    }),
    { numRuns: 400 },
  );
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PDP_DEFAULTS, setStateOf, type DurableRecord } from './state.ts';
import { aDigest, aManifest, aRevision } from '../testing/builders.ts';
import { anOffer, PdpDriver, SET } from '../testing/pdp-driver.ts';
import type { PdpEvent } from './events.ts';
import type { NackPhase, OperatorMessage } from '../messages.ts';

const slot = (n: number) => ({ revision: aRevision(n), manifest: aManifest(n) });
const online = (record?: DurableRecord) => new PdpDriver(record).online();
const failure = (driver: PdpDriver, phase: NackPhase, code: string, deterministic: boolean): PdpEvent => ({
  type: 'failed',
  set: SET,
  id: driver.set.job?.id ?? 0,
  phase,
  code,
  deterministic,
  detail: { message: 'because', mrn: 'mrn:iam:policy:a', line: 3 },
});

describe('prepare', () => {
  test('passes through fetch, verify, compile, test and a durable record, and only then says Prepared', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    const states: string[] = [];
    for (const step of ['fetchManifest', 'fetchBundles', 'compile', 'runTests', 'persistStaged'] as const) {
      states.push(setStateOf(driver.set));
      expect(driver.sentTypes()).toEqual([]);
      const event = driver.answer(driver.last(step));
      if (event !== undefined) driver.step(event);
    }
    expect(states).toEqual(['Fetching', 'Fetching', 'Verified', 'Compiled', 'Compiled']);
    expect(setStateOf(driver.set)).toBe('Staged');
    expect(driver.sent()).toEqual([
      {
        type: 'Prepared',
        set: SET,
        revision: { setUid: 'uid-1', n: 1, digest: aDigest(1) },
        compileMs: 5,
        heapDeltaBytes: 100,
        tests: { passed: 2, failed: 0 },
      },
    ]);
    expect(driver.set.active).toBeUndefined();
  });

  test('fetches only the bundles that no slot has', () => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.settle('fetchBundles');
    expect(driver.last('fetchBundles').missing).toEqual([aDigest('bundle-2')]);
  });

  test('waits a part of the spread before it fetches', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1), 1000));
    expect(driver.effects.some(({ type }) => type === 'fetchManifest')).toBe(false);
    const timer = driver.effects.find((effect) => effect.type === 'setTimer' && effect.key.startsWith('spread/'));
    expect(timer).toMatchObject({ key: `spread/${SET}` });
    driver.step({ type: 'timer', key: `spread/${SET}` });
    expect(driver.last('fetchManifest').revision.n).toBe(1);
  });

  test.each([
    ['an older one than what is active', 1],
    ['what is active already', 2],
  ])('is ignored for %s', (_name, n) => {
    const driver = online().install(aRevision(1)).install(aRevision(2));
    driver.receive(anOffer('Prepare', aRevision(n)));
    expect(driver.effects).toEqual([]);
  });

  test('is ignored for an older one than what is staged, and starts anew for a newer one', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.settle();
    driver.effects = [];
    driver.receive(anOffer('Prepare', aRevision(1)));
    expect(driver.effects).toEqual([]);
    driver.receive(anOffer('Prepare', aRevision(3)));
    driver.settle();
    expect(driver.set.staged?.revision.n).toBe(3);
  });

  test('of what is staged says Prepared again and does nothing else', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle();
    driver.effects = [];
    driver.receive(anOffer('Prepare', aRevision(1)));
    expect(driver.effects.map(({ type }) => type)).toEqual(['send']);
    expect(driver.sentTypes()).toEqual(['Prepared']);
  });

  test('repeated while under way is a no-op', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.effects = [];
    driver.receive(anOffer('Prepare', aRevision(1)));
    expect(driver.effects).toEqual([]);
  });

  test('of a newer revision replaces the one under way, and its late answers are dropped', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    const late = driver.answer(driver.last('fetchManifest'));
    driver.receive(anOffer('Prepare', aRevision(2)));
    expect(driver.last('cancel').id).toBe(1);
    driver.effects = [];
    if (late !== undefined) driver.step(late);
    expect(driver.effects).toEqual([]);
    expect(driver.set.job).toMatchObject({ revision: { n: 2 }, step: 'Manifest' });
  });

  test.each<[string, NackPhase, string, boolean]>([
    ['a failed fetch', 'Fetch', 'Unavailable', false],
    ['a bad signature', 'Verify', 'bad-signature', true],
    ['a policy that does not compile', 'Compile', 'rego_unsafe_var_error', true],
    ['a failed test', 'Test', 'TestsFailed', true],
  ])('answers %s with a Nack and keeps serving', (_name, phase, code, deterministic) => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.step(failure(driver, phase, code, deterministic));
    expect(driver.sent()).toEqual([
      {
        type: 'Nack',
        set: SET,
        revision: { setUid: 'uid-1', n: 2, digest: aDigest(2) },
        phase,
        code,
        deterministic,
        detail: { message: 'because', mrn: 'mrn:iam:policy:a', line: 3 },
      },
    ]);
    expect(driver.set.active?.revision.n).toBe(1);
    expect(driver.set.job).toBeUndefined();
  });

  test('refuses a content that did not compile at once when it comes again, under any number', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.step(failure(driver, 'Compile', 'rego_unsafe_var_error', true));
    driver.effects = [];
    driver.receive(anOffer('Prepare', aRevision(2, { digest: aDigest(1) })));
    driver.receive(anOffer('Commit', aRevision(3, { digest: aDigest(1) })));
    expect(driver.sent()).toMatchObject([
      { type: 'Nack', revision: { n: 2 }, code: 'rego_unsafe_var_error', deterministic: true },
      { type: 'Nack', revision: { n: 3 }, code: 'rego_unsafe_var_error', deterministic: true },
    ]);
  });

  test('tries a content again whose signature was bad: a signature says nothing about the content', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.step(failure(driver, 'Verify', 'bad-signature', true));
    driver.effects = [];
    driver.receive(anOffer('Prepare', aRevision(1)));
    expect(driver.last('fetchManifest').revision.n).toBe(1);
  });

  test.each([
    ['lacks a feature', { features: ['a', 'b'] }, {}, 'EngineTooOld', true],
    ['has too old an engine', { engineMin: '1.0.1' }, {}, 'EngineTooOld', true],
    ['cannot hold the set', { totalBytes: 2000 }, { capacityBytes: 1999 }, 'SetTooLarge', false],
  ])('fetches no bundle if the PDP %s', (_name, manifest, config, code, deterministic) => {
    const driver = new PdpDriver(undefined, config).online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    const { id } = driver.last('fetchManifest');
    driver.step({ type: 'verified', set: SET, id, manifest: aManifest(1, manifest) });
    expect(driver.sent()).toMatchObject([{ type: 'Nack', code, deterministic }]);
    expect(driver.effects.some(({ type }) => type === 'fetchBundles')).toBe(false);
  });

  test('that takes too long ends as a transient failure named after its step', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle('compile');
    driver.step({ type: 'timer', key: `deadline/${SET}` });
    expect(driver.sent()).toMatchObject([
      { type: 'Nack', phase: 'Compile', code: 'DeadlineExceeded', deterministic: false },
    ]);
    expect(driver.last('cancel').id).toBe(1);
  });

  test('whose record cannot be written is no promise', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle('persistStaged');
    driver.step({
      type: 'persistFailed',
      set: SET,
      id: driver.last('persistStaged').id,
      record: 'staged',
      message: 'disk full',
    });
    expect(driver.sent()).toMatchObject([
      { type: 'Nack', phase: 'Resources', code: 'PersistFailed', deterministic: false },
    ]);
    expect(driver.set.staged).toBeUndefined();
  });

  test('of a known number with another digest is refused as a conflict', () => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Prepare', aRevision(1, { digest: aDigest('forged') })));
    expect(driver.sent()).toMatchObject([{ type: 'Nack', code: 'RevisionConflict', deterministic: true }]);
  });

  test('of a revision of another set than the message says is refused', () => {
    const driver = online();
    driver.receive({ ...anOffer('Prepare', aRevision(1)), set: 'default/other' } as OperatorMessage);
    expect(driver.sent()).toMatchObject([{ type: 'Nack', code: 'SetMismatch' }]);
  });
});

describe('commit', () => {
  test('writes the record, then swaps, then says Active', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle();
    driver.effects = [];
    driver.receive(anOffer('Commit', aRevision(1)));
    expect(driver.effects.map(({ type }) => type)).toEqual(['persistActive']);
    expect(driver.last('persistActive').record).toEqual({ active: slot(1) });
    driver.step({ type: 'persisted', set: SET, id: driver.last('persistActive').id, record: 'active' });
    expect(driver.set.active).toBeUndefined();
    expect(driver.effects.map(({ type }) => type)).toEqual(['persistActive', 'lease', 'swap']);
    driver.settle();
    expect(driver.sent()).toEqual([
      {
        type: 'Active',
        set: SET,
        revision: { setUid: 'uid-1', n: 1, digest: aDigest(1) },
        activatedAt: 1_700_000_000_000,
        swapMicros: 3,
        persisted: true,
      },
    ]);
  });

  test('keeps what was active as the last known good', () => {
    const driver = online().install(aRevision(1)).install(aRevision(2));
    expect(driver.set.active?.revision.n).toBe(2);
    expect(driver.set.lkg).toMatchObject({ revision: { n: 1 }, compiled: true });
    expect(driver.set.staged).toBeUndefined();
  });

  test('of what is not staged prepares it first, without a record of its own, and activates then', () => {
    const driver = online();
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.settle();
    expect(driver.effects.map(({ type }) => type).filter((type) => type.startsWith('persist'))).toEqual([
      'persistActive',
    ]);
    expect(driver.sentTypes()).toEqual(['Active']);
  });

  test('during the preparation activates as soon as that is done', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle('runTests');
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.settle();
    expect(driver.sentTypes()).toEqual(['Active']);
  });

  test('ends the random wait before a fetch', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1), 1000));
    driver.receive(anOffer('Commit', aRevision(1), 1000));
    expect(driver.last('fetchManifest').revision.n).toBe(1);
  });

  test('is fetched at once where nothing serves, and within the spread where something does', () => {
    const driver = online();
    driver.receive(anOffer('Commit', aRevision(1), 1000));
    expect(driver.last('fetchManifest').revision.n).toBe(1);
    driver.settle();
    driver.effects = [];
    driver.receive(anOffer('Commit', aRevision(2), 1000));
    expect(driver.effects.some(({ type }) => type === 'fetchManifest')).toBe(false);
    driver.step({ type: 'timer', key: `spread/${SET}` });
    expect(driver.last('fetchManifest').revision.n).toBe(2);
  });

  test('repeated says Active again and swaps nothing', () => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Commit', aRevision(1)));
    expect(driver.effects.map(({ type }) => type)).toEqual(['send']);
    expect(driver.sentTypes()).toEqual(['Active']);
  });

  test('of an older revision is ignored', () => {
    const driver = online().install(aRevision(1)).install(aRevision(2));
    driver.receive(anOffer('Commit', aRevision(1)));
    expect(driver.effects).toEqual([]);
  });

  test('swaps although the disk fails, says so, and says Active again once the record is written', () => {
    const driver = online();
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.settle('persistActive');
    driver.step({
      type: 'persistFailed',
      set: SET,
      id: driver.last('persistActive').id,
      record: 'active',
      message: 'disk full',
    });
    driver.step({ type: 'swapped', set: SET, id: driver.last('swap').id, activatedAt: 1, swapMicros: 1 });
    expect(driver.sent()).toMatchObject([{ type: 'Active', persisted: false }]);
    expect(driver.last('setTimer')).toMatchObject({ key: `persist/${SET}`, delayMs: PDP_DEFAULTS.persistRetryMs });
    driver.effects = [];
    driver.step({ type: 'timer', key: `persist/${SET}` });
    expect(driver.last('persistActive').record).toMatchObject({ active: { revision: { n: 1 } } });
    driver.step({ type: 'persisted', set: SET, id: driver.last('persistActive').id, record: 'active' });
    expect(driver.sent()).toMatchObject([{ type: 'Active', persisted: true }]);
  });

  test('of the content that is active already only relabels: nothing is fetched or compiled, the other content stays last known good', () => {
    const driver = online().install(aRevision(1)).install(aRevision(2));
    driver.receive(anOffer('Commit', aRevision(3, { digest: aDigest(2) })));
    driver.settle();
    const done = driver.effects.map(({ type }) => type);
    expect(done).not.toContain('fetchBundles');
    expect(done).not.toContain('compile');
    expect(driver.set.active?.revision.n).toBe(3);
    expect(driver.set.lkg?.revision.n).toBe(1);
  });

  test('of the last known good content is instant: a rollback fetches and compiles nothing', () => {
    const driver = online().install(aRevision(1)).install(aRevision(2));
    driver.receive(anOffer('Prepare', aRevision(3, { digest: aDigest(1) })));
    driver.settle();
    expect(driver.sent()).toMatchObject([{ type: 'Prepared', compileMs: 0 }]);
    expect(driver.effects.map(({ type }) => type)).not.toContain('compile');
  });

  test('that comes while another activation is being written waits for it', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle();
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.settle('persistActive');
    const first = driver.effects.filter((effect) => effect.type === 'persistActive');
    expect(first).toHaveLength(1);
    for (const step of ['fetchManifest', 'fetchBundles', 'compile', 'runTests', 'persistStaged'] as const) {
      const event = driver.answer(driver.last(step));
      if (event !== undefined) driver.step(event);
    }
    driver.receive(anOffer('Commit', aRevision(2)));
    expect(driver.effects.filter((effect) => effect.type === 'persistActive')).toHaveLength(1);
    driver.settle();
    expect(driver.sent().filter(({ type }) => type === 'Active')).toMatchObject([
      { revision: { n: 1 } },
      { revision: { n: 2 } },
    ]);
  });

  test.each(['while it is being written', 'after it is served'])(
    'of an older revision that is still being prepared does not come back over a newer one, %s',
    (when) => {
      const driver = online().install(aRevision(1));
      driver.receive(anOffer('Prepare', aRevision(3)));
      driver.settle();
      driver.effects = [];
      driver.receive(anOffer('Commit', aRevision(2)));
      const slow = driver.last('fetchManifest');
      driver.receive(anOffer('Commit', aRevision(3)));
      const late = (): void => {
        const event = driver.answer(slow);
        if (event !== undefined) driver.step(event);
      };
      if (when === 'after it is served') driver.settle('fetchManifest');
      const id = driver.last('persistActive').id;
      if (when === 'after it is served') {
        driver.step({ type: 'persisted', set: SET, id, record: 'active' });
        driver.step({ type: 'swapped', set: SET, id, activatedAt: 0, swapMicros: 0 });
      }
      late();
      driver.settle();
      expect(driver.set.active?.revision.n).toBe(3);
      expect(driver.set.staged).toBeUndefined();
      expect(driver.set.job).toBeUndefined();
    },
  );

  test('whose swap fails leaves the old revision serving and is told', () => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Commit', aRevision(2)));
    driver.settle('swap');
    const { id } = driver.last('swap');
    driver.step({
      type: 'failed',
      set: SET,
      id,
      phase: 'Commit',
      code: 'Internal',
      deterministic: true,
      detail: { message: 'x' },
    });
    expect(driver.sent()).toMatchObject([{ type: 'Nack', phase: 'Commit', deterministic: false }]);
    expect(driver.set.active?.revision.n).toBe(1);
  });
});

describe('abort', () => {
  test('drops what is staged, also from the durable record', () => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.settle();
    driver.receive({ type: 'Abort', set: SET, revision: aRevision(2), reason: 'Nack' });
    expect(driver.set.staged).toBeUndefined();
    expect(driver.last('dropStaged').record.staged).toBeUndefined();
    expect(driver.last('retain').bundles).not.toContain(aDigest('bundle-2'));
  });

  test('ends the preparation, and writes a record without it if one may be on its way to the disk', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.settle('persistStaged');
    driver.receive({ type: 'Abort', set: SET, revision: aRevision(1), reason: 'Superseded' });
    expect(driver.set.job).toBeUndefined();
    expect(driver.last('cancel').id).toBe(1);
    expect(driver.last('dropStaged').record).toEqual({});
  });

  test.each([
    ['another revision', aRevision(3)],
    ['what is active', aRevision(1)],
  ])('of %s is ignored', (_name, revision) => {
    const driver = online().install(aRevision(1));
    driver.receive(anOffer('Prepare', aRevision(2)));
    driver.settle();
    driver.effects = [];
    driver.receive({ type: 'Abort', set: SET, revision, reason: 'User' });
    expect(driver.effects).toEqual([]);
    expect(driver.set.staged?.revision.n).toBe(2);
  });

  test('of what is decided here already is ignored', () => {
    const driver = online();
    driver.receive(anOffer('Commit', aRevision(1)));
    driver.receive({ type: 'Abort', set: SET, revision: aRevision(1), reason: 'User' });
    driver.settle();
    expect(driver.sentTypes()).toEqual(['Active']);
  });
});

describe('boot', () => {
  test('serves what was active, and says Hello only then', () => {
    const driver = new PdpDriver({ active: slot(4), staged: slot(5), lkg: slot(3) });
    driver.step({ type: 'boot' });
    driver.step({ type: 'connected' });
    expect(driver.sentTypes()).toEqual([]);
    driver.settle();
    expect(driver.set.active?.revision.n).toBe(4);
    expect(driver.sent()).toMatchObject([
      { type: 'Hello', bootReason: 'Restart', sets: [{ active: { n: 4 }, staged: { n: 5 }, lkg: { n: 3 } }] },
    ]);
  });

  test('never serves what is only staged', () => {
    const driver = new PdpDriver({ staged: slot(5) });
    driver.step({ type: 'boot' });
    driver.settle();
    expect(driver.effects).toEqual([]);
    expect(driver.set.active).toBeUndefined();
  });

  test('keeps the promise of what was staged: compiled again for the next Prepare or Commit, without a fetch', () => {
    const driver = online({ active: slot(4), staged: slot(5) });
    driver.receive(anOffer('Prepare', aRevision(5)));
    driver.settle();
    expect(driver.sentTypes()).toEqual(['Prepared']);
    expect(driver.effects.map(({ type }) => type)).not.toContain('fetchBundles');
    const other = online({ active: slot(4), staged: slot(5) });
    other.receive(anOffer('Commit', aRevision(5)));
    other.settle();
    expect(other.sentTypes()).toEqual(['Active']);
  });

  test('tries a failure that may pass again, then serves the last known good and says why', () => {
    const driver = new PdpDriver({ active: slot(4), lkg: slot(3) });
    driver.step({ type: 'boot' });
    for (let failures = 0; failures < 4; failures += 1) {
      expect(driver.last('compile').revision.n).toBe(4);
      driver.step(failure(driver, 'Compile', 'WorkerDied', false));
    }
    expect(driver.last('compile').revision.n).toBe(3);
    driver.step({ type: 'compiled', set: SET, id: driver.last('compile').id, compileMs: 1, heapDeltaBytes: 1 });
    driver.settle();
    expect(driver.set.active?.revision.n).toBe(3);
    expect(driver.set.bootFault).toContain('active revision 4 could not be loaded');
  });

  test('serves nothing if nothing can be loaded', () => {
    const driver = new PdpDriver({ active: slot(4) });
    driver.step({ type: 'boot' });
    driver.step(failure(driver, 'Compile', 'rego_parse_error', true));
    expect(driver.set.active).toBeUndefined();
    expect(setStateOf(driver.set)).toBe('Empty');
  });
});

describe('a set that was deleted and made again', () => {
  const remade = (n: number, createdAt: string) =>
    aRevision(n, { setUid: 'uid-2', digest: aDigest(`new-${n}`), createdAt });

  test('starts at 1 again and drops the last known good of the old one', () => {
    const driver = online().install(aRevision(41)).install(aRevision(42));
    driver.receive(anOffer('Commit', remade(1, '2030-01-01T00:00:00.000Z')));
    driver.settle();
    expect(driver.set.active?.revision).toMatchObject({ setUid: 'uid-2', n: 1 });
    expect(driver.set.lkg).toBeUndefined();
  });

  test('cannot be replaced by a replay of the old one', () => {
    const driver = online().install(remade(1, '2030-01-01T00:00:00.000Z'));
    driver.receive(anOffer('Commit', aRevision(42)));
    expect(driver.sent()).toMatchObject([{ type: 'Nack', code: 'SetReplaced', deterministic: false }]);
    expect(driver.set.active?.revision.setUid).toBe('uid-2');
  });
});

describe('the stream', () => {
  test('beats tell what is active and what could be committed at once', () => {
    const driver = online({ active: slot(4), staged: slot(5) });
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.sent()).toMatchObject([
      { type: 'Beat', seq: 1, sets: [{ set: SET, setUid: 'uid-1', active: 4, staged: 0 }] },
    ]);
    driver.receive(anOffer('Prepare', aRevision(5)));
    driver.settle();
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.sent().at(-1)).toMatchObject({
      type: 'Beat',
      seq: 2,
      sets: [{ active: 4, staged: 5, state: 'Staged' }],
    });
  });

  test('a stream on which nothing is heard is given up', () => {
    const driver = online();
    driver.now = PDP_DEFAULTS.presenceTimeoutMs + 1;
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.last('disconnect').reason).toContain('nothing heard');
  });

  test('an answered beat keeps it', () => {
    const driver = online();
    driver.now = PDP_DEFAULTS.presenceTimeoutMs - 1;
    driver.receive({ type: 'BeatAck', seq: 1, asOfAgeMs: 0, clock: 0, sets: [] });
    driver.now += 100;
    driver.step({ type: 'timer', key: 'beat' });
    expect(driver.sentTypes()).toEqual(['Beat']);
  });

  test.each(['Reconnect', 'Retry'] as const)('%s ends it and names when to come back; serving goes on', (type) => {
    const driver = online().install(aRevision(1));
    driver.receive({ type, afterMs: 700, reason: 'drain' });
    expect(driver.last('disconnect')).toEqual({ type: 'disconnect', reason: 'drain', redialAfterMs: 700 });
    expect(driver.set.active?.revision.n).toBe(1);
  });

  test('work goes on while it is down, and the next Hello tells the result', () => {
    const driver = online();
    driver.receive(anOffer('Prepare', aRevision(1)));
    driver.step({ type: 'disconnected' });
    driver.settle();
    expect(driver.sentTypes()).toEqual([]);
    driver.step({ type: 'connected' });
    expect(driver.sent()).toMatchObject([{ type: 'Hello', bootReason: 'Reconnect', sets: [{ staged: { n: 1 } }] }]);
  });

  test('a Welcome says where artifacts are and how often to beat', () => {
    const driver = online();
    driver.receive({ type: 'Welcome', replica: 'a', sets: [SET], heartbeatMs: 10_000, artifactsUrl: 'https://x' });
    expect(driver.last('assigned')).toEqual({ type: 'assigned', sets: [SET], artifactsUrl: 'https://x' });
    driver.step({ type: 'timer', key: 'beat' });
    const { delayMs } = driver.last('setTimer');
    expect(delayMs).toBeGreaterThanOrEqual(8_000);
    expect(delayMs).toBeLessThanOrEqual(12_000);
  });
});

test('whatever comes in whatever order, the active revision never falls and nothing undecided is served', () => {
  const message = fc.oneof(
    fc.record({
      type: fc.constantFrom('Prepare' as const, 'Commit' as const, 'Abort' as const),
      n: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({
      type: fc.constantFrom('answer' as const, 'fail' as const, 'reconnect' as const, 'tick' as const),
      n: fc.nat({ max: 9 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (events) => {
      const driver = online();
      const committed = new Set<number>();
      let highest = 0;
      for (const { type, n } of events) {
        if (type === 'Commit') committed.add(n);
        if (type === 'Prepare' || type === 'Commit') driver.receive(anOffer(type, aRevision(n)));
        else if (type === 'Abort') driver.receive({ type, set: SET, revision: aRevision(n), reason: 'User' });
        else if (type === 'reconnect') {
          driver.step({ type: 'disconnected' });
          driver.step({ type: 'connected' });
        } else if (type === 'tick') driver.step({ type: 'timer', key: `deadline/${SET}` });
        else {
          const open = driver.effects.filter((effect) => driver.answer(effect) !== undefined);
          const effect = open[open.length - 1 - (n % Math.max(1, open.length))];
          const event = effect === undefined ? undefined : driver.answer(effect);
          if (event !== undefined && type === 'answer') driver.step(event);
          else if (driver.state.sets.has(SET)) driver.step(failure(driver, 'Fetch', 'Flaky', false));
        }
        const active = driver.state.sets.get(SET)?.active?.revision.n ?? 0;
        expect(active).toBeGreaterThanOrEqual(highest);
        if (active > 0) expect(committed).toContain(active);
        highest = active;
      }
    }),
    { numRuns: 300 },
  );
});

import { expect, test } from '@jest/globals';
import { encodeToken, type DomainModel } from '@edict/bundle';
import { Serving } from '@edict/crds';
import { systemClock, type AccessRecord, type NetworkAccess } from '@edict/engine';
import fc from 'fast-check';
import { ActiveSets } from '../active-sets.ts';
import { LoadMeter } from '../observability/load-meter.ts';
import { createMetrics } from '../observability/metrics.ts';
import { manualTimers } from '../testing/manual-timers.ts';
import { craneDomain, craneDomainWithRego, liftRequest } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import type { AuditContext, AuditSink, DocumentDecision } from './audit-sink.ts';
import { createDecisionCore, type DecisionCoreOptions } from './decision-core.ts';
import type { Entry, EntryRequest, PorcAnswer, Session } from './session.ts';

const SET = 'harbour/cranes';
const UID = 'uid of harbour/cranes';
const NOT_SAID: Serving = {};

interface Kept {
  readonly decision: AccessRecord | DocumentDecision;
  readonly about: AuditContext;
}

function start(over: Partial<DecisionCoreOptions> = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const meter = new LoadMeter(() => 1);
  const timers = manualTimers();
  const kept: Kept[] = [];
  const audit: AuditSink = {
    room: () => true,
    record: (decision, about) => {
      const { api, caller, traceparent, revision, labels } = about;
      kept.push({ decision, about: { api, caller, traceparent, revision, labels } });
      return undefined;
    },
  };
  let ids = 0;
  const newId = (): string => `record-${++ids}`;
  const core = createDecisionCore({ sets, audit, metrics, meter, timers, newId, ...over });
  const swap = (n: number, { set = SET, domain = craneDomain(5), serving = NOT_SAID } = {}): void =>
    sets.swap({
      ...{ set, setUid: `uid of ${set}`, n, digest: `sha256:${n}`, activatedAtMs: 0 },
      snapshot: snapshotOf([domain], { serving, unsafeBuiltins: [] }),
    });
  const enter = (request: Partial<EntryRequest> = {}) => core.enter({ api: 'manetu', instance: undefined, ...request });
  const count = async (name: string, labels: Readonly<Record<string, string>>) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values.find((value) =>
      Object.entries(labels).every(([key, label]) => value.labels[key] === label),
    )?.value ?? 0;
  return { sets, core, swap, enter, timers, kept, count, meter };
}

/** The session of an entry that waits for nothing. */
function sessionOf(entry: Entry | Promise<Entry>): Session {
  if (entry instanceof Promise || entry.kind === 'refused') throw new Error('not entered');
  return entry.session;
}

const RECORDED = { probe: false } as const;
const porc = (tons: number): unknown => liftRequest(tons);
const decided = (answer: PorcAnswer | Promise<PorcAnswer>): boolean => {
  if (answer instanceof Promise || answer.kind === 'refused') throw new Error('not decided');
  return answer.allow;
};

test('a session decides everything by the revision that it entered with, and says which', () => {
  const { swap, enter, kept } = start();
  swap(1);
  const session = sessionOf(enter({ caller: 'ada', traceparent: '00-1-2-01' }));
  swap(2, { domain: craneDomain(9) });
  expect([decided(session.decide(porc(5), RECORDED)), decided(session.decide(porc(9), RECORDED))]).toStrictEqual([
    true,
    false,
  ]);
  const token = encodeToken({ setUid: UID, n: 1 });
  const headers = { 'policy-set': SET, 'policy-revision': '1', 'policy-digest': 'sha256:1', 'policy-token': token };
  expect([session.revision, session.headers]).toStrictEqual([{ set: SET, n: 1, digest: 'sha256:1', token }, headers]);
  session.end();
  expect(kept).toMatchObject([
    {
      decision: { id: 'record-1', decision: 'GRANT' },
      about: { api: 'manetu', caller: 'ada', traceparent: '00-1-2-01' },
    },
    { decision: { id: 'record-2', decision: 'DENY' }, about: { revision: { n: 1 } } },
  ]);
});

test('what sessions of one revision share is the same object in each', () => {
  const { swap, enter } = start();
  swap(1);
  const [a, b] = [sessionOf(enter()), sessionOf(enter())];
  expect([a.revision === b.revision, a.headers === b.headers, a.limits === b.limits]).toStrictEqual([true, true, true]);
  expect(a.serving === b.serving).toBe(true);
});

test('while sets are on their way, the first that is here answers only those who name it', () => {
  let settled = false;
  const { swap, enter, core } = start({ hasSettled: () => settled });
  const loading = { kind: 'refused', problem: 'loading' };
  expect(enter()).toMatchObject({ problem: 'no-policy' });
  swap(1, { serving: Serving.parse({ instance: { names: ['cranes.example'] } }) });
  for (const unnamed of [{}, { instance: '' }, { serverName: 'docks.example' }])
    expect(enter(unnamed)).toMatchObject(loading);
  expect(core.servingOf({ instance: undefined })).toMatchObject(loading);
  for (const named of [{ instance: SET }, { instance: 'cranes.example' }, { serverName: 'cranes.example' }]) {
    sessionOf(enter(named)).end();
  }
  settled = true;
  sessionOf(enter()).end();
  settled = false;
  // A set that is assigned later takes nobody's answers away.
  sessionOf(enter({ serverName: 'docks.example' })).end();
});

test('ending a session twice is a bug that is told', () => {
  const { swap, enter } = start();
  swap(1);
  const session = sessionOf(enter());
  session.end();
  expect(() => session.end()).toThrow('ended twice');
});

test('decisions, refusals and wrong requests are counted by API', async () => {
  const { swap, enter, core, count, meter } = start();
  expect(enter({ api: 'grpc' })).toMatchObject({ kind: 'refused', problem: 'no-policy' });
  swap(1);
  const session = sessionOf(enter({ api: 'envoy' }));
  await session.decide(porc(5), RECORDED);
  session.end();
  core.invalid('opa');
  expect(await count('pdp_refused_total', { api: 'grpc', problem: 'no-policy' })).toBe(1);
  expect(await count('pdp_decisions_total', { api: 'envoy', outcome: 'permit' })).toBe(1);
  expect(await count('pdp_decisions_total', { api: 'manetu', outcome: 'permit' })).toBe(0);
  expect(await count('pdp_invalid_requests_total', { api: 'opa' })).toBe(1);
  expect(meter.take()).toMatchObject({ decisions: 1, denied: 0, errors: 1 });
});

test('a probe leaves no record, and is explained by one all the same', async () => {
  const { swap, enter, kept } = start();
  swap(1);
  const session = sessionOf(enter());
  expect(await session.decide(porc(5), { probe: true })).toStrictEqual({
    kind: 'decided',
    allow: true,
    record: undefined,
  });
  expect(await session.decide(porc(5), { probe: true, explain: true })).toMatchObject({
    record: { decision: 'GRANT' },
  });
  expect(kept).toStrictEqual([]);
  expect(await session.decide(porc(5), { probe: false, explain: true })).toMatchObject({ record: { id: 'record-2' } });
  expect(kept).toHaveLength(1);
});

// Consistency

const token = (n: number, setUid = UID): string => encodeToken({ setUid, n });

test.each([
  ['that it has', token(3), { kind: 'entered' }],
  ['that it has passed', token(1), { kind: 'entered' }],
  ['by number', `${SET}@3`, { kind: 'entered' }],
  ['that it has not', token(4), { problem: 'revision-not-reached', members: { active: 3, required: 4, stale: false } }],
  ['of another set', token(1, 'uid of a set before'), { problem: 'foreign-token' }],
  ['of another set by number', 'harbour/gates@1', { problem: 'foreign-token' }],
  ['that nobody can read', 'soon', { problem: 'invalid-requirement' }],
])('a request that requires a revision %s', (_name, atLeast, entry) => {
  const { swap, enter } = start();
  swap(3);
  expect(enter({ atLeast })).toMatchObject(entry);
});

test('a wait that nobody can read is refused, even where nothing has to be waited for', () => {
  const { swap, enter } = start();
  swap(3);
  expect(enter({ atLeast: token(3), wait: 'a while' })).toMatchObject({ problem: 'invalid-requirement' });
});

test('a PDP that has not heard the operator says that it may be stale', () => {
  const { swap, enter } = start({ isStale: () => true });
  swap(1);
  expect(enter({ atLeast: token(2) })).toMatchObject({ members: { stale: true } });
});

test('who waits enters at the very swap, with the new revision', async () => {
  const { swap, enter, core, count, timers } = start();
  swap(1);
  const entry = enter({ atLeast: token(3), wait: '200ms' });
  swap(2);
  expect(core.waiting).toBe(1);
  swap(3);
  expect([core.waiting, timers.pending]).toStrictEqual([0, 0]);
  expect(sessionOf(await entry).revision.n).toBe(3);
  expect(await count('pdp_token_waits_total', { outcome: 'reached' })).toBe(1);
  expect(await count('pdp_refused_total', { problem: 'revision-not-reached' })).toBe(0);
});

test('who has waited in vain is told what is active by then', async () => {
  const { swap, enter, timers, count } = start();
  swap(1);
  const entry = enter({ atLeast: token(3), wait: '200ms' });
  swap(2);
  timers.advance(200);
  expect(await entry).toMatchObject({ problem: 'revision-not-reached', members: { active: 2, required: 3 } });
  expect(await count('pdp_token_waits_total', { outcome: 'timeout' })).toBe(1);
  expect(await count('pdp_refused_total', { problem: 'revision-not-reached' })).toBe(1);
});

test('nobody waits longer than the server allows', async () => {
  const { swap, enter, timers } = start({ maxWaitMs: 500 });
  swap(1);
  const entry = enter({ atLeast: token(2), wait: '60s' });
  timers.advance(500);
  expect(await entry).toMatchObject({ problem: 'revision-not-reached' });
});

test('a wait is for policy that is not there at all, too', async () => {
  const { swap, enter, timers } = start();
  const only = enter({ wait: '1s' });
  const named = enter({ instance: 'b/b', atLeast: 'b/b@2', wait: '1s' });
  const inVain = enter({ instance: 'c/c', wait: '1s' });
  swap(1, { set: 'a/a' });
  expect(sessionOf(await only).revision.set).toBe('a/a');
  swap(2, { set: 'b/b' });
  expect(sessionOf(await named).revision).toMatchObject({ set: 'b/b', n: 2 });
  timers.advance(1000);
  expect(await inVain).toMatchObject({ problem: 'unknown-set' });
});

test('a set that is made anew while one waits ends the wait: its revisions count from one', async () => {
  const { sets, swap, enter } = start();
  swap(1);
  const entry = enter({ atLeast: token(5), wait: '1s' });
  const active = sets.all.get(SET);
  if (active === undefined) throw new Error('not swapped');
  sets.swap({ ...active, setUid: 'another uid', n: 2 });
  expect(await entry).toMatchObject({ problem: 'foreign-token' });
});

test('naming no set is not cured by waiting', () => {
  const { swap, enter } = start();
  swap(1, { set: 'a/a' });
  swap(1, { set: 'b/b' });
  expect(enter({ wait: '1s' })).toMatchObject({ problem: 'set-required' });
});

test('only so many may wait; further ones are refused at once', async () => {
  const { swap, enter, core, count } = start({ maxWaiters: 2 });
  swap(1);
  const waiting = [enter({ atLeast: token(2), wait: '1s' }), enter({ atLeast: token(2), wait: '1s' })];
  expect(enter({ atLeast: token(2), wait: '1s' })).toMatchObject({ problem: 'overloaded' });
  expect(await count('pdp_token_waits_total', { outcome: 'full' })).toBe(1);
  swap(2);
  for (const entry of waiting) sessionOf(await entry).end();
  expect(core.waiting).toBe(0);
});

test('who waits for one set, or for what is nowhere, takes no place of another set', async () => {
  const { swap, enter, core } = start({ maxWaiters: 2 });
  const [mine, other] = ['a/a', 'b/b'];
  swap(1, { set: mine });
  swap(1, { set: other });
  const later = { atLeast: 'b@2', wait: '1s' } as const;
  for (const instance of ['nowhere', 'elsewhere']) {
    expect(enter({ instance, wait: '1s' })).toBeInstanceOf(Promise);
  }
  expect(enter({ instance: 'anywhere', wait: '1s' })).toMatchObject({ problem: 'overloaded' });
  for (let n = 0; n < 2; n++) expect(enter({ instance: mine, atLeast: 'a@2', wait: '1s' })).toBeInstanceOf(Promise);
  expect(enter({ instance: mine, atLeast: 'a@2', wait: '1s' })).toMatchObject({ problem: 'overloaded' });
  const waiting = enter({ instance: other, ...later });
  expect([waiting instanceof Promise, core.waiting]).toStrictEqual([true, 5]);
  swap(2, { set: other });
  sessionOf(await waiting).end();
  expect(core.waiting).toBe(4);
});

test('a request that waits for a set that is nowhere is answered when the set comes, whatever else comes before', async () => {
  const { swap, enter } = start();
  swap(1, { set: 'a/a' });
  const waiting = enter({ instance: 'b/b', atLeast: 'b@2', wait: '1s' });
  swap(2, { set: 'a/a' });
  swap(1, { set: 'b/b' });
  swap(2, { set: 'b/b' });
  const session = sessionOf(await waiting);
  expect(session.revision).toMatchObject({ set: 'b/b', n: 2 });
  session.end();
});

test('a set that cannot be loaded says so, and no other set answers in its place', () => {
  const { sets, swap, enter } = start();
  swap(1, { set: 'a/a' });
  sets.fail('b/b', 'mrn:b: line 3, column 9: var y is unsafe');
  const refused = enter({ instance: 'b/b' });
  expect(refused).toMatchObject({ kind: 'refused', problem: 'broken-set' });
  // What is wrong with a tenant's policy is not told to whoever asks.
  expect(JSON.stringify(refused)).not.toContain('unsafe');
  expect(enter()).toMatchObject({ problem: 'set-required', detail: expect.stringContaining('a/a, b/b') as unknown });
  swap(2, { set: 'b/b' });
  sessionOf(enter({ instance: 'b/b' })).end();
  sets.fail('b/b', 'again');
  sets.remove('b/b');
  expect(enter({ instance: 'b/b' })).toMatchObject({ problem: 'unknown-set' });
  sessionOf(enter()).end();
});

test('a requirement that no PDP offers is refused, not passed over', () => {
  const { swap, enter } = start();
  swap(1);
  expect(enter({ exactly: 'cranes@1' })).toMatchObject({ kind: 'refused', problem: 'invalid-requirement' });
});

test('a header without a value names no set; a further name of a set can be required as its key can', () => {
  const { swap, enter } = start();
  const serving: Serving = { instance: { ...limited({}).instance, names: ['kai.example'] } as Serving['instance'] };
  swap(2, { serving });
  sessionOf(enter({ instance: '' })).end();
  sessionOf(enter({ atLeast: 'kai.example@2' })).end();
  expect(enter({ atLeast: 'kai.example@3' })).toMatchObject({ problem: 'revision-not-reached' });
  expect(enter({ atLeast: 'ufer.example@1' })).toMatchObject({ problem: 'foreign-token' });
});

test('a session that holds more than its body is counted so until it ends', () => {
  const { swap, enter } = start();
  swap(1, { serving: limited({ maxBodyBytes: 100 }) });
  const [first, second] = [sessionOf(enter({ bodyBytes: 10 })), sessionOf(enter({ bodyBytes: 10 }))];
  expect(first.hold(91)).toMatchObject({ problem: 'body-too-large' });
  expect(first.hold(60)).toBeUndefined();
  expect(second.hold(30)).toMatchObject({ problem: 'overloaded' });
  expect(second.hold(20)).toBeUndefined();
  first.end();
  expect(second.hold(70)).toBeUndefined();
  second.end();
  sessionOf(enter({ bodyBytes: 100 })).end();
});

test('how a set is served is told without counting or waking anything', async () => {
  const { sets, core, swap, count } = start();
  expect(core.servingOf({ instance: 'x/x' })).toMatchObject({ problem: 'no-policy' });
  swap(1, { serving: limited({ maxSteps: 7 }) });
  expect(core.servingOf({ instance: SET })).toMatchObject({ instance: { limits: { maxSteps: 7 } } });
  expect(core.servingOf({ instance: 'x/x' })).toMatchObject({ problem: 'unknown-set' });
  sets.fail('x/x', 'why');
  expect(core.servingOf({ instance: 'x/x' })).toMatchObject({ problem: 'broken-set' });
  expect(await count('pdp_refused_total', { api: 'manetu' })).toBe(0);
});

test('a client that goes frees its place, and is counted as gone, not as refused', async () => {
  const { swap, enter, core, count } = start({ maxWaiters: 1 });
  swap(1);
  let go = (): void => undefined;
  const entry = enter({ atLeast: token(2), wait: '1s', onGone: (listener) => (go = listener) });
  go();
  expect([(await entry).kind, core.waiting]).toStrictEqual(['refused', 0]);
  expect(await count('pdp_token_waits_total', { outcome: 'gone' })).toBe(1);
  expect(await count('pdp_refused_total', { api: 'manetu' })).toBe(0);
});

// Limits

const limited = (limits: NonNullable<Serving['instance']>['limits']): Serving => ({
  instance: { names: [], load: 'Ahead', grace: '5m', labels: {}, decisionCache: { entries: 0 }, limits },
});

test('as many requests to a set as may be are under way; another set is not touched by that', () => {
  const { swap, enter } = start();
  swap(1, { set: 'a/a', serving: limited({ maxConcurrent: 2 }) });
  swap(1, { set: 'b/b' });
  const first = sessionOf(enter({ instance: 'a/a' }));
  sessionOf(enter({ instance: 'a/a' }));
  expect(enter({ instance: 'a/a' })).toMatchObject({
    problem: 'overloaded',
    detail: expect.stringContaining('a/a') as unknown,
  });
  sessionOf(enter({ instance: 'b/b' })).end();
  first.end();
  sessionOf(enter({ instance: 'a/a' })).end();
});

test('who waits counts as under way, and is not in its own way', async () => {
  const { swap, enter } = start();
  swap(1, { serving: limited({ maxConcurrent: 1 }) });
  const entry = enter({ atLeast: token(2), wait: '1s' });
  expect(enter()).toMatchObject({ problem: 'overloaded' });
  swap(2, { serving: limited({ maxConcurrent: 1 }) });
  const session = sessionOf(await entry);
  expect(enter()).toMatchObject({ problem: 'overloaded' });
  session.end();
  sessionOf(enter()).end();
});

test('bodies count until their requests end', () => {
  const { swap, enter } = start();
  swap(1, { serving: limited({ maxBodyBytes: 2048 }) });
  expect(enter({ bodyBytes: 2049 })).toMatchObject({ problem: 'body-too-large' });
  const session = sessionOf(enter({ bodyBytes: 1500 }));
  expect(enter({ bodyBytes: 1500 })).toMatchObject({ problem: 'overloaded' });
  sessionOf(enter({ bodyBytes: 548 })).end();
  session.end();
  sessionOf(enter({ bodyBytes: 2048 })).end();
});

const SLOW = 'package authz\n\ndefault allow = false\n\nallow { count([x | x = numbers.range(1, 10000)[_]]) > 0 }\n';

test('a set has its own bound on steps, and else that of the PDP', () => {
  const { swap, enter } = start({ setLimits: { maxSteps: 1_000_000 } });
  const domain = craneDomainWithRego(SLOW);
  swap(1, { set: 'a/a', domain });
  swap(1, { set: 'b/b', domain, serving: limited({ maxSteps: 1000 }) });
  const [a, b] = ['a/a', 'b/b'].map((instance) => sessionOf(enter({ instance })));
  expect([a, b].map((session) => session?.limits.maxSteps)).toStrictEqual([1_000_000, 1000]);
  expect([a, b].map((session) => session && decided(session.decide(porc(1), RECORDED)))).toStrictEqual([true, false]);
});

test('whatever comes and goes, nothing stays counted', async () => {
  type Step = 'enter' | 'wait' | 'end' | 'swap' | 'remove' | 'time' | 'go';
  const steps = fc.array(fc.constantFrom<Step>('enter', 'wait', 'end', 'swap', 'remove', 'time', 'go'), {
    maxLength: 60,
  });
  const snapshot = snapshotOf([craneDomain(5)], { serving: limited({ maxConcurrent: 3, maxBodyBytes: 4000 }) });
  await fc.assert(
    fc.asyncProperty(steps, async (run) => {
      const { sets, core, timers } = start();
      const sessions: Session[] = [];
      const leaving: (() => void)[] = [];
      const take = (entry: Entry): void => {
        if (entry.kind === 'entered') sessions.push(entry.session);
      };
      let n = 0;
      const swap = (): void => {
        n++;
        sets.swap({ set: SET, setUid: UID, n, digest: `sha256:${n}`, snapshot, activatedAtMs: 0 });
      };
      const request = { api: 'manetu', instance: undefined, bodyBytes: 1000 } as const;
      const entered: Promise<void>[] = [];
      for (const step of run) {
        if (step === 'swap') swap();
        if (step === 'remove') sets.remove(SET);
        if (step === 'time') timers.advance(700);
        if (step === 'go') leaving.pop()?.();
        if (step === 'end') sessions.pop()?.end();
        if (step === 'enter') take(await core.enter(request));
        if (step === 'wait') {
          const onGone = (listener: () => void): void => void leaving.push(listener);
          const entry = core.enter({ ...request, atLeast: token(n + 1), wait: '1s', onGone });
          entered.push(Promise.resolve(entry).then(take));
        }
        await Promise.resolve();
      }
      timers.advance(1000);
      await Promise.all(entered);
      for (const session of sessions.splice(0)) session.end();
      swap();
      for (let index = 0; index < 3; index++) sessionOf(core.enter(request));
      expect([core.enter(request), core.waiting]).toMatchObject([{ problem: 'overloaded' }, 0]);
    }),
    { numRuns: 200 },
  );
});

// Documents

const library = (rego: string): DomainModel =>
  craneDomain(5, { libraries: [{ mrn: 'lib', name: '', description: '', rego, dependencies: [] }] });
const DOCUMENTS: Serving = { documents: { policies: [] } };

test('a document is asked, recorded and counted as what its verdict says', async () => {
  const { swap, enter, kept, count } = start();
  swap(1, { domain: library('package loads\n\nfine { input.tons <= 5 }\n'), serving: DOCUMENTS });
  const session = sessionOf(enter({ api: 'opa' }));
  const path = ['loads', 'fine'];
  const plain = await session.query({ path, input: { tons: 5 } });
  expect(plain).toStrictEqual({ kind: 'evaluated', decisionId: 'record-1', outcome: { kind: 'value', value: true } });
  const verdict = ({ kind }: { readonly kind: string }): boolean => kind === 'value';
  await session.query({ path, input: { tons: 6 }, label: 'authzen/allow', verdict });
  await session.query({ path, input: { tons: 6 }, verdict, probe: true });
  expect(kept.map(({ decision }) => decision)).toMatchObject([
    { kind: 'document', id: 'record-1', path: 'loads/fine', input: { tons: 5 }, allow: undefined },
    { kind: 'document', id: 'record-2', path: 'authzen/allow', outcome: { kind: 'undefined' }, allow: false },
  ]);
  expect(await count('pdp_decisions_total', { api: 'opa', outcome: 'answer' })).toBe(1);
  expect(await count('pdp_decisions_total', { api: 'opa', outcome: 'deny' })).toBe(2);
});

test('a set without documents says so', async () => {
  const { swap, enter } = start();
  swap(1);
  const session = sessionOf(enter({ api: 'opa' }));
  expect(await session.query({ path: [], input: undefined })).toMatchObject({ problem: 'not-served' });
});

test('no query takes more steps than its set allows, whatever it asks for', async () => {
  const { swap, enter } = start();
  const domain = library('package loads\n\nmany { count([x | x = numbers.range(1, 10000)[_]]) > 0 }\n');
  swap(1, { domain, serving: { ...DOCUMENTS, ...limited({ maxSteps: 1000 }) } });
  const session = sessionOf(enter({ api: 'opa' }));
  const asked = { path: ['loads', 'many'], input: undefined, options: { maxSteps: 1_000_000 } };
  expect(await session.query(asked)).toMatchObject({ outcome: { kind: 'error', code: 'eval_cancel_error' } });
});

// What has to be waited for

const allOf = <T>(answers: readonly (T | Promise<T>)[]): Promise<T[]> =>
  Promise.all(answers.map(async (answer) => await answer));

test('a sink that has no room yet is waited for, and one that has none for good gives no decision', async () => {
  const rooms: ((given: boolean) => void)[] = [];
  const room = (): Promise<boolean> => new Promise((resolve) => rooms.push(resolve));
  const { swap, enter, count } = start({ audit: { room, record: () => undefined } });
  swap(1, { serving: DOCUMENTS });
  const session = sessionOf(enter());
  const answers = [
    session.decide(porc(5), RECORDED),
    session.decide(porc(5), RECORDED),
    session.query({ path: [], input: 1 }),
  ];
  for (const [index, resolve] of rooms.entries()) resolve(index === 0);
  expect(await allOf(answers)).toMatchObject([
    { kind: 'decided', allow: true },
    { problem: 'audit-unavailable' },
    { problem: 'audit-unavailable' },
  ]);
  expect(await count('pdp_refused_total', { problem: 'audit-unavailable' })).toBe(2);
});

test('a decision is not given before its record is safe, and never if that fails', async () => {
  const safe: ((done: boolean) => void)[] = [];
  const record = (): Promise<boolean> => new Promise((resolve) => safe.push(resolve));
  const { swap, enter, count } = start({ audit: { room: () => true, record } });
  swap(1);
  const session = sessionOf(enter());
  const answers = [session.decide(porc(5), RECORDED), session.decide(porc(5), RECORDED)];
  expect(await count('pdp_decisions_total', { api: 'manetu', outcome: 'permit' })).toBe(0);
  for (const [index, done] of safe.entries()) done(index === 0);
  expect(await allOf(answers)).toMatchObject([{ allow: true }, { problem: 'audit-unavailable' }]);
  expect(await count('pdp_decisions_total', { api: 'manetu', outcome: 'permit' })).toBe(1);
});

test('policies that ask the network are waited for; those that do not are answered at once', async () => {
  const asked: string[] = [];
  const access: NetworkAccess = {
    allowedBuiltins: ['net.lookup_ip_addr'],
    port: {
      send: () => Promise.reject(new Error('not asked for')),
      lookup: ({ name }) => {
        asked.push(name);
        return Promise.resolve({ ok: true, addresses: ['192.0.2.1'] });
      },
    },
  };
  const { swap, enter, kept } = start({ network: access, clock: systemClock });
  const rego =
    'package authz\n\ndefault allow = false\n\nallow { net.lookup_ip_addr("crane.example")[_] == "192.0.2.1" }\n';
  swap(1, { domain: craneDomainWithRego(rego) });
  const waiting = sessionOf(enter()).decide(porc(1), RECORDED);
  expect(waiting).toBeInstanceOf(Promise);
  expect(await waiting).toMatchObject({ allow: true });
  expect([asked, kept.length]).toStrictEqual([['crane.example'], 1]);
  swap(2);
  expect(decided(sessionOf(enter()).decide(porc(5), RECORDED))).toBe(true);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeToken, type Manifest } from '@edict/bundle';
import { findCondition, PolicySetSpec, type PolicyRevision, type PolicySet, type PolicySetStatus } from '@edict/crds';
import type { AbortCause, RolloutProgress } from '@edict/protocol';
import { WITHDRAW_FINALIZER } from '../names.ts';
import type { ObservedSet, RevisionView, SetAction, Wanted } from './observed.ts';
import { planSet } from './plan.ts';

const NOW = 1_700_000_000_000;
const digestOf = (content: string): string =>
  `sha256:${Buffer.from(content).toString('hex').padEnd(64, '0').slice(0, 64)}`;

function aManifest(names: string): Manifest {
  const domains = Array.from(names).map((name) => ({
    namespace: 'ns',
    name,
    uid: name,
    generation: 1,
    digest: digestOf(name) as `sha256:${string}`,
    size: 1,
    gzSize: 1,
  }));
  return {
    setUid: 'uid',
    engineMin: '0.1.0',
    features: [],
    domains,
    tests: [],
    totals: { bytes: domains.length, policies: 0 },
  };
}

/** What is wanted, named by the letters of its domains. */
function want(names: string): Wanted {
  const content = names === '' ? '[]' : names;
  return { content, manifest: aManifest(names), text: names, digest: digestOf(names), reason: 'Spec' };
}

function aRevision(
  n: number,
  names: string,
  state: RevisionView['state'],
  over: { cause?: AbortCause; at?: number; setGeneration?: number } = {},
): RevisionView {
  const object = {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyRevision',
    metadata: { name: `s-${String(n)}`, namespace: 'ns' },
    spec: {
      n,
      setGeneration: over.setGeneration ?? 1,
      createdAt: new Date(NOW - 5000).toISOString(),
      reason: names === '' ? 'Withdraw' : 'Spec',
      manifest: JSON.stringify(aManifest(names)),
    },
  } as unknown as PolicyRevision;
  return {
    object,
    n,
    digest: digestOf(names),
    content: names === '' ? '[]' : names,
    suites: 0,
    state,
    cause: over.cause,
    at: over.at ?? NOW - 3000,
  };
}

function progress(
  revision: number,
  phase: RolloutProgress['phase'],
  required: number,
  active: number,
  committed = revision,
): RolloutProgress {
  return {
    set: 'ns/s',
    setUid: 'uid',
    revision,
    digest: '',
    phase,
    committed,
    counts: { required, connected: required, prepared: active, active, nacked: 0, laggards: 0, missing: 0 },
    exceptions: [],
    ready: { status: 'True', reason: 'Converged', message: '' },
  };
}

function aSet(
  over: Partial<PolicySet['metadata']> = {},
  spec: Partial<PolicySet['spec']> = {},
  status?: PolicySetStatus,
): PolicySet {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicySet',
    metadata: { name: 's', namespace: 'ns', uid: 'uid', generation: 1, finalizers: [WITHDRAW_FINALIZER], ...over },
    spec: { ...PolicySetSpec.parse({}), ...spec },
    status: status ?? { observedGeneration: 1 },
  };
}

function observe(over: Partial<ObservedSet> = {}): ObservedSet {
  return {
    set: aSet(),
    revisions: [],
    highestN: over.revisions?.at(-1)?.n ?? 0,
    wanted: want('a'),
    unsettled: false,
    debounceMs: 0,
    canSign: true,
    isOutdated: false,
    progress: undefined,
    statusWrittenAt: 0,
    statusIntervalMs: 1000,
    now: NOW,
    ...over,
  };
}

const types = (observed: ObservedSet): readonly string[] => planSet(observed).actions.map(({ type }) => type);
const ready = (observed: ObservedSet) => {
  const action = planSet(observed).actions.find(({ type }) => type === 'set-status');
  return findCondition(action?.type === 'set-status' ? action.status.conditions : undefined, 'Ready');
};
const nack = { reason: 'Nack', message: 'no' } as const;

test.each<[string, Partial<ObservedSet>, readonly string[]]>([
  ['a first content', {}, ['create-revision']],
  ['a new content', { revisions: [aRevision(1, 'b', 'Committed')] }, ['create-revision']],
  ['the same content', { revisions: [aRevision(1, 'a', 'Committed')] }, ['set-status']],
  ['the same content, still open', { revisions: [aRevision(1, 'a', 'Open')] }, ['set-status']],
  [
    'a content that is given up again for what serves',
    { revisions: [aRevision(1, 'a', 'Committed'), aRevision(2, 'b', 'Aborted', { cause: nack })] },
    ['set-status'],
  ],
  [
    'a content that was superseded, wanted again',
    {
      revisions: [
        aRevision(1, 'b', 'Committed'),
        aRevision(2, 'a', 'Aborted', { cause: { reason: 'Superseded', message: '' } }),
      ],
    },
    ['create-revision'],
  ],
  [
    'a content that PDPs refused',
    { revisions: [aRevision(1, 'b', 'Committed'), aRevision(2, 'a', 'Aborted', { cause: nack })] },
    ['set-status'],
  ],
  [
    'the same, after an edit of the set',
    {
      set: aSet({ generation: 2 }),
      revisions: [aRevision(1, 'b', 'Committed'), aRevision(2, 'a', 'Aborted', { cause: nack })],
    },
    ['set-status', 'create-revision'],
  ],
  ['a paused set', { set: aSet({}, { paused: true }), revisions: [aRevision(1, 'b', 'Committed')] }, ['set-status']],
  ['edits that have not settled', { debounceMs: 80, revisions: [aRevision(1, 'b', 'Committed')] }, ['set-status']],
  ['nothing to serve, and never anything served', { wanted: want('') }, ['set-status']],
  ['the last domain gone', { wanted: want(''), revisions: [aRevision(1, 'a', 'Committed')] }, ['create-revision']],
  ['a wish that cannot be', { wanted: { reason: 'Invalid', message: 'no' } }, ['set-status']],
  ['no finalizer yet', { set: aSet({ finalizers: [] }) }, ['add-finalizer']],
])('%s', (_name, over, expected) => {
  expect(types(observe(over))).toStrictEqual(expected);
});

test.each<[string, Partial<ObservedSet>, readonly string[]]>([
  ['what serves is signed anew', { revisions: [aRevision(1, 'a', 'Committed')] }, ['create-revision']],
  [
    'what serves of a paused set, too, and not what waits there',
    { set: aSet({}, { paused: true }), revisions: [aRevision(1, 'b', 'Committed')] },
    ['create-revision'],
  ],
  [
    'what serves while what is wanted was refused',
    { revisions: [aRevision(1, 'b', 'Committed'), aRevision(2, 'a', 'Aborted', { cause: nack })] },
    ['create-revision'],
  ],
  [
    'not when signing it anew was given up: that would go on for ever',
    { revisions: [aRevision(1, 'a', 'Committed'), aRevision(2, 'a', 'Aborted', { cause: nack })] },
    ['set-status'],
  ],
  [
    'not while there is no key to sign with',
    { canSign: false, revisions: [aRevision(1, 'a', 'Committed')] },
    ['set-status'],
  ],
])('signed by a key that is to go: %s', (_name, over, expected) => {
  expect(types(observe({ isOutdated: true, ...over }))).toStrictEqual(expected);
});

test('what is signed anew is what serves, for everybody at once, and no rollback in the history', () => {
  const set = aSet({}, { paused: true });
  const [action] = planSet(observe({ set, isOutdated: true, revisions: [aRevision(4, 'b', 'Committed')] })).actions;
  expect(action).toMatchObject({
    type: 'create-revision',
    n: 5,
    parent: 4,
    wanted: { content: 'b', reason: 'Rollback', renews: 4 },
  });
  expect(action).not.toHaveProperty(['wanted', 'rollbackOf']);
});

test('what is under way when its key is revoked begins anew as what it was', () => {
  const revisions = [aRevision(4, 'b', 'Committed'), aRevision(5, 'a', 'Open')];
  const [action] = planSet(observe({ isOutdated: true, revisions })).actions;
  expect(action).toMatchObject({ n: 6, wanted: { content: 'a', reason: 'Spec', renews: 5 } });
});

test('without a key to sign with an edit waits', () => {
  const waiting = observe({ canSign: false, revisions: [aRevision(1, 'b', 'Committed')] });
  expect(types(waiting)).toStrictEqual(['set-status']);
  expect(ready(waiting)).toMatchObject({ status: 'False', reason: 'Progressing' });
  expect(planSet(waiting).requeueAfterMs).toBeGreaterThan(0);
});

test('a new revision follows the highest that ever was, given up or not', () => {
  const [action] = planSet(
    observe({ revisions: [aRevision(4, 'b', 'Aborted', { cause: nack })], highestN: 7 }),
  ).actions;
  expect(action).toMatchObject({ type: 'create-revision', n: 8, parent: 7 });
});

test('three failures within ten minutes stop the set until an edit of it, or until the window has passed', () => {
  const failures = ['b', 'c', 'd'].map((names, index) =>
    aRevision(index + 1, names, 'Aborted', { cause: nack, at: NOW - 60_000 * (index + 1) }),
  );
  const resting = observe({ revisions: failures });
  expect(types(resting)).toStrictEqual(['set-status']);
  expect(ready(resting)).toMatchObject({ status: 'False', reason: 'RepeatedFailure' });
  expect(planSet(resting).requeueAfterMs).toBe(7 * 60_000);
  expect(types(observe({ revisions: failures, now: NOW + 7 * 60_000 }))).toStrictEqual(['create-revision']);
  expect(types(observe({ revisions: failures, set: aSet({ generation: 2 }) }))).toContain('create-revision');
  expect(types(observe({ revisions: failures.slice(1) }))).toStrictEqual(['create-revision']);
});

const serving = [aRevision(1, 'a', 'Committed')];

test('an edit after a failure brings the edited content, never the failed one under another generation', () => {
  const back = aRevision(3, 'a', 'Committed');
  const revisions = [aRevision(1, 'a', 'Committed'), aRevision(2, 'b', 'Stopped', { cause: nack }), back];
  const edited = { ...want('b'), digest: digestOf('b of the next generation') };
  const observed = observe({ revisions, wanted: edited, unsettled: true });
  expect(types(observed)).toStrictEqual(['set-status']);
  expect(planSet(observed).requeueAfterMs).toBeGreaterThan(0);
  // Looked at and found to be the same, it is another try that somebody asked for.
  expect(types(observe({ revisions, wanted: edited }))).toStrictEqual(['create-revision']);
  expect(types(observe({ revisions, wanted: want('c') }))).toStrictEqual(['create-revision']);
});

test('a suite that comes later and fails is told, and what serves is as ready as before', () => {
  const observed = observe({
    revisions: [aRevision(1, 'a', 'Committed')],
    progress: progress(1, 'Completed', 3, 3),
    failedTest: 'suite late, case ann: expected allow=false, got allow=true',
  });
  const [action] = planSet(observed).actions;
  const conditions = action?.type === 'set-status' ? action.status.conditions : [];
  expect(findCondition(conditions, 'TestsPassed')).toMatchObject({ status: 'False', reason: 'TestsFailed' });
  expect(findCondition(conditions, 'Ready')?.status).toBe('True');
});

test('the token names the newest revision that was ready, and stays while another is on its way', () => {
  const token = (over: Partial<ObservedSet>): string | undefined => {
    const action = planSet(observe({ revisions: serving, ...over })).actions.find(({ type }) => type === 'set-status');
    return action?.type === 'set-status' ? action.status.token : undefined;
  };
  const first = token({ progress: progress(1, 'Completed', 3, 3) });
  expect(first === undefined ? undefined : decodeToken(first)).toStrictEqual({ setUid: 'uid', n: 1 });
  expect(token({ progress: progress(1, 'Committing', 3, 2) })).toBeUndefined();
  const set = aSet({}, {}, { observedGeneration: 1, token: first });
  const revisions = [...serving, aRevision(2, 'b', 'Committed')];
  const wanted = want('b');
  expect(token({ set, revisions, wanted, progress: progress(2, 'Committing', 3, 2) })).toBe(first);
  const second = token({ set, revisions, wanted, progress: progress(2, 'Completed', 3, 3) });
  expect(second === undefined ? undefined : decodeToken(second)).toStrictEqual({ setUid: 'uid', n: 2 });
});

test.each<[string, Partial<ObservedSet>, string, string]>([
  ['all serve it', { progress: progress(1, 'Completed', 3, 3) }, 'True', 'Converged'],
  ['not all serve it yet', { progress: progress(1, 'Committing', 3, 2) }, 'False', 'WaitingForPDP'],
  ['one has fallen behind', { progress: progress(1, 'Completed', 3, 2) }, 'False', 'WaitingForPDP'],
  ['nobody is there', { progress: progress(1, 'Completed', 0, 0) }, 'Unknown', 'NoPDP'],
  [
    'nobody is there, and nobody need be',
    { progress: progress(1, 'Completed', 0, 0), set: aSet({}, { minReady: 0 }) },
    'True',
    'Converged',
  ],
  [
    'too few are there',
    { progress: progress(1, 'Completed', 1, 1), set: aSet({}, { minReady: 2 }) },
    'False',
    'PDPUnavailable',
  ],
  ['nobody has counted', {}, 'False', 'WaitingForPDP'],
  [
    'the counts are about an older revision',
    { progress: progress(1, 'Completed', 3, 3), revisions: [...serving, aRevision(2, 'a', 'Committed')] },
    'False',
    'WaitingForPDP',
  ],
  [
    'it is open',
    { revisions: [aRevision(1, 'a', 'Open')], progress: progress(1, 'Preparing', 3, 1, 0) },
    'False',
    'Progressing',
  ],
  ['there is none', { revisions: [], wanted: want('') }, 'Unknown', 'NoDomain'],
])('Ready, when %s', (_name, over, status, reason) => {
  expect(ready(observe({ revisions: serving, ...over }))).toMatchObject({ status, reason, observedGeneration: 1 });
});

const statusOf = (observed: ObservedSet): PolicySetStatus | undefined => {
  const action = planSet(observed).actions.find(({ type }) => type === 'set-status');
  return action?.type === 'set-status' ? action.status : undefined;
};

test('PDPs that serve a canary count as serving the newest revision while a wave is watched, and before the next one', () => {
  const wave = { index: 0, count: 2, required: 3, active: 3, serving: 3, decided: [{ index: 0, decidedAt: NOW }] };
  const revisions = [aRevision(1, 'a', 'Committed'), aRevision(2, 'a,b', 'Open')];
  const wanted = want('a,b');
  const soaking = { ...progress(2, 'Soaking', 3, 0, 1), wave };
  expect(statusOf(observe({ revisions, wanted, progress: soaking }))).toMatchObject({
    pdpsActive: '3/3',
    pdps: { active: 0 },
  });
  const next = { ...soaking, phase: 'Preparing' as const, wave: { ...wave, index: 1, active: 0 } };
  expect(statusOf(observe({ revisions, wanted, progress: next }))?.pdpsActive).toBe('3/3');
  const first = { ...next, wave: { ...wave, active: 0, serving: 0, decided: [] } };
  expect(statusOf(observe({ revisions, wanted, progress: first }))?.pdpsActive).toBe('0/3');
});

test('of a site that is away what was known stays, also where the leader has never heard of it', () => {
  const site = { site: 'eu', connected: false, active: 0, prepared: false };
  const known = { name: 'eu', connected: true, revision: 1, prepared: true };
  const federation = { sites: ['eu'], mode: 'Independent', maxLaggardSites: 0 } as const;
  const set = aSet({}, { federation: { ...federation, sites: ['eu'] } }, { observedGeneration: 1, sites: [known] });
  const told = { ...progress(1, 'Completed', 3, 3), sites: [site] };
  expect(statusOf(observe({ set, revisions: serving, progress: told }))?.sites).toMatchObject([
    { name: 'eu', connected: false, revision: 1 },
  ]);
  const empty = { ...told, sites: [{ ...site, connected: true }] };
  expect(statusOf(observe({ set, revisions: serving, progress: empty }))?.sites).toMatchObject([{ revision: 0 }]);
});

test('a new leader that has heard from nobody leaves what the one before had heard from all', () => {
  const conditions = [
    {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Converged',
      message: '3 of 3',
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ];
  const lastConvergence = { revision: 1, at: '2026-01-01T00:00:00Z', milliseconds: 1, skewMilliseconds: 1 };
  const status: PolicySetStatus = { observedGeneration: 1, committedRevision: 1, lastConvergence, conditions };
  expect(ready(observe({ revisions: serving, set: aSet({}, {}, status) }))?.status).toBe('True');
  const other = { ...status, lastConvergence: { ...lastConvergence, revision: 0 } };
  expect(ready(observe({ revisions: serving, set: aSet({}, {}, other) }))?.status).toBe('False');
});

test('figures alone are written no more often than allowed, a change of meaning at once', () => {
  const first = observe({ revisions: serving, progress: progress(1, 'Committing', 3, 1) });
  const [action] = planSet(first).actions;
  if (action?.type !== 'set-status') throw new Error('no status');
  const set = { ...first.set, status: action.status };
  const again = { ...first, set, statusWrittenAt: NOW - 300, progress: progress(1, 'Committing', 3, 2) };
  expect(planSet(again)).toStrictEqual({ actions: [], requeueAfterMs: 700 });
  expect(types({ ...again, progress: progress(1, 'Completed', 3, 3) })).toStrictEqual(['set-status']);
});

test('history is pruned to its limit; what serves, what could come back, what is newest and what is rolled back to stays', () => {
  const revisions = Array.from({ length: 8 }, (_, index) =>
    aRevision(index + 1, 'a', index === 3 ? 'Aborted' : 'Committed'),
  );
  const set = aSet({}, { history: { limit: 2 }, rollbackTo: 2 });
  const deleted = planSet(observe({ set, revisions })).actions.flatMap((action) =>
    action.type === 'delete-revision' ? [action.revision.spec.n] : [],
  );
  expect(deleted).toStrictEqual([1, 3, 4]);
});

const analysis = { reason: 'Analysis', message: 'too many denials' } as const;

test('what failed when everyone had it is left for what was before, once and whatever the set wants', () => {
  const failed = [aRevision(1, 'b', 'Committed'), aRevision(2, 'a', 'Committed', { cause: analysis })];
  const [create] = planSet(observe({ revisions: failed })).actions;
  expect(create).toMatchObject({
    type: 'create-revision',
    n: 3,
    wanted: { content: 'b', reason: 'Rollback', rollbackOf: 1 },
  });
  const back = [...failed, aRevision(3, 'b', 'Open')];
  expect(types(observe({ revisions: back }))).toStrictEqual(['set-status']);
  const done = observe({ revisions: [...failed, aRevision(3, 'b', 'Committed')] });
  expect(types(done)).toStrictEqual(['set-status']);
  expect(ready(done)).toMatchObject({ status: 'False', reason: 'RolledBack' });
});

test('what failed when everyone had it goes back to what did not fail itself', () => {
  const revisions = [
    aRevision(1, 'c', 'Committed'),
    aRevision(2, 'b', 'Committed', { cause: analysis }),
    aRevision(3, 'a', 'Committed', { cause: analysis }),
  ];
  expect(planSet(observe({ revisions })).actions).toMatchObject([
    { type: 'create-revision', wanted: { rollbackOf: 1 } },
  ]);
});

const DELETED = { deletionTimestamp: new Date(NOW - 10_000).toISOString() };
test.each<[string, Partial<ObservedSet>, readonly string[]]>([
  ['nothing was ever served', {}, ['remove-finalizer']],
  ['something serves', { revisions: serving }, ['set-status', 'create-revision']],
  [
    'the empty revision is on its way',
    { revisions: [...serving, aRevision(2, '', 'Committed')], progress: progress(2, 'Committing', 3, 1) },
    ['set-status'],
  ],
  [
    'the empty revision serves',
    { revisions: [...serving, aRevision(2, '', 'Committed')], progress: progress(2, 'Completed', 3, 3) },
    ['delete-revision', 'delete-revision', 'remove-finalizer'],
  ],
  ['the time-out has passed', { revisions: serving, now: NOW + 60_000 }, ['delete-revision', 'remove-finalizer']],
  [
    'it is forced',
    { revisions: serving, set: aSet({ ...DELETED, annotations: { 'edict.dev/force-delete': 'true' } }) },
    ['delete-revision', 'remove-finalizer'],
  ],
])('a deleted set, when %s', (_name, over, expected) => {
  expect(types(observe({ set: aSet(DELETED), wanted: want(''), ...over }))).toStrictEqual(expected);
});

/** What the world is after an action. */
function after(observed: ObservedSet, action: SetAction): ObservedSet {
  switch (action.type) {
    case 'add-finalizer':
      return {
        ...observed,
        set: { ...observed.set, metadata: { ...observed.set.metadata, finalizers: [WITHDRAW_FINALIZER] } },
      };
    case 'remove-finalizer':
      return { ...observed, set: { ...observed.set, metadata: { ...observed.set.metadata, finalizers: [] } } };
    case 'create-revision': {
      const names = action.wanted.manifest.domains.map(({ name }) => name).join('');
      const made = aRevision(action.n, names, 'Open', { setGeneration: observed.set.metadata.generation ?? 0 });
      return { ...observed, revisions: [...observed.revisions, made], highestN: action.n };
    }
    case 'delete-revision':
      return { ...observed, revisions: observed.revisions.filter(({ n }) => n !== action.revision.spec.n) };
    case 'set-status':
      return { ...observed, set: { ...observed.set, status: action.status } };
  }
}

const anyObservation = fc
  .record({
    generation: fc.integer({ min: 1, max: 2 }),
    isDeleting: fc.boolean(),
    isFinalized: fc.boolean(),
    paused: fc.boolean(),
    wanted: fc.constantFrom('', 'a', 'b', 'ab'),
    isRefused: fc.boolean(),
    debounceMs: fc.constantFrom(0, 50),
    phase: fc.constantFrom('Preparing' as const, 'Committing' as const, 'Completed' as const, 'Aborted' as const),
    required: fc.nat(3),
    active: fc.nat(3),
    hasProgress: fc.boolean(),
    revisions: fc.array(
      fc.record({
        names: fc.constantFrom('', 'a', 'b', 'ab'),
        state: fc.constantFrom('Committed' as const, 'Aborted' as const),
        reason: fc.constantFrom('Nack' as const, 'Timeout' as const, 'Superseded' as const, 'User' as const),
        setGeneration: fc.integer({ min: 1, max: 2 }),
      }),
      { maxLength: 6 },
    ),
  })
  .map((value) => {
    const revisions = value.revisions.map(({ names, state, reason, setGeneration }, index) =>
      aRevision(index + 1, names, state, {
        setGeneration,
        ...(state === 'Aborted' ? { cause: { reason, message: '' } } : {}),
      }),
    );
    return observe({
      set: aSet(
        {
          generation: value.generation,
          finalizers: value.isFinalized ? [WITHDRAW_FINALIZER] : [],
          ...(value.isDeleting ? DELETED : {}),
        },
        { paused: value.paused },
      ),
      wanted: value.isRefused ? { reason: 'Invalid', message: 'no' } : want(value.isDeleting ? '' : value.wanted),
      debounceMs: value.debounceMs,
      revisions,
      ...(value.hasProgress ? { progress: progress(revisions.length, value.phase, value.required, value.active) } : {}),
    });
  });

test('from every state the plan comes to an end: after a few turns nothing is left to do', () => {
  fc.assert(
    fc.property(anyObservation, (start) => {
      let world = start;
      for (let turn = 0; turn < 6; turn += 1) for (const action of planSet(world).actions) world = after(world, action);
      expect(planSet(world).actions).toStrictEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('Ready is never True while what serves is not what is wanted, or someone required does not serve it', () => {
  fc.assert(
    fc.property(anyObservation, (start) => {
      const condition = ready(start);
      if (condition?.status !== 'True') return;
      const head = start.revisions.findLast(({ state }) => state !== 'Aborted');
      expect('content' in start.wanted && start.wanted.content).toBe(head?.content);
      expect(head?.state).toBe('Committed');
      expect(start.progress?.counts.active).toBeGreaterThanOrEqual(start.progress?.counts.required ?? Number.NaN);
    }),
    { numRuns: 500 },
  );
});

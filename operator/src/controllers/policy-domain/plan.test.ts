import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findCondition, type PolicyDomain } from '@edict/crds';
import { FORCE_DELETE_ANNOTATION, WITHDRAW_FINALIZER } from '../names.ts';
import type { DomainAction, Judgement, ObservedDomain, SetView } from './observed.ts';
import { planDomain } from './plan.ts';

const digestOf = (letter: string): `sha256:${string}` => `sha256:${letter.repeat(64)}`;
const NEW = digestOf('b');
const OLD = digestOf('a');
const NOW = 1_700_000_000_000;

const valid: Judgement = {
  type: 'valid',
  bundle: { digest: NEW, gzip: new Uint8Array(), size: 10, gzSize: 2048, policies: 1, rendererVersion: 2 },
  entities: {
    policies: 1,
    libraries: 0,
    roles: 0,
    groups: 0,
    scopes: 0,
    resourceGroups: 0,
    resources: 0,
    operations: 0,
    mappers: 0,
  },
  warnings: [],
};
const invalid: Judgement = { type: 'invalid', reason: 'Invalid', message: 'ns/d: [policy p] no', entities: undefined };

function aDomain(over: Partial<PolicyDomain['metadata']> = {}, status?: PolicyDomain['status']): PolicyDomain {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
    metadata: { name: 'd', namespace: 'ns', uid: 'u', generation: 2, finalizers: [WITHDRAW_FINALIZER], ...over },
    spec: {},
    ...(status === undefined ? {} : { status }),
  };
}

function aSet(over: Partial<SetView> = {}): SetView {
  return {
    name: 's',
    selects: true,
    deleting: false,
    paused: false,
    rolledBack: false,
    takenBack: [],
    minReady: 1,
    withdrawTimeoutMs: 60_000,
    refusal: undefined,
    committed: undefined,
    newest: undefined,
    convergedRevision: 0,
    required: 3,
    ...over,
  };
}

function observe(over: Partial<ObservedDomain> = {}): ObservedDomain {
  return {
    domain: aDomain(),
    judgement: valid,
    stored: undefined,
    hasBundle: true,
    sets: [aSet()],
    namespaceHasSet: true,
    now: NOW,
    ...over,
  };
}

const serving = (n: number, over: Partial<SetView> = {}): SetView =>
  aSet({
    committed: { n, digest: NEW, since: n },
    newest: { n, digest: NEW, state: 'Committed', cause: undefined, progress: '' },
    convergedRevision: n,
    ...over,
  });
const newest = (state: 'Open' | 'Aborted', cause?: NonNullable<SetView['newest']>['cause']): SetView =>
  aSet({
    committed: { n: 1, digest: OLD, since: 1 },
    newest: { n: 2, digest: NEW, state, cause, progress: '1/3 PDPs have prepared it' },
    convergedRevision: 1,
  });

function statusOf(observed: ObservedDomain) {
  return planDomain(observed).actions.find((action) => action.type === 'set-status')?.status;
}

test.each<[string, Partial<ObservedDomain>, string, string, boolean]>([
  ['served by all, for this generation', { sets: [serving(3)] }, 'True', 'Converged', false],
  [
    'committed, not yet served by all',
    { sets: [serving(3, { convergedRevision: 2 })] },
    'False',
    'WaitingForPDP',
    false,
  ],
  ['committed, with nobody to serve it', { sets: [serving(3, { required: 0 })] }, 'Unknown', 'NoPDP', false],
  [
    'committed in a set that asks for nobody',
    { sets: [serving(3, { required: 0, minReady: 0 })] },
    'True',
    'Converged',
    false,
  ],
  [
    'served by fewer than the set asks for',
    { sets: [serving(3, { required: 1, minReady: 2 })] },
    'False',
    'PDPUnavailable',
    false,
  ],
  ['being prepared', { sets: [newest('Open')] }, 'False', 'WaitingForPDP', false],
  ['refused by a PDP', { sets: [newest('Aborted', { reason: 'Nack', message: 'no room' })] }, 'False', 'Nacked', true],
  [
    'not prepared in time',
    { sets: [newest('Aborted', { reason: 'Timeout', message: '' })] },
    'False',
    'DeadlineExceeded',
    true,
  ],
  [
    'superseded: the next revision is about to come',
    { sets: [newest('Aborted', { reason: 'Superseded', message: '' })] },
    'False',
    'Progressing',
    false,
  ],
  ['about to get a revision', {}, 'False', 'Progressing', false],
  ['of a paused set', { sets: [aSet({ paused: true })] }, 'False', 'Paused', true],
  ['of a set that is rolled back', { sets: [aSet({ rolledBack: true })] }, 'False', 'RolledBack', true],
  [
    'of a set that takes nothing',
    { sets: [aSet({ refusal: { reason: 'Invalid', message: 'x' } })] },
    'False',
    'Invalid',
    true,
  ],
  ['of no set', { sets: [] }, 'False', 'NoSet', true],
  [
    'served in one set, refused in another',
    { sets: [serving(3), newest('Aborted', { reason: 'Nack', message: '' })] },
    'False',
    'Nacked',
    true,
  ],
  ['invalid', { judgement: invalid, sets: [serving(3)] }, 'False', 'Invalid', true],
])('%s', (_name, over, status, reason, isStalled) => {
  const written = statusOf(observe(over));
  const conditions = written?.conditions;
  expect(written?.observedGeneration).toBe(2);
  expect(findCondition(conditions, 'Ready')).toMatchObject({ status, reason, observedGeneration: 2 });
  expect(findCondition(conditions, 'Stalled')?.status).toBe(isStalled ? 'True' : undefined);
  expect(findCondition(conditions, 'Reconciling')?.status).toBe(status === 'False' && !isStalled ? 'True' : undefined);
});

test('a domain that another domain’s rollout leaves as it is stays ready', () => {
  const set = serving(3, { newest: { n: 4, digest: NEW, state: 'Open', cause: undefined, progress: '' } });
  expect(findCondition(statusOf(observe({ sets: [set] }))?.conditions, 'Ready')?.status).toBe('True');
});

test('an invalid edit keeps the digest of what was valid', () => {
  const domain = aDomain({}, { digest: OLD, observedGeneration: 1 });
  expect(statusOf(observe({ domain, judgement: invalid }))?.digest).toBe(OLD);
});

test('a new renderer alone changes nothing; the next edit takes it', () => {
  const stored = { digest: OLD, rendererVersion: 1 };
  const same = observe({ domain: aDomain({}, { digest: OLD, observedGeneration: 2 }), stored, hasBundle: false });
  expect(statusOf(same)?.digest).toBe(OLD);
  expect(planDomain(same).actions.map(({ type }) => type)).not.toContain('store-bundle');
  const edited = observe({ domain: aDomain({}, { digest: OLD, observedGeneration: 1 }), stored });
  expect(statusOf(edited)?.digest).toBe(NEW);
});

const DELETED = { deletionTimestamp: new Date(NOW - 10_000).toISOString() };
test.each<[string, Partial<ObservedDomain>, DomainAction | 'wait' | 'nothing']>([
  ['nobody served it', { sets: [] }, { type: 'remove-finalizer', outcome: 'Withdrawn' }],
  ['PDPs serve it', { sets: [serving(3)] }, 'wait'],
  ['an open revision has it', { sets: [newest('Open')] }, 'wait'],
  [
    'the revision without it is committed, not served by all',
    { sets: [aSet({ committed: { n: 4, digest: undefined, since: 4 }, convergedRevision: 3 })] },
    'wait',
  ],
  [
    'the revision without it serves everywhere',
    { sets: [aSet({ committed: { n: 4, digest: undefined, since: 4 }, convergedRevision: 4 })] },
    { type: 'remove-finalizer', outcome: 'Withdrawn' },
  ],
  [
    'the revision without it is committed, and there are no PDPs',
    { sets: [aSet({ committed: { n: 4, digest: undefined, since: 4 }, required: 0 })] },
    { type: 'remove-finalizer', outcome: 'Withdrawn' },
  ],
  [
    'its set is going too',
    { sets: [serving(3, { deleting: true })] },
    { type: 'remove-finalizer', outcome: 'Withdrawn' },
  ],
  [
    'the time-out has passed',
    { sets: [serving(3, { withdrawTimeoutMs: 5000 })] },
    { type: 'remove-finalizer', outcome: 'WithdrawTimeout' },
  ],
])('a deleted domain, when %s', (_name, over, expected) => {
  const { actions, requeueAfterMs } = planDomain(observe({ ...over, domain: aDomain(DELETED), judgement: undefined }));
  if (expected === 'wait') {
    expect(actions.map(({ type }) => type)).toStrictEqual(['set-status']);
    expect(requeueAfterMs).toBe(50_000);
  } else expect(actions).toStrictEqual([expected]);
});

test('a deletion by force waits for nobody', () => {
  const domain = aDomain({ ...DELETED, annotations: { [FORCE_DELETE_ANNOTATION]: 'true' } });
  expect(planDomain(observe({ domain, judgement: undefined, sets: [serving(3)] })).actions).toStrictEqual([
    { type: 'remove-finalizer', outcome: 'Forced' },
  ]);
});

const letters = fc.constantFrom<string | undefined>(OLD, NEW, undefined);
const sets = fc.array(
  fc.record<SetView>({
    name: fc.constantFrom('s', 't'),
    selects: fc.boolean(),
    deleting: fc.boolean(),
    paused: fc.boolean(),
    rolledBack: fc.boolean(),
    takenBack: fc.constant([]),
    minReady: fc.nat(3),
    withdrawTimeoutMs: fc.constantFrom(0, 5000, 60_000),
    refusal: fc.option(fc.constant({ reason: 'Invalid' as const, message: 'x' }), { nil: undefined }),
    committed: fc.option(
      fc.record({ n: fc.integer({ min: 1, max: 5 }), digest: letters, since: fc.integer({ min: 1, max: 5 }) }),
      { nil: undefined },
    ),
    newest: fc.option(
      fc.record({
        n: fc.integer({ min: 1, max: 6 }),
        digest: letters,
        state: fc.constantFrom('Open' as const, 'Committed' as const, 'Aborted' as const),
        cause: fc.option(
          fc.record({
            reason: fc.constantFrom('Nack' as const, 'Timeout' as const, 'Superseded' as const, 'User' as const),
            message: fc.string(),
          }),
          { nil: undefined },
        ),
        progress: fc.string(),
      }),
      { nil: undefined },
    ),
    convergedRevision: fc.nat(6),
    required: fc.option(fc.nat(3), { nil: undefined }),
  }),
  { maxLength: 2 },
);
const anyObservation = fc
  .record({
    generation: fc.integer({ min: 1, max: 3 }),
    observedGeneration: fc.integer({ min: -1, max: 3 }),
    isDeleting: fc.boolean(),
    isFinalized: fc.boolean(),
    digest: letters,
    judgement: fc.constantFrom(valid, invalid),
    hasBundle: fc.boolean(),
    namespaceHasSet: fc.boolean(),
    sets,
  })
  .map(({ generation, observedGeneration, isDeleting, isFinalized, digest, judgement, ...rest }) =>
    observe({
      ...rest,
      judgement: isDeleting ? undefined : judgement,
      domain: aDomain(
        { generation, finalizers: isFinalized ? [WITHDRAW_FINALIZER] : [], ...(isDeleting ? DELETED : {}) },
        { observedGeneration, ...(digest === undefined ? {} : { digest }) },
      ),
    }),
  );

/** What the world is after an action. */
function after(observed: ObservedDomain, action: DomainAction): ObservedDomain {
  const { domain } = observed;
  const finalizers = (list: readonly string[]) => ({
    ...observed,
    domain: { ...domain, metadata: { ...domain.metadata, finalizers: [...list] } },
  });
  switch (action.type) {
    case 'add-finalizer':
      return finalizers([WITHDRAW_FINALIZER]);
    case 'remove-finalizer':
      return finalizers([]);
    case 'create-default-set':
      return { ...observed, namespaceHasSet: true };
    case 'store-bundle':
      return { ...observed, hasBundle: true };
    case 'set-status':
      return { ...observed, domain: { ...domain, status: action.status } };
  }
}

test('from every state the plan comes to an end: after a few turns nothing is left to do', () => {
  fc.assert(
    fc.property(anyObservation, (start) => {
      let world = start;
      for (let turn = 0; turn < 5; turn += 1)
        for (const action of planDomain(world).actions) world = after(world, action);
      expect(planDomain(world).actions).toStrictEqual([]);
    }),
  );
});

test('Ready is never True unless every selecting set has this very digest committed, and served by all it requires', () => {
  fc.assert(
    fc.property(anyObservation, (start) => {
      const status = statusOf(start);
      if (findCondition(status?.conditions, 'Ready')?.status !== 'True') return;
      const selecting = start.sets.filter(({ selects }) => selects);
      expect(selecting.length).toBeGreaterThan(0);
      for (const { committed, convergedRevision, required, minReady } of selecting) {
        expect(committed?.digest).toBe(NEW);
        expect(convergedRevision >= (committed?.since ?? 0) || (required === 0 && minReady === 0)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

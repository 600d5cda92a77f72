import { PolicySetSpec, type PolicyDomain, type PolicyRevision, type PolicySet } from '@edict/crds';
import { expect, test } from '@jest/globals';
import type { Fleet } from '../fleet/fleet.ts';
import { planAction, type ActionBody, type ActionPlan } from '@edict/operator/views';
import { CommandError, type Io } from '../io.ts';
import { captureIo } from '../testing/captured-io.ts';
import { aCondition, aDomain, aRevision, aSet } from '../testing/objects.ts';
import { rolloutHistory } from './rollout-history.ts';
import { rolloutStatus, type RolloutStatusOptions } from './rollout-status.ts';
import { rolloutAction } from './rollout-action.ts';

interface World {
  readonly sets?: readonly PolicySet[];
  readonly revisions?: readonly PolicyRevision[];
  readonly domains?: readonly PolicyDomain[];
  readonly problems?: readonly string[];
}

/** A fleet whose world is another one at each look; the last one stays. */
function fleetOf(...worlds: readonly World[]): Fleet & { readonly planned: readonly ActionPlan[] } {
  let looks = 0;
  const planned: ActionPlan[] = [];
  const now = (): World => worlds[Math.min(Math.max(0, looks - 1), worlds.length - 1)] ?? {};
  return {
    namespace: 'default',
    // Every look begins with the sets.
    sets: () => (looks++, Promise.resolve(now().sets ?? [])),
    revisions: () => Promise.resolve(now().revisions ?? []),
    domains: () => Promise.resolve(now().domains ?? []),
    problems: () => Promise.resolve(now().problems ?? []),
    pdps: () => Promise.resolve([]),
    readBundle: () => Promise.resolve(undefined),
    act: (action, sight, body) => {
      const plan = planAction(action, sight, body, 'alice');
      if (plan.type === 'Refused') return Promise.reject(new CommandError(plan.message));
      planned.push(plan);
      return Promise.resolve({ action, by: 'alice', message: plan.message, isChanged: plan.type !== 'Nothing' });
    },
    close: () => Promise.resolve(),
    planned,
  };
}

interface Told {
  readonly stdout: string;
  readonly stderr: string;
  readonly error: CommandError | undefined;
}

async function told(work: (io: Io) => Promise<void>, over: Partial<Io> = {}): Promise<Told> {
  const { io, stdout, stderr } = captureIo({ columns: 120, ...over });
  let error: CommandError | undefined;
  try {
    await work(io);
  } catch (thrown) {
    if (!(thrown instanceof CommandError)) throw thrown;
    error = thrown;
  }
  return { stdout: stdout(), stderr: stderr(), error };
}

const status = (fleet: Fleet, options: Partial<RolloutStatusOptions> = {}, over: Partial<Io> = {}): Promise<Told> =>
  told(
    (io) => rolloutStatus(io, fleet, { watch: true, timeoutMs: 60_000, output: 'text', pollMs: 1, ...options }),
    over,
  );

const none = { required: 3, connected: 3, prepared: 0, active: 3, nacked: 0, laggards: 0, missing: 0 };
const preparing: World = {
  sets: [aSet({ desiredRevision: 2, pdps: { ...none, prepared: 1 }, conditions: [aCondition('Ready', 'False')] })],
  revisions: [aRevision(1), aRevision(2, { phase: 'Preparing' })],
  domains: [aDomain()],
};
const completed: World = {
  sets: [aSet({ desiredRevision: 2, committedRevision: 2 })],
  revisions: [aRevision(1), aRevision(2)],
  domains: [aDomain()],
};
const message = 'pdp-3: step limit\nof policy mrn:x';
const nacked: World = {
  sets: [
    aSet({
      desiredRevision: 2,
      pdps: { ...none, prepared: 2, nacked: 1 },
      exceptions: [{ node: 'default/pdp-3', state: 'Nacked', reason: 'step limit' }],
      conditions: [aCondition('Ready', 'False'), aCondition('Stalled', 'True', { reason: 'Nacked', message })],
    }),
  ],
  revisions: [
    aRevision(1),
    aRevision(2, { phase: 'Aborted', waves: [{ index: 0, decision: 'Abort' }], cause: message }),
  ],
  domains: [aDomain()],
};

test('in a pipe each change is a line, and a rollout that is over ends with 0', async () => {
  expect(await status(fleetOf(preparing, preparing, completed))).toEqual({
    stdout:
      'default@2  Preparing  prepared 1/3, active 0/3  waiting\ndefault@2  Completed  prepared 3/3, active 3/3  Converged\n',
    stderr: '',
    error: undefined,
  });
});

test('on a terminal the bar is drawn over itself', async () => {
  const { stdout } = await status(fleetOf(preparing, completed), {}, { isTerminal: true });
  const [first, second] = stdout.split('\r');
  expect(first).toMatch(/^\[#{6}\.{34}\] default@2 {2}Preparing .*\u001B\[K$/);
  expect(second).toMatch(/^\[#{40}\] default@2 {2}Completed .*\u001B\[K\n$/);
});

test('on a terminal two sets are two lines that stay where they are', async () => {
  const other = { ...aSet(), metadata: { ...aSet().metadata, name: 'other', uid: 'uid-other' } };
  const both = (world: World): World => ({ ...world, sets: [...(world.sets ?? []), other] });
  const { stdout } = await status(fleetOf(both(preparing), both(completed)), {}, { isTerminal: true });
  expect(stdout).toContain('\r\u001B[1A[');
});

test('a failed rollout ends with 1 and says why, and who', async () => {
  const { stdout, stderr, error } = await status(fleetOf(nacked));
  expect(stdout).toBe('default@2  Aborted  prepared 2/3, active 0/3, refused by 1  Nacked\n');
  expect(stderr).toBe(`default: ${message}\n  default/pdp-3 Nacked: step limit\n`);
  expect(error).toMatchObject({ exitCode: 1, message: '' });
});

test('a refused domain ends with 1 and says why', async () => {
  const accepted = aCondition('Accepted', 'False', { reason: 'Invalid', message: 'line 3: no' });
  const invalid = aDomain({ status: { observedGeneration: 1, conditions: [accepted] } });
  const { stderr, error } = await status(fleetOf({ ...completed, domains: [invalid] }));
  expect(stderr).toBe('default: shop is refused, what it said before serves on:\n  line 3: no\n');
  expect(error?.exitCode).toBe(1);
});

test('a file that is no YAML ends with 1, though what it said before serves', async () => {
  const { stderr, error } = await status(fleetOf({ ...completed, problems: ['shop.yaml:3:1: bad indentation'] }));
  expect(stderr).toBe('shop.yaml:3:1: bad indentation\n');
  expect(error?.exitCode).toBe(1);
});

test('time is up: exit code 1, and what it waits for', async () => {
  const { error } = await status(fleetOf(preparing), { timeoutMs: 5 });
  expect(error).toMatchObject({ exitCode: 1 });
  expect(error?.message).toMatch(/^timed out waiting for default/);
});

test('interrupted: 130, with the line finished', async () => {
  const { error, stdout } = await status(
    fleetOf(preparing),
    {},
    { interrupted: () => AbortSignal.abort(), isTerminal: true },
  );
  expect(error).toMatchObject({ exitCode: 130, message: 'interrupted' });
  expect(stdout).toMatch(/\n$/);
});

test('without watching it says where things stand and ends with 0', async () => {
  expect(await status(fleetOf(preparing), { watch: false })).toMatchObject({
    stdout: expect.stringMatching(/waiting/),
    error: undefined,
  });
});

test('JSON is one document, at the end', async () => {
  const all = await status(fleetOf(preparing, completed), { output: 'json' });
  expect(JSON.parse(all.stdout)).toMatchObject([{ set: 'default', revision: 2, phase: 'Completed', done: true }]);
  const one = await status(fleetOf(completed), { output: 'json', set: 'default' });
  expect(JSON.parse(one.stdout)).toMatchObject({ set: 'default', done: true });
  const late = await status(fleetOf(preparing), { output: 'json', timeoutMs: 1 });
  expect(JSON.parse(late.stdout)).toMatchObject([{ done: false }]);
  expect(late.error?.exitCode).toBe(1);
});

test('a first domain may still be waiting for its set', async () => {
  expect((await status(fleetOf({ domains: [aDomain()] }, completed))).error).toBeUndefined();
});

test.each([
  ['no sets at all', {}, {}, 'no policy sets in namespace default'],
  ['no set of that name', completed, { set: 'zzz' }, 'no policy set named zzz in namespace default'],
])('%s is an error', async (_what, world, options, expected) => {
  expect((await status(fleetOf(world), options)).error?.message).toBe(expected);
});

const columns = (line: string | undefined): readonly string[] => (line ?? '').split(/ {3,}/);

test('history is a table, newest first, and marks what serves', async () => {
  const rolledBack = aRevision(3, {}, { reason: 'Rollback', rollbackOf: 1 });
  const world = {
    ...nacked,
    sets: [aSet({ committedRevision: 3, desiredRevision: 3 })],
    revisions: [...(nacked.revisions ?? []), rolledBack],
  };
  const { stdout } = await told((io) => rolloutHistory(io, fleetOf(world), undefined, 'text'));
  const [header, third, second, first] = stdout.split('\n');
  expect(columns(header)).toEqual([
    'REVISION',
    'PHASE',
    'REASON',
    'PREPARED',
    'ACTIVE',
    'AGE',
    'DIGEST',
    'TOOK',
    'SKEW',
    'BY',
    'CAUSE',
  ]);
  expect(columns(third).slice(0, 3)).toEqual(['3 *', 'Completed', 'Rollback to 1']);
  expect(columns(second).at(-1)).toBe('pdp-3: step limit');
  expect(columns(first).slice(0, 3)).toEqual(['1', 'Completed', 'Spec']);
});

test('history as JSON has the manifest as JSON', async () => {
  const { stdout } = await told((io) => rolloutHistory(io, fleetOf(completed), 'default', 'json'));
  expect(JSON.parse(stdout)).toMatchObject([
    { n: 2, manifest: { domains: [] }, status: { phase: 'Completed' } },
    { n: 1 },
  ]);
});

test('revisions of a deleted set of the same name are not its history', async () => {
  const stranger = aRevision(9, {}, { setUid: 'another' });
  const { stdout } = await told((io) =>
    rolloutHistory(io, fleetOf({ ...completed, revisions: [stranger, aRevision(1)] }), 'default', 'json'),
  );
  expect(JSON.parse(stdout)).toMatchObject([{ n: 1 }]);
});

const undo = async (world: World, body: ActionBody = {}, options: { set?: string; output?: 'json' | 'yaml' } = {}) => {
  const fleet = fleetOf(world);
  const outcome = await told((io) =>
    rolloutAction(io, fleet, 'undo', { body, output: 'text', program: 'edict', ...options }),
  );
  const undone = fleet.planned.map((plan) => (plan.type === 'WriteSet' ? plan.spec.rollbackTo : plan.type));
  return { ...outcome, undone };
};
const at = (n: number, ...revisions: readonly PolicyRevision[]): World => ({
  sets: [aSet({ committedRevision: n })],
  revisions,
});

test.each([
  ['the committed revision before', at(2, aRevision(1), aRevision(2)), 1],
  [
    'not one that was given up',
    at(3, aRevision(1), aRevision(2, { waves: [{ index: 0, decision: 'Abort' }] }), aRevision(3)),
    1,
  ],
  ['not one that never was decided', at(3, aRevision(1), aRevision(2, { waves: [] }), aRevision(3)), 1],
  [
    'not one with the same content',
    at(3, aRevision(1), aRevision(2, {}, { digest: aRevision(3).spec.digest }), aRevision(3)),
    1,
  ],
  ['not one that withdrew everything', at(3, aRevision(1), aRevision(2, {}, { reason: 'Withdraw' }), aRevision(3)), 1],
])('undo goes back to %s', async (_what, world, expected) => {
  expect(await undo(world)).toMatchObject({
    undone: [expected],
    stdout: `default goes back to the content of revision ${expected}; watch it: edict rollout status default\n`,
  });
});

test('undo goes to the revision that is asked for, or ends an undo', async () => {
  const world = at(3, aRevision(1), aRevision(2), aRevision(3));
  expect((await undo(world, { toRevision: 1 })).undone).toEqual([1]);
  const [set] = world.sets ?? [];
  if (set === undefined) throw new Error('no set');
  const undone = { ...world, sets: [{ ...set, spec: { ...set.spec, rollbackTo: 1 } }] };
  const cleared = await undo(undone, { clear: true }, { output: 'json' });
  expect(cleared.undone).toEqual([null]);
  expect(JSON.parse(cleared.stdout)).toMatchObject({ set: 'default', action: 'undo', isChanged: true });
  expect((await undo(undone, { clear: true }, { output: 'yaml' })).stdout).toMatch(/^set: default\naction: undo\n/);
  expect((await undo(world, { clear: true })).stdout).toBe('default serves what its domains say\n');
});

test.each([
  ['a first revision', at(1, aRevision(1)), {}, 'default has no earlier committed revision'],
  ['a revision that is not there', at(1, aRevision(1)), { toRevision: 7 }, 'default has no revision 7'],
  [
    'a revision that was given up',
    at(1, aRevision(1), aRevision(2, { waves: [] })),
    { toRevision: 2 },
    'revision 2 was never committed',
  ],
  ['one of several sets', { sets: [aSet(), aSet({}, 'other')] }, {}, 'name one of the sets: default, other'],
  ['a set that is not there', at(1, aRevision(1)), { set: 'zzz' }, 'no policy set named zzz in namespace default'],
] as readonly [string, World, ActionBody & { set?: string }, string][])(
  'undo of %s is refused, and nothing changes',
  async (_what, world, { set, ...body }, expected) => {
    const { error, undone } = await undo(world, body, set === undefined ? {} : { set });
    expect(error?.message).toBe(expected);
    expect(undone).toEqual([]);
  },
);

const waves = {
  waves: [
    { principals: '5%', soak: '5m' },
    { all: true as const, approval: 'Required' as const },
  ],
};
const soaking: World = {
  sets: [
    {
      ...aSet({ desiredRevision: 2, pdps: { ...none, prepared: 3 }, conditions: [aCondition('Ready', 'False')] }),
      spec: PolicySetSpec.parse({ rollout: waves }),
    },
  ],
  revisions: [
    aRevision(1),
    aRevision(2, {
      phase: 'Soaking',
      wave: '1/2',
      waves: [
        { index: 0, decision: 'Commit', final: false, target: { principals: 500 }, decidedAt: '2026-01-01T00:00:05Z' },
      ],
      hold: { reason: 'Soak', message: 'wave 1 is watched' },
    }),
  ],
  domains: [aDomain()],
};

test('waves, and what holds them, are told line by line', async () => {
  const { stdout } = await status(fleetOf(soaking), { watch: false });
  expect(stdout.split('\n')).toEqual([
    'default@2  Soaking  prepared 3/3, active 0/3  waiting',
    '  wave 1/2  5% of the principals      Current decided 2026-01-01T00:00:05Z',
    '  wave 2/2  everyone                  Waiting needs approval',
    '  held: wave 1 is watched (Soak)',
    '',
  ]);
});

test('on a terminal what was longer leaves nothing behind', async () => {
  const { stdout } = await status(fleetOf(soaking, completed), {}, { isTerminal: true });
  expect(stdout).toContain(`\r${'\u001B[1A'.repeat(3)}[`);
  expect(stdout).toMatch(/\u001B\[K\u001B\[J\n$/);
});

test('as YAML the same as JSON', async () => {
  const { stdout } = await status(fleetOf(completed), { output: 'yaml', set: 'default' });
  expect(stdout).toMatch(/^set: default\nrevision: 2\nphase: Completed\n/);
});

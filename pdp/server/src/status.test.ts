import { expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS, decodeToken } from '@edict/bundle';
import { createPdp, PDP_DEFAULTS, type PdpState, type SetMachine } from '@edict/protocol';
import { ActiveSets } from './active-sets.ts';
import { statusOf } from './status.ts';
import { craneSnapshot } from './testing/snapshots.ts';
import { ENGINE } from './version.ts';

const clock = { now: () => 10_000, monotonic: () => 5_000 };

function status(over: Partial<PdpState>) {
  const sets = new ActiveSets();
  const snapshot = craneSnapshot(1);
  sets.swap({ set: 'a/a', setUid: 'uid', n: 4, digest: 'sha256:4', snapshot, activatedAtMs: 7_500 });
  const machine = { set: 'a/a', active: { persisted: true }, refused: [], nextId: 1 } as unknown as SetMachine;
  const state = createPdp({ ...PDP_DEFAULTS, engine: ENGINE }, new Map(), 1);
  return statusOf({ ...state, sets: new Map([['a/a', machine]]), ...over }, sets, { ready: true, loading: [] }, clock);
}

test('a set tells its revision, how old it is, and the token that stands for it', () => {
  const [set] = status({}).sets;
  expect(set).toMatchObject({ set: 'a/a', state: 'Active', active: { revision: 4, ageMs: 2_500, persisted: true } });
  expect(decodeToken(set?.active?.token ?? '')).toStrictEqual({ setUid: 'uid', n: 4 });
});

test.each<readonly [string, Partial<PdpState>, number | undefined, boolean]>([
  ['an operator that was just heard', { connection: 'Up', lastHeardAt: 4_900 }, 100, false],
  [
    'one that went away a moment ago',
    { connection: 'Down', bootReason: 'Reconnect', lastHeardAt: 4_000 },
    1_000,
    false,
  ],
  [
    'one that has been silent for too long',
    { connection: 'Down', bootReason: 'Reconnect', lastHeardAt: -5_001 },
    10_001,
    true,
  ],
  ['one that was never heard', { connection: 'Down', bootReason: 'Restart', lastHeardAt: 0 }, undefined, true],
])('of %s the staleness is told', (_name, over, stalenessMs, stale) => {
  const told = status(over);
  expect([told.stalenessMs, told.stale]).toStrictEqual([stalenessMs, stale]);
});

test('a lease, a canary and a comparison are told', () => {
  const sets = new ActiveSets();
  const revision = { n: 5, digest: 'sha256:5' };
  sets.swap({ set: 'a/a', setUid: 'uid', n: 4, digest: 'sha256:4', snapshot: craneSnapshot(1), activatedAtMs: 0 });
  sets.leases.of('a/a').tell({ consistency: CONSISTENCY_DEFAULTS, until: 4_000, minRev: 4, stableRev: 4 });
  const counts = { total: 3, changed: 1, grantToDeny: 1, denyToGrant: 0, errors: 0, dropped: 0 };
  const machine = {
    ...{ set: 'a/a', active: { persisted: true }, refused: [], nextId: 1 },
    canary: { revision, share: { salt: 's', upTo: 500 }, activatedAt: 9_000, persisted: true },
    shadow: { id: 1, revision: { n: 6, digest: 'sha256:6' }, done: false, counts, samples: [] },
  } as unknown as SetMachine;
  const state = { ...createPdp({ ...PDP_DEFAULTS, engine: ENGINE }, new Map(), 1), sets: new Map([['a/a', machine]]) };
  expect(statusOf(state, sets, { ready: true, loading: [] }, clock).sets).toMatchObject([
    {
      canary: { revision: 5, share: 500, activatedAt: '1970-01-01T00:00:09.000Z', persisted: true },
      lease: { mode: 'Standard', remainingMs: -1_000, action: 'Serve', stale: true, minRevision: 4 },
      shadow: { revision: 6, done: false, counts },
    },
  ]);
});

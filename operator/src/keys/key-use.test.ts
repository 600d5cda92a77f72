import type { PolicyRevision, PolicySet } from '@edict/crds';
import { PolicySetSpec } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';
import { expect, test } from '@jest/globals';
import type { World } from '../controllers/world.ts';
import { keyUseOf } from './key-use.ts';

const SET: PolicySet = {
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicySet',
  metadata: { namespace: 'shop', name: 'main', uid: 'uid-main' },
  spec: PolicySetSpec.parse({}),
};

type Wave = NonNullable<NonNullable<PolicyRevision['status']>['waves']>[number];
const COMMITTED: readonly Wave[] = [{ index: 0, decision: 'Commit' }];
const ABORTED: readonly Wave[] = [{ index: 0, decision: 'Abort' }];

function aRevision(n: number, keyId: string, waves: readonly Wave[], setUid = 'uid-main'): PolicyRevision {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyRevision',
    metadata: { namespace: 'shop', name: `main-${n}` },
    spec: {
      set: 'main',
      setUid,
      setGeneration: 1,
      n,
      parent: n - 1,
      rendererVersion: 1,
      manifest: '{}',
      digest: `sha256:${'0'.repeat(64)}`,
      signature: 'c2ln',
      keyId,
      createdAt: '2026-01-01T00:00:00Z',
      reason: 'Spec',
    },
    status: { waves: [...waves] },
  };
}

function aPdp(name: string, active: number, over: Partial<PdpListing> = {}): PdpListing {
  const entry = { set: 'shop/main', state: 'Active', active, staged: 0, prepared: 0, changedAt: 0 } as const;
  return {
    nodeId: name,
    pod: `shop/${name}`,
    connected: true,
    engineVersion: '1.0.0',
    lastBeatAt: 1,
    trustedKeys: ['old', 'new'],
    sets: [{ ...entry, laggard: false, awaited: false }],
    ...over,
  };
}

function use(revisions: readonly PolicyRevision[], pdps: readonly PdpListing[], retiring = ['old']) {
  const world = { sets: { list: () => [SET] }, revisions: { list: () => revisions } } as unknown as World;
  return keyUseOf(world, pdps, 'new', retiring);
}

test.each<
  readonly [string, readonly PolicyRevision[], readonly PdpListing[], Readonly<Record<string, readonly string[]>>]
>([
  [
    'the newest committed revision alone',
    [aRevision(1, 'older', COMMITTED), aRevision(2, 'old', COMMITTED)],
    [],
    { old: ['set shop/main'] },
  ],
  [
    'what is under way, too',
    [aRevision(2, 'old', COMMITTED), aRevision(3, 'new', [])],
    [],
    { old: ['set shop/main'], new: ['set shop/main'] },
  ],
  [
    'nothing of what was given up',
    [aRevision(2, 'new', COMMITTED), aRevision(3, 'old', ABORTED)],
    [],
    { new: ['set shop/main'] },
  ],
  [
    'nothing of an earlier set of the name',
    [aRevision(9, 'old', COMMITTED, 'uid-before'), aRevision(1, 'new', COMMITTED)],
    [],
    { new: ['set shop/main'] },
  ],
  [
    'what a PDP still serves',
    [aRevision(1, 'old', COMMITTED), aRevision(2, 'new', COMMITTED)],
    [aPdp('a', 1), aPdp('b', 2)],
    { new: ['set shop/main', 'PDP shop/b'], old: ['PDP shop/a'] },
  ],
  [
    'nothing of a PDP that has nothing yet',
    [aRevision(2, 'new', COMMITTED)],
    [aPdp('a', 0)],
    { new: ['set shop/main'] },
  ],
  [
    'all that is retiring, of a PDP that is away and may have anything',
    [aRevision(2, 'new', COMMITTED)],
    [aPdp('a', 0, { connected: false })],
    { new: ['set shop/main'], old: ['PDP shop/a, which is away,'] },
  ],
  [
    'all that is retiring, of a PDP whose revision nobody has any more',
    [aRevision(7, 'new', COMMITTED)],
    [aPdp('a', 3)],
    { new: ['set shop/main'], old: ['PDP shop/a'] },
  ],
])('a key is held by %s', (_name, revisions, pdps, holders) => {
  expect(Object.fromEntries(use(revisions, pdps).holders)).toEqual(holders);
});

test('connected PDPs are told apart: those that lack the next key, and those that do not say', () => {
  const old = aPdp('quiet', 1);
  const { trustedKeys: _unsaid, ...quiet } = old;
  const pdps = [
    aPdp('has', 1),
    aPdp('lacks', 1, { trustedKeys: ['old'] }),
    quiet,
    aPdp('away', 1, { connected: false, trustedKeys: [] }),
  ];
  expect(use([], pdps)).toMatchObject({ lacking: ['shop/lacks'], silent: ['shop/quiet'] });
});

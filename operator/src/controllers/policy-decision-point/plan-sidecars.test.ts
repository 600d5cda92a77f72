import { expect, test } from '@jest/globals';
import { findCondition } from '@edict/crds';
import type { FleetRoll } from '../../injection/roll-call.ts';
import { someSidecars } from '../../injection/testing/injection-fixtures.ts';
import { newlyWithout, planSidecarStatus, type SidecarObservation } from './plan-sidecars.ts';

const roll = (over: Partial<FleetRoll> = {}): FleetRoll => ({
  desired: 2,
  present: 2,
  ready: 2,
  without: [],
  hashes: ['new', 'new'],
  ...over,
});
const observed = (over: Partial<SidecarObservation> = {}): SidecarObservation => ({
  fleet: someSidecars('main', {}, { generation: 3 }),
  roll: roll(),
  hash: 'new',
  problem: undefined,
  waitingFor: undefined,
  sets: ['default'],
  now: '2026-01-01T00:00:00Z',
  ...over,
});
const NONE = roll({ desired: 3, without: ['web-1'] });

test.each<[string, Partial<SidecarObservation>, string, string, string | undefined]>([
  ['all sidecars serve', {}, 'True', 'Available', 'True'],
  ['there are none yet', { roll: roll({ desired: 0, ready: 0, present: 0, hashes: [] }) }, 'True', 'Available', 'True'],
  ['one waits for policy', { roll: roll({ ready: 1 }) }, 'False', 'Unavailable', 'True'],
  ['a pod has none', { roll: NONE }, 'False', 'PodsWithoutPDP', 'False'],
  ['the pods were not listed yet', { roll: undefined }, 'False', 'Unavailable', undefined],
  ['no set selects them', { sets: [] }, 'False', 'NoSet', 'True'],
  ['the selector is not in force yet', { waitingFor: 'not yet' }, 'False', 'Unavailable', 'True'],
  ['no pod can have one', { problem: 'too little' }, 'False', 'BadSidecar', 'True'],
])('%s', (_name, over, ready, reason, injected) => {
  const { conditions } = planSidecarStatus(observed(over));
  expect(findCondition(conditions, 'Ready')).toMatchObject({ status: ready, reason, observedGeneration: 3 });
  expect(findCondition(conditions, 'Injected')?.status).toBe(injected);
  expect(findCondition(conditions, 'Stalled') !== undefined).toBe(reason === 'BadSidecar');
  expect(findCondition(conditions, 'Reconciling') !== undefined).toBe(ready === 'False' && reason !== 'BadSidecar');
});

test('status counts who has one, who should, and who has an older one', () => {
  const hashes = ['new', 'old', 'older'];
  const without = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const status = planSidecarStatus(observed({ roll: roll({ desired: 10, present: 3, ready: 3, hashes, without }) }));
  expect(status).toMatchObject({
    replicas: 10,
    readyReplicas: 3,
    ready: '3/10',
    podsWithoutPdp: 7,
    outdated: 2,
    sets: 'default',
    selector: 'edict.dev/pdp=main',
  });
  expect(findCondition(status.conditions, 'Injected')?.message).toMatch(
    /^7 of 10 pods have no PDP: a, b, c, d, e and 2 more;/,
  );
});

test('an event is due when other pods are without than before, and not again', () => {
  const before = someSidecars();
  const status = planSidecarStatus(observed({ roll: NONE }));
  expect(newlyWithout(before, status)).toContain('web-1');
  expect(newlyWithout({ ...before, status }, status)).toBeUndefined();
  const more = planSidecarStatus(observed({ roll: roll({ desired: 4, without: ['web-1', 'web-2'] }) }));
  expect(newlyWithout({ ...before, status }, more)).toContain('web-2');
  expect(newlyWithout({ ...before, status }, planSidecarStatus(observed()))).toBeUndefined();
});

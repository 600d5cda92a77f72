import { expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS } from '@edict/bundle';
import type { LeaseView } from '@edict/protocol';
import { Leases } from './leases.ts';
import { remainingLeases } from './remaining-leases.ts';

const STRICT = { ...CONSISTENCY_DEFAULTS, mode: 'Strict', onStale: 'NotReady' } as const;
const view = (over: Partial<LeaseView> = {}): LeaseView => ({ consistency: STRICT, minRev: 0, stableRev: 0, ...over });

test('a set of which nothing is told is fresh for ever', () => {
  const gate = new Leases().of('a/b');
  expect([gate.freshUntilNs, gate.judge(1e18)]).toStrictEqual([Infinity, { act: 'Serve', stale: false }]);
});

test('a lease is fresh until it ends, and one that was never given to a strict set is not', () => {
  const gate = new Leases().of('a/b');
  gate.tell(view());
  expect(gate.freshUntilNs).toBe(-Infinity);
  gate.tell(view({ until: 5 }));
  expect([gate.freshUntilNs, gate.judge(4e6), gate.judge(5e6).act]).toStrictEqual([
    5e6,
    { act: 'Serve', stale: false },
    'NotReady',
  ]);
});

test('what a set promises as it begins does not replace what was told of its lease', () => {
  const leases = new Leases();
  leases.of('a/b').tell(view({ until: 5 }));
  leases.begin('a/b', CONSISTENCY_DEFAULTS);
  leases.begin('c/d', STRICT);
  expect([leases.of('a/b').view, leases.of('c/d').judge(0).act]).toStrictEqual([view({ until: 5 }), 'NotReady']);
});

test('a set that was forgotten begins anew', () => {
  const leases = new Leases();
  const before = leases.of('a/b');
  leases.forget('a/b');
  expect(leases.of('a/b')).not.toBe(before);
});

test('of several sets with one label the least that is left is told, and of one without a lease nothing', () => {
  const told = [
    ['a/b', view({ until: 9_000 })],
    ['a/c', view({ until: 4_000 })],
    ['d/e', view({ until: 1_000 })],
    ['d/f', view()],
  ] as const;
  expect(remainingLeases(told, (set) => set.slice(0, 1), 2_000)).toStrictEqual(
    new Map([
      ['a', 2],
      ['d', -1],
    ]),
  );
});

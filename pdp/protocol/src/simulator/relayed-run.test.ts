import { expect, test } from '@jest/globals';
import { simulateRelayed } from './relayed-run.ts';

test('with relays between the hub and its PDPs no invariant breaks, whatever befalls the relays', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { violation, trace } = await simulateRelayed({ seed, pdps: 5 });
    expect({ seed, violation, trace: trace.slice(-60) }).toStrictEqual({ seed, violation: undefined, trace: [] });
  }
}, 300_000);

test.each([
  { broken: 'commits-early', invariant: 'I1', seeds: [1, 2, 3, 4, 5, 6] },
  { broken: 'vouches-fresh', invariant: 'I7', seeds: [80, 86, 96, 115, 143] },
] as const)(
  'a relay that $broken is noticed by $invariant',
  async ({ broken, invariant, seeds }) => {
    const broke: string[] = [];
    for (const seed of seeds) broke.push((await simulateRelayed({ seed, pdps: 5 }, broken)).violation?.invariant ?? '');
    expect(broke).toContain(invariant);
  },
  120_000,
);

import { expect, test } from '@jest/globals';
import { simulateRelayed } from './relayed-run.ts';

test('with relays between the hub and its PDPs no invariant breaks, whatever befalls the relays', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { violation, trace, figures } = await simulateRelayed({ seed, pdps: 5 });
    expect({ seed, violation, trace: trace.slice(-60) }).toStrictEqual({ seed, violation: undefined, trace: [] });
    // Whatever an honest relay passes on bears the hub's signature.
    expect({ seed, undecided: figures.undecided }).toStrictEqual({ seed, undecided: 0 });
  }
}, 300_000);

test('a relay that commits early is refused by its PDPs, and nothing undecided is served', async () => {
  let undecided = 0;
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { violation, trace, figures } = await simulateRelayed({ seed, pdps: 5 }, 'commits-early');
    expect({ seed, violation, trace: trace.slice(-60) }).toStrictEqual({ seed, violation: undefined, trace: [] });
    undecided += figures.undecided;
  }
  expect(undecided).toBeGreaterThan(0);
}, 120_000);

test.each([
  // PDPs that believe whoever brings a Commit.
  { broken: 'commits-early', variant: 'undecided-accepted', invariant: 'I1', seeds: [1, 2, 3, 4, 5, 6] },
  { broken: 'vouches-fresh', variant: undefined, invariant: 'I7', seeds: [80, 86, 96, 115, 143] },
] as const)(
  'a relay that $broken is noticed by $invariant',
  async ({ broken, variant, invariant, seeds }) => {
    const broke: string[] = [];
    const faults = variant === undefined ? {} : { variant };
    for (const seed of seeds) {
      broke.push((await simulateRelayed({ seed, pdps: 5, ...faults }, broken)).violation?.invariant ?? '');
    }
    expect(broke).toContain(invariant);
  },
  120_000,
);

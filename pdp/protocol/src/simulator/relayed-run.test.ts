import { expect, test } from '@jest/globals';
import { simulateRelayed } from './relayed-run.ts';

test('with relays between the hub and its PDPs no invariant breaks, whatever befalls the relays', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { violation, trace } = await simulateRelayed({ seed, pdps: 5 });
    expect({ seed, violation, trace: trace.slice(-60) }).toStrictEqual({ seed, violation: undefined, trace: [] });
  }
}, 300_000);

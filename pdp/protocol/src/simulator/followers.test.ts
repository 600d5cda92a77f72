import { expect, test } from '@jest/globals';
import type { SimulationResult } from './options.ts';
import { runCampaign } from './pool.ts';
import { simulate } from './run.ts';
import { repeatedBy } from './shrink.ts';

test('with followers that carry streams no invariant breaks, whatever befalls them and their tunnels', async () => {
  const failed: SimulationResult[] = [];
  const totals = { carried: 0, swaps: 0 };
  await runCampaign({
    firstSeed: 1,
    seeds: 100,
    layout: { followers: 2 },
    onResult: (result) => {
      totals.carried += result.figures.carried;
      totals.swaps += result.figures.swaps;
      if (result.violation !== undefined) failed.push(result);
    },
  });
  const texts = failed.map(
    ({ seed, violation, trace }) => `seed ${seed}: ${violation?.message}\n${trace.slice(-60).join('\n')}`,
  );
  expect(texts.slice(0, 3)).toEqual([]);
  expect(totals.carried).toBeGreaterThan(1_000);
  expect(totals.swaps).toBeGreaterThan(2_000);
}, 300_000);

test('a follower that takes one PDP for another is noticed by I14: more are counted than ever served', async () => {
  const broke: string[] = [];
  for (let seed = 1; seed <= 20; seed += 1) {
    const { violation } = await simulate({ seed, followers: 2, variant: 'crossed-streams' });
    if (violation !== undefined) broke.push(violation.invariant);
  }
  expect(broke).toContain('I14');
});

test('the same seed does the same with followers, and says how to repeat it', async () => {
  const options = { seed: 5, followers: 2 };
  const first = await simulate(options);
  expect(first.figures.carried).toBeGreaterThan(0);
  expect(await simulate(options)).toEqual(first);
  expect(repeatedBy(options)).toBe('npm run -s sim -- --seeds 1 --first-seed 5 --followers 2');
});

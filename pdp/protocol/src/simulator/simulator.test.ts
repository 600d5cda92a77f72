import { expect, test } from '@jest/globals';
import type { BrokenVariant, SimulationResult } from './options.ts';
import { runCampaign } from './pool.ts';
import { simulate } from './run.ts';
import { repeatedBy, shrink } from './shrink.ts';
import { VirtualTime } from './virtual-time.ts';

test('no invariant breaks in 1,000 seeds of loss, partitions, crashes, liars, bad bundles, second leaders and meddling users', async () => {
  const totals = { steps: 0, commits: 0, swaps: 0, splits: 0 };
  const failed: SimulationResult[] = [];
  await runCampaign({
    firstSeed: 1,
    seeds: 1000,
    layout: {},
    onResult: (result) => {
      for (const name of ['steps', 'commits', 'swaps', 'splits'] as const) totals[name] += result.figures[name];
      if (result.violation !== undefined) failed.push(result);
    },
  });
  const texts = failed.map(
    ({ seed, violation, trace }) => `seed ${seed}: ${violation?.message}\n${trace.slice(-60).join('\n')}`,
  );
  expect(texts.slice(0, 3)).toEqual([]);
  // A world in which nothing happens would hold every invariant too.
  expect(totals.steps).toBeGreaterThan(1_000_000);
  expect(totals.commits).toBeGreaterThan(5_000);
  expect(totals.swaps).toBeGreaterThan(20_000);
  expect(totals.splits).toBeGreaterThan(5_000);
}, 600_000);

test.each<[string, BrokenVariant, string, number]>([
  ['activates what is only prepared', 'activate-on-prepare', 'I1', 10],
  ['commits what nobody has acknowledged', 'commit-without-acks', 'I8', 30],
  ['serves a staged revision from its disk', 'serve-staged-from-disk', 'I9', 10],
  ['lets commits of a strict set follow each other without a gap', 'no-lease-gate', 'I6', 300],
  ['holds a lease for longer than it was given', 'lease-too-long', 'I7', 60],
  ['takes a revision that nobody signed', 'unsigned-accepted', 'I3', 30],
  ['lowers the share of a canary', 'share-lowered', 'I2', 20],
  ['chooses the principals of a canary by its own salt', 'salt-per-node', 'I12', 10],
  ['gives a joiner what is not decided', 'joiner-gets-undecided', 'I9', 20],
  ['serves before its disk has taken or refused the record', 'record-after-swap', 'I2', 10],
  ['writes an older revision over the record of what serves', 'record-goes-back', 'I2', 30],
])(
  'a protocol that %s (%s) is caught as %s within %i seeds, with a trace that can be read',
  async (_what, variant, invariant, seeds) => {
    let caught: SimulationResult | undefined;
    for (let seed = 1; seed <= seeds && caught === undefined; seed += 1) {
      const result = await simulate({ seed, variant });
      if (result.violation?.invariant === invariant) caught = result;
    }
    expect(caught?.violation?.message).toContain(invariant);
    expect(caught?.trace.some((line) => line.includes(`${invariant} BROKEN`))).toBe(true);
    expect(caught?.trace.some((line) => line.includes('published'))).toBe(true);
  },
);

test('a failing run shrinks to what it takes, and says how to repeat that', async () => {
  const options = { seed: 1, variant: 'salt-per-node' } as const;
  const first = await simulate(options);
  const { options: least, result } = await shrink(options, first);
  expect(result.violation?.invariant).toBe('I12');
  expect(result.figures.steps).toBeLessThan(first.figures.steps);
  expect(least.pdps).toBeLessThanOrEqual(2);
  // Two PDPs and a wave of principals are all that it takes.
  expect(least.without).toEqual(expect.arrayContaining(['loss', 'pdp-crashes', 'operator-crashes', 'liars', 'user']));
  expect(least.without).not.toContain('waves');
  expect(repeatedBy(least)).toMatch(
    /^npm run -s sim -- --seeds 1 --first-seed 1 --pdps [12] .*--variant salt-per-node$/,
  );
  expect(await simulate(least)).toEqual(result);
});

test('the same seed does the same', async () => {
  const first = await simulate({ seed: 7, variant: 'activate-on-prepare' });
  expect(await simulate({ seed: 7, variant: 'activate-on-prepare' })).toEqual(first);
});

test('faults go on until the steps that were asked for are done', async () => {
  const { figures, violation } = await simulate({ seed: 3, pdps: 4, steps: 5_000 });
  expect(violation).toBeUndefined();
  expect(figures.steps).toBeGreaterThanOrEqual(5_000);
});

test('a thread that dies ends the campaign with its error', async () => {
  const layout = { pdps: Number.NaN, without: 5 as unknown as readonly never[] };
  await expect(runCampaign({ firstSeed: 1, seeds: 2, layout, onResult: () => undefined })).rejects.toThrow(
    'not iterable',
  );
});

test('virtual time runs tasks by time, then in the order in which they were added, and skips what was cancelled', () => {
  const time = new VirtualTime();
  const ran: string[] = [];
  time.after(5, () => ran.push('b'));
  time.after(1, () => ran.push('a'));
  time.after(5, () => ran.push('c'));
  time.after(3, () => ran.push('never'))();
  time.after(9, () => ran.push('late'));
  while (time.next(8));
  expect(ran).toEqual(['a', 'b', 'c']);
  expect(time.now).toBe(8);
});

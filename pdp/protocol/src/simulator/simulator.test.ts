import { expect, test } from '@jest/globals';
import { simulate } from './run.ts';
import { VirtualTime } from './virtual-time.ts';
import type { BrokenVariant } from './world.ts';

test('no invariant breaks in 200 seeds of loss, reordering, crashes, partitions and second leaders', () => {
  const totals = { commits: 0, swaps: 0 };
  for (let seed = 1; seed <= 200; seed += 1) {
    const { violation, trace, figures } = simulate({ seed });
    if (violation !== undefined) throw new Error(`seed ${seed}: ${violation.message}\n${trace.slice(-80).join('\n')}`);
    totals.commits += figures.commits;
    totals.swaps += figures.swaps;
  }
  // A world in which nothing happens would hold every invariant too.
  expect(totals.commits).toBeGreaterThan(500);
  expect(totals.swaps).toBeGreaterThan(2000);
});

test.each<[BrokenVariant, string]>([
  ['activate-on-prepare', 'I1'],
  ['commit-without-acks', 'I8'],
  ['serve-staged-from-disk', 'I9'],
])('the deliberate fault %s is caught as %s, with a trace that can be read', (variant, invariant) => {
  const caught = Array.from({ length: 10 }, (_, index) => simulate({ seed: index + 1, variant })).find(
    ({ violation }) => violation?.invariant === invariant,
  );
  expect(caught?.violation?.message).toContain(invariant);
  expect(caught?.trace.some((line) => line.includes('Prepare'))).toBe(true);
});

test('the same seed does the same', () => {
  const first = simulate({ seed: 7, variant: 'activate-on-prepare' });
  expect(simulate({ seed: 7, variant: 'activate-on-prepare' })).toEqual(first);
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

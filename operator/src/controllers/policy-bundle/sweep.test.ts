import { expect, test } from '@jest/globals';
import type { PolicyBundle } from '@edict/crds';
import { SWEEP_GRACE_MS, unnamedBundles } from './sweep.ts';

const NOW = 1_700_000_000_000;
const bundle = (digest: string, ageMs: number): PolicyBundle =>
  ({
    metadata: { name: digest, creationTimestamp: new Date(NOW - ageMs).toISOString() },
    spec: { digest },
  }) as PolicyBundle;

test('what nothing names goes once it is old enough, what is named stays, and the next look is when the next is due', () => {
  const bundles = [
    bundle('named', SWEEP_GRACE_MS * 2),
    bundle('old', SWEEP_GRACE_MS),
    bundle('young', SWEEP_GRACE_MS - 5000),
  ];
  const { due, nextInMs } = unnamedBundles(bundles, new Set(['named']), NOW);
  expect(due.map(({ spec }) => spec.digest)).toStrictEqual(['old']);
  expect(nextInMs).toBe(5000);
});

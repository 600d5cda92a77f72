import { expect, test } from '@jest/globals';
import type { ShadowCounts, ShadowReport } from '../messages.ts';
import { aRevision } from '../testing/builders.ts';
import type { ShadowOptions } from './observation.ts';
import { judgeShadow, SHADOW_WAIT_MAX_MS, shadowWindowMs } from './shadow-gate.ts';

const NONE: ShadowCounts = { total: 0, changed: 0, grantToDeny: 0, denyToGrant: 0, errors: 0, dropped: 0 };
const base: ShadowOptions = { samplePpm: 100_000, windowMs: 60_000, minSamples: 10, onNoTraffic: 'Pass' };

function report(counts: Partial<ShadowCounts>, done = true, samples: ShadowReport['samples'] = []): ShadowReport {
  return { type: 'ShadowReport', set: 's/s', revision: aRevision(2), done, counts: { ...NONE, ...counts }, samples };
}

const half = { total: 100, changed: 3, grantToDeny: 2, denyToGrant: 1 };

test.each<[string, Partial<ShadowOptions>, readonly [string, ShadowReport][], boolean, string]>([
  ['waits for who has not reported', {}, [['a', report(half)]], false, 'Waiting'],
  [
    'waits for who has not ended',
    {},
    [
      ['a', report(half)],
      ['b', report(half, false)],
    ],
    false,
    'Waiting',
  ],
  ['waits no longer than the window and its grace', {}, [['a', report(half)]], true, 'Pass'],
  [
    'passes without limits',
    {},
    [
      ['a', report(half)],
      ['b', report(half)],
    ],
    false,
    'Pass',
  ],
  [
    'passes at a limit',
    { maxGrantToDeny: 0.02 },
    [
      ['a', report(half)],
      ['b', report(half)],
    ],
    false,
    'Pass',
  ],
  [
    'fails beyond a limit',
    { maxGrantToDeny: 0.019 },
    [
      ['a', report(half)],
      ['b', report(half)],
    ],
    false,
    'Fail',
  ],
  [
    'sums before it divides',
    { maxGrantToDeny: 0.011 },
    [
      ['a', report(half)],
      ['b', report({ total: 100 })],
    ],
    false,
    'Pass',
  ],
  ['judges no share before the end', { maxGrantToDeny: 0.01 }, [['a', report(half, false)]], false, 'Waiting'],
  ['but nothing at all is broken at once', { maxDenyToGrant: 0 }, [['a', report(half, false)]], false, 'Fail'],
  [
    'fails by errors',
    { maxErrorIncrease: 0.05 },
    [
      ['a', report({ total: 10, errors: 1 })],
      ['b', report({})],
    ],
    false,
    'Fail',
  ],
  [
    'passes without live requests',
    { maxDenyToGrant: 0 },
    [
      ['a', report({})],
      ['b', report({})],
    ],
    false,
    'Pass',
  ],
])('%s', (_name, options, reports, isOver, verdict) => {
  expect(judgeShadow({ ...base, ...options }, new Map(reports), ['a', 'b'], isOver).verdict).toBe(verdict);
});

test.each<['Pass' | 'Wait' | 'Fail', number, object]>([
  ['Pass', 9, { verdict: 'Pass', proven: false, awaitsTraffic: false }],
  ['Wait', 9, { verdict: 'Waiting', proven: false, awaitsTraffic: true }],
  ['Fail', 9, { verdict: 'Fail', proven: false, awaitsTraffic: false }],
  ['Wait', 10, { verdict: 'Pass', proven: true, awaitsTraffic: false }],
  ['Fail', 10, { verdict: 'Pass', proven: true, awaitsTraffic: false }],
])('with onNoTraffic %s, %i requests compared by all together give %j', (onNoTraffic, total, expected) => {
  const reports = new Map([
    ['a', report({ total: total - 4 })],
    ['b', report({ total: 4 })],
  ]);
  const progress = judgeShadow({ ...base, onNoTraffic }, reports, ['a', 'b'], false);
  expect(progress).toMatchObject(expected);
  expect(progress.message).toContain(total < 10 ? '9 live requests were compared, 10 are needed' : '0 of 10 answers');
});

test('where requests are waited for, PDPs compare until the decision', () => {
  expect(shadowWindowMs({ ...base, onNoTraffic: 'Wait' })).toBe(SHADOW_WAIT_MAX_MS);
  expect(shadowWindowMs(base)).toBe(60_000);
});

test('says how many answers differ, and shows some of each PDP', () => {
  const sample = (principal: string) => ({ difference: 'Other', principal, operation: 'o', resource: 'r' }) as const;
  const loud = Array.from({ length: 20 }, (_, index) => sample(`loud-${index}`));
  const reports = new Map([
    ['a', report(half, true, loud)],
    ['b', report(half, true, [sample('quiet')])],
  ]);
  const progress = judgeShadow({ ...base, maxGrantToDeny: 0.001 }, reports, ['a', 'b'], false);
  expect(progress).toMatchObject({ counts: { total: 200, changed: 6 }, reporting: 2, done: 2 });
  expect(progress.message).toBe('grant to deny: 2 % of 200 answers, at most 0.1 % are allowed');
  expect(progress.samples).toHaveLength(20);
  expect(progress.samples.map(({ principal }) => principal)).toContain('quiet');
});

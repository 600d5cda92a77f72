import { describe, expect, test } from '@jest/globals';
import { analyse } from './analysis.ts';
import { REPEATED_FAILURE_WINDOW_MS, restingMs } from './circuit.ts';
import { addTotals, LOAD_BUCKETS_MAX, loadBeside, LoadWindow, NO_TOTALS, type LoadTotals } from './load-window.ts';
import type { AnalysisOptions } from './observation.ts';

const before: LoadTotals = { decisions: 1_000, errors: 10, denied: 200, p99Micros: 100 };
const limits: AnalysisOptions = { minDecisions: 100, external: false };

test.each<[string, Partial<LoadTotals>, Partial<AnalysisOptions>, string]>([
  ['passes without limits', { denied: 1_000 }, {}, 'Pass'],
  ['passes at the limit of denials', { denied: 250 }, { maxDenyRateIncrease: 0.05 }, 'Pass'],
  ['fails beyond the limit of denials', { denied: 251 }, { maxDenyRateIncrease: 0.05 }, 'Fail'],
  ['passes with fewer denials', { denied: 0 }, { maxDenyRateIncrease: 0 }, 'Pass'],
  ['fails beyond the limit of errors', { errors: 21 }, { maxErrorRateIncrease: 0.01 }, 'Fail'],
  ['passes at the limit of errors', { errors: 20 }, { maxErrorRateIncrease: 0.01 }, 'Pass'],
  ['fails when it takes too long', { p99Micros: 201 }, { maxP99Factor: 2 }, 'Fail'],
  ['passes when it takes as long as it may', { p99Micros: 200 }, { maxP99Factor: 2 }, 'Pass'],
  ['does not know after too few answers', { decisions: 99, denied: 99 }, { maxDenyRateIncrease: 0 }, 'Unknown'],
])('%s', (_name, change, options, verdict) => {
  expect(analyse(before, { ...before, ...change }, { ...limits, ...options }).verdict).toBe(verdict);
});

test('does not know with too few answers before', () => {
  const options = { ...limits, maxDenyRateIncrease: 0 };
  expect(analyse({ ...before, decisions: 99 }, before, options).verdict).toBe('Unknown');
});

test('says what went from where to where', () => {
  const verdict = analyse(before, { ...before, denied: 300 }, { ...limits, maxDenyRateIncrease: 0.05 });
  expect(verdict.message).toBe('denied answers went from 20 % to 30 %, a rise of at most 5 % is allowed');
});

describe('a window of loads', () => {
  const load = { decisions: 10, errors: 1, denied: 2, p99Micros: 50 };

  test('sums what is in it, and forgets what is long past', () => {
    const window = new LoadWindow(1_000);
    for (let second = 0; second < 100; second += 1) window.add(load, second * 1_000);
    expect(window.sum(9_999, 99_000)).toEqual({ decisions: 100, errors: 10, denied: 20, p99Micros: 50 });
    expect(window.sum(Number.POSITIVE_INFINITY, 99_000).decisions).toBe(LOAD_BUCKETS_MAX * 10);
  });

  test('weights percentiles with the answers that they are about', () => {
    const sum = addTotals(addTotals(NO_TOTALS, load), { decisions: 30, errors: 0, denied: 0, p99Micros: 90 });
    expect(sum).toEqual({ decisions: 40, errors: 1, denied: 2, p99Micros: 80 });
    expect(addTotals(NO_TOTALS, { ...load, decisions: 0 }).p99Micros).toBe(0);
  });

  test('tells a part from the rest', () => {
    expect(loadBeside(load, undefined)).toBe(load);
    expect(loadBeside(load, { ...load, decisions: 4 })).toEqual({ decisions: 6, errors: 0, denied: 0, p99Micros: 50 });
  });
});

test.each<[string, readonly number[], number]>([
  ['nothing failed', [], 0],
  ['two failed', [900_000, 950_000], 0],
  ['three failed in ten minutes', [500_000, 900_000, 950_000], 500_000 + REPEATED_FAILURE_WINDOW_MS - 1_000_000],
  ['one of three is long past', [399_999, 900_000, 950_000], 0],
  [
    'of many the third newest counts',
    [500_000, 800_000, 900_000, 950_000],
    800_000 + REPEATED_FAILURE_WINDOW_MS - 1_000_000,
  ],
])('a set rests: %s', (_name, failedAt, expected) => {
  expect(restingMs(failedAt, 1_000_000)).toBe(expected);
});

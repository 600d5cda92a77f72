import { expect, test } from '@jest/globals';
import type { ShadowNews } from '@edict/protocol';
import { createMetrics } from '../observability/metrics.ts';
import { SetLabels } from '../observability/set-labels.ts';
import { manualTimers } from '../testing/manual-timers.ts';
import { craneDomain, publish, SET } from '../testing/revisions.ts';
import { NOTHING_FOUND, type Comparing, type ShadowFindings } from './comparing.ts';
import { createShadow, SHADOW_READY_MAX_MS } from './shadow-run.ts';

const { revision } = publish(2, [craneDomain(5)]);

function start(windowMs: number) {
  const timers = manualTimers();
  const metrics = createMetrics();
  const state: { findings: ShadowFindings; failure: unknown; closed: number } = {
    ...{ findings: { ...NOTHING_FOUND, ready: true }, failure: undefined, closed: 0 },
  };
  const comparing: Comparing = {
    get findings() {
      return state.findings;
    },
    get failure() {
      return state.failure;
    },
    close: () => (state.closed += 1),
  };
  const shadow = createShadow({ startComparing: () => comparing, clock: timers, labels: new SetLabels(), metrics });
  const news: ShadowNews[] = [];
  const controller = new AbortController();
  const run = shadow(SET, revision, { samplePpm: 1, windowMs }, (one) => news.push(one), controller.signal);
  const find = (total: number, grantToDeny: number): void => {
    state.findings = {
      ready: true,
      counts: { ...NOTHING_FOUND.counts, total, changed: grantToDeny, grantToDeny },
      samples: [],
    };
  };
  const evaluations = async (): Promise<number | undefined> => (await metrics.shadowEvaluations.get()).values[0]?.value;
  return { timers, state, news, controller, run, find, evaluations };
}

test('findings are told every second and once more, as done, when the window ends', async () => {
  const { timers, state, news, run, find, evaluations } = start(2_500);
  for (const [total, turned] of [
    [10, 0],
    [20, 1],
    [30, 1],
  ] as const) {
    find(total, turned);
    timers.advance(1_000);
  }
  await run;
  expect(news.map(({ done, counts }) => [done, counts.total, counts.grantToDeny])).toStrictEqual([
    [false, 10, 0],
    [false, 20, 1],
    [true, 30, 1],
  ]);
  expect([state.closed, timers.pending, await evaluations()]).toStrictEqual([1, 0, 30]);
});

test('when the candidate is dropped nothing more is told, and what was found is counted', async () => {
  const { timers, state, news, controller, run, find, evaluations } = start(60_000);
  find(4, 0);
  controller.abort();
  await run;
  expect([news, state.closed, timers.pending, await evaluations()]).toStrictEqual([[], 1, 0, 4]);
});

test('the window begins when the candidate is loaded, or after a while', async () => {
  const { timers, state, news, find } = start(2_000);
  state.findings = NOTHING_FOUND;
  for (let second = 0; second < 3; second += 1) timers.advance(1_000);
  find(7, 0);
  timers.advance(1_000);
  expect(news.map(({ done }) => done)).toStrictEqual([false, false, false, false]);
  timers.advance(1_000);
  expect(news.at(-1)).toMatchObject({ done: true, counts: { total: 7 } });
  const never = start(2_000);
  never.state.findings = NOTHING_FOUND;
  for (let ms = 0; ms < SHADOW_READY_MAX_MS + 1_000; ms += 1_000) never.timers.advance(1_000);
  expect(never.state.closed).toBe(0);
  never.timers.advance(1_000);
  await never.run;
  expect(never.news.at(-1)?.done).toBe(true);
});

test('a comparison that ends by itself is a failure', async () => {
  const { timers, state, news, run } = start(60_000);
  state.failure = new Error('out of memory');
  timers.advance(1_000);
  await expect(run).rejects.toThrow('the comparison ended: out of memory');
  expect([news, state.closed, timers.pending]).toStrictEqual([[], 1, 0]);
});

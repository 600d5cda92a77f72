import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import type { Clock, RolloutProgress } from '@edict/protocol';
import { createDistributionMetrics } from './metrics.ts';
import { PROGRESS_INTERVAL_MS, PROGRESS_RETRY_MS, ProgressWriter } from './progress-writer.ts';

function aProgress(change: Partial<RolloutProgress> & { readonly active?: number } = {}): RolloutProgress {
  const { active = 0, ...rest } = change;
  return {
    set: 'default/a',
    setUid: 'u',
    revision: 1,
    digest: 'd',
    phase: 'Preparing',
    committed: 0,
    counts: { required: 5, connected: 5, prepared: 0, active, nacked: 0, laggards: 0, missing: 0 },
    exceptions: [],
    ready: { status: 'False', reason: 'Progressing', message: '' },
    ...rest,
  };
}

function start(write: () => Promise<void> = () => Promise.resolve()) {
  let now = 0;
  const timers: { at: number; run: (() => void) | undefined }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    schedule: (delayMs, run) => {
      const timer = { at: now + delayMs, run: run as (() => void) | undefined };
      timers.push(timer);
      return () => {
        timer.run = undefined;
      };
    },
  };
  const written: RolloutProgress[] = [];
  const backend = {
    writeProgress: async (_set: string, progress: RolloutProgress) => {
      written.push(progress);
      await write();
    },
  };
  const log = { info: () => undefined, warn: () => undefined };
  const writer = new ProgressWriter(backend, clock, log, createDistributionMetrics(new Registry()));
  const flush = () => new Promise((resolve) => setImmediate(resolve));
  return {
    writer,
    written,
    offer: async (progress: RolloutProgress) => {
      writer.offer(progress);
      await flush();
    },
    wait: async (ms: number) => {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        const { run } = timer;
        timer.run = undefined;
        run?.();
      }
      await flush();
    },
  };
}

test('counts are written at most once a second, the newest', async () => {
  const { written, offer, wait } = start();
  for (let active = 0; active < 5; active += 1) await offer(aProgress({ active }));
  expect(written).toHaveLength(1);
  await wait(PROGRESS_INTERVAL_MS);
  expect(written.map(({ counts }) => counts.active)).toEqual([0, 4]);
});

test('a change of phase is written at once', async () => {
  const { written, offer } = start();
  await offer(aProgress());
  await offer(aProgress({ phase: 'Committing' }));
  expect(written.map(({ phase }) => phase)).toEqual(['Preparing', 'Committing']);
});

test('what is written already is not written again', async () => {
  const { written, offer, wait } = start();
  await offer(aProgress());
  await wait(PROGRESS_INTERVAL_MS);
  await offer(aProgress());
  await wait(PROGRESS_INTERVAL_MS);
  expect(written).toHaveLength(1);
});

test('a failed write is tried again, with the newest by then', async () => {
  let failures = 2;
  const { written, offer, wait } = start(() => {
    failures -= 1;
    return failures >= 0 ? Promise.reject(new Error('API server down')) : Promise.resolve();
  });
  await offer(aProgress());
  await offer(aProgress({ active: 3 }));
  expect(written).toHaveLength(1);
  await wait(PROGRESS_RETRY_MS);
  await wait(PROGRESS_RETRY_MS);
  expect(written).toHaveLength(2);
  await wait(PROGRESS_RETRY_MS);
  expect(written.map(({ counts }) => counts.active)).toEqual([0, 3, 3]);
  await wait(60_000);
  expect(written).toHaveLength(3);
});

test('nothing is written after the end or for a forgotten set', async () => {
  const { writer, written, offer, wait } = start();
  await offer(aProgress());
  await offer(aProgress({ active: 1 }));
  writer.forget('default/a');
  await wait(PROGRESS_INTERVAL_MS);
  writer.close();
  await offer(aProgress({ active: 2 }));
  expect(written).toHaveLength(1);
});

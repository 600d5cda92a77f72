import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { createMetrics } from './observability/metrics.ts';
import { createQueue, type ReconcileResult, type WorkQueue } from './queue.ts';
import { ManualClock, settle } from './testing/manual-clock.ts';

interface Harness {
  readonly clock: ManualClock;
  readonly queue: WorkQueue;
  readonly started: string[];
  readonly errors: number[];
  readonly finish: (key: string, outcome?: Error | ReconcileResult) => Promise<void>;
}

/** A queue whose reconciles end when the test says so. */
function start(concurrency = 4): Harness {
  const clock = new ManualClock();
  const started: string[] = [];
  const errors: number[] = [];
  const open = new Map<string, PromiseWithResolvers<ReconcileResult>>();
  const queue = createQueue({
    name: 'test',
    clock,
    random: () => 0,
    metrics: createMetrics(new Registry()),
    concurrency,
    reconcile: (key) => {
      if (open.has(key)) throw new Error(`two workers at ${key}`);
      started.push(key);
      const work = Promise.withResolvers<ReconcileResult>();
      open.set(key, work);
      return work.promise;
    },
    onError: (_key, _error, retryInMs) => errors.push(retryInMs),
  });
  const finish = async (key: string, outcome: Error | ReconcileResult = {}): Promise<void> => {
    const work = open.get(key);
    open.delete(key);
    if ('stack' in outcome) work?.reject(outcome);
    else work?.resolve(outcome as ReconcileResult);
    await settle();
  };
  return { clock, queue, started, errors, finish };
}

test('a key that is added many times before its turn is worked on once', async () => {
  const { queue, started, finish } = start();
  for (let i = 0; i < 5; i += 1) queue.add('a');
  await settle();
  await finish('a');
  expect(started).toStrictEqual(['a']);
  expect(queue.isIdle()).toBe(true);
});

test('a key that is added while it is worked on is worked on once more, afterwards', async () => {
  const { queue, started, finish } = start();
  queue.add('a');
  await settle();
  queue.add('a');
  queue.add('a');
  await settle();
  expect(started).toStrictEqual(['a']);
  await finish('a');
  expect(started).toStrictEqual(['a', 'a']);
  await finish('a');
  expect(queue.isIdle()).toBe(true);
});

test('no more keys are worked on at a time than allowed', async () => {
  const { queue, started, finish } = start(2);
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await settle();
  expect(started).toStrictEqual(['a', 'b']);
  await finish('a');
  expect(started).toStrictEqual(['a', 'b', 'c']);
});

test('failures of a key are retried ever later up to a bound, and success forgets them', async () => {
  const { queue, clock, errors, finish } = start();
  queue.add('a');
  await settle();
  for (let i = 0; i < 14; i += 1) {
    await finish('a', new Error('no'));
    await clock.advance(30_000);
  }
  expect(errors.slice(0, 4)).toStrictEqual([25, 50, 100, 200]);
  expect(Math.max(...errors)).toBe(15_000);
  await finish('a');
  queue.add('a');
  await settle();
  await finish('a', new Error('no'));
  expect(errors.at(-1)).toBe(25);
});

test('a failing key holds no other up', async () => {
  const { queue, started, finish } = start(1);
  queue.add('a');
  queue.add('b');
  await settle();
  await finish('a', new Error('no'));
  expect(started).toStrictEqual(['a', 'b']);
});

test('a timed look comes when asked for; a change before it makes it needless', async () => {
  const { queue, clock, started, finish } = start();
  queue.add('a');
  await settle();
  await finish('a', { requeueAfterMs: 1000 });
  await clock.advance(999);
  expect(started).toHaveLength(1);
  queue.add('a');
  await settle();
  await finish('a');
  await clock.advance(5000);
  expect(started).toHaveLength(2);
});

test('a stopped queue finishes what it does and starts nothing', async () => {
  const { queue, started, clock, finish } = start(1);
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 10);
  await settle();
  const stopped = queue.stop();
  await finish('a');
  await stopped;
  queue.add('d');
  await clock.advance(100);
  expect(started).toStrictEqual(['a']);
});

import { expect, test } from '@jest/globals';
import { ManualTimers } from '../testing/manual-timers.ts';
import { Refresher, REFRESH_MIN_MS, REFRESH_RETRY_MS } from './refresher.ts';

/** A refresher whose questions are answered by hand. */
function start(everyMs?: number) {
  const timers = new ManualTimers();
  const open: ((mayPass: boolean) => void)[] = [];
  let asked = 0;
  const refresher = new Refresher({
    now: timers.now,
    setTimer: timers.setTimer,
    ask: () => {
      asked += 1;
      return new Promise((resolve) => open.push(resolve));
    },
    ...(everyMs === undefined ? {} : { everyMs }),
  });
  const answer = async (mayPass = false): Promise<void> => {
    open.shift()?.(mayPass);
    await timers.advance(0);
  };
  return { timers, refresher, answer, asked: () => asked };
}

test('the first question is asked at once', async () => {
  const { timers, refresher, asked } = start();
  refresher.poke();
  await timers.advance(0);
  expect(asked()).toBe(1);
});

test('a change while it is answered is asked about afterwards, once, and not too soon', async () => {
  const { timers, refresher, answer, asked } = start();
  refresher.poke();
  await timers.advance(0);
  refresher.poke();
  refresher.poke();
  await timers.advance(10);
  expect(asked()).toBe(1);
  await answer();
  expect(asked()).toBe(1);
  await timers.advance(REFRESH_MIN_MS);
  expect(asked()).toBe(2);
  await answer();
  expect(timers.pending).toStrictEqual([]);
});

test('changes that never cease do not keep an answer away', async () => {
  const { timers, refresher, answer, asked } = start();
  refresher.poke();
  await timers.advance(0);
  for (let round = 0; round < 5; round += 1) {
    refresher.poke();
    await timers.advance(REFRESH_MIN_MS);
    await answer();
  }
  expect(asked()).toBe(6);
});

test.each([
  ['a problem that may pass is tried again', true, undefined, [REFRESH_RETRY_MS]],
  ['one that does not pass is not', false, undefined, []],
  ['what grows old is asked for again', false, 3000, [3000]],
])('%s', async (_, mayPass, everyMs, pending) => {
  const { timers, refresher, answer } = start(everyMs);
  refresher.poke();
  await timers.advance(0);
  await answer(mayPass);
  expect(timers.pending).toStrictEqual(pending);
});

test('once stopped nothing is asked', async () => {
  const { timers, refresher, answer, asked } = start(1000);
  refresher.poke();
  await timers.advance(0);
  refresher.stop();
  await answer();
  refresher.poke();
  await timers.advance(60_000);
  expect([asked(), timers.pending]).toStrictEqual([1, []]);
});

import { expect, test } from '@jest/globals';
import { manualTimers } from '../testing/manual-timers.ts';
import { Waiters, type Waiting } from './waiters.ts';

function start(max = 10) {
  const timers = manualTimers();
  const waiters = new Waiters(max, timers.schedule);
  let value: string | undefined;
  const wait = (over: Partial<Waiting<string>> = {}): Promise<string> =>
    waiters.wait({ attempt: () => value, giveUp: (why) => why, waitMs: 100, onGone: undefined, ...over });
  return { timers, waiters, wait, set: (next: string | undefined) => (value = next) };
}

test('who waits tries again at every wake-up, and is answered once there is an answer', async () => {
  const { waiters, wait, set, timers } = start();
  const answer = wait();
  waiters.wake();
  expect(waiters.count).toBe(1);
  set('here');
  waiters.wake();
  expect([await answer, waiters.count, timers.pending]).toStrictEqual(['here', 0, 0]);
});

test('when time is up there is another answer, and nothing waits any longer', async () => {
  const { waiters, wait, timers } = start();
  const answer = wait({ waitMs: 100 });
  timers.advance(99);
  expect(waiters.count).toBe(1);
  timers.advance(1);
  expect([await answer, waiters.count]).toStrictEqual(['timeout', 0]);
});

test('who goes is dropped, and gone twice is gone once', async () => {
  const { waiters, wait, timers } = start();
  let go = (): void => undefined;
  let gaveUp = 0;
  const answer = wait({ onGone: (listener) => (go = listener), giveUp: (why) => `${why} ${++gaveUp}` });
  go();
  go();
  timers.advance(1000);
  expect([await answer, waiters.count, timers.pending, gaveUp]).toStrictEqual(['gone 1', 0, 0, 1]);
});

test('who was answered is not gone afterwards', async () => {
  const { waiters, wait, set } = start();
  let go = (): void => undefined;
  const answer = wait({ onGone: (listener) => (go = listener) });
  set('here');
  waiters.wake();
  go();
  expect(await answer).toBe('here');
});

test('there is room for so many and no more', () => {
  const { waiters, wait } = start(2);
  void wait();
  expect(waiters.hasRoom).toBe(true);
  void wait();
  expect(waiters.hasRoom).toBe(false);
});

test('an attempt that throws fails for who waits, and not for who woke it', async () => {
  const { waiters, wait, set } = start();
  const broken = wait({
    attempt: () => {
      throw new Error('a bug');
    },
  });
  const fine = wait();
  set('here');
  waiters.wake();
  await expect(broken).rejects.toMatchObject({ cause: { message: 'a bug' } });
  expect([await fine, waiters.count]).toStrictEqual(['here', 0]);
});

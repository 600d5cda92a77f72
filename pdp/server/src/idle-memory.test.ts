import { expect, test } from '@jest/globals';
import { IDLE_SHARE, IdleMemory, LOOK_EVERY_MS, loopShare } from './idle-memory.ts';

/** A process that is busy as it is told, with a clock that is moved by hand. */
function aProcess() {
  const waiting = new Set<() => void>();
  let busy = 0;
  let collected = 0;
  const memory = new IdleMemory({
    collect: () => collected++,
    busyShare: () => busy,
    schedule: (delayMs, task) => {
      expect(delayMs).toBe(LOOK_EVERY_MS);
      waiting.add(task);
      return () => waiting.delete(task);
    },
  });
  return {
    memory,
    waiting,
    collected: () => collected,
    look: (share: number) => {
      busy = share;
      for (const task of [...waiting]) {
        waiting.delete(task);
        task();
      }
    },
  };
}

test('an idle process collects once for what was done, and then looks no more', () => {
  const { memory, look, collected, waiting } = aProcess();
  memory.note();
  memory.note();
  expect(waiting.size).toBe(1);
  look(IDLE_SHARE);
  expect([collected(), waiting.size]).toStrictEqual([1, 0]);
  memory.note();
  look(0);
  expect(collected()).toBe(2);
});

test('a busy process is not stopped; it collects when it has become idle', () => {
  const { memory, look, collected } = aProcess();
  memory.note();
  look(0.9);
  look(IDLE_SHARE + 0.01);
  expect(collected()).toBe(0);
  look(0.01);
  expect(collected()).toBe(1);
});

test('after its close nothing is collected', () => {
  const { memory, waiting } = aProcess();
  memory.note();
  memory.close();
  memory.note();
  expect(waiting.size).toBe(0);
});

test('the share of a loop lies between 0 and 1', () => {
  const share = loopShare();
  for (const measured of [share(), share()]) {
    expect(measured).toBeGreaterThanOrEqual(0);
    expect(measured).toBeLessThanOrEqual(1);
  }
});

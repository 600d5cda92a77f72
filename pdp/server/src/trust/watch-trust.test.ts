import { expect, test } from '@jest/globals';
import { TRUST_LOOK_MS, watchTrust } from './watch-trust.ts';
import { manualTimers } from '../testing/manual-timers.ts';

/** Lets every promise that can settle without time settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

function start() {
  const timers = manualTimers();
  const told: (readonly string[])[] = [];
  const lines: string[] = [];
  const file: { ids: readonly string[] | Error } = { ids: ['b', 'a'] };
  const watch = watchTrust({
    trustedKeys: () => {
      const { ids } = file;
      return ids instanceof Error ? Promise.reject(ids) : Promise.resolve(new Map(ids.map((id) => [id, 'pem'])));
    },
    tell: (ids) => told.push(ids),
    clock: timers,
    logger: {
      info: (message: string) => lines.push(message),
      warn: (message: string) => lines.push(message),
    } as unknown as Parameters<typeof watchTrust>[0]['logger'],
  });
  const look = async (): Promise<void> => {
    timers.advance(TRUST_LOOK_MS);
    await settle();
  };
  return { told, lines, file, look, watch };
}

test('the keys are told at first and when they change, not in between', async () => {
  const { told, lines, file, look } = start();
  await settle();
  await look();
  expect(told).toEqual([['a', 'b']]);
  file.ids = ['c'];
  await look();
  expect(told).toEqual([['a', 'b'], ['c']]);
  expect(lines).toEqual(['trusted keys changed']);
});

test('a file that cannot be read is said once, and what was told stays', async () => {
  const { told, lines, file, look } = start();
  await settle();
  file.ids = new Error('gone');
  await look();
  await look();
  expect(lines).toEqual(['the trusted keys cannot be read']);
  file.ids = ['a', 'b'];
  await look();
  expect(told).toEqual([['a', 'b']]);
});

test('closed, it looks no more', async () => {
  const { told, file, look, watch } = start();
  await settle();
  watch.close();
  file.ids = ['c'];
  await look();
  expect(told).toEqual([['a', 'b']]);
});

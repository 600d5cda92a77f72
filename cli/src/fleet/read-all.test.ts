import { expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandError } from '../io.ts';
import { readAll } from './read-all.ts';

const refused = async (message: string, ms: number): Promise<never> => {
  await pause(ms);
  throw new CommandError(message);
};

test('all that was read, in order', async () => {
  expect(await readAll([Promise.resolve(1), Promise.resolve('b')])).toEqual([1, 'b']);
});

test('every refusal in the order of the reads, whichever came first', async () => {
  const reading = readAll([refused('policysets: forbidden', 10), Promise.resolve(1), refused('pdps: forbidden', 0)]);
  await expect(reading).rejects.toEqual(new CommandError('policysets: forbidden\npdps: forbidden'));
});

test('what is no refusal is thrown as it is', async () => {
  const fault = new TypeError('fault');
  await expect(readAll([refused('forbidden', 0), Promise.reject(fault)])).rejects.toBe(fault);
});

import { expect, test } from '@jest/globals';
import { SETS_MAX } from '../limits.ts';
import type { Announcement, Commit, Prepare } from '../messages.ts';
import { aRevision } from '../testing/builders.ts';
import { DecisionGate } from './decision-gate.ts';

const rest = { ticket: 't', deadlineMs: 1_000, spreadMs: 0 };
const commit = (n: number, set = 'a/a'): Commit => ({ type: 'Commit', set, revision: aRevision(n, { set }), ...rest });
const prepare = (n: number, set = 'a/a'): Prepare => ({
  type: 'Prepare',
  set,
  revision: aRevision(n, { set }),
  ...rest,
});

/** A gate whose verifications a test ends by hand. */
function aGate() {
  const passed: string[] = [];
  const refused: string[] = [];
  const asked: { readonly n: number; readonly end: (isGood: boolean) => Promise<void> }[] = [];
  const told = (message: Announcement): string => `${message.type} ${message.set} ${message.revision.n}`;
  const gate = new DecisionGate({
    verify: (message) => {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      asked.push({
        n: message.revision.n,
        end: async (isGood) => {
          if (isGood) resolve(undefined);
          else reject(new Error('undecided'));
          // What waits for the promise runs after it.
          await promise.catch(() => undefined);
          await Promise.resolve();
        },
      });
      return promise;
    },
    pass: (message) => passed.push(told(message)),
    refuse: (message, error) => refused.push(`${told(message)}: ${String(error)}`),
  });
  return { gate, passed, refused, asked };
}

test('what needs no verification passes at once while nothing is verified', () => {
  const { gate, passed, asked } = aGate();
  gate.take(prepare(1));
  expect(passed).toEqual(['Prepare a/a 1']);
  expect(asked).toEqual([]);
});

test('a Commit passes once it is verified, and is refused with the reason if it is not', async () => {
  const { gate, passed, refused, asked } = aGate();
  gate.take(commit(1));
  expect(passed).toEqual([]);
  await asked[0]?.end(true);
  gate.take(commit(2));
  await asked[1]?.end(false);
  expect(passed).toEqual(['Commit a/a 1']);
  expect(refused).toEqual(['Commit a/a 2: Error: undecided']);
});

test('what is said meanwhile waits in order, and of one set only the newest word', async () => {
  const { gate, passed, asked } = aGate();
  gate.take(commit(1));
  for (const message of [prepare(2), prepare(5, 'b/b'), commit(3), prepare(6, 'c/c')]) gate.take(message);
  expect(gate.size).toBe(3);
  await asked[0]?.end(true);
  expect(asked.map(({ n }) => n)).toEqual([1, 3]);
  await asked[1]?.end(true);
  expect(passed).toEqual(['Commit a/a 1', 'Commit a/a 3', 'Prepare b/b 5', 'Prepare c/c 6']);
  expect(gate.size).toBe(0);
});

test('what was said on a stream that has ended counts no more', async () => {
  const { gate, passed, refused, asked } = aGate();
  gate.take(commit(1));
  gate.take(prepare(2, 'b/b'));
  gate.clear();
  gate.take(commit(3));
  await asked[0]?.end(true);
  await asked[1]?.end(true);
  expect([...passed, ...refused]).toEqual(['Commit a/a 3']);
});

test('no more waits than a PDP has sets', () => {
  const { gate } = aGate();
  gate.take(commit(1));
  for (let index = 0; index <= SETS_MAX; index += 1) gate.take(prepare(1, `set/${index}`));
  expect(gate.size).toBe(SETS_MAX);
});

import { expect, test } from '@jest/globals';
import { inSession } from './in-session.ts';
import type { DecisionCore, Entry, Refusal, Session } from './session.ts';

function start(wait = false) {
  let ended = 0;
  const session = { end: () => (ended += 1) } as unknown as Session;
  let entry: Entry = { kind: 'entered', session };
  const core: DecisionCore = {
    enter: () => (wait ? Promise.resolve(entry) : entry),
    claimBody: () => undefined,
    servingOf: () => ({}),
    invalid: () => undefined,
  };
  const run = <T>(use: (session: Session) => T | Promise<T>, refused: (refusal: Refusal) => T) =>
    inSession(core, { api: 'opa', instance: undefined }, use, refused);
  return { run, ended: () => ended, refuse: (refusal: Refusal) => (entry = refusal) };
}

const never = (): never => {
  throw new Error('not expected');
};

test('where nothing waits the answer is there at once, and the session ended', () => {
  const { run, ended } = start();
  expect([run(() => 'answer', never), ended()]).toStrictEqual(['answer', 1]);
});

test('where the use waits the session ends with it', async () => {
  const { run, ended } = start();
  const answer = run(() => Promise.resolve('late'), never);
  expect(ended()).toBe(0);
  expect([await answer, ended()]).toStrictEqual(['late', 1]);
});

test('where entering waits it is the same', async () => {
  const { run, ended } = start(true);
  expect([await run(() => 'answer', never), ended()]).toStrictEqual(['answer', 1]);
});

test('a refusal is answered, and there is no session to end', () => {
  const { run, ended, refuse } = start();
  refuse({ kind: 'refused', problem: 'no-policy', detail: 'None.' });
  expect([run(never, ({ problem }) => problem), ended()]).toStrictEqual(['no-policy', 0]);
});

test.each([
  ['throws', (): string => never()],
  ['rejects', (): Promise<string> => Promise.reject(new Error('not expected'))],
])('a use that %s ends the session, once', async (_name, use) => {
  const { run, ended } = start();
  await expect((async () => await run<string>(use, never))()).rejects.toThrow('not expected');
  expect(ended()).toBe(1);
});

import { expect, test } from '@jest/globals';
import { RememberedReviews, reviewKey } from './remembered-reviews.ts';
import { ManualClock } from './testing/manual-clock.ts';

const LIMITS = { rememberedMax: 2, concurrency: 1, waitingMax: 1, perSecond: 100 };

function fixture(limits: Partial<typeof LIMITS> = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  let remembered = 0;
  const reviews = new RememberedReviews<string>({
    clock,
    limits: { ...LIMITS, ...limits },
    full: (limit) => Object.assign(new Error('full'), { code: limit }),
    onRemembered: () => (remembered += 1),
  });
  const ask = async (key: string, ttlMs = 1_000) =>
    await reviews.answer(key, () => {
      asked.push(key);
      return Promise.resolve({ answer: `${key}!`, ttlMs });
    });
  return { clock, asked, reviews, ask, remembered: () => remembered };
}

test('an answer is remembered for its time', async () => {
  const { clock, asked, ask, remembered } = fixture();
  expect([await ask('a'), await ask('a')]).toStrictEqual(['a!', 'a!']);
  expect(remembered()).toBe(1);
  await clock.advance(1_000);
  await ask('a');
  expect(asked).toStrictEqual(['a', 'a']);
});

test('who asks the same at the same time gets the same answer', async () => {
  const { asked, ask } = fixture();
  await Promise.all([ask('a'), ask('a'), ask('a')]);
  expect(asked).toStrictEqual(['a']);
});

test('a failure is not remembered', async () => {
  const { reviews, ask } = fixture();
  await expect(reviews.answer('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await ask('a')).toBe('a!');
});

test('the oldest of many answers is forgotten', async () => {
  const { asked, ask } = fixture();
  for (const key of ['a', 'b', 'c', 'b', 'a']) await ask(key);
  expect(asked).toStrictEqual(['a', 'b', 'c', 'a']);
});

test('beyond those who wait, more are refused; then there is room again', async () => {
  const { reviews, ask } = fixture();
  const { promise, resolve } = Promise.withResolvers<{ answer: string; ttlMs: number }>();
  const first = reviews.answer('a', () => promise);
  const second = ask('b');
  await expect(ask('c')).rejects.toMatchObject({ code: 'waiting' });
  resolve({ answer: 'done', ttlMs: 1 });
  expect([await first, await second]).toStrictEqual(['done', 'b!']);
  expect(await ask('c')).toBe('c!');
});

test('questions per second have a bound, and what is remembered costs nothing', async () => {
  const { clock, ask } = fixture({ perSecond: 2, rememberedMax: 10 });
  await ask('a');
  await ask('b');
  expect(await ask('a')).toBe('a!');
  await expect(ask('c')).rejects.toMatchObject({ code: 'rate' });
  await clock.advance(500);
  expect(await ask('c')).toBe('c!');
});

test('the name of a question tells its parts apart and holds none of them', () => {
  expect(reviewKey('a', 'bc')).not.toBe(reviewKey('ab', 'c'));
  expect(reviewKey('secret')).not.toContain('secret');
});

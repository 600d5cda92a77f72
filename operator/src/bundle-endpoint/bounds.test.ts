import { expect, test } from '@jest/globals';
import { ManualClock } from '../testing/manual-clock.ts';
import { BundleAccessError, createBundleAccess, type BundleCaller } from './bundle-access.ts';
import { BUNDLE_LIMITS } from './bundle-limits.ts';
import { readPreference } from './preference.ts';
import { createTurns } from '../turns.ts';
import { UnmanagedPdps } from './unmanaged-pdps.ts';

const limits = { ...BUNDLE_LIMITS, reviewsMax: 1, reviewsWaitingMax: 1, verdictsMax: 2 };

/** Access whose reviews are answered by hand. */
function reviewed() {
  const clock = new ManualClock();
  const asked: { readonly token: string; readonly done: PromiseWithResolvers<BundleCaller> }[] = [];
  const access = createBundleAccess(
    (token) => {
      const done = Promise.withResolvers<BundleCaller>();
      asked.push({ token, done });
      return done.promise;
    },
    clock,
    limits,
  );
  return { clock, asked, access };
}

test('one token and set is reviewed once for all who ask, and again when that is old', async () => {
  const { clock, asked, access } = reviewed();
  const both = [access('token', 'shop/main'), access('token', 'shop/main')];
  asked[0]?.done.resolve({ user: 'opa' });
  expect(await Promise.all(both)).toEqual([{ user: 'opa' }, { user: 'opa' }]);
  await access('token', 'shop/main');
  expect(asked).toHaveLength(1);
  await clock.advance(limits.grantedTtlMs + 1);
  const later = access('token', 'shop/main');
  asked[1]?.done.reject(new BundleAccessError('Forbidden', 'no more'));
  await expect(later).rejects.toMatchObject({ code: 'Forbidden' });
  await expect(access('token', 'shop/main')).rejects.toMatchObject({ code: 'Forbidden' });
  expect(asked).toHaveLength(2);
  await clock.advance(limits.refusedTtlMs + 1);
  void access('token', 'shop/main').catch(() => undefined);
  expect(asked).toHaveLength(3);
});

test('access to one set is not access to another', async () => {
  const { asked, access } = reviewed();
  const first = access('token', 'shop/main');
  asked[0]?.done.resolve({ user: 'opa' });
  await first;
  const second = access('token', 'shop/other');
  expect(asked).toHaveLength(2);
  asked[1]?.done.reject(new BundleAccessError('Forbidden', 'not that one'));
  await expect(second).rejects.toMatchObject({ code: 'Forbidden' });
});

test('a reviewer that cannot be reached is asked again, and is no refusal', async () => {
  const { asked, access } = reviewed();
  const first = access('token', 'shop/main');
  asked[0]?.done.reject(new Error('connection refused'));
  await expect(first).rejects.toMatchObject({ code: 'Unavailable' });
  const second = access('token', 'shop/main');
  asked[1]?.done.resolve({ user: 'opa' });
  expect(await second).toEqual({ user: 'opa' });
});

test('no more reviews run and wait than may', async () => {
  const { asked, access } = reviewed();
  const first = access('a', 'shop/main');
  const second = access('b', 'shop/main');
  await expect(access('c', 'shop/main')).rejects.toMatchObject({ code: 'Unavailable' });
  expect(asked.map(({ token }) => token)).toEqual(['a']);
  asked[0]?.done.resolve({ user: 'a' });
  await first;
  asked[1]?.done.resolve({ user: 'b' });
  expect(await second).toEqual({ user: 'b' });
});

test('no more verdicts are remembered than may be', async () => {
  const { asked, access } = reviewed();
  for (const token of ['a', 'b', 'c']) {
    const verdict = access(token, 'shop/main');
    asked.at(-1)?.done.resolve({ user: token });
    await verdict;
  }
  void access('a', 'shop/main');
  expect(asked.map(({ token }) => token)).toEqual(['a', 'b', 'c', 'a']);
});

test('tasks take turns, and a task that fails gives its place back', async () => {
  const turns = createTurns(1, Infinity, () => new Error('full'));
  const order: string[] = [];
  const failing = turns.run(() => Promise.reject(new Error('failed')));
  const next = turns.run(() => Promise.resolve(order.push('second')));
  await expect(failing).rejects.toThrow('failed');
  await next;
  await turns.run(() => Promise.resolve(order.push('third')));
  expect(order).toEqual(['second', 'third']);
});

test('who reports no more is forgotten after a while, and nobody is looked for where nobody reports', async () => {
  const clock = new ManualClock();
  const changes: string[] = [];
  const pdps = new UnmanagedPdps(clock, BUNDLE_LIMITS, (set) => void changes.push(set));
  const pdp = { set: 'shop/main', n: 1, healthy: true, user: 'opa' };
  pdps.note({ ...pdp, id: 'a' });
  await clock.advance(BUNDLE_LIMITS.unmanagedTtlMs / 2);
  pdps.note({ ...pdp, id: 'b' });
  await clock.advance(BUNDLE_LIMITS.unmanagedTtlMs / 2 + 10_000);
  expect(pdps.list().map(({ id }) => id)).toEqual(['b']);
  await clock.advance(BUNDLE_LIMITS.unmanagedTtlMs);
  expect([pdps.count('shop/main'), changes.length]).toEqual([0, 4]);
});

test.each<[string | undefined, number]>([
  [undefined, 0],
  ['modes=snapshot,delta', 0],
  ['modes=snapshot,delta;wait=30', 30],
  ['modes=snapshot;wait=5', 5],
  ['wait="7"', 7],
  ['wait=-1', 0],
  ['wait=1e9', 0],
  ['await=3', 0],
])('Prefer: %s means to wait %d seconds', (header, seconds) => {
  expect(readPreference(header)).toBe(seconds);
});

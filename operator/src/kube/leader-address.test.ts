import { expect, test } from '@jest/globals';
import { aLog } from '../testing/fixtures.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import { createLeaderFinder } from './leader-address.ts';

/** A finder of replica `a`, and what its API has and is asked. */
function aFinder() {
  const clock = new ManualClock();
  const world = {
    leader: 'b' as string | undefined,
    addresses: new Map([['b', '10.0.0.2']]),
    asked: 0,
    isAway: false,
  };
  const get = (_resource: unknown, { name }: { readonly name: string }): Promise<unknown> => {
    world.asked += 1;
    if (world.isAway) return Promise.reject(new Error('away'));
    const podIP = world.addresses.get(name);
    return Promise.resolve(podIP === undefined ? undefined : { status: { podIP } });
  };
  const finder = createLeaderFinder({
    objects: { get } as unknown as KubeObjects,
    namespace: 'edict-system',
    leader: () => world.leader,
    identity: 'a',
    clock,
    log: aLog(),
  });
  return { clock, world, finder };
}

test.each([
  ['nobody leads', undefined],
  ['this replica leads', 'a'],
])('while %s there is nobody to name, and nobody is asked', async (_name, leader) => {
  const { world, finder } = aFinder();
  world.leader = leader;
  expect(await finder.find()).toBeUndefined();
  expect(finder.known()).toBeUndefined();
  expect(world.asked).toBe(0);
});

test('a crowd that asks at once is one question, and what was found is known without another', async () => {
  const { clock, world, finder } = aFinder();
  expect(await Promise.all(Array.from({ length: 100 }, finder.find))).toEqual(Array<string>(100).fill('10.0.0.2'));
  expect(finder.known()).toBe('10.0.0.2');
  await clock.advance(9_000);
  expect(finder.known()).toBe('10.0.0.2');
  expect(world.asked).toBe(1);
});

test('what is known is not waited for: it is asked for meanwhile, and again when it may have changed', async () => {
  const { clock, world, finder } = aFinder();
  expect(finder.known()).toBeUndefined();
  await clock.advance(0);
  expect(finder.known()).toBe('10.0.0.2');
  await clock.advance(10_000);
  world.addresses.set('b', '10.0.0.9');
  expect(finder.known()).toBe('10.0.0.2');
  await clock.advance(0);
  expect(finder.known()).toBe('10.0.0.9');
  expect(world.asked).toBe(2);
});

test('another leader is another address', async () => {
  const { clock, world, finder } = aFinder();
  await finder.find();
  world.leader = 'c';
  world.addresses.set('c', '10.0.0.3');
  expect(finder.known()).toBeUndefined();
  await clock.advance(0);
  expect(finder.known()).toBe('10.0.0.3');
});

test('a leader that cannot be found is looked for once a second', async () => {
  const { clock, world, finder } = aFinder();
  world.isAway = true;
  expect(await finder.find()).toBeUndefined();
  expect(await finder.find()).toBeUndefined();
  expect(world.asked).toBe(1);
  world.isAway = false;
  await clock.advance(1_000);
  expect(await finder.find()).toBe('10.0.0.2');
});

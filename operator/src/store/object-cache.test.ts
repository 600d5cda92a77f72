import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PolicySet } from '@edict/crds';
import { ObjectCache } from './object-cache.ts';

const object = (name: string, version: number, uid = name): PolicySet =>
  ({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicySet',
    metadata: { name, namespace: 'n', uid, resourceVersion: String(version) },
    spec: {},
  }) as unknown as PolicySet;

function start() {
  const events: string[] = [];
  const cache = new ObjectCache<'PolicySet'>({}, ({ type, object: { metadata } }) =>
    events.push(`${type} ${metadata.name}@${metadata.resourceVersion ?? ''}`),
  );
  return { events, cache, watcher: cache.watcher(() => Promise.resolve()) };
}

test('an older state never replaces a newer one, whatever their number of digits', () => {
  const { cache, events, watcher } = start();
  cache.put(object('a', 10));
  cache.put(object('a', 9));
  cache.put(object('a', 10));
  expect(events).toStrictEqual(['changed a@10']);
  expect(watcher.get({ namespace: 'n', name: 'a' })?.metadata.resourceVersion).toBe('10');
});

test('a late state of a deleted object does not bring it back, a new object of its name does', () => {
  const { cache, watcher } = start();
  cache.put(object('a', 1, 'first'));
  cache.remove(object('a', 3, 'first'));
  cache.put(object('a', 2, 'first'));
  expect(watcher.list()).toStrictEqual([]);
  cache.put(object('a', 4, 'second'));
  expect(watcher.list()).toHaveLength(1);
});

test('a late deletion of an earlier object leaves the new one of its name', () => {
  const { cache, watcher } = start();
  cache.put(object('a', 5, 'second'));
  cache.remove(object('a', 3, 'first'));
  expect(watcher.list()).toHaveLength(1);
});

test('a list drops what is not in it, and is what makes the watch synced', async () => {
  const { cache, events, watcher } = start();
  cache.put(object('gone', 1));
  expect(watcher.hasSynced()).toBe(false);
  cache.replace([object('kept', 2)]);
  await watcher.synced;
  expect(events).toStrictEqual(['changed gone@1', 'deleted gone@1', 'changed kept@2']);
});

test('a watch that is stopped before it synced says so to those who wait', async () => {
  const { watcher } = start();
  await watcher.stop();
  await expect(watcher.synced).rejects.toMatchObject({ code: 'Unavailable' });
});

test('in whatever order states of one object come, the newest stays', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([1, 2, 8, 9, 10, 11, 99, 100], { minLength: 1 }), (versions) => {
      const { cache, watcher } = start();
      for (const version of versions) cache.put(object('a', version));
      expect(watcher.list()[0]?.metadata.resourceVersion).toBe(String(Math.max(...versions)));
    }),
  );
});

import { expect, test } from '@jest/globals';
import { StoreError } from '../store/errors.ts';
import type { AppliedKubeObject, KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import type { Resource } from '../store/kube/resources.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { createTrustPublisher } from './trust-publisher.ts';

const OWNER = { kind: 'PolicySet', name: 'main', uid: 'uid' };
const trust = (keys: string) => ({ ca: 'ca', keys, opaKey: 'opa' });

function start() {
  const written = new Map<string, string>();
  const cluster = { isDown: false, gone: new Set<string>(), namespaces: ['shop', 'bank'] };
  const objects: Partial<KubeObjects> = {
    apply: <T extends KubeObject>(_resource: Resource, object: AppliedKubeObject) => {
      const { namespace = '' } = object.metadata;
      if (cluster.isDown && namespace === 'bank') return Promise.reject(new StoreError('Unavailable', 'no answer'));
      if (cluster.gone.has(namespace)) return Promise.reject(new StoreError('NotFound', 'the namespace is gone'));
      written.set(namespace, (object['data'] as Readonly<Record<string, string>>)['keys.json'] ?? '');
      return Promise.resolve(object as unknown as T);
    },
  };
  const clock = new ManualClock();
  const publisher = createTrustPublisher({
    objects: objects as KubeObjects,
    name: 'edict-ca',
    namespaces: () => new Map(cluster.namespaces.map((namespace) => [namespace, [OWNER]])),
    clock,
    logger: { warn: () => undefined } as unknown as Parameters<typeof createTrustPublisher>[0]['logger'],
  });
  return { publisher, cluster, clock, written };
}

test('keys count as published once they are in every namespace, and only they', async () => {
  const { publisher, cluster, clock, written } = start();
  expect(publisher.isPublished('one')).toBe(false);
  publisher.publish(trust('one'));
  await settle();
  expect(publisher.isPublished('one')).toBe(true);
  cluster.isDown = true;
  publisher.publish(trust('two'));
  await settle();
  expect(written.get('shop')).toBe('two');
  expect(publisher.isPublished('two')).toBe(false);
  cluster.isDown = false;
  await clock.advance(10_000);
  expect(publisher.isPublished('two')).toBe(true);
  expect(publisher.isPublished('one')).toBe(false);
  publisher.stop();
});

test('a namespace that is gone holds nothing up', async () => {
  const { publisher, cluster } = start();
  cluster.gone.add('bank');
  publisher.publish(trust('one'));
  await settle();
  expect(publisher.isPublished('one')).toBe(true);
  publisher.stop();
});

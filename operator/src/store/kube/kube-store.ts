import { API_VERSION, type PolicyBundle } from '@edict/crds';
import type { Clock } from '../../clock.ts';
import { StoreError } from '../errors.ts';
import { ObjectCache } from '../object-cache.ts';
import { compareKeys, keyOf } from '../object-key.ts';
import type { KindMap, KindName, ObjectKey, Selection, Store, WatchEvent, Watcher } from '../store.ts';
import { startInformer } from './informer.ts';
import type { KubeClient } from './kube-client.ts';
import { createKubeObjects, type KubeObject } from './kube-objects.ts';
import { selectorText } from './label-selector.ts';
import { resourceOf } from './resources.ts';

export interface KubeStoreOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of every interruption of a watch. */
  readonly onRestart: (kind: KindName, cause: string, error: unknown, retryInMs: number) => void;
  /** A watch that is silent for this long is begun again. Default 90 s. */
  readonly inactivityMs?: number;
}

interface Subscription {
  readonly kind: KindName;
  readonly put: (object: unknown) => void;
  readonly stop: () => Promise<void>;
}

/**
 * The store over the Kubernetes API. Objects are as the apiserver gives them: schema, defaults and CEL have been its work.
 * Watches leave out the bytes of PolicyBundles (`spec.data` is `''` there); `get` has them.
 */
export function createKubeStore(options: KubeStoreOptions): Store {
  const objects = createKubeObjects(options.client);
  const subscriptions = new Set<Subscription>();

  /** What we wrote is what our watches know at once, so that no decision rests on the state before our own write. */
  const remember = <K extends KindName>(kind: K, object: KubeObject): KindMap[K] => {
    const isTerminated =
      object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
    // The last finalizer is gone: the answer shows an object that exists no more. The watch tells of its end.
    if (!isTerminated)
      for (const subscription of subscriptions) if (subscription.kind === kind) subscription.put(object);
    return asKind(kind, object);
  };

  const replace = async <K extends KindName>(object: KindMap[K], subresource?: 'status'): Promise<KindMap[K]> => {
    expectVersion(object.metadata.resourceVersion);
    const kind = object.kind as K;
    return remember(kind, await objects.replace(resourceOf(kind), asKube(object), subresource));
  };

  return {
    get: async <K extends KindName>(kind: K, key: ObjectKey) => {
      const object = await objects.get<KubeObject>(resourceOf(kind), key);
      return object === undefined ? undefined : asKind(kind, object);
    },
    list: async <K extends KindName>(kind: K, selection: Selection = {}) => {
      const found = await objects.list<KubeObject>(resourceOf(kind), {
        ...(selection.namespace === undefined ? {} : { namespace: selection.namespace }),
        ...(selection.selector === undefined ? {} : { labelSelector: selectorText(selection.selector) }),
      });
      return found.map((object) => asKind(kind, object)).sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
    },
    watch: <K extends KindName>(kind: K, selection: Selection, onEvent: (event: WatchEvent<K>) => void): Watcher<K> => {
      const cache = new ObjectCache<K>(selection, onEvent);
      const informer = startInformer<KubeObject>({
        client: options.client,
        resource: resourceOf(kind),
        clock: options.clock,
        random: options.random,
        ...(options.inactivityMs === undefined ? {} : { inactivityMs: options.inactivityMs }),
        ...(selection.namespace === undefined ? {} : { namespace: selection.namespace }),
        // Both the list and the watch are narrowed: the apiserver then tells of objects that leave the selection.
        ...(selection.selector === undefined ? {} : { labelSelector: selectorText(selection.selector) }),
        onRestart: (cause, error, retryInMs) => options.onRestart(kind, cause, error, retryInMs),
        handler: {
          replace: (list) => cache.replace(list.map((object) => cached<K>(kind, object))),
          put: (object) => cache.put(cached<K>(kind, object)),
          remove: (object) => cache.remove(cached<K>(kind, object)),
        },
      });
      const subscription: Subscription = {
        kind,
        put: (object) => cache.put(cached<K>(kind, object as KubeObject)),
        stop: informer.stop,
      };
      subscriptions.add(subscription);
      return cache.watcher(async () => {
        subscriptions.delete(subscription);
        await informer.stop();
      });
    },
    create: async (object) =>
      remember(object.kind, await objects.create(resourceOf(object.kind), { ...object, apiVersion: API_VERSION })),
    update: (object) => replace(object),
    updateStatus: (object) => replace(object, 'status'),
    apply: async (object, applyOptions) =>
      remember(
        object.kind,
        await objects.apply(resourceOf(object.kind), { ...object, metadata: { ...object.metadata } }, applyOptions),
      ),
    delete: async (kind, key, preconditions = {}) => {
      const isFound = await objects.delete(resourceOf(kind), key, preconditions);
      if (!isFound) throw new StoreError('NotFound', `${kind} ${key.namespace}/${key.name} does not exist`);
    },
    listVersions: async (kind, signal) => {
      const found = await objects.listMetadata(resourceOf(kind), signal);
      return found.map(({ name, namespace = '', resourceVersion = '' }) => ({
        key: { namespace, name },
        resourceVersion,
      }));
    },
    close: async () => {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      subscriptions.clear();
    },
  };
}

/** A full bundle weighs up to a MiB; the watch's cache holds all of them for as long as the process lives. */
function cached<K extends KindName>(kind: K, object: KubeObject): KindMap[K] {
  if (kind !== 'PolicyBundle') return asKind(kind, object);
  const bundle = object as unknown as PolicyBundle;
  return asKind(kind, { ...bundle, spec: { ...bundle.spec, data: '' } });
}

// The apiserver's schema is generated from the same zod types, so what it stores is of the kind.
function asKind<K extends KindName>(_kind: K, object: object): KindMap[K] {
  return object as KindMap[K];
}

function asKube(object: object): KubeObject {
  return object as KubeObject;
}

function expectVersion(resourceVersion: string | undefined): void {
  // Kubernetes takes an update without a version as "overwrite whatever is there": never what we want.
  if (resourceVersion === undefined) {
    throw new StoreError('Invalid', 'metadata.resourceVersion: must be given for an update');
  }
}

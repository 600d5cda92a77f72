import type { ManetuPolicyDomain } from '@edict/crds';
import type { Clock } from '../clock.ts';
import type { ManetuMode } from '../controllers/manetu-domain/observed.ts';
import { reconcileManetuDomain } from '../controllers/manetu-domain/reconcile.ts';
import type { World } from '../controllers/world.ts';
import type { EventSink } from '../events.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { OperatorMetrics } from '../observability/metrics.ts';
import { createQueue } from '../queue.ts';
import { startInformer, type Informer } from '../store/kube/informer.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';
import { keyOf, keyText } from '../store/object-key.ts';
import type { Store } from '../store/store.ts';

export interface ManetuControllerOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly objects: KubeObjects;
  readonly world: Pick<World, 'domains'>;
  readonly mode: ManetuMode;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
  readonly log: OperatorLog;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface ManetuController {
  /** Whether the group is ours to serve: while it is not, its objects are neither read nor written. Off at first. */
  readonly setActive: (isActive: boolean) => void;
  readonly stop: () => Promise<void>;
}

/**
 * Follows the objects of Manetu's group with mirrors. It reads them in the version that they are stored in, so that it works
 * while the conversion webhook is away.
 */
export function startManetuController(options: ManetuControllerOptions): ManetuController {
  const { store, client, clock, random, log, metrics } = options;
  const cache = new Map<string, ManetuPolicyDomain>();
  const queue = createQueue({
    name: 'manetu-domain',
    clock,
    random,
    metrics,
    reconcile: (key) =>
      reconcileManetuDomain(key, {
        store,
        world: options.world,
        manetu: manetuObjects(options.objects),
        objectOf: (name) => cache.get(name),
        mode: options.mode,
        events: options.events,
        metrics,
        now: clock.now,
      }),
    onError: (key, error, retryInMs) =>
      log.warn('reconcile failed', { controller: 'manetu-domain', key, error: String(error), retryInMs }),
  });
  const put = (object: KubeObject): void => {
    const key = keyText(keyOf(object));
    cache.set(key, object as unknown as ManetuPolicyDomain);
    queue.add(key);
  };
  // Told by the cache that the plan is made from: a watch of its own could tell of a change before that cache has it, and nobody
  // would look again.
  const unsubscribe = options.world.domains.subscribe(({ object }) => {
    const key = keyText(keyOf(object));
    if (cache.has(key)) queue.add(key);
  });
  const listen = (): Informer =>
    startInformer<KubeObject>({
      client,
      resource: RESOURCES.ManetuPolicyDomain,
      clock,
      random,
      handler: {
        replace: (list) => {
          cache.clear();
          for (const object of list) put(object);
        },
        put,
        remove: (object) => {
          const key = keyText(keyOf(object));
          cache.delete(key);
          queue.add(key);
        },
      },
      onRestart: (cause, error, retryInMs) => {
        metrics.watchRestarts.inc({ kind: 'ManetuPolicyDomain', cause });
        log.debug('watch restarted', { kind: 'ManetuPolicyDomain', cause, error: String(error), retryInMs });
      },
    });
  let informer: Informer | undefined;
  let ending: Promise<void> = Promise.resolve();
  const setActive = (isActive: boolean): void => {
    if (isActive === (informer !== undefined)) return;
    if (informer === undefined) {
      informer = listen();
      return;
    }
    ending = informer.stop();
    informer = undefined;
    // Who is not in the cache is not written.
    cache.clear();
  };
  return {
    setActive,
    stop: async () => {
      setActive(false);
      unsubscribe();
      await Promise.all([queue.stop(), ending]);
    },
  };
}

function manetuObjects(objects: KubeObjects): Parameters<typeof reconcileManetuDomain>[1]['manetu'] {
  return {
    // Not the whole object: what is written is what users wrote, digit for digit.
    setFinalizers: async (object, finalizers) => {
      const { resourceVersion } = object.metadata;
      await objects.mergePatch(RESOURCES.ManetuPolicyDomain, keyOf(object), {
        metadata: { resourceVersion, finalizers },
      });
    },
    updateStatus: async (object) => {
      await objects.replace(RESOURCES.ManetuPolicyDomain, object as unknown as KubeObject, 'status');
    },
  };
}

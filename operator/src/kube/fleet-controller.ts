import type { PolicyDecisionPoint } from '@edict/crds';
import type { Clock } from '../clock.ts';
import { createFleetObjects } from '../controllers/policy-decision-point/fleet-objects.ts';
import { reconcileFleet } from '../controllers/policy-decision-point/reconcile.ts';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';
import { MANAGED_BY } from '../controllers/policy-decision-point/fleet-labels.ts';
import type { World } from '../controllers/world.ts';
import type { EventSink } from '../events.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { OperatorMetrics } from '../observability/metrics.ts';
import { createQueue } from '../queue.ts';
import { startInformer, type Informer } from '../store/kube/informer.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES, type Resource } from '../store/kube/resources.ts';
import { keyOf, keyText } from '../store/object-key.ts';
import type { Store } from '../store/store.ts';

export interface FleetControllerOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly objects: KubeObjects;
  readonly world: World;
  readonly defaults: FleetDefaults;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
  readonly log: OperatorLog;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces with fleets may have changed. */
  readonly onChange: () => void;
}

export interface FleetController {
  /** Every fleet, from the cache. */
  readonly fleets: () => readonly PolicyDecisionPoint[];
  readonly stop: () => Promise<void>;
}

/** What a fleet owns and is repaired when changed by hand. */
const OWNED: readonly Resource[] = [
  RESOURCES.Deployment,
  RESOURCES.Service,
  RESOURCES.ServiceAccount,
  RESOURCES.PodDisruptionBudget,
  RESOURCES.NetworkPolicy,
];
/** Every fleet is looked at this often, should a watch have missed something. */
const RESYNC_MS = 60_000;

/** Runs the PolicyDecisionPoint controller: watches fleets, their sets and everything they own. */
export function startFleetController(options: FleetControllerOptions): FleetController {
  const { store, client, clock, random, log, metrics } = options;
  const queue = createQueue({
    name: 'policy-decision-point',
    clock,
    random,
    metrics,
    reconcile: async (key) => {
      const again = await reconcileFleet(key, {
        store,
        objects: createFleetObjects(options.objects),
        defaults: options.defaults,
        setsOf: (namespace) => options.world.sets.list(namespace),
        events: options.events,
        metrics,
        clock,
      });
      return { requeueAfterMs: again.requeueAfterMs ?? RESYNC_MS };
    },
    onError: (key, error, retryInMs) =>
      log.warn('reconcile failed', { controller: 'policy-decision-point', key, error: String(error), retryInMs }),
  });
  const fleets = store.watch('PolicyDecisionPoint', {}, ({ object }) => {
    queue.add(keyText(keyOf(object)));
    options.onChange();
  });
  const labelSelector = Object.entries(MANAGED_BY)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const enqueueOwner = ({ metadata }: KubeObject): void => {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'PolicyDecisionPoint');
    if (owner !== undefined) queue.add(keyText({ namespace: metadata.namespace ?? '', name: owner.name }));
  };
  const informers: readonly Informer[] = OWNED.map((resource) =>
    startInformer<KubeObject>({
      client,
      resource,
      labelSelector,
      clock,
      random,
      handler: {
        replace: () => {
          for (const fleet of fleets.list()) queue.add(keyText(keyOf(fleet)));
        },
        put: enqueueOwner,
        remove: enqueueOwner,
      },
      onRestart: (cause, error, retryInMs) => {
        metrics.watchRestarts.inc({ kind: resource.kind, cause });
        log.debug('watch restarted', { kind: resource.kind, cause, error: String(error), retryInMs });
      },
    }),
  );
  return {
    fleets: () => fleets.list(),
    stop: async () => {
      await queue.stop();
      await Promise.all([fleets.stop(), ...informers.map((informer) => informer.stop())]);
    },
  };
}

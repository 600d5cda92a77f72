import type { PolicyDecisionPoint } from '@edict/crds';
import type { Clock } from '../clock.ts';
import { Contests } from '../controllers/policy-decision-point/contests.ts';
import { createFleetObjects } from '../controllers/policy-decision-point/fleet-objects.ts';
import { reconcileFleet } from '../controllers/policy-decision-point/reconcile.ts';
import { AutoscalerNews } from '../controllers/policy-decision-point/autoscaler-news.ts';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';
import { MANAGED_BY } from '../controllers/policy-decision-point/fleet-labels.ts';
import type { World } from '../controllers/world.ts';
import type { EventSink } from '../events.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { OperatorMetrics } from '../observability/metrics.ts';
import { createQueue } from '../queue.ts';
import { createSelectorWebhooks } from './selector-webhooks.ts';
import { startSidecarWatch } from './sidecar-watch.ts';
import { selectorWebhooks, type WebhookService } from '../injection/selector-webhooks.ts';
import { SYSTEM_NAMESPACES } from '../injection/names.ts';
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
  /** How the apiserver is told which pods fleets of sidecars select. */
  readonly injection: InjectionPlace;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
  readonly log: OperatorLog;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces with fleets may have changed. */
  readonly onChange: () => void;
}

/** Where the webhook of injection is. */
export interface InjectionPlace {
  /** Name of the MutatingWebhookConfiguration for selectors; none if empty. */
  readonly selectorConfiguration: string;
  readonly service: WebhookService;
  /** The CA bundle of the webhook, PEM, as of now. */
  readonly trustBundle: () => string;
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
  RESOURCES.HorizontalPodAutoscaler,
];
/** Every fleet is looked at this often, should a watch have missed something. */
const RESYNC_MS = 60_000;
/** Changes of the pods of a namespace that come within this are counted together. */
const ROLL_CALL_MS = 500;

/** Runs the PolicyDecisionPoint controller: watches fleets, their sets and everything they own. */
export function startFleetController(options: FleetControllerOptions): FleetController {
  const { store, client, clock, random, log, metrics, injection } = options;
  const excluded = new Set([...SYSTEM_NAMESPACES, options.defaults.operatorNamespace]);
  const contests = new Contests();
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
        contests,
        setsOf: (namespace) => options.world.sets.list(namespace),
        sidecars: {
          rollOf: (namespace) => sidecars.rollOf(namespace),
          problemOf: (fleet) => webhooks.problemOf(fleet),
        },
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
    sidecars.look();
    webhooks.look();
    podsChanged(keyOf(object).namespace);
    options.onChange();
  });
  const sidecarFleets = (): readonly PolicyDecisionPoint[] =>
    fleets.list().filter(({ spec }) => spec.form === 'Sidecar');
  const webhooks = createSelectorWebhooks({
    objects: options.objects,
    name: injection.selectorConfiguration,
    wanted: () => {
      if (!fleets.hasSynced()) return undefined;
      const caBundle = Buffer.from(injection.trustBundle()).toString('base64');
      return selectorWebhooks(fleets.list(), injection.service, caBundle, excluded);
    },
    onChange: () => {
      for (const fleet of sidecarFleets()) queue.add(keyText(keyOf(fleet)));
    },
    clock,
    log,
  });
  const rollCalls = new Map<string, () => void>();
  const podsChanged = (namespace: string): void => {
    if (rollCalls.has(namespace)) return;
    const callLater = clock.schedule(ROLL_CALL_MS, () => {
      rollCalls.delete(namespace);
      for (const fleet of sidecarFleets()) {
        if (keyOf(fleet).namespace === namespace) queue.add(keyText(keyOf(fleet)));
      }
      const unassigned = sidecars.rollOf(namespace)?.unassigned ?? [];
      if (unassigned.length === 0) metrics.podsWithoutPdp.remove({ fleet: `${namespace}/` });
      else {
        metrics.podsWithoutPdp.set({ fleet: `${namespace}/` }, unassigned.length);
        log.warn('pods should have a PDP and nobody can say of which fleet', {
          namespace,
          pods: unassigned.slice(0, 5),
        });
      }
    });
    rollCalls.set(namespace, callLater);
  };
  const sidecars = startSidecarWatch({
    client,
    excluded,
    clock,
    random,
    fleets: () => fleets.list(),
    onChange: podsChanged,
    onRestart: (kind, cause, error, retryInMs) => {
      metrics.watchRestarts.inc({ kind, cause });
      log.debug('watch restarted', { kind, cause, error: String(error), retryInMs });
    },
  });
  const labelSelector = Object.entries(MANAGED_BY)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const autoscalers = new AutoscalerNews();
  const enqueueOwner = ({ metadata }: KubeObject): void => {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'PolicyDecisionPoint');
    if (owner !== undefined) queue.add(keyText({ namespace: metadata.namespace ?? '', name: owner.name }));
  };
  const putOwned = (object: KubeObject): void => {
    if (isAutoscaler(object) && !autoscalers.isNews(object)) return;
    enqueueOwner(object);
  };
  const removeOwned = (object: KubeObject): void => {
    if (isAutoscaler(object)) autoscalers.forget(object);
    enqueueOwner(object);
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
        put: putOwned,
        remove: removeOwned,
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
      webhooks.stop();
      for (const cancel of rollCalls.values()) cancel();
      await Promise.all([queue.stop(), sidecars.stop()]);
      await Promise.all([fleets.stop(), ...informers.map((informer) => informer.stop())]);
    },
  };
}

function isAutoscaler({ kind }: KubeObject): boolean {
  return kind === RESOURCES.HorizontalPodAutoscaler.kind;
}

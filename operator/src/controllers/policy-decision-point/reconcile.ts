import { selectorMatches, type PolicyDecisionPoint, type PolicySet } from '@edict/crds';
import { rfc3339, type Clock } from '../../clock.ts';
import type { EventSink } from '../../events.ts';
import type { OperatorMetrics } from '../../observability/metrics.ts';
import type { ReconcileResult } from '../../queue.ts';
import { isStoreError } from '../../store/errors.ts';
import { parseKey } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import { subjectOf } from '../event-subject.ts';
import { isDeleting } from '../world.ts';
import type { FleetDefaults } from './fleet-defaults.ts';
import { selectorLabels } from './fleet-labels.ts';
import type { FleetObjects } from './fleet-objects.ts';
import { planFleetStatus } from './plan.ts';
import { renderFleet } from './render.ts';

export interface ReconcileFleetDeps {
  readonly store: Store;
  readonly objects: FleetObjects;
  readonly defaults: FleetDefaults;
  /** Sets of a namespace, from the cache. */
  readonly setsOf: (namespace: string) => readonly PolicySet[];
  readonly events: EventSink;
  readonly metrics: Pick<OperatorMetrics, 'statusWrites'>;
  readonly clock: Clock;
}

/**
 * Brings one fleet to its spec: applies every object of it (server-side apply repairs whatever was changed by hand), then
 * says in status how its Deployment fares. Deletion is left to Kubernetes' garbage collection by owner references.
 */
export async function reconcileFleet(key: string, deps: ReconcileFleetDeps): Promise<ReconcileResult> {
  const { store, objects, defaults, clock } = deps;
  const fleet = await store.get('PolicyDecisionPoint', parseKey(key));
  if (fleet === undefined || isDeleting(fleet)) return {};
  const applyError = await applyAll(fleet, deps);
  const status = planFleetStatus({
    fleet,
    deployment: await objects.deployment(fleet),
    sets: servedSets(fleet, deps.setsOf(fleet.metadata.namespace ?? '')),
    applyError,
    now: rfc3339(clock.now()),
  });
  if (JSON.stringify(status) !== JSON.stringify(fleet.status)) {
    await store.updateStatus<'PolicyDecisionPoint'>({ ...fleet, status });
    deps.metrics.statusWrites.inc({ kind: 'PolicyDecisionPoint' });
  }
  if (!fleet.spec.networkPolicy.enabled) await objects.removeNetworkPolicy(fleet);
  return applyError === undefined ? {} : { requeueAfterMs: APPLY_RETRY_MS };

  async function applyAll(of: PolicyDecisionPoint, { events }: ReconcileFleetDeps): Promise<string | undefined> {
    try {
      for (const object of renderFleet(of, defaults)) await objects.apply(object);
      return undefined;
    } catch (error) {
      // What the apiserver refuses it will refuse again: the user has to see it. The rest is retried by the queue.
      if (!isStoreError(error, 'Invalid') && !isStoreError(error, 'Forbidden')) throw error;
      const known = of.status?.conditions?.some(({ type, message }) => type === 'Stalled' && message === error.message);
      if (known !== true) {
        events.emit({ type: 'Warning', reason: 'ApplyFailed', message: error.message, regarding: subjectOf(of) });
      }
      return error.message;
    }
  }
}

/** A refusal is looked at again after this long: a quota may have been raised, a right granted. */
const APPLY_RETRY_MS = 30_000;

/** Sets whose PDP selector takes the pods of the fleet, sorted. */
function servedSets(fleet: PolicyDecisionPoint, sets: readonly PolicySet[]): readonly string[] {
  const labels = { ...fleet.spec.podLabels, ...selectorLabels(fleet.metadata.name) };
  return sets
    .filter((set) => !isDeleting(set) && selectorMatches(set.spec.pdps.selector, labels))
    .map(({ metadata }) => metadata.name)
    .sort();
}

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
import { CONTEST_REPAIRS, CONTEST_WINDOW_MS, type Contests } from './contests.ts';
import type { FleetDefaults } from './fleet-defaults.ts';
import { selectorLabels } from './fleet-labels.ts';
import type { FleetObjects } from './fleet-objects.ts';
import { replicasToSet } from './fleet-autoscaler.ts';
import { planFleetStatus } from './plan.ts';
import { reconcileSidecars, type SidecarFacts } from './reconcile-sidecars.ts';
import { OPTIONAL_KINDS, renderFleet, type RenderedObject } from './render.ts';

export interface ReconcileFleetDeps {
  readonly store: Store;
  readonly objects: FleetObjects;
  readonly defaults: FleetDefaults;
  readonly contests: Contests;
  /** Sets of a namespace, from the cache. */
  readonly setsOf: (namespace: string) => readonly PolicySet[];
  readonly events: EventSink;
  /** Of fleets of form Sidecar. */
  readonly sidecars: SidecarFacts;
  readonly metrics: Pick<OperatorMetrics, 'statusWrites' | 'podsWithoutPdp'>;
  readonly clock: Clock;
}

/**
 * Brings one fleet to its spec: applies every object of it (server-side apply repairs whatever was changed by hand), then
 * says in status how its Deployment fares. Deletion is left to Kubernetes' garbage collection by owner references.
 */
export async function reconcileFleet(key: string, deps: ReconcileFleetDeps): Promise<ReconcileResult> {
  const { store, objects, clock } = deps;
  const fleet = await store.get('PolicyDecisionPoint', parseKey(key));
  if (fleet === undefined || isDeleting(fleet)) {
    deps.metrics.podsWithoutPdp.remove({ fleet: key });
    deps.contests.forget(key);
    return {};
  }
  const sets = servedSets(fleet, deps.setsOf(fleet.metadata.namespace ?? ''));
  if (fleet.spec.form === 'Sidecar') return await reconcileSidecars(fleet, sets, deps);
  const { applyError, contest } = await applyAll(fleet, deps);
  const status = planFleetStatus({
    fleet,
    deployment: await objects.deployment(fleet),
    sets,
    autoscaler: fleet.spec.autoscaling === undefined ? undefined : await objects.autoscaler(fleet),
    applyError,
    contest,
    now: rfc3339(clock.now()),
  });
  if (JSON.stringify(status) !== JSON.stringify(fleet.status)) {
    await store.updateStatus<'PolicyDecisionPoint'>({ ...fleet, status });
    deps.metrics.statusWrites.inc({ kind: 'PolicyDecisionPoint' });
  }
  return applyError === undefined && contest === undefined ? {} : { requeueAfterMs: APPLY_RETRY_MS };
}

/** What came of applying the objects of a fleet. */
interface ApplyOutcome {
  readonly applyError?: string;
  readonly contest?: string;
}

async function applyAll(
  fleet: PolicyDecisionPoint,
  { objects, defaults, contests, events, clock }: ReconcileFleetDeps,
): Promise<ApplyOutcome> {
  const tell = (reason: 'ApplyFailed' | 'Contested', message: string): void => {
    const known = fleet.status?.conditions?.some((entry) => entry.type === 'Stalled' && entry.reason === reason);
    if (known !== true) events.emit({ type: 'Warning', reason, message, regarding: subjectOf(fleet) });
  };
  const key = `${fleet.metadata.namespace ?? ''}/${fleet.metadata.name}`;
  const resting = contests.resting(key, clock.now());
  // An edit of the fleet is not kept waiting.
  if (resting !== undefined && fleet.status?.observedGeneration === fleet.metadata.generation)
    return { contest: resting };
  try {
    let contest: string | undefined;
    for (const object of await prepareObjects(fleet, objects, defaults)) {
      const place = `${key}/${object.kind}`;
      if (contests.isRepaired(place)) contests.sawOthers(place, await objects.otherManagers(object));
      const times = contests.applied(place, JSON.stringify(object), await objects.apply(object), clock.now());
      const name = `${object.kind} ${object.metadata.name}`;
      if (times >= CONTEST_REPAIRS) contest ??= contestText(name, contests.othersOf(place));
    }
    if (contest === undefined) return {};
    contests.rest(key, contest, clock.now());
    tell('Contested', contest);
    return { contest };
  } catch (error) {
    // What the apiserver refuses it will refuse again: the user has to see it. The rest is retried by the queue.
    if (!isStoreError(error, 'Invalid') && !isStoreError(error, 'Forbidden')) throw error;
    tell('ApplyFailed', error.message);
    return { applyError: error.message };
  }
}

function contestText(object: string, managers: readonly string[]): string {
  const who = managers.length === 0 ? '' : `; fields of it are set by ${managers.join(', ')} too`;
  const bound = `${CONTEST_REPAIRS} times in ${CONTEST_WINDOW_MS / 60_000} minutes`;
  return `something else changes ${object} back whenever it is repaired (${bound})${who}`;
}

/** What is to be applied, once nothing is in its way that the fleet has no longer. */
async function prepareObjects(
  fleet: PolicyDecisionPoint,
  objects: FleetObjects,
  defaults: FleetDefaults,
): Promise<readonly RenderedObject[]> {
  const live = await objects.deployment(fleet);
  const rendered = renderFleet(fleet, defaults, live);
  // An autoscaler that is to go must not scale what is applied next.
  for (const kind of OPTIONAL_KINDS) {
    if (!rendered.some((object) => object.kind === kind)) await objects.remove(kind, fleet);
  }
  if (live?.isWantedByUs === true && replicasToSet(fleet.spec, live) === undefined) {
    await objects.releaseReplicas(fleet, live);
  }
  return rendered;
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

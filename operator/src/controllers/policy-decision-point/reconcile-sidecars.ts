import type { PolicyDecisionPoint } from '@edict/crds';
import { rfc3339, type Clock } from '../../clock.ts';
import type { EventSink } from '../../events.ts';
import type { RollCall } from '../../injection/roll-call.ts';
import { renderSidecar, sidecarProblem } from '../../injection/sidecar.ts';
import type { OperatorMetrics } from '../../observability/metrics.ts';
import type { ReconcileResult } from '../../queue.ts';
import { keyOf, keyText } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import { subjectOf } from '../event-subject.ts';
import type { FleetDefaults } from './fleet-defaults.ts';
import { newlyWithout, planSidecarStatus } from './plan-sidecars.ts';

/** What is known of sidecars. */
export interface SidecarFacts {
  /** Who of a namespace has one and who should; undefined while nobody knows. */
  readonly rollOf: (namespace: string) => RollCall | undefined;
  /** Why the apiserver would not ask about pods of the fleet. */
  readonly problemOf: (fleet: PolicyDecisionPoint) => string | undefined;
}

export interface ReconcileSidecarsDeps {
  readonly store: Store;
  readonly defaults: FleetDefaults;
  readonly sidecars: SidecarFacts;
  readonly events: EventSink;
  readonly metrics: Pick<OperatorMetrics, 'statusWrites' | 'podsWithoutPdp'>;
  readonly clock: Clock;
}

/** Says in the status of a fleet of sidecars who has one, and tells of pods that should and have none. */
export async function reconcileSidecars(
  fleet: PolicyDecisionPoint,
  sets: readonly string[],
  deps: ReconcileSidecarsDeps,
): Promise<ReconcileResult> {
  const { store, sidecars, events, metrics, clock } = deps;
  const { namespace = '', name } = fleet.metadata;
  const roll = sidecars.rollOf(namespace)?.fleets.get(name);
  const status = planSidecarStatus({
    fleet,
    roll,
    hash: renderSidecar(fleet, deps.defaults).hash,
    problem: sidecarProblem(fleet),
    waitingFor: sidecars.problemOf(fleet),
    sets,
    now: rfc3339(clock.now()),
  });
  if (JSON.stringify(status) !== JSON.stringify(fleet.status)) {
    await store.updateStatus<'PolicyDecisionPoint'>({ ...fleet, status });
    metrics.statusWrites.inc({ kind: 'PolicyDecisionPoint' });
    const message = newlyWithout(fleet, status);
    if (message !== undefined) {
      events.emit({ type: 'Warning', reason: 'PodsWithoutPDP', message, regarding: subjectOf(fleet) });
    }
  }
  if (roll !== undefined) metrics.podsWithoutPdp.set({ fleet: keyText(keyOf(fleet)) }, roll.without.length);
  return {};
}

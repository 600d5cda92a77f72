import {
  findCondition,
  mergeConditions,
  type ConditionType,
  type DesiredCondition,
  type PolicyDecisionPoint,
  type PolicyDecisionPointStatus,
} from '@edict/crds';
import type { FleetRoll } from '../../injection/roll-call.ts';
import { FLEET_LABEL } from './fleet-labels.ts';

/** What a fleet of sidecars is seen to be. */
export interface SidecarObservation {
  readonly fleet: PolicyDecisionPoint;
  /** Undefined until the pods of the namespace were listed. */
  readonly roll: FleetRoll | undefined;
  /** Hash of the sidecar of the present spec. */
  readonly hash: string;
  /** Why no pod can have a sidecar of this spec. */
  readonly problem: string | undefined;
  /** Why pods that are made now would get none. */
  readonly waitingFor: string | undefined;
  /** Sets whose selector takes the fleet's sidecars. */
  readonly sets: readonly string[];
  /** RFC 3339. */
  readonly now: string;
}

/** Names in a message. */
const NAMES_MAX = 5;

/** The status that the observation calls for. Pure. */
export function planSidecarStatus(observed: SidecarObservation): PolicyDecisionPointStatus {
  const { fleet, roll, hash, sets } = observed;
  const generation = fleet.metadata.generation ?? 0;
  const conditions = [...readiness(observed), ...(roll === undefined ? [] : [injected(roll)])];
  const present = new Set(conditions.map(({ type }) => type));
  const absent = (['Reconciling', 'Stalled', 'Injected'] as const satisfies readonly ConditionType[]).filter(
    (type) => !present.has(type),
  );
  return {
    observedGeneration: generation,
    replicas: roll?.desired ?? 0,
    readyReplicas: roll?.ready ?? 0,
    ready: `${roll?.ready ?? 0}/${roll?.desired ?? 0}`,
    selector: `${FLEET_LABEL}=${fleet.metadata.name}`,
    sets: sets.join(','),
    podsWithoutPdp: roll?.without.length ?? 0,
    outdated: roll?.hashes.filter((each) => each !== hash).length ?? 0,
    conditions: mergeConditions(fleet.status?.conditions, conditions, absent, generation, observed.now),
  };
}

/** The message of an event that is due; undefined while there is nothing new to say. */
export function newlyWithout(before: PolicyDecisionPoint, after: PolicyDecisionPointStatus): string | undefined {
  const was = findCondition(before.status?.conditions, 'Injected');
  const is = findCondition(after.conditions, 'Injected');
  return is?.status === 'False' && is.message !== was?.message ? is.message : undefined;
}

function readiness({ roll, problem, waitingFor, sets }: SidecarObservation): readonly DesiredCondition[] {
  if (problem !== undefined) {
    const failed = { reason: 'BadSidecar', message: problem } as const;
    return [
      { type: 'Ready', status: 'False', ...failed },
      { type: 'Stalled', status: 'True', ...failed },
    ];
  }
  const { desired = 0, ready = 0, without = [] } = roll ?? {};
  const serving = `${ready} of ${desired} sidecars serve policy`;
  if (roll !== undefined && waitingFor === undefined && sets.length > 0 && ready === desired) {
    return [{ type: 'Ready', status: 'True', reason: 'Available', message: serving }];
  }
  const reason = sets.length === 0 ? 'NoSet' : without.length > 0 ? 'PodsWithoutPDP' : 'Unavailable';
  const why = sets.length === 0 ? 'no PolicySet selects them' : waitingFor;
  const message = why === undefined ? serving : `${serving}; ${why}`;
  return [
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Reconciling', status: 'True', reason: 'Progressing', message },
  ];
}

function injected({ desired, without }: FleetRoll): DesiredCondition {
  if (without.length === 0) {
    const message = `${desired} pods should have a PDP, and all have`;
    return { type: 'Injected', status: 'True', reason: 'AllInjected', message };
  }
  const more = without.length > NAMES_MAX ? ` and ${without.length - NAMES_MAX} more` : '';
  const message = `${without.length} of ${desired} pods have no PDP: ${without.slice(0, NAMES_MAX).join(', ')}${more}; delete them, or restart their workloads: pods that are made anew get one`;
  return { type: 'Injected', status: 'False', reason: 'PodsWithoutPDP', message };
}

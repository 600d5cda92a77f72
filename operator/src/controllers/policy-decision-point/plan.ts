import {
  mergeConditions,
  type DesiredCondition,
  type PolicyDecisionPoint,
  type PolicyDecisionPointStatus,
} from '@edict/crds';
import { selectorLabels } from './fleet-labels.ts';

/** What the fleet's Deployment says. */
export interface DeploymentFacts {
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly updatedReplicas: number;
  /** The Deployment controller has seen the newest spec. */
  readonly isObserved: boolean;
}

export interface FleetObservation {
  readonly fleet: PolicyDecisionPoint;
  /** Undefined until it was made. */
  readonly deployment: DeploymentFacts | undefined;
  /** Sets whose selector takes the fleet's pods. */
  readonly sets: readonly string[];
  /** Why an object could not be applied, if one could not. */
  readonly applyError: string | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/** The status that the observation calls for. Pure. */
export function planFleetStatus(observed: FleetObservation): PolicyDecisionPointStatus {
  const { fleet, deployment, sets } = observed;
  const wanted = fleet.spec.replicas;
  const ready = deployment?.readyReplicas ?? 0;
  const generation = fleet.metadata.generation ?? 0;
  const { condition, absent, present } = judge(observed);
  return {
    observedGeneration: generation,
    replicas: deployment?.replicas ?? 0,
    readyReplicas: ready,
    ready: `${ready}/${wanted}`,
    selector: Object.entries(selectorLabels(fleet.metadata.name))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    sets: sets.join(','),
    conditions: mergeConditions(fleet.status?.conditions, [condition, ...present], absent, generation, observed.now),
  };
}

interface Judgement {
  readonly condition: DesiredCondition;
  readonly present: readonly DesiredCondition[];
  readonly absent: readonly ('Reconciling' | 'Stalled')[];
}

function judge({ fleet, deployment, sets, applyError }: FleetObservation): Judgement {
  const wanted = fleet.spec.replicas;
  if (applyError !== undefined) {
    const failed = { reason: 'ApplyFailed', message: applyError } as const;
    return {
      condition: { type: 'Ready', status: 'False', ...failed },
      present: [{ type: 'Stalled', status: 'True', ...failed }],
      absent: ['Reconciling'],
    };
  }
  const isCurrent = deployment !== undefined && deployment.isObserved && deployment.updatedReplicas >= wanted;
  if (isCurrent && deployment.readyReplicas >= wanted) {
    const message = `${deployment.readyReplicas} of ${wanted} PDPs serve policy`;
    return {
      condition: { type: 'Ready', status: 'True', reason: 'Available', message },
      present: [],
      absent: ['Reconciling', 'Stalled'],
    };
  }
  const serving = `${deployment?.readyReplicas ?? 0} of ${wanted} PDPs serve policy`;
  const message = sets.length === 0 ? `${serving}; no PolicySet selects its pods` : serving;
  return {
    condition: { type: 'Ready', status: 'False', reason: sets.length === 0 ? 'NoSet' : 'Unavailable', message },
    present: [{ type: 'Reconciling', status: 'True', reason: 'Progressing', message }],
    absent: ['Stalled'],
  };
}

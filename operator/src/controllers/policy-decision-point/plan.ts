import {
  mergeConditions,
  type DesiredCondition,
  type PolicyDecisionPoint,
  type PolicyDecisionPointStatus,
} from '@edict/crds';
import { replicasToSet, type LiveReplicas } from './fleet-autoscaler.ts';
import { selectorLabels } from './fleet-labels.ts';

/** What the fleet's Deployment says. */
export interface DeploymentFacts extends LiveReplicas {
  readonly resourceVersion: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly updatedReplicas: number;
  /** The Deployment controller has seen the newest spec. */
  readonly isObserved: boolean;
}

/** What the fleet's HorizontalPodAutoscaler says. */
export interface AutoscalerFacts {
  readonly desiredReplicas: number | undefined;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
}

export interface FleetObservation {
  readonly fleet: PolicyDecisionPoint;
  /** Undefined until it was made. */
  readonly deployment: DeploymentFacts | undefined;
  /** Undefined where there is none. */
  readonly autoscaler: AutoscalerFacts | undefined;
  /** Sets whose selector takes the fleet's pods. */
  readonly sets: readonly string[];
  /** Why an object could not be applied, if one could not. */
  readonly applyError: string | undefined;
  /** Which object another controller changes back again and again, if one does. */
  readonly contest: string | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/** The status that the observation calls for. Pure. */
export function planFleetStatus(observed: FleetObservation): PolicyDecisionPointStatus {
  const { fleet, deployment, sets } = observed;
  const wanted = wantedPods(observed);
  const ready = deployment?.readyReplicas ?? 0;
  const generation = fleet.metadata.generation ?? 0;
  const { condition, absent, present } = judge(observed);
  const scaling = judgeScaling(observed);
  return {
    observedGeneration: generation,
    replicas: deployment?.replicas ?? 0,
    desiredReplicas: wanted,
    readyReplicas: ready,
    ready: `${ready}/${wanted}`,
    selector: Object.entries(selectorLabels(fleet.metadata.name))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    sets: sets.join(','),
    conditions: mergeConditions(
      fleet.status?.conditions,
      [condition, ...present, ...(scaling === undefined ? [] : [scaling])],
      [...absent, ...(scaling === undefined ? (['ScalingActive'] as const) : [])],
      generation,
      observed.now,
    ),
  };
}

/** Pods that there should be: what the operator sets, else what the autoscaler has set. */
function wantedPods({ fleet: { spec }, deployment }: FleetObservation): number {
  return replicasToSet(spec, deployment) ?? deployment?.wanted ?? spec.replicas;
}

/** Whether the autoscaler works; undefined where there is nothing for it to do. */
function judgeScaling({ fleet: { spec }, autoscaler }: FleetObservation): DesiredCondition | undefined {
  if (spec.autoscaling === undefined || spec.replicas === 0) return undefined;
  const type = 'ScalingActive';
  const { minReplicas, maxReplicas } = spec.autoscaling;
  const saying = autoscaler?.conditions ?? [];
  const failing = saying.find((each) => ['AbleToScale', type].includes(each.type) && each.status === 'False');
  if (failing !== undefined) {
    const message = `the number of pods stays: ${failing.message ?? failing.reason ?? 'the autoscaler cannot scale'}`;
    return { type, status: 'False', reason: 'AutoscalerFailing', message };
  }
  if (!saying.some((each) => each.type === type && each.status === 'True')) {
    return { type, status: 'Unknown', reason: 'Progressing', message: 'the autoscaler has read no metric yet' };
  }
  const wants = `the autoscaler wants ${autoscaler?.desiredReplicas ?? minReplicas} pods, of ${minReplicas} to ${maxReplicas}`;
  const isLimited = saying.some(({ reason, status }) => reason === 'TooManyReplicas' && status === 'True');
  const message = isLimited ? `${wants}; the load asks for more than maxReplicas` : wants;
  return { type, status: 'True', reason: 'Autoscaling', message };
}

interface Judgement {
  readonly condition: DesiredCondition;
  readonly present: readonly DesiredCondition[];
  readonly absent: readonly ('Reconciling' | 'Stalled')[];
}

function judge(observed: FleetObservation): Judgement {
  const { deployment, sets, applyError, contest } = observed;
  const wanted = wantedPods(observed);
  if (applyError !== undefined) {
    const failed = { reason: 'ApplyFailed', message: applyError } as const;
    return {
      condition: { type: 'Ready', status: 'False', ...failed },
      present: [{ type: 'Stalled', status: 'True', ...failed }],
      absent: ['Reconciling'],
    };
  }
  if (contest !== undefined) {
    const contested = { reason: 'Contested', message: contest } as const;
    return {
      condition: { type: 'Ready', status: 'False', ...contested },
      present: [{ type: 'Stalled', status: 'True', ...contested }],
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

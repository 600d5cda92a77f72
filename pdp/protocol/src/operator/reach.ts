import type { NodeId } from '../identifiers.ts';
import { atMost } from './gate.ts';
import type { RolloutOptions } from './observation.ts';
import { currentWave, type OpenRollout } from './open-rollout.ts';
import type { RolloutHold } from './progress.ts';

/** Whether a wave that is decided has reached those whom it is for. */
export type ReachVerdict =
  /** All but the laggards, who leave the required set. */
  | { readonly type: 'Reached'; readonly laggards: readonly NodeId[] }
  /** This one has not been reached, and others may not have been either. */
  | { readonly type: 'Wait'; readonly waitingFor: NodeId }
  | { readonly type: 'Hold'; readonly hold: RolloutHold };

/**
 * Looks at those whom the wave under way has not reached, by `isLacking`. The last wave waits for everyone; one before it
 * leaves a few behind when its time is over, and holds if there are more. `now` is monotonic.
 */
export function evaluateReach(
  rollout: OpenRollout,
  isLacking: (nodeId: NodeId) => boolean,
  { maxLaggardsPercent }: RolloutOptions,
  now: number,
): ReachVerdict {
  const { required, requiredAtStart, reachBy, waitingFor, wave } = rollout;
  const isLate = !currentWave(rollout).final && reachBy !== undefined && now >= reachBy;
  // Usually still the same: found without looking at everyone.
  if (!isLate && waitingFor !== undefined && required.has(waitingFor) && isLacking(waitingFor)) {
    return { type: 'Wait', waitingFor };
  }
  const first = required.values().find(isLacking);
  if (first === undefined) return { type: 'Reached', laggards: [] };
  if (!isLate) return { type: 'Wait', waitingFor: first };
  const late = [...required].filter(isLacking);
  if (late.length <= atMost(maxLaggardsPercent, requiredAtStart ?? late.length)) {
    return { type: 'Reached', laggards: late };
  }
  const message = `wave ${wave} has not reached ${late.length} PDPs in time`;
  return { type: 'Hold', hold: { reason: 'DeadlineExceeded', message } };
}

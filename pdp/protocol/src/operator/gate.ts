import type { NodeId } from '../identifiers.ts';
import { holds, type NodeView } from './node.ts';
import type { AbortCause, RolloutOptions } from './observation.ts';
import type { OpenRollout } from './open-rollout.ts';

/** What the first part of a wave's gate says: has everyone prepared? */
export type GateVerdict =
  /** At least so many PDPs must answer before the verdict can change, unless the deadline or a refusal changes it. */
  | { readonly type: 'Wait'; readonly shortfall: number }
  /** Go on; the laggards leave the required set. */
  | { readonly type: 'Pass'; readonly laggards: readonly NodeId[] }
  | { readonly type: 'Abort'; readonly cause: AbortCause }
  /** Everyone who was required is gone. */
  | { readonly type: 'Restart' };

export interface GateInput {
  readonly rollout: OpenRollout;
  /** Those of the required PDPs that the wave is for. */
  readonly required: readonly NodeId[];
  readonly nodes: ReadonlyMap<NodeId, NodeView>;
  readonly options: RolloutOptions;
  /** Monotonic. */
  readonly now: number;
}

/** PDPs that are `percent` of `count`, rounded so that a share is never met by fewer than it says. */
export function atLeast(percent: number, count: number): number {
  return Math.ceil((percent * count) / 100 - 1e-9);
}

/** PDPs that are `percent` of `count`, rounded so that a share is never exceeded. */
export function atMost(percent: number, count: number): number {
  return Math.floor((percent * count) / 100 + 1e-9);
}

/** Who refused, and why. */
export function refusalText(node: NodeView): string {
  return `${node.name || node.nodeId}: ${node.nack?.text ?? 'refused'}`;
}

/**
 * The first part of the gate, for one wave. All required PDPs prepared (or the share that the set asks for) and no
 * deterministic NACK; at the deadline those who are not ready may be left behind if they are few enough. No required PDP at
 * all: the wave is decided, so that whoever joins gets it.
 */
export function evaluateGate({ rollout, required, nodes, options, now }: GateInput): GateVerdict {
  if (rollout.refusal !== undefined) return { type: 'Abort', cause: { reason: 'Nack', message: rollout.refusal } };
  const late: NodeView[] = [];
  let count = 0;
  for (const nodeId of required) {
    const node = nodes.get(nodeId);
    if (node === undefined) rollout.required.delete(nodeId);
    else {
      count += 1;
      if (!holds(node, rollout.revision)) late.push(node);
    }
  }
  if (count === 0) {
    return (rollout.requiredAtStart ?? 0) > 0 ? { type: 'Restart' } : { type: 'Pass', laggards: [] };
  }
  const prepared = count - late.length;
  const needed = Math.max(1, atLeast(options.requirePreparedPercent, count));
  if (prepared >= needed) return { type: 'Pass', laggards: [] };
  if (rollout.deadlineAt === undefined || now < rollout.deadlineAt)
    return { type: 'Wait', shortfall: needed - prepared };
  const allowed = atMost(options.maxLaggardsPercent, rollout.requiredAtStart ?? count);
  if (prepared > 0 && late.length <= allowed) return { type: 'Pass', laggards: late.map(({ nodeId }) => nodeId) };
  return { type: 'Abort', cause: { reason: 'Timeout', message: timeoutMessage(late, count) } };
}

function timeoutMessage(late: readonly NodeView[], required: number): string {
  const first = late[0];
  const example =
    first === undefined
      ? ''
      : `; ${first.name || first.nodeId}: ${first.nack?.text ?? (first.connected ? first.state : 'not connected')}`;
  return `${late.length} of ${required} required PDPs had not prepared at the deadline${example}`;
}

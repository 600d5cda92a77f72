import { isSameRevision, type NodeId } from '../identifiers.ts';
import { isAhead, serves, type NodeView } from './node.ts';
import type { AbortCause, RolloutOptions } from './observation.ts';
import type { OpenRollout } from './summary.ts';

/** What the gate of a rollout says. */
export type GateVerdict =
  /** At least so many PDPs must answer before the verdict can change, unless the deadline or a refusal changes it. */
  | { readonly type: 'Wait'; readonly shortfall: number }
  /** Commit; the laggards leave the required set. */
  | { readonly type: 'Commit'; readonly laggards: readonly NodeId[] }
  | { readonly type: 'Abort'; readonly cause: AbortCause }
  /** Everyone who was required is gone. */
  | { readonly type: 'Restart' };

export interface GateInput {
  readonly rollout: OpenRollout;
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

/** True if the PDP has the rollout's revision ready, or serves it already. */
export function hasPrepared(node: NodeView, rollout: OpenRollout): boolean {
  return (
    isSameRevision(node.prepared, rollout.revision) || serves(node, rollout.revision) || isAhead(node, rollout.revision)
  );
}

/** Who refused, and why. */
export function refusalText(node: NodeView): string {
  return `${node.name || node.nodeId}: ${node.nack?.text ?? 'refused'}`;
}

/**
 * The gate to commit, for one wave. All required PDPs prepared (or the share that the set asks for) and no deterministic
 * NACK; at the deadline those who are not ready may be left behind if they are few enough. No required PDP at all: the
 * revision is decided, so that whoever joins gets it.
 */
export function evaluateGate({ rollout, nodes, options, now }: GateInput): GateVerdict {
  if (rollout.refusal !== undefined) return { type: 'Abort', cause: { reason: 'Nack', message: rollout.refusal } };
  const late: NodeView[] = [];
  for (const nodeId of rollout.required) {
    const node = nodes.get(nodeId);
    if (node === undefined) rollout.required.delete(nodeId);
    else if (!hasPrepared(node, rollout)) late.push(node);
  }
  const count = rollout.required.size;
  if (count === 0) {
    return (rollout.requiredAtStart ?? 0) > 0 ? { type: 'Restart' } : { type: 'Commit', laggards: [] };
  }
  const prepared = count - late.length;
  const needed = Math.max(1, atLeast(options.requirePreparedPercent, count));
  if (prepared >= needed) return { type: 'Commit', laggards: [] };
  if (rollout.deadlineAt === undefined || now < rollout.deadlineAt)
    return { type: 'Wait', shortfall: needed - prepared };
  const allowed = atMost(options.maxLaggardsPercent, rollout.requiredAtStart ?? count);
  if (prepared > 0 && late.length <= allowed) return { type: 'Commit', laggards: late.map(({ nodeId }) => nodeId) };
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

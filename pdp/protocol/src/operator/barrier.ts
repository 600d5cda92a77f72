import type { NodeId } from '../identifiers.ts';
import { holds, type NodeView } from './node.ts';
import type { AbortCause, SetObservation } from './observation.ts';
import type { OpenRollout } from './open-rollout.ts';
import type { RolloutHold } from './progress.ts';
import { isGated } from './waves.ts';

/** What sites have against the first wave; undefined for nothing. */
export type BarrierVerdict =
  | { readonly type: 'Hold'; readonly hold: RolloutHold }
  | { readonly type: 'Abort'; readonly cause: AbortCause }
  | undefined;

/**
 * Whether the sites of a set with a barrier let its first wave be decided: all of them have prepared, those that are away
 * included, or at the deadline all but so many as may lag. Going back and emergencies wait for no site. `now` is monotonic.
 */
export function evaluateBarrier(
  { revision, wave, deadlineAt }: OpenRollout,
  { options, sites = [] }: Pick<SetObservation, 'options' | 'sites'>,
  nodes: ReadonlyMap<NodeId, NodeView>,
  now: number,
): BarrierVerdict {
  const { barrier } = options;
  if (barrier === undefined || wave > 0 || !isGated(revision)) return undefined;
  const ready = new Set(
    nodes
      .values()
      .filter((node) => node.site !== undefined && node.connected && holds(node, revision))
      .map(({ site }) => site),
  );
  const late = sites.filter((site) => !ready.has(site));
  if (late.length === 0) return undefined;
  const message = `${late.length} of ${sites.length} sites have not prepared: ${late.toSorted().join(', ')}`;
  if (deadlineAt === undefined || now < deadlineAt) return { type: 'Hold', hold: { reason: 'AwaitingSites', message } };
  return late.length <= barrier.maxLaggardSites ? undefined : { type: 'Abort', cause: { reason: 'Timeout', message } };
}

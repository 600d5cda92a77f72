import type { NodeId } from '../identifiers.ts';
import { CLOCK_DRIFT } from '../limits.ts';
import type { AbortCause, RolloutOptions, RolloutRecord } from './observation.ts';
import type { OpenRollout } from './open-rollout.ts';
import type { RolloutHold, ShadowProgress } from './progress.ts';
import { judgeShadow, SHADOW_REPORT_GRACE_MS } from './shadow-gate.ts';
import { isGated } from './waves.ts';

/** What the second part of a wave's gate says, once everyone has prepared. */
export type HoldVerdict =
  | { readonly type: 'Open' }
  | { readonly type: 'Hold'; readonly hold: RolloutHold }
  | { readonly type: 'Abort'; readonly cause: AbortCause };

export interface HoldInput {
  readonly rollout: OpenRollout;
  readonly record: RolloutRecord;
  readonly options: RolloutOptions;
  readonly awaited: readonly NodeId[];
  /** When the last commit of another revision became known, monotonic. */
  readonly lastCommitAt: number | undefined;
  /** True if something is served with which a candidate can be compared. */
  readonly hasCommitted: boolean;
  /** Monotonic. */
  readonly now: number;
}

/** How the shadow evaluation of the rollout stands; undefined if there is none. */
export function shadowStanding({
  rollout,
  options,
  awaited,
  hasCommitted,
  now,
}: HoldInput): ShadowProgress | undefined {
  const { shadow } = options;
  if (shadow === undefined || !hasCommitted || !isGated(rollout.revision)) return undefined;
  const isOver =
    rollout.preparedAt !== undefined && now >= rollout.preparedAt + shadow.windowMs + SHADOW_REPORT_GRACE_MS;
  return judgeShadow(shadow, rollout.shadow, awaited, isOver);
}

/**
 * The second part of the gate, for one wave: nobody wants a pause, live requests show no difference that is too great, the
 * wave is approved, and under `Strict` the lease of whoever does not know the commit before has ended.
 */
export function evaluateHold(input: HoldInput): HoldVerdict {
  const { rollout, record, options, lastCommitAt, now } = input;
  if (record.pauseRequested === true) return hold('PauseRequested', 'a pause was asked for');
  if (rollout.wave === 0) {
    const shadow = shadowStanding(input);
    if (shadow?.verdict === 'Fail') return { type: 'Abort', cause: { reason: 'Gate', message: shadow.message } };
    if (shadow?.awaitsTraffic === true) {
      if (record.approvals?.includes(0) !== true) return hold('ShadowNoTraffic', shadow.message);
    } else if (shadow?.verdict === 'Waiting') return hold('ShadowWindow', shadow.message);
  }
  const wave = rollout.waves[rollout.wave];
  if (wave?.needsApproval === true && record.approvals?.includes(rollout.wave) !== true) {
    return hold('ApprovalRequired', `wave ${rollout.wave} awaits its approval`);
  }
  const gapEndsAt = leaseGapEnd(rollout, options, lastCommitAt);
  if (gapEndsAt !== undefined && now < gapEndsAt) {
    return hold('LeaseGap', 'leases from before the last commit may still hold');
  }
  return { type: 'Open' };
}

/** When commits are far enough apart for `Strict`; undefined if they need not be. An emergency does not wait. */
function leaseGapEnd(
  { revision }: OpenRollout,
  { strictLeaseMs = 0 }: RolloutOptions,
  lastCommitAt: number | undefined,
): number | undefined {
  if (strictLeaseMs <= 0 || lastCommitAt === undefined || revision.reason === 'Emergency') return undefined;
  return lastCommitAt + strictLeaseMs * (1 + CLOCK_DRIFT);
}

function hold(reason: RolloutHold['reason'], message: string): HoldVerdict {
  return { type: 'Hold', hold: { reason, message } };
}

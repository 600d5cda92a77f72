import { findCondition, type PolicyRevisionStatus } from '@edict/crds';
import type { OperatorEvent } from '../../events.ts';

/** What a new status of revision `n` tells that the one before did not, for those who watch its set. Pure. */
export function turnsOf(
  n: number,
  before: PolicyRevisionStatus | undefined,
  after: PolicyRevisionStatus,
): readonly Omit<OperatorEvent, 'regarding'>[] {
  const known = new Set(before?.approvals?.map(({ wave }) => wave));
  const approved = (after.approvals ?? []).filter(({ wave }) => !known.has(wave));
  const approvals: Omit<OperatorEvent, 'regarding'>[] = approved.map(({ wave, by }) => {
    const message = `revision ${n}, wave ${wave + 1} was approved${by === undefined ? '' : ` by ${by}`}`;
    return { type: 'Normal', reason: 'Approved', message } as const;
  });
  const unproven = findCondition(after.conditions, 'ShadowCompared');
  const isUnproven = unproven?.reason === 'NoTraffic';
  if (isUnproven && findCondition(before?.conditions, 'ShadowCompared')?.reason !== 'NoTraffic') {
    approvals.push({ type: 'Warning', reason: 'NoTraffic', message: `revision ${n}: ${unproven.message}` });
  }
  return before?.phase === after.phase && !isResumed(before, after)
    ? approvals
    : [...approvals, ...phaseTurns(n, before, after)];
}

function phaseTurns(
  n: number,
  before: PolicyRevisionStatus | undefined,
  after: PolicyRevisionStatus,
): readonly Omit<OperatorEvent, 'regarding'>[] {
  const { phase, hold } = after;
  const message = `revision ${n}: ${hold?.message ?? phase ?? ''}`;
  if (phase === 'AwaitingApproval') return [{ type: 'Normal', reason: 'AwaitingApproval', message }];
  if (phase === 'Paused') return [{ type: 'Warning', reason: 'Paused', message }];
  return isResumed(before, after) ? [{ type: 'Normal', reason: 'Resumed', message: `revision ${n} goes on` }] : [];
}

/**
 * True if somebody's pause is over and the rollout lives. The decision that follows may have set the phase already, so what
 * held it counts too.
 */
function isResumed(before: PolicyRevisionStatus | undefined, { phase, hold }: PolicyRevisionStatus): boolean {
  const wasPaused = before?.phase === 'Paused' || before?.hold?.reason === 'PauseRequested';
  const isPaused = phase === 'Paused' || hold?.reason === 'PauseRequested';
  return wasPaused && !isPaused && phase !== 'Aborted' && phase !== 'RolledBack';
}

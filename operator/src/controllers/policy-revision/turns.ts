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
  return before?.phase === after.phase ? approvals : [...approvals, ...phaseTurns(n, before?.phase, after)];
}

function phaseTurns(
  n: number,
  before: PolicyRevisionStatus['phase'],
  { phase, hold }: PolicyRevisionStatus,
): readonly Omit<OperatorEvent, 'regarding'>[] {
  const message = `revision ${n}: ${hold?.message ?? phase ?? ''}`;
  if (phase === 'AwaitingApproval') return [{ type: 'Normal', reason: 'AwaitingApproval', message }];
  if (phase === 'Paused') return [{ type: 'Warning', reason: 'Paused', message }];
  const goesOn = before === 'Paused' && phase !== 'Aborted' && phase !== 'RolledBack';
  return goesOn ? [{ type: 'Normal', reason: 'Resumed', message: `revision ${n} goes on` }] : [];
}

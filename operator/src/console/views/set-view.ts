import { CONSISTENCY_DEFAULTS } from '@edict/bundle';
import { durationMs, findCondition, type PolicySet } from '@edict/crds';
import { consistencyOf } from '../../controllers/policy-set/consistency.ts';
import { emergencyRevision, wishOf } from '../../controllers/user-requests.ts';
import type { PdpCounts, Phase, SetDetail, SetSummary } from '../wire.ts';
import { phaseOfRevision } from './phase.ts';
import { NO_COUNTS, rolloutView } from './rollout-view.ts';
import { newestOf, toldOf, type SetSight } from './sight.ts';

/** A set in one line. */
export function setSummary(sight: SetSight): SetSummary {
  const { set, progress } = sight;
  const { metadata, spec, status } = set;
  const newest = newestOf(sight);
  const ready = findCondition(status?.conditions, 'Ready');
  const told = newest === undefined ? undefined : toldOf(sight, newest.spec.n);
  const counts: PdpCounts = progress?.counts ?? status?.pdps ?? NO_COUNTS;
  const phase = newest === undefined ? undefined : phaseOfRevision(sight, newest);
  const health = healthOf(sight, phase);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    mode: spec.consistency.mode,
    desired: newest?.spec.n ?? 0,
    committed: status?.committedRevision ?? 0,
    pdps: counts,
    ...(phase === undefined ? {} : { phase }),
    ...(told?.wave === undefined ? {} : { wave: { index: told.wave.index, count: told.wave.count } }),
    ready: {
      status: ready?.status ?? 'Unknown',
      reason: ready?.reason ?? 'Progressing',
      message: ready?.message ?? 'the set has not been looked at yet',
    },
    health,
    headline: headlineOf(sight, phase, counts),
    isPaused: spec.paused,
    ...(ready === undefined ? {} : { since: ready.lastTransitionTime }),
  };
}

/** Whether somebody has to do something. */
function healthOf({ set }: SetSight, phase: Phase | undefined): SetSummary['health'] {
  const conditions = set.status?.conditions;
  const ready = findCondition(conditions, 'Ready');
  const stalled = findCondition(conditions, 'Stalled');
  if (phase === 'AwaitingApproval' || set.spec.paused) return 'Waiting';
  if (stalled?.status === 'True') return stalled.reason === 'AwaitingApproval' ? 'Waiting' : 'Failed';
  if (ready?.status === 'True') return 'Good';
  return ready === undefined || ready.status === 'Unknown' ? 'Unknown' : 'Progressing';
}

function headlineOf(sight: SetSight, phase: Phase | undefined, counts: PdpCounts): string {
  const newest = newestOf(sight);
  const ready = findCondition(sight.set.status?.conditions, 'Ready');
  if (newest === undefined || phase === undefined) return ready?.message ?? 'no revision yet';
  const name = `revision ${newest.spec.n}`;
  const hold = toldOf(sight, newest.spec.n)?.hold?.message ?? newest.status?.hold?.message;
  switch (phase) {
    case 'Pending':
    case 'Preparing':
      return `${name}: ${counts.prepared} of ${pdps(counts.required)} have prepared it`;
    case 'Gating':
      return `${name}: ${hold ?? 'about to be decided'}`;
    case 'Soaking':
    case 'Paused':
    case 'AwaitingApproval':
      return `${name}: ${hold ?? phase}`;
    case 'Committing':
      return `${name}: ${counts.active} of ${pdps(counts.required)} serve it`;
    case 'Completed':
      return ready?.message ?? `${counts.active} of ${pdps(counts.required)} serve ${name}`;
    case 'Aborted':
    case 'RolledBack':
      return `${name} was ${phase === 'Aborted' ? 'given up' : 'taken back'}: ${newest.status?.cause ?? ''}`;
  }
}

function pdps(count: number): string {
  return count === 1 ? '1 PDP' : `${count} PDPs`;
}

/** Everything of a set but what the user may do, which depends on the user. */
export function setDetail(sight: SetSight, domains: readonly string[], now: string): Omit<SetDetail, 'actions'> {
  const { set, progress } = sight;
  const { spec, status = {} } = set;
  const newest = newestOf(sight);
  const isOver = newest === undefined || phaseOfRevision(sight, newest) === 'Completed';
  const bound = progress?.revocationBoundMs ?? boundOf(set);
  const { lastConvergence } = status;
  const exceptions = progress?.exceptions ?? status.exceptions ?? [];
  return {
    now,
    summary: setSummary(sight),
    spec: {
      domains,
      rollout: spec.rollout,
      consistency: spec.consistency,
      minReady: spec.minReady,
      isPaused: spec.paused,
      ...(spec.rollbackTo === undefined ? {} : { rollbackTo: spec.rollbackTo }),
      historyLimit: spec.history.limit,
    },
    requests: requestsOf(set),
    conditions: (status.conditions ?? []).map(({ type, status: value, reason, message, lastTransitionTime }) => ({
      type,
      status: value,
      reason,
      message,
      since: lastTransitionTime,
    })),
    ...(isOver ? {} : { rollout: rolloutView(sight, newest) }),
    exceptions: exceptions.map(({ node, state, active = 0, reason = '' }) => ({ node, state, active, reason })),
    ...(bound === undefined ? {} : { revocationBoundMs: bound }),
    leaseMs: leaseMsOf(set),
    ...(status.token === undefined ? {} : { token: status.token }),
    ...(lastConvergence === undefined
      ? {}
      : {
          lastConvergence: {
            revision: lastConvergence.revision,
            at: lastConvergence.at,
            convergenceMs: lastConvergence.milliseconds,
            skewMs: lastConvergence.skewMilliseconds,
          },
        }),
    failedDigests: status.failedDigests ?? [],
  };
}

/** The longest lease that a PDP holds by what the set says. */
export function leaseMsOf({ spec }: PolicySet): number {
  return (consistencyOf(spec.consistency) ?? CONSISTENCY_DEFAULTS).leaseMs;
}

function boundOf({ status }: PolicySet): number | undefined {
  return status?.revocationBound === undefined ? undefined : durationMs(status.revocationBound);
}

function requestsOf(set: PolicySet): SetDetail['requests'] {
  const { spec, metadata } = set;
  const emergency = emergencyRevision(set);
  return {
    ...(spec.paused ? { pause: wishOf(metadata, 'pause') } : {}),
    ...(spec.rollbackTo === undefined
      ? {}
      : { rollback: { ...wishOf(metadata, 'rollback'), toRevision: spec.rollbackTo } }),
    ...(emergency === undefined ? {} : { emergency: { ...wishOf(metadata, 'emergency'), revision: emergency } }),
  };
}

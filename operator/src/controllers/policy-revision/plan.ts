import { isDeepStrictEqual } from 'node:util';
import { mergeConditions, type DesiredCondition, type PolicyRevision, type PolicyRevisionStatus } from '@edict/crds';
import type { AbortCause, RolloutProgress } from '@edict/protocol';
import { rfc3339, rfc3339Millis } from '../../clock.ts';
import { parseCause } from '../abort-cause.ts';
import { describeHold } from '../rollout-board.ts';
import { exceptionsOf, FAILURES, HOLDS, phaseOf, waveText } from '../policy-set/status.ts';
import { approvedWaves, approver } from '../user-requests.ts';
import { hasFailed, stateOf } from '../world.ts';

/** All that deciding about one revision's status takes. */
export interface ObservedRevision {
  readonly revision: PolicyRevision;
  /** The distribution's last report about the set, whichever revision it is about. */
  readonly progress: RolloutProgress | undefined;
  /** Highest n of the set that is decided to be served; 0 for none. */
  readonly committedN: number;
  /** When this process last wrote the status; 0 for never. */
  readonly writtenAt: number;
  readonly intervalMs: number;
  readonly now: number;
}

export interface RevisionPlan {
  readonly status?: PolicyRevisionStatus;
  readonly requeueAfterMs?: number;
}

/**
 * The status of one revision. The decision in it is written by the distribution alone, by compare-and-swap, and only
 * carried along here. A closed rollout is history: its figures do not change any more.
 */
export function planRevision(observed: ObservedRevision): RevisionPlan {
  const { revision, writtenAt, intervalMs, now } = observed;
  const before = revision.status;
  const status = statusOf(observed);
  if (isDeepStrictEqual(status, before)) return {};
  const isUrgent = before?.phase !== status.phase || before?.observedGeneration !== status.observedGeneration;
  const dueInMs = writtenAt + intervalMs - now;
  return !isUrgent && dueInMs > 0 ? { requeueAfterMs: dueInMs } : { status };
}

function statusOf(observed: ObservedRevision): PolicyRevisionStatus {
  const { revision, progress, committedN, now } = observed;
  const { n } = revision.spec;
  const before = revision.status ?? {};
  const state = stateOf(revision);
  const isFailed = hasFailed(revision);
  // One that was decided while nobody was there has not converged: its counts follow those who come.
  const isCompleted = !isFailed && before.phase === 'Completed' && before.convergenceMilliseconds !== undefined;
  const isOvertaken = state === 'Committed' && !isFailed && committedN > n;
  const told = progress?.revision === n ? progress : undefined;
  if (told !== undefined && state === 'Open' && isOutdated(told, before)) return before;
  const phase = isOvertaken ? 'Completed' : standingPhase(observed, before, told);
  // One that was stopped after some of its waves goes on being served until a newer one is committed.
  const isOver = state === 'Aborted' || ((state === 'Stopped' || isFailed) && committedN > n);
  if (isCompleted) return before;
  if (isOver && tellsEnd(before, phase)) return withFigures(before, told);
  const generation = revision.metadata.generation ?? 1;
  const desired = [...conditionsOf(phase, told, before, isOvertaken), ...comparedOf(told)];
  const approvals = approvalsOf(revision, before);
  const absent = (['Reconciling', 'Stalled'] as const).filter((type) => !desired.some((entry) => entry.type === type));
  return {
    ...(told === undefined && state === 'Open' ? before : withoutHold(before)),
    ...(told === undefined ? {} : figuresOf(told)),
    ...(state === 'Aborted' || state === 'Stopped' ? verdictsOf(before) : {}),
    ...(approvals.length === 0 ? {} : { approvals }),
    observedGeneration: generation,
    phase,
    conditions: mergeConditions(before.conditions, desired, absent, generation, rfc3339(now)),
  };
}

/** What was told before the last decision was known: it would take back what the decision has moved on. */
function isOutdated({ wave }: RolloutProgress, { waves = [] }: PolicyRevisionStatus): boolean {
  return wave !== undefined && waves.filter(({ decision }) => decision === 'Commit').length > wave.decided.length;
}

/** The phase; what was known of an open rollout stays until somebody tells more, such as a leader that is new. */
function standingPhase(
  { revision, progress }: ObservedRevision,
  before: PolicyRevisionStatus,
  told: RolloutProgress | undefined,
): NonNullable<PolicyRevisionStatus['phase']> {
  const state = stateOf(revision);
  if (told === undefined && state === 'Open' && before.phase !== undefined) return before.phase;
  const cause = hasFailed(revision) || state !== 'Committed' ? causeOf(before) : undefined;
  return phaseOf({ n: revision.spec.n, state, cause }, progress);
}

/** What a rollout was ended for, as the decision recorded it: what was told before does not take it back. */
function verdictsOf({ analysis, shadow }: PolicyRevisionStatus): PolicyRevisionStatus {
  return { ...(analysis?.verdict === 'Fail' ? { analysis } : {}), ...(shadow?.verdict === 'Fail' ? { shadow } : {}) };
}

/** An ended rollout with the last figures of its shadow evaluation, which are told after its end was recorded. */
function withFigures(before: PolicyRevisionStatus, told: RolloutProgress | undefined): PolicyRevisionStatus {
  const shadow = told?.shadow;
  const isMore = shadow?.verdict === 'Fail' && shadow.counts.total > (before.shadow?.total ?? 0);
  return isMore ? { ...before, shadow: diffOf(shadow) } : before;
}

/** True once the conditions say how it ended: the decision alone, which others write, sets the phase and the cause. */
function tellsEnd(
  { conditions, phase, cause = '' }: PolicyRevisionStatus,
  end: PolicyRevisionStatus['phase'],
): boolean {
  return phase === end && conditions?.some(({ type, message }) => type === 'Ready' && message === cause) === true;
}

function causeOf({ cause }: PolicyRevisionStatus): AbortCause | undefined {
  return cause === undefined ? undefined : parseCause(cause);
}

/** What holds a rollout is there only while it is told. */
function withoutHold({ hold: _hold, ...rest }: PolicyRevisionStatus): PolicyRevisionStatus {
  return rest;
}

/** Approvals that were seen once stay on record. */
function approvalsOf(
  revision: PolicyRevision,
  { approvals = [] }: PolicyRevisionStatus,
): NonNullable<PolicyRevisionStatus['approvals']> {
  const by = approver(revision);
  const known = new Set(approvals.map(({ wave }) => wave));
  const added = approvedWaves(revision)
    .filter((wave) => !known.has(wave))
    .map((wave) => ({ wave, ...(by === undefined ? {} : { by }) }));
  return [...approvals, ...added].sort((a, b) => a.wave - b.wave).slice(0, 64);
}

function wavesOf(progress: RolloutProgress): PolicyRevisionStatus {
  const { wave, hold, shadow, analysis } = progress;
  return {
    ...(wave === undefined ? {} : { wave: waveText(wave) }),
    ...(hold === undefined
      ? {}
      : { hold: { reason: hold.reason, message: (describeHold(progress) ?? '').slice(0, 2048) } }),
    ...(shadow === undefined ? {} : { shadow: diffOf(shadow) }),
    ...(analysis === undefined ? {} : { analysis: { ...analysis, message: analysis.message.slice(0, 2048) } }),
  };
}

function diffOf({
  counts,
  samples,
  verdict,
  message,
}: NonNullable<RolloutProgress['shadow']>): NonNullable<PolicyRevisionStatus['shadow']> {
  const shown = samples.slice(0, 20).map((sample) => ({ ...sample }));
  return { ...counts, verdict, message: message.slice(0, 2048), samples: shown };
}

function figuresOf(progress: RolloutProgress): PolicyRevisionStatus {
  const { counts, preparingSince, completedAt, convergenceMs, skewMs } = progress;
  const exceptions = exceptionsOf(progress);
  return {
    preparedCount: `${counts.prepared}/${counts.required}`,
    // After an abort the counts are about the revision that serves instead: nobody serves this one.
    activeCount: `${activeOf(progress)}/${counts.required}`,
    nackedCount: counts.nacked,
    exceptions,
    ...wavesOf(progress),
    ...(preparingSince === undefined ? {} : { preparingSince: rfc3339Millis(preparingSince) }),
    ...(completedAt === undefined ? {} : { completedAt: rfc3339Millis(completedAt) }),
    ...(convergenceMs === undefined ? {} : { convergenceMilliseconds: Math.round(convergenceMs) }),
    ...(skewMs === undefined ? {} : { skewMilliseconds: Math.round(skewMs) }),
  };
}

/** PDPs that serve this revision to anyone. */
function activeOf({ phase, wave, counts }: RolloutProgress): number {
  if (phase === 'Aborted' || phase === 'RolledBack') return 0;
  return wave === undefined ? counts.active : wave.active;
}

function conditionsOf(
  phase: NonNullable<PolicyRevisionStatus['phase']>,
  told: RolloutProgress | undefined,
  { cause = '', preparedCount = '', activeCount = '' }: PolicyRevisionStatus,
  isOvertaken: boolean,
): readonly DesiredCondition[] {
  const prepared = told === undefined ? preparedCount : `${told.counts.prepared}/${told.counts.required}`;
  const active = told === undefined ? activeCount : `${told.counts.active}/${told.counts.required}`;
  const all: DesiredCondition = {
    type: 'Prepared',
    status: 'True',
    reason: 'AllPrepared',
    message: 'decided to be served',
  };
  switch (phase) {
    case 'Pending':
    case 'Preparing':
    case 'Gating': {
      const message = `${prepared === '' ? 'no' : prepared} PDPs have prepared it`;
      return ['Prepared', 'Converged', 'Ready']
        .map((type) => waiting(type as 'Ready', message))
        .concat(working(message));
    }
    case 'Soaking':
    case 'Paused':
    case 'AwaitingApproval': {
      const hold = told?.hold;
      const known = hold && HOLDS[hold.reason];
      const message = (told && describeHold(told)) ?? `${active === '' ? 'no' : active} PDPs serve it`;
      const reason = known?.reason ?? 'Soaking';
      const isPrepared = phase === 'Soaking' || (told !== undefined && told.counts.prepared >= told.counts.required);
      return [
        ...(isPrepared ? [{ ...all, message: 'every required PDP has prepared it' }] : []),
        { type: 'Converged', status: 'False', reason, message },
        { type: 'Ready', status: 'False', reason, message },
        { type: known?.isStalled === true ? 'Stalled' : 'Reconciling', status: 'True', reason, message },
      ];
    }
    case 'Committing': {
      const message = `${active === '' ? 'no' : active} PDPs serve it`;
      return [all, waiting('Converged', message), waiting('Ready', message), working(message)];
    }
    case 'Completed': {
      if (isOvertaken) {
        const message = 'a newer revision was committed before every PDP had confirmed this one';
        return [
          all,
          { type: 'Converged', status: 'False', reason: 'Superseded', message },
          { type: 'Ready', status: 'False', reason: 'Superseded', message },
        ];
      }
      const message = 'every required PDP served it';
      return [
        all,
        { type: 'Converged', status: 'True', reason: 'Converged', message },
        { type: 'Ready', status: 'True', reason: 'Converged', message },
      ];
    }
    case 'RolledBack':
    case 'Aborted': {
      const reason = phase === 'RolledBack' ? 'RolledBack' : FAILURES[parseCause(cause).reason];
      return [
        { type: 'Prepared', status: 'False', reason, message: cause },
        { type: 'Converged', status: 'False', reason, message: cause },
        { type: 'Ready', status: 'False', reason, message: cause },
        { type: 'Stalled', status: 'True', reason, message: cause },
      ];
    }
  }
}

/** Whether the revision was compared before it was decided; not said once that is no longer told. */
function comparedOf(told: RolloutProgress | undefined): readonly DesiredCondition[] {
  if (told?.shadow === undefined) return [];
  const { verdict, proven, awaitsTraffic, message } = told.shadow;
  const type = 'ShadowCompared';
  if (verdict === 'Waiting' && !awaitsTraffic) return [{ type, status: 'Unknown', reason: 'Progressing', message }];
  if (!proven) return [{ type, status: 'False', reason: 'NoTraffic', message }];
  const isFailed = verdict === 'Fail';
  return [{ type, status: isFailed ? 'False' : 'True', reason: isFailed ? 'ShadowDiffers' : 'ShadowPassed', message }];
}

function waiting(type: DesiredCondition['type'], message: string): DesiredCondition {
  return { type, status: 'False', reason: 'WaitingForPDP', message };
}

function working(message: string): DesiredCondition {
  return { type: 'Reconciling', status: 'True', reason: 'WaitingForPDP', message };
}

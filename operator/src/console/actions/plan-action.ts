import type { PolicyRevision, PolicySet } from '@edict/crds';
import {
  ABORT_ANNOTATION,
  ABORTED_BY_ANNOTATION,
  abortReason,
  APPROVE_WAVE_ANNOTATION,
  APPROVED_BY_ANNOTATION,
  approvedWaves,
  EMERGENCY_ANNOTATION,
  EMERGENCY_BY_ANNOTATION,
  PAUSE_REASON_ANNOTATION,
  PAUSED_BY_ANNOTATION,
  ROLLBACK_BY_ANNOTATION,
  ROLLBACK_REASON_ANNOTATION,
} from '../../controllers/user-requests.ts';
import { committedOf, stateOf } from '../../controllers/world.ts';
import { newestOf, toldOf, type SetSight } from '../views/sight.ts';
import { currentWave, wavesOf } from '../views/waves-view.ts';
import type { ActionBody, ActionName } from '../wire.ts';

/** Annotations to set; `null` removes one. */
export type AnnotationChange = Readonly<Record<string, string | null>>;

/** One write that carries an action out, or why there is none. */
export type ActionPlan =
  | {
      readonly type: 'WriteSet';
      /** Members of the spec to set; `null` removes one. */
      readonly spec: { readonly paused?: boolean; readonly rollbackTo?: number | null };
      readonly annotations: AnnotationChange;
      readonly message: string;
    }
  | {
      readonly type: 'WriteRevision';
      readonly n: number;
      readonly annotations: AnnotationChange;
      readonly message: string;
    }
  /** It is so already. */
  | { readonly type: 'Nothing'; readonly message: string }
  /** `Invalid`: the request makes no sense. `Conflict`: not now. */
  | { readonly type: 'Refused'; readonly code: 'Invalid' | 'Conflict'; readonly message: string };

/** Which kind an action writes: what its caller needs the right to `update`. */
export const ACTION_KINDS: Readonly<Record<ActionName, 'PolicySet' | 'PolicyRevision'>> = {
  pause: 'PolicySet',
  resume: 'PolicySet',
  approve: 'PolicyRevision',
  abort: 'PolicyRevision',
  undo: 'PolicySet',
};

/**
 * What an action of `user` writes. Pure. `user` is named in the annotations beside what is written, and so in the history;
 * undefined where nobody knows who it is.
 */
export function planAction(
  action: ActionName,
  sight: SetSight,
  body: ActionBody,
  user: string | undefined,
): ActionPlan {
  const stale = staleness(sight, body);
  if (stale !== undefined) return stale;
  switch (action) {
    case 'pause':
      return planPause(sight, body, user);
    case 'resume':
      return planResume(sight);
    case 'approve':
      return planApproval(sight, body, user);
    case 'abort':
      return planAbort(sight, body, user);
    case 'undo':
      return planUndo(sight, body, user);
  }
}

function staleness(sight: SetSight, { revision }: ActionBody): ActionPlan | undefined {
  const newest = newestOf(sight)?.spec.n ?? 0;
  if (revision === undefined || revision === newest) return undefined;
  return conflict(`revision ${revision} is not the newest any more: that is ${newest}`);
}

function planPause({ set }: SetSight, { reason }: ActionBody, user: string | undefined): ActionPlan {
  const { name } = set.metadata;
  if (set.spec.paused) return { type: 'Nothing', message: `${name} is paused already` };
  return {
    type: 'WriteSet',
    spec: { paused: true },
    annotations: { [PAUSED_BY_ANNOTATION]: user ?? null, [PAUSE_REASON_ANNOTATION]: reason ?? null },
    message: `${name} is paused`,
  };
}

function planResume(sight: SetSight): ActionPlan {
  const { set } = sight;
  const { name } = set.metadata;
  if (set.spec.paused) {
    return {
      type: 'WriteSet',
      spec: { paused: false },
      annotations: { [PAUSED_BY_ANNOTATION]: null, [PAUSE_REASON_ANNOTATION]: null },
      message: `${name} goes on`,
    };
  }
  const newest = newestOf(sight);
  if (newest?.status?.phase === 'Paused' && stateOf(newest) === 'Open') {
    const why = toldOf(sight, newest.spec.n)?.hold?.message ?? newest.status.hold?.message ?? '';
    return conflict(`nobody paused ${name}: its rollout holds by itself (${why}); approve the next wave, or abort it`);
  }
  return { type: 'Nothing', message: `${name} is not paused` };
}

function planApproval(sight: SetSight, body: ActionBody, user: string | undefined): ActionPlan {
  const open = openOf(sight);
  if (open === undefined) return conflict('no rollout is under way');
  const { n } = open.spec;
  const approved = approvedWaves(open);
  const wave = body.wave ?? awaitedWave(sight, open);
  if (wave === undefined) return conflict(`no wave of revision ${n} waits for approval; name one to approve it ahead`);
  const { length } = wavesOf(sight, open);
  if (wave >= length) {
    return invalid(`revision ${n} has ${length === 1 ? 'one wave' : `${length} waves`}: there is no wave ${wave + 1}`);
  }
  const label = `wave ${wave + 1} of revision ${n}`;
  if (approved.includes(wave)) return { type: 'Nothing', message: `${label} is approved already` };
  const waves = [...approved, wave].sort((a, b) => a - b).join(',');
  return {
    type: 'WriteRevision',
    n,
    annotations: { [APPROVE_WAVE_ANNOTATION]: waves, [APPROVED_BY_ANNOTATION]: user ?? null },
    message: `${label} is approved`,
  };
}

/** The wave that somebody has to let go on. */
function awaitedWave(sight: SetSight, open: PolicyRevision): number | undefined {
  const hold = (toldOf(sight, open.spec.n)?.hold ?? open.status?.hold)?.reason;
  const wave = currentWave(sight, open);
  if (hold === 'AnalysisFailed' || hold === 'AnalysisUnknown') return wave + 1;
  if (hold !== 'ApprovalRequired') return undefined;
  const waits = wavesOf(sight, open).find(({ index, needsApproval, isApproved, decision }) => {
    return index >= wave && needsApproval && !isApproved && decision === undefined;
  });
  return waits?.index ?? wave;
}

function planAbort(sight: SetSight, { reason }: ActionBody, user: string | undefined): ActionPlan {
  const open = openOf(sight);
  if (open === undefined) return conflict('no rollout is under way');
  if (reason === undefined) return invalid('an abort needs a reason');
  const { n } = open.spec;
  if (abortReason(open) !== undefined) return { type: 'Nothing', message: `revision ${n} is being ended already` };
  return {
    type: 'WriteRevision',
    n,
    annotations: { [ABORT_ANNOTATION]: reason, [ABORTED_BY_ANNOTATION]: user ?? null },
    message: `the rollout of revision ${n} is being ended`,
  };
}

function planUndo(sight: SetSight, body: ActionBody, user: string | undefined): ActionPlan {
  const { set } = sight;
  const { name } = set.metadata;
  if (body.clear === true) {
    if (body.toRevision !== undefined || body.now === true)
      return invalid('clear goes with neither toRevision nor now');
    if (set.spec.rollbackTo === undefined) return { type: 'Nothing', message: `${name} serves what its domains say` };
    return {
      type: 'WriteSet',
      spec: { rollbackTo: null },
      annotations: { ...NO_ROLLBACK, [EMERGENCY_ANNOTATION]: null, [EMERGENCY_BY_ANNOTATION]: null },
      message: `${name} serves what its domains say again`,
    };
  }
  const target = undoTarget(sight, body.toRevision);
  if (typeof target !== 'number') return target;
  const isNow = body.now === true;
  const isAsked = set.spec.rollbackTo === target;
  if (isAsked && (!isNow || set.metadata.annotations?.[EMERGENCY_ANNOTATION] === String(target))) {
    return { type: 'Nothing', message: `${name} goes back to the content of revision ${target} already` };
  }
  return {
    type: 'WriteSet',
    spec: { rollbackTo: target },
    annotations: {
      [ROLLBACK_BY_ANNOTATION]: user ?? null,
      [ROLLBACK_REASON_ANNOTATION]: body.reason ?? null,
      [EMERGENCY_ANNOTATION]: isNow ? String(target) : null,
      [EMERGENCY_BY_ANNOTATION]: isNow ? (user ?? null) : null,
    },
    message: `${name} goes back to the content of revision ${target}${isNow ? ', at once' : ''}`,
  };
}

const NO_ROLLBACK = { [ROLLBACK_BY_ANNOTATION]: null, [ROLLBACK_REASON_ANNOTATION]: null } as const;

/** The revision to go back to: the one that is asked for, or the committed one before with another content. */
export function undoTarget({ set, revisions }: SetSight, toRevision: number | undefined): number | ActionPlan {
  const { name } = set.metadata;
  if (toRevision === undefined) {
    const before = previousOf(revisions);
    return before?.spec.n ?? conflict(`${name} has no earlier committed revision`);
  }
  const target = revisions.find(({ spec }) => spec.n === toRevision);
  if (target === undefined) return invalid(`${name} has no revision ${toRevision}`);
  return stateOf(target) === 'Committed' ? toRevision : invalid(`revision ${toRevision} was never committed`);
}

/** The newest committed revision with another content than the one that serves. Never one that withdraws everything. */
function previousOf(revisions: readonly PolicyRevision[]): PolicyRevision | undefined {
  const serving = committedOf(revisions);
  return revisions.findLast(
    (revision) =>
      revision.spec.n < (serving?.spec.n ?? 0) &&
      revision.spec.reason !== 'Withdraw' &&
      revision.spec.digest !== serving?.spec.digest &&
      stateOf(revision) === 'Committed',
  );
}

function openOf(sight: SetSight): PolicyRevision | undefined {
  const newest = newestOf(sight);
  return newest !== undefined && stateOf(newest) === 'Open' ? newest : undefined;
}

/** The set as an action changes it. */
export function changedSet(set: PolicySet, plan: Extract<ActionPlan, { type: 'WriteSet' }>): PolicySet {
  const { rollbackTo: before, ...spec } = set.spec;
  const { paused = spec.paused, rollbackTo = before } = plan.spec;
  return {
    ...set,
    metadata: { ...set.metadata, annotations: changedAnnotations(set.metadata.annotations, plan.annotations) },
    spec: { ...spec, paused, ...(rollbackTo === undefined || rollbackTo === null ? {} : { rollbackTo }) },
  };
}

/** Annotations after a change. */
export function changedAnnotations(
  before: Readonly<Record<string, string>> | undefined,
  change: AnnotationChange,
): Record<string, string> {
  const kept = Object.entries({ ...before, ...change }).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(kept);
}

function conflict(message: string): Extract<ActionPlan, { type: 'Refused' }> {
  return { type: 'Refused', code: 'Conflict', message };
}

function invalid(message: string): Extract<ActionPlan, { type: 'Refused' }> {
  return { type: 'Refused', code: 'Invalid', message };
}

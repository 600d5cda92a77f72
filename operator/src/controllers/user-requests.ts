import type { ObjectMeta, PolicyRevision, PolicySet } from '@edict/crds';

/** On a PolicyRevision: numbers of the waves that are approved, from 0, separated by commas. */
export const APPROVE_WAVE_ANNOTATION = 'edict.dev/approve-wave';

/** Beside it: who approves. The webhook lets nobody name another. */
export const APPROVED_BY_ANNOTATION = 'edict.dev/approved-by';

/** On a PolicyRevision: why its rollout is to end. What served before comes back. */
export const ABORT_ANNOTATION = 'edict.dev/abort';

/** Beside it: who ends it. */
export const ABORTED_BY_ANNOTATION = 'edict.dev/aborted-by';

/**
 * On a PolicySet: the revision that is to be everywhere at once, without waves, shadow evaluation, approval or the time
 * between commits. It still has to be prepared. The revision is the open one, or the one that `spec.rollbackTo` names.
 */
export const EMERGENCY_ANNOTATION = 'edict.dev/emergency';

/** Beside it: who asks for it. */
export const EMERGENCY_BY_ANNOTATION = 'edict.dev/emergency-by';

/** On a PolicySet, beside `spec.paused`: who paused it, and why. */
export const PAUSED_BY_ANNOTATION = 'edict.dev/paused-by';
export const PAUSE_REASON_ANNOTATION = 'edict.dev/pause-reason';

/** On a PolicySet, beside `spec.rollbackTo`: who goes back, and why. */
export const ROLLBACK_BY_ANNOTATION = 'edict.dev/rollback-by';
export const ROLLBACK_REASON_ANNOTATION = 'edict.dev/rollback-reason';

/** On a PolicyRevision, as the operator makes it: who asked for it by name, and why. */
export const REQUESTED_BY_ANNOTATION = 'edict.dev/requested-by';
export const REQUEST_REASON_ANNOTATION = 'edict.dev/request-reason';

/** Numbers that an annotation may hold. */
const WAVES_MAX = 64;

/** The waves that a text approves, ascending; undefined if it is no list of numbers. */
export function readWaves(text: string): readonly number[] | undefined {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > WAVES_MAX || parts.some((part) => !/^[0-9]{1,2}$/.test(part))) return undefined;
  return [...new Set(parts.map(Number))].sort((a, b) => a - b);
}

/** Waves of a revision that somebody approved. What cannot be read approves nothing. */
export function approvedWaves({ metadata }: Pick<PolicyRevision, 'metadata'>): readonly number[] {
  const text = metadata.annotations?.[APPROVE_WAVE_ANNOTATION];
  return text === undefined ? [] : (readWaves(text) ?? []);
}

/** Who approved, as far as it is known. */
export function approver({ metadata }: Pick<PolicyRevision, 'metadata'>): string | undefined {
  return metadata.annotations?.[APPROVED_BY_ANNOTATION]?.slice(0, 253);
}

/** Why somebody wants a rollout ended; undefined if nobody does. */
export function abortReason({ metadata }: Pick<PolicyRevision, 'metadata'>): string | undefined {
  const text = metadata.annotations?.[ABORT_ANNOTATION];
  if (text === undefined) return undefined;
  const by = metadata.annotations?.[ABORTED_BY_ANNOTATION];
  const why = text === '' || text === 'true' ? 'ended by the user' : text.slice(0, 1024);
  return by === undefined ? why : `${why} (${by.slice(0, 253)})`;
}

/** Somebody's wish: who, and why, as far as they said so. */
export interface UserWish {
  readonly by?: string;
  readonly reason?: string;
}

const WISHES = {
  pause: [PAUSED_BY_ANNOTATION, PAUSE_REASON_ANNOTATION],
  rollback: [ROLLBACK_BY_ANNOTATION, ROLLBACK_REASON_ANNOTATION],
  emergency: [EMERGENCY_BY_ANNOTATION, ROLLBACK_REASON_ANNOTATION],
  revision: [REQUESTED_BY_ANNOTATION, REQUEST_REASON_ANNOTATION],
} as const;

/** Who wished for a pause, a rollback or an emergency of a set, or for a revision. */
export function wishOf(metadata: ObjectMeta, what: keyof typeof WISHES): UserWish {
  const [byName, reasonName] = WISHES[what];
  const by = metadata.annotations?.[byName];
  const reason = metadata.annotations?.[reasonName];
  return {
    ...(by === undefined ? {} : { by: by.slice(0, 253) }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, 1024) }),
  };
}

/** The revision that a set is to have everywhere at once; undefined if none is named. */
export function emergencyRevision({ metadata }: Pick<PolicySet, 'metadata'>): number | undefined {
  const text = metadata.annotations?.[EMERGENCY_ANNOTATION];
  return text !== undefined && /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : undefined;
}

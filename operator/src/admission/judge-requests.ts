import { isDeepStrictEqual } from 'node:util';
import { validateObject, type ObjectMeta } from '@edict/crds';
import {
  ABORT_ANNOTATION,
  APPROVE_WAVE_ANNOTATION,
  APPROVED_BY_ANNOTATION,
  EMERGENCY_ANNOTATION,
  readWaves,
} from '../controllers/user-requests.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';

/** What users may write on a PolicyRevision, if RBAC lets them. */
const REQUESTS: ReadonlySet<string> = new Set([APPROVE_WAVE_ANNOTATION, APPROVED_BY_ANNOTATION, ABORT_ANNOTATION]);

/** Members of metadata that change by themselves with every write. */
const VOLATILE: ReadonlySet<string> = new Set(['resourceVersion', 'managedFields', 'annotations', 'generation']);

interface Revision {
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** Decides about a user who approves a wave, or ends a rollout: undefined if the request changes anything else. */
export function judgeUserRequest({ operation, object, oldObject, userInfo }: AdmissionRequest): Verdict | undefined {
  if (operation !== 'UPDATE' || !isRevision(object) || !isRevision(oldObject)) return undefined;
  if (!isDeepStrictEqual(object.spec, oldObject.spec) || !isDeepStrictEqual(object.status, oldObject.status)) {
    return undefined;
  }
  if (!isDeepStrictEqual(steady(object.metadata), steady(oldObject.metadata))) return undefined;
  const before = oldObject.metadata.annotations ?? {};
  const after = object.metadata.annotations ?? {};
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => before[name] !== after[name],
  );
  if (changed.length === 0 || changed.some((name) => !REQUESTS.has(name))) return undefined;
  const waves = after[APPROVE_WAVE_ANNOTATION];
  if (waves !== undefined && readWaves(waves) === undefined) {
    const message = `${APPROVE_WAVE_ANNOTATION}: "${waves}" is no list of wave numbers such as 0 or 0,1`;
    return { allowed: false, code: 422, message };
  }
  const by = after[APPROVED_BY_ANNOTATION];
  if (changed.includes(APPROVED_BY_ANNOTATION) && by !== undefined && by !== userInfo.username) {
    const message = `${APPROVED_BY_ANNOTATION}: you are ${userInfo.username}, and cannot approve as ${by}`;
    return { allowed: false, code: 403, message };
  }
  if (changed.includes(APPROVE_WAVE_ANNOTATION) && by !== undefined && by !== userInfo.username) {
    const message = `${APPROVED_BY_ANNOTATION} names ${by}: set it to ${userInfo.username} or remove it`;
    return { allowed: false, code: 403, message };
  }
  return { allowed: true };
}

/** Refuses a set whose rollout could not be carried out, with the place of what is wrong. */
export function judgeSet({ operation, object }: AdmissionRequest): Verdict {
  if (operation === 'DELETE') return { allowed: true };
  const valid = validateObject(object);
  if (!valid.ok) return { allowed: false, code: 422, message: valid.problems.join('\n') };
  const emergency = valid.object.metadata.annotations?.[EMERGENCY_ANNOTATION];
  if (emergency !== undefined && !/^[1-9][0-9]{0,15}$/.test(emergency)) {
    return { allowed: false, code: 422, message: `${EMERGENCY_ANNOTATION}: "${emergency}" is no revision number` };
  }
  return { allowed: true };
}

function isRevision(value: unknown): value is Revision {
  return typeof value === 'object' && value !== null && 'metadata' in value;
}

function steady(metadata: ObjectMeta): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !VOLATILE.has(name)));
}

import { isDeepStrictEqual } from 'node:util';
import { validateObject, type ObjectMeta, type PolicySet } from '@edict/crds';
import {
  ABORT_ANNOTATION,
  ABORTED_BY_ANNOTATION,
  APPROVE_WAVE_ANNOTATION,
  APPROVED_BY_ANNOTATION,
  EMERGENCY_ANNOTATION,
  EMERGENCY_BY_ANNOTATION,
  emergencyRevision,
  PAUSED_BY_ANNOTATION,
  readWaves,
  ROLLBACK_BY_ANNOTATION,
} from '../controllers/user-requests.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';

/** The annotation that says who has a wish, and what that user does. */
interface Named {
  readonly by: string;
  readonly verb: string;
}

const REVISION_PAIRS: readonly (Named & { readonly request: string })[] = [
  { request: APPROVE_WAVE_ANNOTATION, by: APPROVED_BY_ANNOTATION, verb: 'approve' },
  { request: ABORT_ANNOTATION, by: ABORTED_BY_ANNOTATION, verb: 'end a rollout' },
];

/** What users may write on a PolicyRevision, if RBAC lets them. */
const REQUESTS: ReadonlySet<string> = new Set(REVISION_PAIRS.flatMap(({ request, by }) => [request, by]));

/** The same on a PolicySet; `asked` tells whether the wish is there, and what it is about. */
const SET_PAIRS: readonly (Named & { readonly asked: (set: PolicySet) => unknown })[] = [
  {
    by: PAUSED_BY_ANNOTATION,
    verb: 'pause',
    asked: ({ spec }) => (spec.paused ? true : undefined),
  },
  {
    by: ROLLBACK_BY_ANNOTATION,
    verb: 'go back',
    asked: ({ spec }) => spec.rollbackTo,
  },
  {
    by: EMERGENCY_BY_ANNOTATION,
    verb: 'declare an emergency',
    asked: emergencyRevision,
  },
];

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
  for (const pair of REVISION_PAIRS) {
    const refused = judgeName(pair, before, after, changed.includes(pair.request), userInfo.username);
    if (refused !== undefined) return refused;
  }
  return { allowed: true };
}

/** Nobody names another as who wishes something, nor leaves another's name beside a wish of his own. */
function judgeName(
  { by, verb }: Named,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  isNew: boolean,
  user: string,
): Verdict | undefined {
  const name = after[by];
  if (name === undefined || name === user) return undefined;
  if (name !== before[by]) {
    return { allowed: false, code: 403, message: `${by}: you are ${user}, and cannot ${verb} as ${name}` };
  }
  return isNew
    ? { allowed: false, code: 403, message: `${by} names ${name}: set it to ${user} or remove it` }
    : undefined;
}

/**
 * Refuses a set whose rollout could not be carried out, with the place of what is wrong, and a wish in another's name. The
 * operator itself names the users whom it asked about first.
 */
export function judgeSet({ operation, object, oldObject, userInfo }: AdmissionRequest, operatorUser?: string): Verdict {
  if (operation === 'DELETE') return { allowed: true };
  const valid = validateObject(object);
  if (!valid.ok) return { allowed: false, code: 422, message: valid.problems.join('\n') };
  const emergency = valid.object.metadata.annotations?.[EMERGENCY_ANNOTATION];
  if (emergency !== undefined && !/^[1-9][0-9]{0,15}$/.test(emergency)) {
    return { allowed: false, code: 422, message: `${EMERGENCY_ANNOTATION}: "${emergency}" is no revision number` };
  }
  // What is made anew may come from a backup, with the names that were there.
  if (operation === 'CREATE' || userInfo.username === operatorUser) return { allowed: true };
  const after = valid.object as PolicySet;
  const known = validateObject(oldObject);
  const before = known.ok ? (known.object as PolicySet) : undefined;
  for (const pair of SET_PAIRS) {
    const isNew = pair.asked(after) !== undefined && pair.asked(after) !== (before && pair.asked(before));
    const [old, young] = [before?.metadata.annotations ?? {}, after.metadata.annotations ?? {}];
    const refused = judgeName(pair, old, young, isNew, userInfo.username);
    if (refused !== undefined) return refused;
  }
  return { allowed: true };
}

function isRevision(value: unknown): value is Revision {
  return typeof value === 'object' && value !== null && 'metadata' in value;
}

function steady(metadata: ObjectMeta): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !VOLATILE.has(name)));
}

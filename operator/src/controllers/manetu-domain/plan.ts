import { isDeepStrictEqual } from 'node:util';
import {
  mergeConditions,
  type ConditionReason,
  type DesiredCondition,
  type PolicyDomain,
  type PolicyDomainStatus,
} from '@edict/crds';
import { rfc3339 } from '../../clock.ts';
import { FORCE_DELETE_ANNOTATION, WITHDRAW_FINALIZER } from '../names.ts';
import { isDeleting } from '../world.ts';
import { mirroredUid } from './mirror.ts';
import type { ManetuAction, ObservedManetuDomain } from './observed.ts';

/** Every type of condition that a domain of ours has. */
const SUMMARISED = ['Accepted', 'Rendered', 'Prepared', 'Converged', 'Ready'] as const;

/**
 * What to do about one object of Manetu's group and its mirror. Pure: equal observations give equal plans, and an empty plan
 * means that it is done, or that a change to one of the two has to come first, of which the caller is told. A mirror is made,
 * followed and withdrawn by the same controllers as any domain: here it is only kept equal to what the object means, and its
 * status is brought back. A domain that is nobody's mirror is never written.
 */
export function planManetuDomain(observed: ObservedManetuDomain): readonly ManetuAction[] {
  const { object, mode, domain } = observed;
  const hasFinalizer = (object.metadata.finalizers ?? []).includes(WITHDRAW_FINALIZER);
  if (mode === 'Release') return planRelease(observed, hasFinalizer);
  const mirror = domain !== undefined && mirroredUid(domain.metadata) === object.metadata.uid ? domain : undefined;
  if (isDeleting(object)) return hasFinalizer ? planDeletion(observed, mirror) : [];
  // Own the cleanup before creating anything to clean up.
  if (!hasFinalizer) return [{ type: 'add-finalizer' }];
  if (domain !== undefined && mirror === undefined && mirroredUid(domain.metadata) === undefined) {
    const message = `there is a PolicyDomain ${domain.metadata.name} of edict.dev already, which is not touched: delete it, or give one of the two another name`;
    return statusIfNew(observed, refused(observed, undefined, 'NameConflict', message));
  }
  const { content } = observed;
  if (!content.ok) return statusIfNew(observed, refused(observed, mirror, 'Invalid', content.message));
  if (domain === undefined) {
    return [{ type: 'create-mirror', spec: content.spec, labels: content.labels }];
  }
  // That of an earlier object of the same name, or one that is being withdrawn: once it is gone, a new one takes its place.
  if (mirror === undefined || isDeleting(mirror)) return [];
  if (!isDeepStrictEqual(mirror.spec, content.spec) || !isDeepStrictEqual(mirror.metadata.labels, content.labels)) {
    return [{ type: 'update-mirror', mirror, spec: content.spec, labels: content.labels }];
  }
  // Until the mirror's status is about what the object says now, there is nothing to tell.
  if (mirror.status?.observedGeneration !== mirror.metadata.generation) return [];
  return statusIfNew(observed, reflected(observed, mirror));
}

function planDeletion(observed: ObservedManetuDomain, mirror: PolicyDomain | undefined): readonly ManetuAction[] {
  if (mirror === undefined) return [{ type: 'remove-finalizer' }];
  if (observed.object.metadata.annotations?.[FORCE_DELETE_ANNOTATION] === 'true') {
    return [{ type: 'delete-mirror', mirror, isForced: true }, { type: 'remove-finalizer' }];
  }
  if (!isDeleting(mirror)) return [{ type: 'delete-mirror', mirror, isForced: false }];
  return statusIfNew(observed, reflected(observed, mirror));
}

/** Nobody will follow the object any more: that is said, and nothing holds its deletion back. */
function planRelease(observed: ObservedManetuDomain, hasFinalizer: boolean): readonly ManetuAction[] {
  if (!hasFinalizer) return [];
  const message =
    'manetuGroup.enabled is off: what this object said last is served on by its mirror, and edits have no effect';
  const conditions: readonly DesiredCondition[] = [
    { type: 'Ready', status: 'Unknown', reason: 'GroupDisabled', message },
    { type: 'Stalled', status: 'True', reason: 'GroupDisabled', message },
  ];
  const { status = {} } = observed.object;
  const written = statusIfNew(observed, withConditions(observed, status, conditions, ['Reconciling']));
  // One write at a time: each changes the object's version.
  return written.length > 0 ? written : [{ type: 'remove-finalizer' }];
}

/** The status of an object that its mirror does not follow; what is served is said on. */
function refused(
  observed: ObservedManetuDomain,
  mirror: PolicyDomain | undefined,
  reason: ConditionReason,
  message: string,
): PolicyDomainStatus {
  const { conditions: _ofMirror, observedGeneration: _generation, ...served } = mirror?.status ?? {};
  const desired: readonly DesiredCondition[] = [
    ...SUMMARISED.map((type) => ({ type, status: 'False' as const, reason, message })),
    { type: 'Stalled', status: 'True', reason, message },
  ];
  return withConditions(observed, served, desired, ['Reconciling']);
}

/** The status of an object whose mirror the API server refuses, with what it said. */
export function refusedByServer(observed: ObservedManetuDomain, message: string): readonly ManetuAction[] {
  const { object, domain } = observed;
  const mirror = domain !== undefined && mirroredUid(domain.metadata) === object.metadata.uid ? domain : undefined;
  return statusIfNew(observed, refused(observed, mirror, 'Invalid', message));
}

/** The mirror's status as that of the object: it is about the object's own generation. */
function reflected(observed: ObservedManetuDomain, mirror: PolicyDomain): PolicyDomainStatus {
  const { conditions = [], observedGeneration: _generation, ...served } = mirror.status ?? {};
  const desired = conditions.map(({ type, status, reason, message }) => ({ type, status, reason, message }));
  const gone = ([...SUMMARISED, 'Reconciling', 'Stalled'] as const).filter(
    (type) => !desired.some((condition) => condition.type === type),
  );
  return withConditions(observed, served, desired as readonly DesiredCondition[], gone);
}

function withConditions(
  { object, now }: ObservedManetuDomain,
  status: PolicyDomainStatus,
  desired: readonly DesiredCondition[],
  absent: Parameters<typeof mergeConditions>[2],
): PolicyDomainStatus {
  const generation = object.metadata.generation ?? 0;
  return {
    ...status,
    observedGeneration: generation,
    conditions: mergeConditions(object.status?.conditions, desired, absent, generation, rfc3339(now)),
  };
}

function statusIfNew({ object }: ObservedManetuDomain, status: PolicyDomainStatus): readonly ManetuAction[] {
  return isDeepStrictEqual(status, object.status) ? [] : [{ type: 'set-status', status }];
}

import { PolicySetSpec, type Condition, type PolicyDomain, type PolicyRevision, type PolicySet } from '@edict/crds';

const AT = '2026-01-01T00:00:00Z';

/** A condition of generation `observedGeneration`. */
export function aCondition(type: string, status: Condition['status'], over: Partial<Condition> = {}): Condition {
  return { type, status, observedGeneration: 1, lastTransitionTime: AT, reason: 'Converged', message: '', ...over };
}

/** A set as its controller leaves it: three PDPs, revision 1 committed and served. */
export function aSet(status: Partial<NonNullable<PolicySet['status']>> = {}, name = 'default'): PolicySet {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicySet',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1 },
    spec: PolicySetSpec.parse({}),
    status: {
      observedGeneration: 1,
      desiredRevision: 1,
      committedRevision: 1,
      pdps: { required: 3, connected: 3, prepared: 3, active: 3, nacked: 0, laggards: 0, missing: 0 },
      conditions: [aCondition('Ready', 'True')],
      ...status,
    },
  };
}

/** Revision `n` of {@link aSet}; by default completed. */
export function aRevision(
  n: number,
  status: Partial<NonNullable<PolicyRevision['status']>> = {},
  spec: Partial<PolicyRevision['spec']> = {},
): PolicyRevision {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyRevision',
    metadata: { name: `default-${n}`, namespace: 'default', uid: `uid-revision-${n}`, creationTimestamp: AT },
    spec: {
      set: 'default',
      setUid: 'uid-default',
      setGeneration: 1,
      n,
      parent: n - 1,
      rendererVersion: 1,
      manifest: '{"domains":[]}',
      digest: `sha256:${String(n).repeat(64).slice(0, 64)}`,
      signature: 'c2lnbmF0dXJl',
      keyId: 'key',
      createdAt: AT,
      reason: 'Spec',
      ...spec,
    },
    status: {
      phase: 'Completed',
      waves: [{ index: 0, decision: 'Commit' }],
      preparedCount: '3/3',
      activeCount: '3/3',
      ...status,
    },
  };
}

/** A domain that its controller has accepted and whose policy serves. */
export function aDomain(over: Partial<PolicyDomain> = {}): PolicyDomain {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
    metadata: { name: 'shop', namespace: 'default', uid: 'uid-shop', generation: 1 },
    spec: {},
    status: { observedGeneration: 1, conditions: [aCondition('Accepted', 'True'), aCondition('Ready', 'True')] },
    ...over,
  };
}

import type { PolicyDecisionPoint, PolicyDomain, PolicyRevision, PolicySet } from '@edict/crds';
import type { AnyObject, ClusterClient } from '../support/cluster-client.ts';

/** `edict.dev/v1beta1` */
export const EDICT = 'edict.dev/v1beta1';

/** Kinds of ours as the API returns them. */
export interface EdictKinds {
  readonly PolicyDomain: PolicyDomain;
  readonly PolicySet: PolicySet;
  readonly PolicyRevision: PolicyRevision;
  readonly PolicyDecisionPoint: PolicyDecisionPoint;
}

/** The parts of a pod that the tests look at. */
export interface Pod extends AnyObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly restartCount: number;
      readonly ready: boolean;
    }[];
  };
}

/** An object of ours as stored now. */
export function getEdict<K extends keyof EdictKinds>(
  cluster: ClusterClient,
  kind: K,
  namespace: string,
  name: string,
): Promise<EdictKinds[K] | undefined> {
  return cluster.get<EdictKinds[K]>({ apiVersion: EDICT, kind, namespace, name });
}

/** Whether a pod serves: what its readiness probe last said. */
export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** How often a pod's container was started again. */
export function restartsOf(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((total, { restartCount }) => total + restartCount, 0);
}

/** A condition's `status` and `reason`, as `True/Converged`; `absent` when there is none. */
export function conditionOf(object: EdictKinds[keyof EdictKinds] | undefined, type: string): string {
  const found = object?.status?.conditions?.find((condition) => condition.type === type);
  return found === undefined ? 'absent' : `${found.status}/${found.reason}`;
}

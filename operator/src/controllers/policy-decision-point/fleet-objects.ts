import type { PolicyDecisionPoint } from '@edict/crds';
import type { KubeObject, KubeObjects } from '../../store/kube/kube-objects.ts';
import { RESOURCES } from '../../store/kube/resources.ts';
import { FIELD_MANAGER } from '../names.ts';
import type { DeploymentFacts } from './plan.ts';
import type { RenderedObject } from './render.ts';

/** Reading and writing what a fleet is made of. Throws `StoreError`. */
export interface FleetObjects {
  readonly apply: (object: RenderedObject) => Promise<void>;
  readonly deployment: (fleet: PolicyDecisionPoint) => Promise<DeploymentFacts | undefined>;
  /** Removes the NetworkPolicy if the fleet owns it. */
  readonly removeNetworkPolicy: (fleet: PolicyDecisionPoint) => Promise<void>;
}

interface Deployment extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
  };
}

/** The objects of fleets in the Kubernetes API. */
export function createFleetObjects(objects: KubeObjects): FleetObjects {
  const keyOf = ({ metadata }: PolicyDecisionPoint) => ({ namespace: metadata.namespace ?? '', name: metadata.name });
  return {
    apply: async (object) => {
      await objects.apply(RESOURCES[object.kind], object, { fieldManager: FIELD_MANAGER, force: true });
    },
    deployment: async (fleet) => {
      const deployment = await objects.get<Deployment>(RESOURCES.Deployment, keyOf(fleet));
      if (deployment === undefined) return undefined;
      const { status = {}, metadata } = deployment;
      return {
        replicas: status.replicas ?? 0,
        readyReplicas: status.readyReplicas ?? 0,
        updatedReplicas: status.updatedReplicas ?? 0,
        isObserved: (status.observedGeneration ?? 0) >= (metadata.generation ?? 0),
      };
    },
    removeNetworkPolicy: async (fleet) => {
      const policy = await objects.get(RESOURCES.NetworkPolicy, keyOf(fleet));
      const isOurs = policy?.metadata.ownerReferences?.some(({ uid }) => uid === fleet.metadata.uid) === true;
      if (isOurs) await objects.delete(RESOURCES.NetworkPolicy, keyOf(fleet));
    },
  };
}

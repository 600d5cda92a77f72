import type { PolicyDecisionPoint } from '@edict/crds';
import type { KubeObject, KubeObjects } from '../../store/kube/kube-objects.ts';
import { RESOURCES } from '../../store/kube/resources.ts';
import { FIELD_MANAGER } from '../names.ts';
import type { Applied } from './contests.ts';
import type { AutoscalerFacts, DeploymentFacts } from './plan.ts';
import type { OPTIONAL_KINDS, RenderedObject } from './render.ts';

/** Reading and writing what a fleet is made of. Throws `StoreError`. */
export interface FleetObjects {
  readonly apply: (object: RenderedObject) => Promise<Applied>;
  /** Who else sets fields of the object now, not counting its status. An apply takes away what it repairs. */
  readonly otherManagers: (object: RenderedObject) => Promise<readonly string[]>;
  readonly deployment: (fleet: PolicyDecisionPoint) => Promise<DeploymentFacts | undefined>;
  readonly autoscaler: (fleet: PolicyDecisionPoint) => Promise<AutoscalerFacts | undefined>;
  /**
   * Lets go of the number of pods of the Deployment as it was read, so that an apply that does not name it leaves it as it is.
   * `Conflict` when the Deployment has changed since.
   */
  readonly releaseReplicas: (fleet: PolicyDecisionPoint, deployment: DeploymentFacts) => Promise<void>;
  /** Removes the object of that kind if the fleet owns it. */
  readonly remove: (kind: (typeof OPTIONAL_KINDS)[number], fleet: PolicyDecisionPoint) => Promise<void>;
}

/**
 * Who answers for the number of pods between the operator and the autoscaler. A field that its one manager applies no more is
 * removed, and a Deployment without a number has one pod: so there is another manager of it before the operator leaves it out.
 */
const REPLICAS_MANAGER = `${FIELD_MANAGER}-scale`;
const OWN_MANAGERS: readonly string[] = [FIELD_MANAGER, REPLICAS_MANAGER];

interface ManagedObject extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly managedFields?: readonly {
      readonly manager?: string;
      readonly operation?: string;
      readonly subresource?: string;
      readonly fieldsV1?: { readonly 'f:spec'?: { readonly 'f:replicas'?: object } };
    }[];
  };
}

interface Deployment extends ManagedObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
  };
}

interface Autoscaler extends KubeObject {
  readonly status?: Partial<AutoscalerFacts>;
}

/** The objects of fleets in the Kubernetes API. */
export function createFleetObjects(objects: KubeObjects): FleetObjects {
  const keyOf = ({ metadata }: PolicyDecisionPoint) => ({ namespace: metadata.namespace ?? '', name: metadata.name });
  return {
    apply: async (object) => {
      const { metadata } = await objects.apply<ManagedObject>(RESOURCES[object.kind], object, {
        fieldManager: FIELD_MANAGER,
        force: true,
      });
      return { generation: metadata.generation };
    },
    otherManagers: async ({ kind, metadata: { namespace, name } }) => {
      const found = await objects.get<ManagedObject>(RESOURCES[kind], { namespace, name });
      return (found?.metadata.managedFields ?? [])
        .filter(({ manager, subresource }) => subresource === undefined && !OWN_MANAGERS.includes(manager ?? ''))
        .map(({ manager }) => manager ?? 'unknown');
    },
    deployment: async (fleet) => {
      const deployment = await objects.get<Deployment>(RESOURCES.Deployment, keyOf(fleet));
      if (deployment === undefined) return undefined;
      const { status = {}, metadata, spec } = deployment;
      return {
        wanted: spec.replicas ?? 1,
        isWantedByUs: metadata.managedFields?.some(appliesReplicas) === true,
        resourceVersion: metadata.resourceVersion ?? '',
        replicas: status.replicas ?? 0,
        readyReplicas: status.readyReplicas ?? 0,
        updatedReplicas: status.updatedReplicas ?? 0,
        isObserved: (status.observedGeneration ?? 0) >= (metadata.generation ?? 0),
      };
    },
    autoscaler: async (fleet) => {
      const found = await objects.get<Autoscaler>(RESOURCES.HorizontalPodAutoscaler, keyOf(fleet));
      return found && { desiredReplicas: found.status?.desiredReplicas, conditions: found.status?.conditions ?? [] };
    },
    releaseReplicas: async (fleet, { wanted, resourceVersion }) => {
      const metadata = { ...keyOf(fleet), resourceVersion };
      const body = { metadata, spec: { replicas: wanted } };
      await objects.apply(RESOURCES.Deployment, body, { fieldManager: REPLICAS_MANAGER });
    },
    remove: async (kind, fleet) => {
      const found = await objects.get(RESOURCES[kind], keyOf(fleet));
      const isOurs = found?.metadata.ownerReferences?.some(({ uid }) => uid === fleet.metadata.uid) === true;
      if (isOurs) await objects.delete(RESOURCES[kind], keyOf(fleet));
    },
  };
}

type ManagedFields = NonNullable<ManagedObject['metadata']['managedFields']>[number];

function appliesReplicas({ manager, operation, fieldsV1 }: ManagedFields): boolean {
  return manager === FIELD_MANAGER && operation === 'Apply' && fieldsV1?.['f:spec']?.['f:replicas'] !== undefined;
}

import { API_VERSION, KINDS, MANETU_API_VERSION } from '@edict/crds';
import type { KindName } from '../store.ts';

/** How a kind is addressed in the Kubernetes API. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
}

const namespaced = (apiVersion: string, kind: string, plural: string): Resource => ({
  apiVersion,
  kind,
  plural,
  isNamespaced: true,
});

/** The kinds of Kubernetes that the operator reads or writes. */
export const RESOURCES = {
  ConfigMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  CustomResourceDefinition: {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    isNamespaced: false,
  },
  Deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  Event: namespaced('events.k8s.io/v1', 'Event', 'events'),
  HorizontalPodAutoscaler: namespaced('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  Lease: namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  MutatingWebhookConfiguration: {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    isNamespaced: false,
  },
  Namespace: { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', isNamespaced: false },
  ManetuPolicyDomain: namespaced(MANETU_API_VERSION, 'PolicyDomain', 'policydomains'),
  NetworkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  Pod: namespaced('v1', 'Pod', 'pods'),
  PodDisruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  Secret: namespaced('v1', 'Secret', 'secrets'),
  Service: namespaced('v1', 'Service', 'services'),
  ServiceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  SubjectAccessReview: {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    plural: 'subjectaccessreviews',
    isNamespaced: false,
  },
  TokenReview: {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    plural: 'tokenreviews',
    isNamespaced: false,
  },
  ValidatingWebhookConfiguration: {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    isNamespaced: false,
  },
} as const satisfies Readonly<Record<string, Resource>>;

const OURS: ReadonlyMap<string, Resource> = new Map(
  KINDS.map(({ kind, plural }) => [kind, namespaced(API_VERSION, kind, plural)]),
);

/** The resource of one of our kinds. */
export function resourceOf(kind: KindName): Resource {
  const resource = OURS.get(kind);
  if (resource === undefined) throw new Error(`no resource for kind ${kind}`);
  return resource;
}

/** The path of a collection; without a namespace that of all namespaces. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const scope = resource.isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

/** The path of one object. */
export function objectPath(resource: Resource, name: string, namespace?: string): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
}

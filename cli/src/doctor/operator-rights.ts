// Made from the chart by "npm run golden". Do not edit.

/** Verbs on resources, as in a role. Names are those of release `edict`. */
export interface RightsRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** What the operator may do in every namespace. */
export const CLUSTER_RIGHTS: readonly RightsRule[] = [
  { apiGroups: ['edict.dev'], resources: ['policydomains'], verbs: ['get', 'list', 'watch', 'update'] },
  { apiGroups: ['edict.dev'], resources: ['policysets'], verbs: ['get', 'list', 'watch', 'create', 'update'] },
  {
    apiGroups: ['edict.dev'],
    resources: ['policydecisionpoints', 'policytestsuites'],
    verbs: ['get', 'list', 'watch'],
  },
  {
    apiGroups: ['edict.dev'],
    resources: ['policybundles', 'policyrevisions'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  {
    apiGroups: ['edict.dev'],
    resources: ['policydomains/status', 'policysets/status', 'policydecisionpoints/status', 'policyrevisions/status'],
    verbs: ['update'],
  },
  {
    apiGroups: ['edict.dev'],
    resources: [
      'policydomains/finalizers',
      'policysets/finalizers',
      'policydecisionpoints/finalizers',
      'policyrevisions/finalizers',
    ],
    verbs: ['update'],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['services', 'serviceaccounts'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
  },
  {
    apiGroups: ['autoscaling'],
    resources: ['horizontalpodautoscalers'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
  },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['edict-ca'],
    verbs: ['get', 'create', 'patch', 'delete'],
  },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingwebhookconfigurations'],
    resourceNames: ['edict'],
    verbs: ['get', 'update'],
  },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    resourceNames: ['edict', 'edict-selectors'],
    verbs: ['get', 'update'],
  },
  { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
];

/** What it may do in its own namespace besides. */
export const OWN_NAMESPACE_RIGHTS: readonly RightsRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: ['edict-operator'],
    verbs: ['get', 'update'],
  },
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['edict-certificates', 'edict-signing-key'],
    verbs: ['get', 'update'],
  },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['edict-signing-key'],
    verbs: ['get', 'create', 'patch'],
  },
];

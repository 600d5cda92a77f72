import type { PolicyDecisionPoint, PolicyDomain, PolicySet } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';
import type { Seen } from './finding.ts';
import type { Right } from './rights.ts';

/** Metadata as far as the doctor reads it. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly managedFields?: readonly { readonly manager?: string; readonly time?: string }[] | undefined;
}

/** A stored CustomResourceDefinition. */
export interface StoredCrd {
  readonly metadata: Metadata;
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema?: { readonly openAPIV3Schema?: SchemaNode };
    }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** The part of a schema that says which members there are. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
}

export interface StoredDeployment {
  readonly metadata: Metadata;
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly spec: {
        readonly serviceAccountName?: string;
        readonly containers: readonly {
          readonly image?: string;
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
  readonly status?: { readonly readyReplicas?: number; readonly updatedReplicas?: number };
}

export interface StoredPod {
  readonly metadata: Metadata;
  readonly spec: { readonly containers: readonly { readonly image?: string }[] };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

export interface StoredLease {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** By the clock of who holds it. */
    readonly renewTime?: string;
  };
}

/** A validating or mutating webhook configuration that calls into the operator's namespace. */
export interface StoredWebhook {
  readonly kind: 'ValidatingWebhookConfiguration' | 'MutatingWebhookConfiguration';
  readonly metadata: Metadata;
  readonly webhooks: readonly {
    readonly name: string;
    readonly failurePolicy?: string;
    readonly clientConfig: {
      /** PEM in base64. */
      readonly caBundle?: string;
      readonly service?: { readonly name: string; readonly namespace: string };
    };
  }[];
}

/** `data` of a Secret or ConfigMap, as text. */
export type Data = Readonly<Record<string, string>>;

/** What the API server did with a policy that the webhook must refuse; nothing was stored. */
export type Probe =
  | { readonly outcome: 'Refused' }
  | { readonly outcome: 'Stored' }
  | { readonly outcome: 'CallFailed'; readonly message: string }
  | { readonly outcome: 'Unasked'; readonly why: string };

/** Names of what belongs to a release, as its operator was told them. */
export interface InstallationNames {
  readonly deployment: string;
  readonly serviceAccount: string;
  readonly lease: string;
  readonly webhookConfiguration: string;
  readonly webhookService: string;
  readonly distributionService: string;
  readonly certificateSecret: string;
  readonly signingKeySecret: string;
  readonly trustConfigMap: string;
}

/** Everything that the doctor looks at, read once. */
export interface Installation {
  /** Namespace of the operator. */
  readonly namespace: string;
  readonly names: InstallationNames;
  /** Milliseconds since the epoch, by the clock of this machine and of the API server at one moment. */
  readonly clocks: { readonly localMs: number; readonly apiserverMs: number | undefined };
  readonly crds: Seen<readonly StoredCrd[]>;
  readonly deployment: Seen<StoredDeployment>;
  /** Other namespaces that have an operator. */
  readonly elsewhere: readonly string[];
  readonly pods: Seen<readonly StoredPod[]>;
  readonly lease: Seen<StoredLease>;
  readonly webhooks: Seen<readonly StoredWebhook[]>;
  /** Ready addresses behind each Service of the operator's namespace. */
  readonly endpoints: Seen<ReadonlyMap<string, number>>;
  readonly certificates: Seen<Data>;
  readonly signingKey: Seen<Data>;
  readonly rights: Seen<readonly Right[]>;
  readonly probe: Probe;
  readonly domains: Seen<readonly PolicyDomain[]>;
  readonly sets: Seen<readonly PolicySet[]>;
  readonly fleets: Seen<readonly PolicyDecisionPoint[]>;
  /** The trust ConfigMap of each namespace that has one. */
  readonly trust: Seen<ReadonlyMap<string, Data>>;
  readonly namespaces: Seen<readonly { readonly metadata: Metadata }[]>;
  readonly pdps: Seen<readonly PdpListing[]>;
}

const defaultNames = (fullName: string): InstallationNames => ({
  deployment: `${fullName}-operator`,
  serviceAccount: `${fullName}-operator`,
  lease: `${fullName}-operator`,
  webhookConfiguration: fullName,
  webhookService: `${fullName}-webhook`,
  distributionService: `${fullName}-distribution`,
  certificateSecret: `${fullName}-certificates`,
  signingKeySecret: `${fullName}-signing-key`,
  trustConfigMap: `${fullName}-ca`,
});

/** The names that an operator was told by its environment; those of release `edict` where there is no operator to ask. */
export function namesOf(deployment: StoredDeployment | undefined): InstallationNames {
  if (deployment === undefined) return defaultNames('edict');
  const { name } = deployment.metadata;
  const usual = defaultNames(name.replace(/-operator$/, ''));
  const { containers, serviceAccountName } = deployment.spec.template.spec;
  const told = (variable: string, otherwise: string): string => {
    const value = containers[0]?.env?.find((entry) => entry.name === `EDICT_OPERATOR_${variable}`)?.value ?? '';
    return value === '' ? otherwise : value;
  };
  return {
    deployment: name,
    serviceAccount: serviceAccountName ?? 'default',
    lease: told('LEASE', usual.lease),
    webhookConfiguration: told('WEBHOOK_CONFIGURATION', usual.webhookConfiguration),
    webhookService: told('WEBHOOK_SERVICE', usual.webhookService),
    distributionService: told('DISTRIBUTION_SERVICE', usual.distributionService),
    certificateSecret: told('CERTIFICATE_SECRET', usual.certificateSecret),
    signingKeySecret: told('SIGNING_KEY_SECRET', usual.signingKeySecret),
    trustConfigMap: told('TRUST_CONFIGMAP', usual.trustConfigMap),
  };
}

import type { PolicyDomain, PolicyRevision, PolicySet } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';

/** What the fleet commands need of a running Edict, in a cluster or all-in-one. Throws `CommandError` when it can't be reached. */
export interface Fleet {
  /** Sets of the namespace, by name. */
  readonly sets: () => Promise<readonly PolicySet[]>;
  /** Domains of the namespace, by name. */
  readonly domains: () => Promise<readonly PolicyDomain[]>;
  /** Revisions of the namespace, in no order. */
  readonly revisions: () => Promise<readonly PolicyRevision[]>;
  /** The gzip bytes of a bundle of the namespace, by the digest of what is in it; undefined if there is none. */
  readonly bundle: (digest: string) => Promise<Uint8Array | undefined>;
  /** Every PDP that the operator's leader knows. */
  readonly pdps: () => Promise<readonly PdpListing[]>;
  /** What is wrong with files that are not objects yet, one line each. Only the all-in-one has files. */
  readonly problems: () => Promise<readonly string[]>;
  /** Sets or removes `spec.rollbackTo`. */
  readonly rollBack: (set: string, toRevision: number | null) => Promise<void>;
  readonly namespace: string;
  readonly close: () => Promise<void>;
}

/** How the user said which Edict is meant. */
export interface FleetOptions {
  /** URL of an all-in-one. */
  readonly server?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  /** Where the operator runs, for what only its memory knows. */
  readonly operatorNamespace: string;
}

/** Where `edict up` answers by default. */
export const LOCAL_SERVER = 'http://127.0.0.1:8180';

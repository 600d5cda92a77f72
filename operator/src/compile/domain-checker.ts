import type { Digest, Problem, Serving } from '@edict/bundle';
import type { TestOutcome, TestSuite } from '@edict/engine';
import type { PolicyDomainSpec, PolicyDomainStatus } from '@edict/crds';

/** A domain as a user wrote it. */
export interface DomainSource {
  readonly namespace: string;
  readonly name: string;
  readonly spec: PolicyDomainSpec;
}

/** A rendered domain, as it is stored. */
export interface StoredBundle {
  readonly digest: Digest;
  readonly gzip: Uint8Array;
}

/** A domain beside the one that is checked: as written or, while what is written is refused, as last rendered. */
export type DomainContext =
  | { readonly type: 'source'; readonly source: DomainSource }
  | { readonly type: 'bundle'; readonly namespace: string; readonly bundle: StoredBundle };

/** What a set says of its documents. */
export type ServedDocuments = NonNullable<Serving['documents']>;

export type EntityCounts = NonNullable<PolicyDomainStatus['entities']>;

/** What became of a check. */
export interface DomainVerdict {
  /** Errors only; empty when the domain is valid. */
  readonly problems: readonly Problem[];
  /** One line each. */
  readonly warnings: readonly string[];
  /** Absent when the domain cannot even be read. */
  readonly entities?: EntityCounts;
  /** The rendering; absent when there are problems, or when it is too large. */
  readonly bundle?: StoredBundle & {
    readonly size: number;
    readonly gzSize: number;
    readonly policies: number;
    readonly rendererVersion: number;
  };
  /** The domain is valid, but its bundle would not fit; says by how much. */
  readonly tooLarge?: string;
}

/** Checks and renders domains, beside the event loop. */
export interface DomainChecker {
  /** Checks one domain in its context and renders it. Rejects with {@link CheckError} only. */
  readonly checkDomain: (subject: DomainSource, context: readonly DomainContext[]) => Promise<DomainVerdict>;
  /**
   * Errors that keep bundles from being served together; `changed` names the domains that are new in the combination.
   * With `documents` also what keeps them from serving documents, whatever changed.
   */
  readonly checkCombination: (
    bundles: readonly StoredBundle[],
    changed: readonly string[],
    documents?: ServedDocuments,
  ) => Promise<readonly Problem[]>;
  /**
   * Runs suites against these domains together. What does not compile fails with what is wrong with it. `documents` is what
   * the set says of its documents, if it has some: they are what Rego tests of a set see. `timeoutMs`: less time than the
   * usual 20 s.
   */
  readonly runTests: (
    domains: readonly DomainContext[],
    suites: readonly TestSuite[],
    documents?: ServedDocuments,
    timeoutMs?: number,
  ) => Promise<TestOutcome>;
  readonly close: () => Promise<void>;
}

/**
 * A check that did not end. `Timeout`: it took longer than allowed; `Busy`: too many wait; `Crashed`: it ended the thread
 * (memory) or failed in a way that is a fault of ours; `Closed`.
 */
export class CheckError extends Error {
  override readonly name = 'CheckError';
  readonly code: 'Timeout' | 'Busy' | 'Crashed' | 'Closed';
  constructor(code: CheckError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

import type { ConditionReason, PolicyDomain, PolicyDomainStatus } from '@edict/crds';
import type { DomainVerdict } from '../../compile/domain-checker.ts';
import type { AbortCause } from '@edict/protocol';
import type { RevisionState } from '../world.ts';

/** What a check of the domain said, in the words that its status uses. */
export type Judgement =
  | {
      readonly type: 'valid';
      readonly bundle: NonNullable<DomainVerdict['bundle']>;
      readonly entities: DomainVerdict['entities'];
      readonly warnings: readonly string[];
    }
  | {
      readonly type: 'invalid';
      readonly reason: 'Invalid' | 'TooLarge';
      readonly message: string;
      readonly entities: DomainVerdict['entities'];
    };

/** One set that carries (or carried) the domain, as far as the domain's status depends on it. */
export interface SetView {
  readonly name: string;
  /** False: the set does not select the domain any more, but PDPs may still serve it. */
  readonly selects: boolean;
  readonly deleting: boolean;
  readonly paused: boolean;
  readonly rolledBack: boolean;
  /** Revisions that were ended after some of their waves, with the domain's digest in them. */
  readonly takenBack: readonly { readonly n: number; readonly digest: string | undefined; readonly message: string }[];
  readonly minReady: number;
  readonly withdrawTimeoutMs: number;
  /** Why the set takes no new content at all, if it does not. */
  readonly refusal:
    { readonly reason: 'Invalid' | 'TestsFailed' | 'RepeatedFailure'; readonly message: string } | undefined;
  /** The newest committed revision; `digest` is the domain's in it, `since` the first n of the unbroken row with it. */
  readonly committed: { readonly n: number; readonly digest: string | undefined; readonly since: number } | undefined;
  /** The newest revision of all. */
  readonly newest:
    | {
        readonly n: number;
        readonly digest: string | undefined;
        readonly state: RevisionState;
        readonly cause: AbortCause | undefined;
        readonly progress: string;
        /** What its rollout waits for, where that is more than the PDPs. */
        readonly hold?: { readonly reason: ConditionReason; readonly message: string; readonly isStalled: boolean };
      }
    | undefined;
  /** The newest revision that every required PDP has served; 0 for none. */
  readonly convergedRevision: number;
  /** PDPs that must serve the set now; undefined while nobody has counted. */
  readonly required: number | undefined;
}

/** All that deciding about one domain takes. */
export interface ObservedDomain {
  readonly domain: PolicyDomain;
  /** Undefined for a domain that is being deleted: it is not checked any more. */
  readonly judgement: Judgement | undefined;
  /** Digest of the bundle that `status.digest` names, if that bundle is stored, with the version of its renderer. */
  readonly stored: { readonly digest: string; readonly rendererVersion: number } | undefined;
  /** Whether the bundle of the judgement is stored. */
  readonly hasBundle: boolean;
  readonly sets: readonly SetView[];
  /** Whether the namespace has any set. */
  readonly namespaceHasSet: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type DomainStatus = PolicyDomainStatus;

/** One write that brings a domain to where it should be. */
export type DomainAction =
  | { readonly type: 'add-finalizer' }
  | { readonly type: 'remove-finalizer'; readonly outcome: 'Withdrawn' | 'WithdrawTimeout' | 'Forced' }
  | { readonly type: 'create-default-set' }
  | { readonly type: 'store-bundle'; readonly bundle: NonNullable<DomainVerdict['bundle']> }
  | { readonly type: 'set-status'; readonly status: DomainStatus };

export interface DomainPlan {
  readonly actions: readonly DomainAction[];
  /** Look again then, whatever happens: a deadline of ours. */
  readonly requeueAfterMs?: number;
}

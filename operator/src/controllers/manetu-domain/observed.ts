import type { ManetuPolicyDomain, PolicyDomain, PolicyDomainSpec, PolicyDomainStatus } from '@edict/crds';
import type { MirrorContent } from './mirror.ts';

/**
 * What the operator does with the group. `Serve`: mirrors follow the objects. `Release`: the group has been switched off; the
 * objects are let go, and mirrors stay as they are until somebody deletes the objects.
 */
export type ManetuMode = 'Serve' | 'Release';

/** All that deciding about one object of Manetu's group takes. */
export interface ObservedManetuDomain {
  readonly object: ManetuPolicyDomain;
  readonly mode: ManetuMode;
  readonly content: MirrorContent;
  /** The PolicyDomain of ours with that name, whoever made it. */
  readonly domain: PolicyDomain | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One write that brings an object and its mirror to where they should be. */
export type ManetuAction =
  | { readonly type: 'add-finalizer' }
  | { readonly type: 'remove-finalizer' }
  | {
      readonly type: 'create-mirror';
      readonly spec: PolicyDomainSpec;
      readonly labels: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'update-mirror';
      readonly mirror: PolicyDomain;
      readonly spec: PolicyDomainSpec;
      readonly labels: Readonly<Record<string, string>>;
    }
  | { readonly type: 'delete-mirror'; readonly mirror: PolicyDomain; readonly isForced: boolean }
  | { readonly type: 'set-status'; readonly status: PolicyDomainStatus };

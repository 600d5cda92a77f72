import type { SigningKey } from '@edict/bundle';
import type { Registry } from 'prom-client';
import type { Logger } from 'winston';
import type { Clock } from './clock.ts';
import type { EventSink } from './events.ts';
import type { DomainChecker } from './compile/domain-checker.ts';
import type { Store } from './store/store.ts';

/** What an operator is made of. Nothing here knows Kubernetes: the all-in-one gives a folder store. */
export interface OperatorOptions {
  readonly store: Store;
  /** Signs revisions; `generateSigningKey` of `@edict/bundle` makes one. */
  readonly signingKey: SigningKey;
  /** Who decides, for the record: the pod's name, or `edict-up`. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly events: EventSink;
  /** Default: one worker thread that compiles beside the event loop. */
  readonly checker?: DomainChecker;
  readonly limits?: Partial<OperatorLimits>;
}

/** Bounds of the controllers, each with its default. */
export interface OperatorLimits {
  /** Quiet time before a changed set gets a revision. Default 100 ms. */
  readonly debounceQuietMs: number;
  /** Longest wait of a set that never is quiet. Default 2000 ms. */
  readonly debounceMaxMs: number;
  /** Least time between two status writes of an open rollout. Default 1000 ms. */
  readonly statusIntervalMs: number;
  /** Objects reconciled at a time, per kind. Default 4. */
  readonly concurrency: number;
  /** Largest domain, bytes of JSON. Default 1 MiB. */
  readonly maxDomainBytes: number;
}

/** A running operator. */
export interface Operator {
  /** Resolves once every kind has been listed and reconciling has begun. */
  readonly start: () => Promise<void>;
  /** Ends the workers and the watches; the store stays open, as it belongs to the caller. */
  readonly stop: () => Promise<void>;
  /** True once every watch has synced. */
  readonly isReady: () => boolean;
}

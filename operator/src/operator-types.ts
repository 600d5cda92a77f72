import type { OperatorTuning } from '@edict/protocol';
import type { Registry } from 'prom-client';
import type { MemberSource } from './backend/members.ts';
import type { Clock } from './clock.ts';
import type { DomainChecker } from './compile/domain-checker.ts';
import type { World } from './controllers/world.ts';
import type { DistributionBackend } from './distribution/backend.ts';
import type { Distributor } from './distribution/distributor.ts';
import type { DistributionMetrics } from './distribution/metrics.ts';
import type { EventSink } from './events.ts';
import type { Signer } from './keys/signer.ts';
import type { OperatorLog } from './observability/log.ts';
import type { OperatorMetrics } from './observability/metrics.ts';
import type { RolloutObserver } from './observability/tracing.ts';
import type { Store } from './store/store.ts';

/** What an operator is made of. Nothing here knows Kubernetes: the all-in-one gives a folder store. */
export interface OperatorOptions {
  readonly store: Store;
  /** Signs revisions: `fixedSigner`, or what rotates keys. */
  readonly signer: Signer;
  /** Who decides, for the record: the pod's name, or `edict-up`. */
  readonly identity: string;
  /** Base URL of manifests and bundles as PDPs reach it; default `''`: they know it, or share the process. */
  readonly artifactsUrl?: string;
  /** Where PDPs may load committed policy while no operator is there; see docs/fallback.md. Default: nowhere. */
  readonly fallbackSources?: readonly string[];
  /** Key under the tickets that artifacts are fetched with. Default: random bytes of this process. */
  readonly ticketKey?: Uint8Array;
  readonly log: OperatorLog;
  readonly events: EventSink;
  /** Metrics are made in it, but for those that are given. */
  readonly registry: Registry;
  /** Where the process has made them already, as they outlive an operator. */
  readonly metrics?: OperatorMetrics;
  /** The distribution's, where the caller has made them already. */
  readonly distributionMetrics?: DistributionMetrics;
  /** Is told of every rollout, as traces are made of them; nobody if absent. */
  readonly observer?: RolloutObserver | undefined;
  /** Who should serve a set. Absent: whoever connects. */
  readonly members?: MemberSource;
  /** How many PDPs pull a set's bundle by themselves and say so; nobody counts them if absent. */
  readonly unmanaged?: (set: string) => number;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** 0..1; default `Math.random`. Spreads retries only. */
  readonly random?: () => number;
  /** Default: one worker thread that compiles beside the event loop; closed with the operator. */
  readonly checker?: DomainChecker;
  readonly limits?: Partial<OperatorLimits>;
  readonly tuning?: Partial<OperatorTuning>;
}

/** Bounds of the controllers, each with its default. */
export interface OperatorLimits {
  /** Quiet time before a changed set gets a revision. Default 100 ms. */
  readonly debounceQuietMs: number;
  /** Longest wait of a set that never is quiet. Default 2000 ms. */
  readonly debounceMaxMs: number;
  /** Least time between two status writes of an open rollout, but for changes of phase. Default 1000 ms. */
  readonly statusIntervalMs: number;
  /** Objects reconciled at a time, per kind. Default 4. */
  readonly concurrency: number;
  /** Largest domain, bytes of JSON. Default 1 MiB. */
  readonly maxDomainBytes: number;
}

/** Defaults of {@link OperatorLimits}. */
export const OPERATOR_LIMITS: OperatorLimits = {
  debounceQuietMs: 100,
  debounceMaxMs: 2000,
  statusIntervalMs: 1000,
  concurrency: 4,
  maxDomainBytes: 1_048_576,
};

/** An operator: controllers and distribution over one store, in one process. Started once, stopped once. */
export interface Operator {
  /** Resolves once every kind has been listed, and reconciling and distributing have begun. */
  readonly start: () => Promise<void>;
  /** Ends streams, workers and watches; the store stays open, as it belongs to the caller. */
  readonly stop: () => Promise<void>;
  /** True between the end of `start` and `stop`. */
  readonly isReady: () => boolean;
  /** Takes PDP streams over any transport. Throws before `start` has resolved. */
  readonly distributor: () => Distributor;
  /** Where artifacts come from: what a transport in the same process fetches from. Throws before `start` has resolved. */
  readonly backend: () => DistributionBackend;
  /** The caches of the store's kinds, for those who show them. Throws before `start` has resolved. */
  readonly world: () => World;
  readonly metrics: OperatorMetrics;
  /** Looks at every set again: what signs, or what is trusted, has changed. Throws before `start` has resolved. */
  readonly reviewSets: () => void;
  /** True while nothing is queued and no reconcile is under way: all is as it should be, until the next change. */
  readonly isIdle: () => boolean;
}

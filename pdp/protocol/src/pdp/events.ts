import type { Digest, SetKey } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type {
  BasisPoints,
  Commit,
  Load,
  ManifestSummary,
  NackDetail,
  NackPhase,
  OperatorMessage,
  PdpMessage,
  ShadowCounts,
  ShadowSample,
  TestCounts,
} from '../messages.ts';
import type { LeaseView } from './lease.ts';
import type { DurableRecord, PdpState, SetLoads } from './state.ts';

/** What happened to one set's preparation or activation. `id` repeats the effect's; others are dropped as late. */
export type SetEvent =
  /** The signature holds, and the manifest is the one that it names. */
  | { readonly type: 'verified'; readonly set: SetKey; readonly id: number; readonly manifest: ManifestSummary }
  /** Every bundle of the manifest is here and has its digest. */
  | { readonly type: 'bundlesFetched'; readonly set: SetKey; readonly id: number }
  | {
      readonly type: 'compiled';
      readonly set: SetKey;
      readonly id: number;
      readonly compileMs: number;
      readonly heapDeltaBytes: number;
    }
  /** The tests ran. A failed one is `failed` with phase `Test`, not this. */
  | { readonly type: 'testsDone'; readonly set: SetKey; readonly id: number; readonly tests: TestCounts }
  | {
      readonly type: 'failed';
      readonly set: SetKey;
      readonly id: number;
      readonly phase: NackPhase;
      readonly code: string;
      readonly deterministic: boolean;
      readonly detail: NackDetail;
    }
  /** The record given with the effect survives a crash. */
  | { readonly type: 'persisted'; readonly set: SetKey; readonly id: number; readonly record: 'staged' | 'active' }
  | {
      readonly type: 'persistFailed';
      readonly set: SetKey;
      readonly id: number;
      readonly record: 'staged' | 'active';
      readonly message: string;
    }
  /** Every decision from now on uses the revision. `activatedAt` is wall-clock milliseconds. */
  | {
      readonly type: 'swapped';
      readonly set: SetKey;
      readonly id: number;
      readonly activatedAt: number;
      readonly swapMicros: number;
    }
  /** How far the shadow evaluation is. Counts are cumulative; the last of a window is `done`. Dropped after `stopShadow`. */
  | {
      readonly type: 'shadowed';
      readonly set: SetKey;
      readonly id: number;
      readonly done: boolean;
      readonly counts: ShadowCounts;
      /** At most {@link SHADOW_SAMPLES_MAX}, without what is personal; what is too long is cut. */
      readonly samples: readonly ShadowSample[];
    };

/** Everything that a PDP's machine reacts to. */
export type PdpEvent =
  /** First event of every state: loads what the disk held. */
  | { readonly type: 'boot' }
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected' }
  | { readonly type: 'message'; readonly message: OperatorMessage }
  /** A committed revision from elsewhere than the operator. Counts only without a stream, and by the rules of a Commit. */
  | { readonly type: 'offered'; readonly commit: Commit }
  | { readonly type: 'timer'; readonly key: string }
  /** Replaces what the next Beat tells of the process, and adds to what it tells of the sets. */
  | {
      readonly type: 'load';
      readonly load: Load;
      /** Measured since the event before, by set; absent where nobody measures. */
      readonly sets?: ReadonlyMap<SetKey, SetLoads>;
    }
  /** What Beats tell of the keys that are trusted. */
  | { readonly type: 'trusts'; readonly keys: readonly string[] }
  | SetEvent;

/**
 * What the machine wants done. The runner does effects in the order given; disk writes of one set strictly one after the
 * other, in order.
 */
export type PdpEffect =
  | { readonly type: 'send'; readonly message: PdpMessage }
  /** Close the stream. `redialAfterMs` absent: the transport's own backoff. */
  | { readonly type: 'disconnect'; readonly reason: string; readonly redialAfterMs?: number }
  /** The operator's answer to Hello: which sets are wanted here, and where artifacts are. */
  | {
      readonly type: 'assigned';
      readonly sets: readonly SetKey[];
      readonly artifactsUrl: string;
      readonly fallbackSources?: readonly string[];
      readonly redialMaxMs?: number;
    }
  | { readonly type: 'setTimer'; readonly key: string; readonly delayMs: number }
  | { readonly type: 'clearTimer'; readonly key: string }
  /** Check the signature, then get the manifest and check its digest. Answer: `verified` or `failed`. */
  | {
      readonly type: 'fetchManifest';
      readonly set: SetKey;
      readonly id: number;
      readonly revision: SignedRevision;
      readonly ticket: string;
    }
  /** Get these bundles and check each digest. Answer: `bundlesFetched` or `failed`. */
  | {
      readonly type: 'fetchBundles';
      readonly set: SetKey;
      readonly id: number;
      readonly revision: SignedRevision;
      readonly ticket: string;
      readonly missing: readonly Digest[];
    }
  /** Compile beside what serves. Answer: `compiled` or `failed`. */
  | { readonly type: 'compile'; readonly set: SetKey; readonly id: number; readonly revision: SignedRevision }
  /** Answer: `testsDone` or `failed`. */
  | { readonly type: 'runTests'; readonly set: SetKey; readonly id: number; readonly revision: SignedRevision }
  /** Stop working for `id`; an answer is not awaited. */
  | { readonly type: 'cancel'; readonly set: SetKey; readonly id: number }
  /** Answer: `persisted` or `persistFailed`. */
  | { readonly type: 'persistStaged'; readonly set: SetKey; readonly id: number; readonly record: DurableRecord }
  | { readonly type: 'persistActive'; readonly set: SetKey; readonly id: number; readonly record: DurableRecord }
  /** Write `record`, which no longer holds a staged slot. No answer: a staged slot left behind is never served. */
  | { readonly type: 'dropStaged'; readonly set: SetKey; readonly record: DurableRecord }
  /**
   * Replace the reference to the serving snapshot, synchronously. Answer: `swapped`, or `failed` with phase `Commit`. A
   * split ends with it, unless its revision is a newer one of the same set UID.
   */
  | { readonly type: 'swap'; readonly set: SetKey; readonly id: number; readonly revision: SignedRevision }
  /**
   * Let `revision` answer for principals with `principalShare(salt, principal) < upTo`, and the serving snapshot for all
   * others. Replaces the split before. Answer: `swapped`, or `failed` with phase `Commit`. At boot it comes before `swap`:
   * nothing is answered until then.
   */
  | {
      readonly type: 'split';
      readonly set: SetKey;
      readonly id: number;
      readonly revision: SignedRevision;
      readonly salt: string;
      readonly upTo: BasisPoints;
    }
  /** What the server must know to judge by {@link judgeLease} whether it may answer. Replaces what was said before. */
  | { readonly type: 'lease'; readonly set: SetKey; readonly lease: LeaseView }
  /**
   * Evaluate a part of the live requests with `revision` too, never on the way of an answer, for `windowMs`; tell `shadowed`
   * every few seconds, and at the end with `done`. Ends the one before.
   */
  | {
      readonly type: 'startShadow';
      readonly set: SetKey;
      readonly id: number;
      readonly revision: SignedRevision;
      readonly samplePpm: number;
      readonly windowMs: number;
    }
  | { readonly type: 'stopShadow'; readonly set: SetKey; readonly id: number }
  /** Only these are needed from now on: forget other compiled contents, and other bundles on disk. */
  | {
      readonly type: 'retain';
      readonly set: SetKey;
      readonly compiled: readonly Digest[];
      readonly bundles: readonly Digest[];
    };

/** A machine's answer to an event. */
export interface PdpStep {
  readonly state: PdpState;
  readonly effects: readonly PdpEffect[];
}

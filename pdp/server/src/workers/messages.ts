import type { AddressInfo } from 'node:net';
import type { Serving } from '@edict/crds';
import type { CompiledSnapshot } from '@edict/engine';
import type { LeaseView, Load, SetLoads, Share } from '@edict/protocol';
import type { HeldRevision } from '../active-sets.ts';
import type { Exposition } from '../answering.ts';
import type { RulesQuestion } from '../explain/explain-policies.ts';
import type { RulesAnswer } from '../explain/rule-explainer.ts';
import type { Readiness } from '../http/service-routes.ts';
import type { ShadowFindings } from '../shadow/comparing.ts';

/** What a primary knows that each worker has to tell its clients. */
export interface Facts {
  readonly readiness: Readiness;
  /** Whether all sets are here that were there from the start. */
  readonly hasSettled: boolean;
  /** Whether revisions may be missing here. */
  readonly isStale: boolean;
}

/** What a set is to be at a worker. */
export type SetChange =
  /** Decide with a revision that was loaded before, and for the principals of a share with another. */
  | {
      readonly kind: 'active';
      readonly held: HeldRevision;
      readonly canary?: { readonly held: HeldRevision; readonly share: Share };
    }
  /** The policy is in no worker's memory. */
  | {
      readonly kind: 'asleep';
      readonly held: HeldRevision;
      readonly serving: Serving;
      readonly failure: string | undefined;
    }
  /** What is stored of it cannot be loaded. */
  | { readonly kind: 'broken'; readonly set: string; readonly failure: string }
  | { readonly kind: 'gone'; readonly set: string };

/** What a primary says to a worker. Messages arrive in the order in which they were sent. */
export type ToWorker =
  | { readonly type: 'facts'; readonly facts: Facts }
  /** Bring this into memory, and answer `done`. */
  | { readonly type: 'load'; readonly id: number; readonly digest: string; readonly compiled: CompiledSnapshot }
  | { readonly type: 'change'; readonly id: number; readonly change: SetChange }
  /** Until when a set may answer; its times are {@link sharedNowMs}. */
  | { readonly type: 'lease'; readonly set: string; readonly lease: LeaseView }
  /** Show a part of the requests of a set to a candidate that was loaded before, until `endShadow`. */
  | {
      readonly type: 'startShadow';
      readonly id: number;
      readonly set: string;
      readonly digest: string;
      readonly samplePpm: number;
    }
  | { readonly type: 'endShadow'; readonly id: number }
  /** These are needed no more. */
  | { readonly type: 'forget'; readonly digests: readonly string[] }
  /** Everything that is to be known has been said: take connections. */
  | { readonly type: 'listen' }
  /** Answer with your metrics. */
  | { readonly type: 'measure'; readonly id: number }
  | { readonly type: 'exposition'; readonly id: number; readonly exposition: Exposition }
  | { readonly type: 'status'; readonly id: number; readonly status: unknown }
  | { readonly type: 'rules'; readonly id: number; readonly rules: RulesAnswer }
  | { readonly type: 'reopenRecords' }
  | { readonly type: 'dismiss' }
  | { readonly type: 'drain'; readonly timeoutMs: number };

/** What a worker says to its primary. */
export type FromWorker =
  /** It can be told what it is to know. */
  | { readonly type: 'started' }
  | { readonly type: 'listening'; readonly url: string; readonly grpcAddress: AddressInfo | string | undefined }
  /** It cannot take connections: an address is taken, a certificate cannot be used. */
  | { readonly type: 'failed'; readonly message: string }
  /** A load or a change is done, at a time of {@link sharedNowMs}; or why it could not be. */
  | { readonly type: 'done'; readonly id: number; readonly atMs: number; readonly problem: string | undefined }
  /** What was decided since the last time, and which sets were used; said twice a second, so that silence tells. */
  | {
      readonly type: 'load';
      readonly load: Load;
      readonly used: readonly SetUse[];
      readonly sets: ReadonlyMap<string, SetLoads>;
    }
  /** What a comparison has found so far. */
  | { readonly type: 'shadowed'; readonly id: number; readonly findings: ShadowFindings }
  | { readonly type: 'measured'; readonly id: number; readonly metrics: readonly object[] }
  | { readonly type: 'ask'; readonly id: number; readonly what: 'exposition' | 'status' }
  /** A decision is to be explained: answer with the rules behind it. */
  | { readonly type: 'findRules'; readonly id: number; readonly question: RulesQuestion }
  /** A request refers to a set that is asleep. */
  | { readonly type: 'wanted'; readonly set: string };

/** The requests of one set at one worker. */
export interface SetUse {
  readonly set: string;
  readonly requests: number;
  readonly agoMs: number;
}

/** How often a worker tells its load. */
export const LOAD_INTERVAL_MS = 500;

/** A lease by another clock, which is `aheadMs` ahead of the one that it was told by. */
export function shiftLease({ until, cutOffUntil, ...lease }: LeaseView, aheadMs: number): LeaseView {
  return {
    ...lease,
    ...(until === undefined ? {} : { until: until + aheadMs }),
    ...(cutOffUntil === undefined ? {} : { cutOffUntil: cutOffUntil + aheadMs }),
  };
}

/** Milliseconds of a clock that never goes back and that all processes of a machine share. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

import { CONSISTENCY_DEFAULTS, type Consistency } from '@edict/bundle';
import { CLOCK_DRIFT } from '../limits.ts';
import type { ManifestSummary } from '../messages.ts';

/** What a set promises, by the manifest of what it serves. */
export function consistencyOf(slot: { readonly manifest: ManifestSummary } | undefined): Consistency {
  return slot?.manifest.consistency ?? CONSISTENCY_DEFAULTS;
}

/** How long a word of the operator holds by the clock of a PDP that runs slow, milliseconds. */
export function leaseLengthMs({ leaseMs }: Consistency): number {
  return leaseMs * (1 - CLOCK_DRIFT);
}

/** Until when what a set serves is vouched for. Times are the PDP's monotonic clock, milliseconds. */
export interface LeaseView {
  readonly consistency: Consistency;
  /** Absent: nobody has vouched for what is served. */
  readonly until?: number;
  /** Oldest revision that the operator wants served, as last heard; 0 for any. */
  readonly minRev: number;
  /** Newest revision that is decided for everyone, as last heard; 0 for none. */
  readonly stableRev: number;
  /** So long an operator's word counts that it is itself cut off from the store. Absent: it is not. */
  readonly cutOffUntil?: number;
}

/** What a PDP may do with a request, as far as age is concerned. `stale`: the answer may rest on what is revoked. */
export interface LeaseVerdict {
  readonly act: 'Serve' | 'NotReady' | 'Deny';
  readonly stale: boolean;
}

const FRESH: LeaseVerdict = { act: 'Serve', stale: false };
const NOT_READY: LeaseVerdict = { act: 'NotReady', stale: true };

/**
 * Judges a lease at `now`, monotonic. Valid: serve. Never given: serve, but be not ready where the set is `Strict` or says
 * `AfterLease`. Ended: as `onStale` says; but while an operator is there that says it cannot reach the store itself, as
 * `onControlPlaneLoss` says.
 */
export function judgeLease({ consistency, until, cutOffUntil }: LeaseView, now: number): LeaseVerdict {
  const { mode, onBoot, onStale, onControlPlaneLoss } = consistency;
  if (until === undefined) return mode === 'Strict' || onBoot === 'AfterLease' ? NOT_READY : FRESH;
  if (now < until) return FRESH;
  if (cutOffUntil !== undefined && now < cutOffUntil) {
    if (onControlPlaneLoss === 'Serve') return { act: 'Serve', stale: true };
    if (onStale === 'Serve') return NOT_READY;
  }
  return { act: onStale, stale: true };
}

import type { BeatAck, Vouch } from '../messages.ts';
import type { PdpEffect } from './events.ts';
import { consistencyOf, leaseLengthMs, type LeaseView } from './lease.ts';
import { NO_LEASE, type LeaseState, type OperatorWord, type SetMachine, type Slot } from './state.ts';

/** What the server must know of a set that serves `slot`, as far as its lease is concerned. */
export function leaseView({ lease }: SetMachine, slot: Slot): LeaseView {
  const consistency = consistencyOf(slot);
  const { grantedAsOf, minRev, stableRev, cutOffUntil } = lease;
  return {
    consistency,
    ...(grantedAsOf === undefined ? {} : { until: grantedAsOf + leaseLengthMs(consistency) }),
    minRev,
    stableRev,
    ...(cutOffUntil === undefined ? {} : { cutOffUntil }),
  };
}

/** Tells the server of the lease under which `slot` is about to serve. */
export function leaseEffect(machine: SetMachine, slot: Slot): PdpEffect {
  return { type: 'lease', set: machine.set, lease: leaseView(machine, slot) };
}

/** The lease effect if `after` stands otherwise than `before`; nothing while nothing is served. */
export function leaseChange(before: SetMachine, after: SetMachine): readonly PdpEffect[] {
  const { active } = after;
  if (active === undefined) return [];
  const view = leaseView(after, active);
  if (before.active !== undefined && isSameView(view, leaseView(before, before.active))) return [];
  return [{ type: 'lease', set: after.set, lease: view }];
}

/** Compared for every set with every heartbeat, so field by field. */
function isSameView(a: LeaseView, b: LeaseView): boolean {
  const isSamePromise =
    a.consistency === b.consistency || JSON.stringify(a.consistency) === JSON.stringify(b.consistency);
  const isSameWord = a.until === b.until && a.minRev === b.minRev && a.stableRev === b.stableRev;
  return isSamePromise && isSameWord && a.cutOffUntil === b.cutOffUntil;
}

/** True if a set answers nothing before the operator has vouched for it, and that has not happened. */
export function awaitsLease({ active, lease }: SetMachine): boolean {
  if (active === undefined || lease.grantedAsOf !== undefined) return false;
  const { mode, onBoot } = consistencyOf(active);
  return mode === 'Strict' || onBoot === 'AfterLease';
}

/** The boot itself vouches for what was on disk, for the length of one lease, where the set allows that. */
export function leaseAtBoot(slot: Slot, now: number): LeaseState {
  return consistencyOf(slot).onBoot === 'ServePersisted' ? { ...NO_LEASE, grantedAsOf: now } : NO_LEASE;
}

/** True if what the set serves is what the operator wants served, or newer. */
function satisfies({ active, canary }: SetMachine, vouch: Vouch): boolean {
  if (active === undefined || active.revision.setUid !== vouch.setUid || active.revision.n < vouch.minRev) return false;
  const wanted = vouch.canary;
  if (wanted === undefined || active.revision.n >= wanted.n) return true;
  if (canary === undefined || canary.revision.n < wanted.n) return false;
  return canary.share.upTo >= wanted.upTo;
}

function granted(lease: LeaseState, asOf: number): LeaseState {
  const { waiting, ...rest } = lease;
  const grantedAsOf = Math.max(lease.grantedAsOf ?? asOf, asOf);
  return { ...rest, grantedAsOf, ...(waiting === undefined || waiting.asOf <= asOf ? {} : { waiting }) };
}

/**
 * Takes what a BeatAck says of the set. A word that wants more than what is served does not end the lease that is there:
 * that one was given before anyone could know better, and it is not prolonged.
 */
export function takeWord(machine: SetMachine, word: OperatorWord, cutOffUntil: number | undefined): SetMachine {
  const { cutOffUntil: _before, ...lease } = machine.lease;
  const { vouch } = word;
  const isSameSet = machine.active === undefined || machine.active.revision.setUid === vouch.setUid;
  const heard: LeaseState = {
    ...lease,
    ...(cutOffUntil === undefined ? {} : { cutOffUntil }),
    // A replica that lags behind takes nothing back.
    ...(isSameSet
      ? { minRev: Math.max(lease.minRev, vouch.minRev), stableRev: Math.max(lease.stableRev, vouch.stableRev) }
      : {}),
  };
  if (satisfies(machine, vouch)) return { ...machine, lease: granted(heard, word.asOf) };
  const newest = lease.waiting === undefined || word.asOf > lease.waiting.asOf ? word : lease.waiting;
  return { ...machine, lease: { ...heard, waiting: newest } };
}

/** The lease after what is served changed from `before`: a word that waited for this may count now. */
export function settleLease(before: SetMachine, after: SetMachine): SetMachine {
  const { lease, active } = after;
  const isOther = before.active !== undefined && before.active.revision.setUid !== active?.revision.setUid;
  const kept: LeaseState = isOther
    ? { ...NO_LEASE, ...(lease.waiting === undefined ? {} : { waiting: lease.waiting }) }
    : lease;
  const { waiting } = kept;
  if (waiting === undefined || !satisfies(after, waiting.vouch)) return isOther ? { ...after, lease: kept } : after;
  const { minRev, stableRev } = waiting.vouch;
  const raised = { ...kept, minRev: Math.max(kept.minRev, minRev), stableRev: Math.max(kept.stableRev, stableRev) };
  return { ...after, lease: granted(raised, waiting.asOf) };
}

/**
 * The words of one BeatAck, by set: `sentAt` is when its Beat was sent, so that no delay lengthens a lease.
 */
export function wordsOf(ack: BeatAck, sentAt: number): readonly OperatorWord[] {
  return ack.sets.map((vouch) => ({ asOf: sentAt - ack.asOfAgeMs, vouch }));
}

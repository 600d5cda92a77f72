import type { Digest, SetKey } from '../identifiers.ts';
import type { PdpEffect } from './events.ts';
import {
  NO_LEASE,
  type CanaryRecord,
  type DurableRecord,
  type PrepareReport,
  type SetMachine,
  type Slot,
  type SpareSlot,
} from './state.ts';

/** A set machine's answer: the state after, and what is to be done. */
export type SetStep = readonly [SetMachine, readonly PdpEffect[]];

/** A set of which nothing is known yet. */
export function emptySet(set: SetKey): SetMachine {
  return { set, refused: [], nextId: 1, lease: NO_LEASE };
}

/** `machine` without the given members: exact optional types have no `undefined` to assign. */
export function without<
  K extends 'active' | 'staged' | 'lkg' | 'canary' | 'job' | 'activation' | 'bootFault' | 'commitWhenFree' | 'shadow',
>(machine: SetMachine, ...keys: readonly K[]): Omit<SetMachine, K> & SetMachine {
  const dropped: readonly string[] = keys;
  if (!dropped.some((key) => key in machine)) return machine;
  return Object.fromEntries(Object.entries(machine).filter(([key]) => !dropped.includes(key))) as Omit<SetMachine, K> &
    SetMachine;
}

/** Only what the durable record keeps of a slot. */
export function bareSlot(slot: Slot): Slot {
  return { revision: slot.revision, manifest: slot.manifest };
}

/** The canary once `next` is active: one for a newer revision of the same set stays. */
export function canaryAfter(machine: SetMachine, next: Slot): SetMachine['canary'] {
  const { canary } = machine;
  if (canary?.revision.setUid !== next.revision.setUid || canary.revision.n <= next.revision.n) return undefined;
  return canary;
}

/** The last-known-good slot once `next` is active: what was active, unless only the label changes or the set is another one. */
export function lkgAfter(machine: SetMachine, next: Slot): SpareSlot | undefined {
  const { active, lkg } = machine;
  if (active === undefined) return lkg?.revision.setUid === next.revision.setUid ? lkg : undefined;
  if (active.revision.setUid !== next.revision.setUid) return undefined;
  if (active.revision.digest === next.revision.digest) return lkg;
  return { ...bareSlot(active), report: active.report, compiled: true };
}

/** The durable record as it is to be now, with what is being staged or activated already in it. */
export function recordOf(machine: SetMachine): DurableRecord {
  const { activation, active, job } = machine;
  const share = activation?.terms.share;
  const forAll = share === undefined ? activation?.slot : undefined;
  const nowActive = forAll ?? active;
  const nowLkg = forAll === undefined ? machine.lkg : lkgAfter(machine, forAll);
  const kept = forAll === undefined ? machine.canary : canaryAfter(machine, forAll);
  const nowCanary: CanaryRecord | undefined =
    activation === undefined || share === undefined ? kept : { ...activation.slot, share };
  const staging = job?.kind === 'Prepare' && job.step === 'Persisting' && job.manifest !== undefined;
  const nowStaged = staging ? { revision: job.revision, manifest: job.manifest } : machine.staged;
  return {
    ...(nowActive === undefined ? {} : { active: bareSlot(nowActive) }),
    ...(nowStaged === undefined ? {} : { staged: bareSlot(nowStaged) }),
    ...(nowLkg === undefined ? {} : { lkg: bareSlot(nowLkg) }),
    ...(nowCanary === undefined ? {} : { canary: { ...bareSlot(nowCanary), share: nowCanary.share } }),
  };
}

/** A content that this PDP already has, compiled if any slot has it compiled. */
export function heldContent(
  machine: SetMachine,
  digest: Digest,
): { readonly slot: Slot; readonly compiled: boolean; readonly report: PrepareReport } | undefined {
  const { active, canary, staged, lkg } = machine;
  const serving = [active, canary].find((slot) => slot?.revision.digest === digest);
  if (serving !== undefined) return { slot: serving, compiled: true, report: serving.report };
  const spares = [staged, lkg].filter((slot) => slot?.revision.digest === digest);
  const spare = spares.find((slot) => slot?.compiled) ?? spares[0];
  return spare === undefined ? undefined : { slot: spare, compiled: spare.compiled, report: spare.report };
}

/**
 * True while something is staged beside an activation under way. A preparation on top of both would be one content more than
 * there are slots: it is not begun, and the operator says again what nobody answers.
 */
export function isFull({ activation, staged }: SetMachine): boolean {
  return activation !== undefined && staged !== undefined;
}

function slotsOf(machine: SetMachine): readonly Slot[] {
  const { active, canary, staged, lkg, activation } = machine;
  return [active, canary, staged, lkg, activation?.slot].filter((slot) => slot !== undefined);
}

/** The bundles of `wanted` that no slot of this set has. */
export function missingBundles(machine: SetMachine, wanted: readonly Digest[]): readonly Digest[] {
  const held = new Set(slotsOf(machine).flatMap((slot) => slot.manifest.bundles));
  return [...new Set(wanted)].filter((digest) => !held.has(digest));
}

/** What must be kept: the slots, what a preparation under way is fetching, and `alsoBundles`. Everything else may go. */
export function retain(machine: SetMachine, alsoBundles: readonly Digest[] = []): PdpEffect {
  const slots = slotsOf(machine);
  const { job } = machine;
  const jobDigests = job === undefined ? [] : [job.kind === 'Boot' ? job.slot.revision.digest : job.revision.digest];
  const jobBundles =
    job === undefined ? [] : job.kind === 'Boot' ? job.slot.manifest.bundles : (job.manifest?.bundles ?? []);
  return {
    type: 'retain',
    set: machine.set,
    compiled: [...new Set([...slots.map((slot) => slot.revision.digest), ...jobDigests])],
    bundles: [...new Set([...slots.flatMap((slot) => slot.manifest.bundles), ...jobBundles, ...alsoBundles])],
  };
}

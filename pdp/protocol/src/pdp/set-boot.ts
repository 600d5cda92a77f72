import type { SetEvent } from './events.ts';
import { leaseAtBoot, leaseEffect } from './set-lease.ts';
import { bareSlot, emptySet, retain, without, type SetStep } from './set-slots.ts';
import {
  NO_REPORT,
  type ActiveSlot,
  type BootJob,
  type CanaryRecord,
  type CanarySlot,
  type DurableRecord,
  type SetMachine,
  type Slot,
} from './state.ts';

/** Times that loading a revision at boot is tried again after a failure that may pass. */
export const BOOT_RETRIES_MAX = 3;

/**
 * The state of a set as the disk left it. Every slot of `record` must have been verified (digest and signature) by the
 * caller, which leaves out what does not verify. The staged slot is a promise, never something to serve.
 */
export function loadedSet(set: string, record: DurableRecord): SetMachine {
  const spare = (slot: Slot) => ({ ...bareSlot(slot), report: NO_REPORT, compiled: false });
  const { active, staged, lkg, canary } = record;
  const source = active === undefined ? ('lkg' as const) : ('active' as const);
  const slot = active ?? lkg;
  const empty = emptySet(set);
  return {
    ...empty,
    ...(staged === undefined ? {} : { staged: spare(staged) }),
    ...(lkg === undefined ? {} : { lkg: spare(lkg) }),
    ...(slot === undefined
      ? {}
      : {
          nextId: 2,
          job: {
            kind: 'Boot',
            id: 1,
            slot: bareSlot(slot),
            source,
            step: 'Active',
            failures: 0,
            report: NO_REPORT,
            // A canary was one beside what was active, and beside nothing else.
            ...(canary === undefined || active === undefined ? {} : { canary: loadedCanary(canary) }),
          } as const,
        }),
  };
}

function loadedCanary({ share, ...slot }: CanaryRecord): CanarySlot {
  return { ...bareSlot(slot), share, report: NO_REPORT, persisted: true, activatedAt: 0, swapMicros: 0 };
}

/** Begins to load what was active, if anything was. */
export function bootSet(machine: SetMachine): SetStep {
  const { job } = machine;
  if (job?.kind !== 'Boot') return [machine, []];
  return [machine, [{ type: 'compile', set: machine.set, id: job.id, revision: job.slot.revision }]];
}

/**
 * Events of the boot: compile what was active and the canary, put both in place, serve. What was active and cannot be loaded
 * is replaced by the last known good; a canary that cannot be loaded is left out. `now` is monotonic.
 */
export function stepBoot(machine: SetMachine, job: BootJob, event: SetEvent, now: number): SetStep {
  switch (event.type) {
    case 'compiled':
      return afterCompile(machine, job, { compileMs: event.compileMs, heapDeltaBytes: event.heapDeltaBytes }, now);
    case 'swapped':
      return afterSwap(machine, job, event, now);
    case 'failed':
      if (job.step === 'Canary' || job.step === 'Split') {
        const { canary: _lost, ...rest } = job;
        if (!event.deterministic && job.failures < BOOT_RETRIES_MAX) return retry(machine, job);
        return putActive(machine, rest, now);
      }
      // An older revision is served only if the newer one cannot be: a worker that died is no reason.
      if (!event.deterministic && job.failures < BOOT_RETRIES_MAX) return retry(machine, job);
      return fallBack(machine, job, event.detail.message);
    case 'verified':
    case 'bundlesFetched':
    case 'testsDone':
    case 'persisted':
    case 'persistFailed':
    case 'shadowed':
      return [machine, []];
  }
}

function afterCompile(
  machine: SetMachine,
  job: BootJob,
  cost: { readonly compileMs: number; readonly heapDeltaBytes: number },
  now: number,
): SetStep {
  const { set } = machine;
  if (job.step === 'Active') {
    const loaded: BootJob = { ...job, report: { ...job.report, ...cost }, failures: 0 };
    if (job.canary === undefined) return putActive(machine, loaded, now);
    const id = machine.nextId;
    return [
      { ...machine, nextId: id + 1, job: { ...loaded, id, step: 'Canary' } },
      [{ type: 'compile', set, id, revision: job.canary.revision }],
    ];
  }
  if (job.step !== 'Canary' || job.canary === undefined) return [machine, []];
  const { revision, share, report } = job.canary;
  const id = machine.nextId;
  return [
    {
      ...machine,
      nextId: id + 1,
      job: { ...job, id, step: 'Split', failures: 0, canary: { ...job.canary, report: { ...report, ...cost } } },
    },
    [{ type: 'split', set, id, revision, ...share }],
  ];
}

/** Everything else is in place: the last step, from which on requests are answered. */
function putActive(machine: SetMachine, job: BootJob, now: number): SetStep {
  const { set } = machine;
  const id = machine.nextId;
  const next: SetMachine = {
    ...machine,
    nextId: id + 1,
    lease: leaseAtBoot(job.slot, now),
    job: { ...job, id, step: 'Swap', failures: 0 },
  };
  return [next, [leaseEffect(next, job.slot), { type: 'swap', set, id, revision: job.slot.revision }]];
}

function afterSwap(
  machine: SetMachine,
  job: BootJob,
  event: Extract<SetEvent, { type: 'swapped' }>,
  now: number,
): SetStep {
  const { activatedAt, swapMicros } = event;
  if (job.step === 'Split' && job.canary !== undefined) {
    return putActive(machine, { ...job, canary: { ...job.canary, activatedAt, swapMicros } }, now);
  }
  if (job.step !== 'Swap') return [machine, []];
  const { canary } = job;
  const active: ActiveSlot = { ...job.slot, report: job.report, persisted: true, activatedAt, swapMicros };
  const rest = job.source === 'lkg' ? without(machine, 'job', 'lkg') : without(machine, 'job');
  const next: SetMachine = { ...rest, active, ...(canary === undefined ? {} : { canary }) };
  return [next, [retain(next)]];
}

function retry(machine: SetMachine, job: BootJob): SetStep {
  const id = machine.nextId;
  const isCanary = job.step === 'Canary' || job.step === 'Split';
  const slot = isCanary && job.canary !== undefined ? job.canary : job.slot;
  return [
    {
      ...machine,
      nextId: id + 1,
      job: { ...job, id, step: isCanary ? 'Canary' : 'Active', failures: job.failures + 1 },
    },
    [{ type: 'compile', set: machine.set, id, revision: slot.revision }],
  ];
}

function fallBack(machine: SetMachine, job: BootJob, message: string): SetStep {
  const { lkg } = machine;
  const bootFault = `${job.source} revision ${job.slot.revision.n} could not be loaded: ${message}`;
  if (job.source === 'lkg' || lkg === undefined) {
    const rest = job.source === 'lkg' ? without(machine, 'job', 'lkg') : without(machine, 'job');
    const next: SetMachine = { ...rest, bootFault };
    return [next, [retain(next)]];
  }
  const id = machine.nextId;
  const next: SetMachine = {
    ...machine,
    nextId: id + 1,
    bootFault,
    job: { kind: 'Boot', id, slot: bareSlot(lkg), source: 'lkg', step: 'Active', failures: 0, report: NO_REPORT },
  };
  return [next, [{ type: 'compile', set: machine.set, id, revision: lkg.revision }]];
}

import type { SetEvent } from './events.ts';
import { bareSlot, emptySet, retain, without, type SetStep } from './set-slots.ts';
import { NO_REPORT, type ActiveSlot, type BootJob, type DurableRecord, type SetMachine, type Slot } from './state.ts';

/** Times that loading a revision at boot is tried again after a failure that may pass. */
export const BOOT_RETRIES_MAX = 3;

/**
 * The state of a set as the disk left it. Every slot of `record` must have been verified (digest and signature) by the
 * caller, which leaves out what does not verify. The staged slot is a promise, never something to serve.
 */
export function loadedSet(set: string, record: DurableRecord): SetMachine {
  const spare = (slot: Slot) => ({ ...bareSlot(slot), report: NO_REPORT, compiled: false });
  const { active, staged, lkg } = record;
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
          job: { kind: 'Boot', id: 1, slot: bareSlot(slot), source, failures: 0, report: NO_REPORT } as const,
        }),
  };
}

/** Begins to load what was active, if anything was. */
export function bootSet(machine: SetMachine): SetStep {
  const { job } = machine;
  if (job?.kind !== 'Boot') return [machine, []];
  return [machine, [{ type: 'compile', set: machine.set, id: job.id, revision: job.slot.revision }]];
}

/** Events of the boot: compile, swap, serve; what was active and cannot be loaded is replaced by the last known good. */
export function stepBoot(machine: SetMachine, job: BootJob, event: SetEvent): SetStep {
  switch (event.type) {
    case 'compiled': {
      const report = { ...job.report, compileMs: event.compileMs, heapDeltaBytes: event.heapDeltaBytes };
      const { set } = machine;
      return [
        { ...machine, job: { ...job, report } },
        [{ type: 'swap', set, id: job.id, revision: job.slot.revision }],
      ];
    }
    case 'swapped': {
      const { activatedAt, swapMicros } = event;
      const active: ActiveSlot = { ...job.slot, report: job.report, persisted: true, activatedAt, swapMicros };
      const rest = job.source === 'lkg' ? without(machine, 'job', 'lkg') : without(machine, 'job');
      const next: SetMachine = { ...rest, active };
      return [next, [retain(next)]];
    }
    case 'failed':
      // An older revision is served only if the newer one cannot be: a worker that died is no reason.
      if (!event.deterministic && job.failures < BOOT_RETRIES_MAX) return retry(machine, job);
      return fallBack(machine, job, event.detail.message);
    case 'verified':
    case 'bundlesFetched':
    case 'testsDone':
    case 'persisted':
    case 'persistFailed':
      return [machine, []];
  }
}

function retry(machine: SetMachine, job: BootJob): SetStep {
  const id = machine.nextId;
  return [
    { ...machine, nextId: id + 1, job: { ...job, id, failures: job.failures + 1 } },
    [{ type: 'compile', set: machine.set, id, revision: job.slot.revision }],
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
    job: { kind: 'Boot', id, slot: bareSlot(lkg), source: 'lkg', failures: 0, report: NO_REPORT },
  };
  return [next, [{ type: 'compile', set: machine.set, id, revision: lkg.revision }]];
}

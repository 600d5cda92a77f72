import { isSameRevision, revisionIdOf } from '../identifiers.ts';
import type { Active } from '../messages.ts';
import type { PdpEffect, SetEvent } from './events.ts';
import type { ActiveSlot, PdpConfig, PrepareReport, SetMachine, Slot } from './state.ts';
import { bareSlot, lkgAfter, recordOf, retain, without, type SetStep } from './set-slots.ts';

/** Key of the timer after which the record of the active revision is written again. */
export function persistTimer(set: string): string {
  return `persist/${set}`;
}

/** The Active message of what a set serves. */
export function activeMessage(set: string, active: ActiveSlot): Active {
  return {
    type: 'Active',
    set,
    revision: revisionIdOf(active.revision),
    activatedAt: active.activatedAt,
    swapMicros: active.swapMicros,
    persisted: active.persisted,
  };
}

/**
 * Begins to activate `slot`: the durable record first. The caller has checked that no activation is under way and that
 * the decision for `slot` is Commit.
 */
export function beginActivation(machine: SetMachine, slot: Slot, report: PrepareReport): SetStep {
  const id = machine.nextId;
  const { staged } = machine;
  const stagedIsPassed =
    staged !== undefined && (staged.revision.setUid !== slot.revision.setUid || staged.revision.n <= slot.revision.n);
  const rest = stagedIsPassed ? without(machine, 'staged') : machine;
  const next: SetMachine = {
    ...rest,
    nextId: id + 1,
    activation: { id, slot: bareSlot(slot), report, step: 'Persisting', persisted: false },
  };
  return [next, [{ type: 'persistActive', set: machine.set, id, record: recordOf(next) }]];
}

/** The record of the activation is on disk, or cannot be: either way the decision stands, so swap. */
function swapNow(machine: SetMachine, persisted: boolean): SetStep {
  const { activation } = machine;
  if (activation === undefined) return [machine, []];
  const swap: PdpEffect = { type: 'swap', set: machine.set, id: activation.id, revision: activation.slot.revision };
  return [{ ...machine, activation: { ...activation, step: 'Swapping', persisted } }, [swap]];
}

/** The swap happened: the slots move by one, and the operator is told. */
function finishActivation(
  machine: SetMachine,
  event: Extract<SetEvent, { type: 'swapped' }>,
  config: PdpConfig,
): SetStep {
  const { activation } = machine;
  if (activation === undefined) return [machine, []];
  const active: ActiveSlot = {
    ...activation.slot,
    report: activation.report,
    persisted: activation.persisted,
    activatedAt: event.activatedAt,
    swapMicros: event.swapMicros,
  };
  const lkg = lkgAfter(machine, activation.slot);
  const next: SetMachine = {
    ...without(machine, 'activation', 'lkg', 'bootFault'),
    active,
    ...(lkg === undefined ? {} : { lkg }),
  };
  const effects: PdpEffect[] = [{ type: 'send', message: activeMessage(machine.set, active) }, retain(next)];
  if (!active.persisted) {
    effects.push({ type: 'setTimer', key: persistTimer(machine.set), delayMs: config.persistRetryMs });
  }
  return commitIfWaiting(next, effects);
}

/** Activates a staged revision whose Commit came while another activation was under way. */
function commitIfWaiting(machine: SetMachine, effects: readonly PdpEffect[]): SetStep {
  const { staged, commitWhenFree } = machine;
  if (commitWhenFree === undefined) return [machine, effects];
  const cleared = without(machine, 'commitWhenFree');
  if (staged?.compiled !== true || !isSameRevision(staged.revision, commitWhenFree)) return [cleared, effects];
  const [next, more] = beginActivation(cleared, staged, staged.report);
  return [next, [...effects, ...more]];
}

/** Events of the activation under way, or of a repair of its record. */
export function stepActivation(machine: SetMachine, event: SetEvent, config: PdpConfig): SetStep | undefined {
  const { activation, active } = machine;
  if (activation?.id === event.id) {
    if (event.type === 'persisted' && activation.step === 'Persisting') return swapNow(machine, true);
    if (event.type === 'persistFailed' && activation.step === 'Persisting') return swapNow(machine, false);
    if (event.type === 'swapped') return finishActivation(machine, event, config);
    if (event.type === 'failed') return undefined;
    return [machine, []];
  }
  if (event.type === 'persisted' && event.record === 'active' && active?.persisted === false) {
    const repaired = { ...active, persisted: true };
    return [{ ...machine, active: repaired }, [{ type: 'send', message: activeMessage(machine.set, repaired) }]];
  }
  if (event.type === 'persistFailed' && event.record === 'active' && active?.persisted === false) {
    return [machine, [{ type: 'setTimer', key: persistTimer(machine.set), delayMs: config.persistRetryMs }]];
  }
  return undefined;
}

/** The time to write the record of an unpersisted active revision again. */
export function retryPersist(machine: SetMachine): SetStep {
  if (machine.active?.persisted !== false || machine.activation !== undefined) return [machine, []];
  const id = machine.nextId;
  return [{ ...machine, nextId: id + 1 }, [{ type: 'persistActive', set: machine.set, id, record: recordOf(machine) }]];
}

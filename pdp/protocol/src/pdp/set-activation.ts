import { isSameRevision, revisionIdOf, type RevisionId } from '../identifiers.ts';
import type { Active } from '../messages.ts';
import type { PdpEffect, SetEvent } from './events.ts';
import type { ActiveSlot, CanarySlot, CommitTerms, PdpConfig, PrepareReport, SetMachine, Slot } from './state.ts';
import { leaseChange, leaseEffect, settleLease } from './set-lease.ts';
import { endShadow } from './set-shadow.ts';
import { bareSlot, canaryAfter, lkgAfter, recordOf, retain, without, type SetStep } from './set-slots.ts';

/** Key of the timer after which the record of the active revision is written again. */
export function persistTimer(set: string): string {
  return `persist/${set}`;
}

/** Key of the timer that ends the wait for the moment that a commit named. */
export function activateTimer(set: string): string {
  return `activate/${set}`;
}

/** The Active message of what a set serves: to all, or as a canary. */
export function activeMessage(set: string, slot: ActiveSlot | CanarySlot): Active {
  return {
    type: 'Active',
    set,
    revision: revisionIdOf(slot.revision),
    ...('share' in slot ? { share: slot.share } : {}),
    ...(slot.timing === undefined ? {} : { timing: slot.timing }),
    activatedAt: slot.activatedAt,
    swapMicros: slot.swapMicros,
    persisted: slot.persisted,
  };
}

/** True if what serves is as new as `revision` on these terms: its commit is older than one that overtook it. */
export function isOvertaken({ active, canary }: SetMachine, revision: RevisionId, { share }: CommitTerms): boolean {
  if (active?.revision.setUid === revision.setUid && active.revision.n >= revision.n) return true;
  if (share === undefined || canary?.revision.setUid !== revision.setUid) return false;
  const { n } = canary.revision;
  return n > revision.n || (n === revision.n && canary.share.upTo >= share.upTo);
}

/**
 * Begins to activate `slot`: the durable record first. The caller has checked that no activation is under way and that
 * the decision for `slot`, on these terms, is Commit.
 */
export function beginActivation(machine: SetMachine, slot: Slot, report: PrepareReport, terms: CommitTerms): SetStep {
  const id = machine.nextId;
  const { staged } = machine;
  const stagedIsPassed =
    staged !== undefined && (staged.revision.setUid !== slot.revision.setUid || staged.revision.n <= slot.revision.n);
  const [unshadowed, effects] = stagedIsPassed ? endShadow(machine) : [machine, []];
  const rest = stagedIsPassed ? without(unshadowed, 'staged') : unshadowed;
  const next: SetMachine = {
    ...rest,
    nextId: id + 1,
    activation: { id, slot: bareSlot(slot), report, terms, step: 'Persisting', persisted: false },
  };
  const isOtherPassed = stagedIsPassed && !isSameRevision(staged.revision, slot.revision);
  // The record on disk names what is passed until the next one is durable: its bytes stay until then.
  const forget = isOtherPassed ? [retain(next, staged.manifest.bundles)] : [];
  return [next, [...effects, ...forget, { type: 'persistActive', set: machine.set, id, record: recordOf(next) }]];
}

/** The record of the activation is on disk, or cannot be: either way the decision stands, so swap, or wait for its moment. */
function afterRecord(machine: SetMachine, persisted: boolean, now: number): SetStep {
  const { activation, set } = machine;
  if (activation === undefined) return [machine, []];
  const delayMs = (activation.terms.dueAt ?? now) - now;
  const next = { ...machine, activation: { ...activation, persisted } };
  if (delayMs <= 0) return swapNow(next);
  return [
    { ...next, activation: { ...next.activation, step: 'Timed' } },
    [{ type: 'setTimer', key: activateTimer(set), delayMs }],
  ];
}

/** The moment is there that the commit named. */
export function activateOnTime(machine: SetMachine): SetStep {
  return machine.activation?.step === 'Timed' ? swapNow(machine) : [machine, []];
}

function swapNow(machine: SetMachine): SetStep {
  const { activation, set } = machine;
  if (activation === undefined) return [machine, []];
  const { id, slot, terms } = activation;
  const next: SetMachine = { ...machine, activation: { ...activation, step: 'Swapping' } };
  const { revision } = slot;
  if (terms.share !== undefined) return [next, [{ type: 'split', set, id, revision, ...terms.share }]];
  return [next, [leaseEffect(next, slot), { type: 'swap', set, id, revision }]];
}

/** The swap or split happened: the slots move by one, and the operator is told. */
function finishActivation(
  machine: SetMachine,
  event: Extract<SetEvent, { type: 'swapped' }>,
  config: PdpConfig,
): SetStep {
  const { activation } = machine;
  if (activation === undefined) return [machine, []];
  const { terms, slot, report, persisted } = activation;
  const active: ActiveSlot = {
    ...slot,
    report,
    persisted,
    activatedAt: event.activatedAt,
    swapMicros: event.swapMicros,
    ...(terms.timing === undefined ? {} : { timing: terms.timing }),
  };
  const done = without(machine, 'activation');
  const moved =
    terms.share === undefined ? withActive(done, active) : { ...done, canary: { ...active, share: terms.share } };
  const next = settleLease(machine, moved);
  const told = terms.share === undefined ? active : { ...active, share: terms.share };
  const effects: PdpEffect[] = [
    ...leaseChange(machine, next),
    { type: 'send', message: activeMessage(machine.set, told) },
    retain(next),
  ];
  if (!persisted) {
    effects.push({ type: 'setTimer', key: persistTimer(machine.set), delayMs: config.persistRetryMs });
  }
  return commitIfWaiting(next, effects);
}

function withActive(machine: SetMachine, active: ActiveSlot): SetMachine {
  const lkg = lkgAfter(machine, active);
  const canary = canaryAfter(machine, active);
  const staged = machine.staged?.revision;
  const isStagedPassed = staged?.setUid === active.revision.setUid && staged.n <= active.revision.n;
  return {
    ...without(machine, 'lkg', 'canary', 'bootFault', ...(isStagedPassed ? (['staged'] as const) : [])),
    active,
    ...(lkg === undefined ? {} : { lkg }),
    ...(canary === undefined ? {} : { canary }),
  };
}

/** Activates a revision whose Commit came while another activation was under way. */
function commitIfWaiting(machine: SetMachine, effects: readonly PdpEffect[]): SetStep {
  const { staged, canary, commitWhenFree } = machine;
  if (commitWhenFree === undefined) return [machine, effects];
  const { revision, terms } = commitWhenFree;
  const cleared = without(machine, 'commitWhenFree');
  const ready = [staged?.compiled === true ? staged : undefined, canary].find((slot) =>
    isSameRevision(slot?.revision, revision),
  );
  if (ready === undefined || isOvertaken(machine, revision, terms)) return [cleared, effects];
  const [next, more] = beginActivation(cleared, ready, ready.report, terms);
  return [next, [...effects, ...more]];
}

/** Events of the activation under way, or of a repair of its record. */
export function stepActivation(
  machine: SetMachine,
  event: SetEvent,
  config: PdpConfig,
  now: number,
): SetStep | undefined {
  const { activation, active, canary } = machine;
  if (activation?.id === event.id) {
    if (event.type === 'persisted' && activation.step === 'Persisting') return afterRecord(machine, true, now);
    if (event.type === 'persistFailed' && activation.step === 'Persisting') return afterRecord(machine, false, now);
    if (event.type === 'swapped') return finishActivation(machine, event, config);
    if (event.type === 'failed') return undefined;
    return [machine, []];
  }
  const isUnpersisted = active?.persisted === false || canary?.persisted === false;
  if (!isUnpersisted) return undefined;
  if (event.type === 'persisted' && event.record === 'active') return recordRepaired(machine);
  if (event.type === 'persistFailed' && event.record === 'active') {
    return [machine, [{ type: 'setTimer', key: persistTimer(machine.set), delayMs: config.persistRetryMs }]];
  }
  return undefined;
}

/** A record was written that names what is served too: who was told otherwise is told again. */
export function recordRepaired(machine: SetMachine): SetStep {
  const { set } = machine;
  let next = machine;
  const effects: PdpEffect[] = [];
  if (machine.active?.persisted === false) {
    const active = { ...machine.active, persisted: true };
    next = { ...next, active };
    effects.push({ type: 'send', message: activeMessage(set, active) });
  }
  if (machine.canary?.persisted === false) {
    const canary = { ...machine.canary, persisted: true };
    next = { ...next, canary };
    effects.push({ type: 'send', message: activeMessage(set, canary) });
  }
  return [next, effects];
}

/** The time to write the record of an unpersisted active revision again. */
export function retryPersist(machine: SetMachine): SetStep {
  const isUnpersisted = machine.active?.persisted === false || machine.canary?.persisted === false;
  if (!isUnpersisted || machine.activation !== undefined) return [machine, []];
  const id = machine.nextId;
  return [{ ...machine, nextId: id + 1 }, [{ type: 'persistActive', set: machine.set, id, record: recordOf(machine) }]];
}

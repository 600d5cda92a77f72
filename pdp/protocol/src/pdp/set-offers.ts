import { isSameRevision, revisionIdOf } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { Abort, Commit, Prepare, Share } from '../messages.ts';
import type { PdpEffect } from './events.ts';
import { orderRevisions, type RevisionOrder } from './revision-order.ts';
import { activeMessage, beginActivation } from './set-activation.ts';
import {
  beginFetch,
  deadlineTimer,
  nackEffect,
  preparedMessage,
  resumeStaged,
  spreadTimer,
  startJob,
  type JobRequest,
} from './set-job.ts';
import { beginShadow, endShadow } from './set-shadow.ts';
import { isFull, recordOf, retain, without, type SetStep } from './set-slots.ts';
import type { CanarySlot, CommitTerms, SetMachine } from './state.ts';

/** Order against what serves everyone or is on its way to: nothing at or below it is activated again. */
function orderToActive({ activation, active }: SetMachine, offered: SignedRevision): RevisionOrder {
  const forAll = activation?.terms.share === undefined ? activation?.slot : undefined;
  const floor = forAll?.revision ?? active?.revision;
  return floor === undefined ? 'Newer' : orderRevisions(floor, offered);
}

/** Order against all that serves or is on its way to: nothing at or below it is prepared again. */
function orderToServing(machine: SetMachine, offered: SignedRevision): RevisionOrder {
  const { activation, canary } = machine;
  for (const slot of [activation?.slot, canary]) {
    if (slot?.revision.setUid !== offered.setUid) continue;
    const order = orderRevisions(slot.revision, offered);
    if (order !== 'Newer') return order;
  }
  return orderToActive(machine, offered);
}

function conflict(machine: SetMachine, offered: SignedRevision): SetStep {
  const message = `revision ${offered.n} is known here with another digest`;
  return [
    machine,
    [
      nackEffect(machine.set, offered, {
        phase: 'Verify',
        code: 'RevisionConflict',
        deterministic: true,
        detail: { message },
      }),
    ],
  ];
}

function otherSetOlder(machine: SetMachine, offered: SignedRevision): SetStep {
  const message = `the set has another UID here and revision ${offered.n} of UID ${offered.setUid} was created before what is active`;
  return [
    machine,
    [
      nackEffect(machine.set, offered, {
        phase: 'Verify',
        code: 'SetReplaced',
        deterministic: false,
        detail: { message },
      }),
    ],
  ];
}

function offerOf({ revision, ticket, deadlineMs, spreadMs }: Prepare | Commit, random: number): JobRequest {
  return { revision, ticket, deadlineMs, delayMs: Math.floor(spreadMs * random) };
}

/** Prepare: rule 1 of the PDP. `random` in [0, 1) places the fetch within the spread. */
export function onPrepare(machine: SetMachine, message: Prepare, random: number): SetStep {
  const { revision, shadow } = message;
  switch (orderToServing(machine, revision)) {
    case 'Older':
    case 'Same':
      return [machine, []];
    case 'Conflict':
      return conflict(machine, revision);
    case 'OtherSetOlder':
      return otherSetOlder(machine, revision);
    case 'Newer':
      break;
  }
  const refused = refusalOf(machine, revision);
  if (refused !== undefined) return refused;
  const { job, staged } = machine;
  if (job?.kind === 'Boot') return [machine, []];
  if (job !== undefined) {
    const order = orderRevisions(job.revision, revision);
    if (order === 'Same' || order === 'Older' || order === 'OtherSetOlder') return [machine, []];
    // A decided revision is being installed: the operator offers the newer one again once that is active.
    if (job.commit !== undefined) return [machine, []];
  }
  const request: JobRequest = { ...offerOf(message, random), ...(shadow === undefined ? {} : { shadow }) };
  if (staged !== undefined) {
    const order = orderRevisions(staged.revision, revision);
    if (order === 'Conflict') return conflict(machine, revision);
    if (order === 'Older' || order === 'OtherSetOlder') return [machine, []];
    if (order === 'Same') {
      if (!staged.compiled) return resumeStaged(machine, staged, request);
      const prepared: PdpEffect = { type: 'send', message: preparedMessage(machine.set, staged) };
      const [next, effects] = shadow === undefined ? [machine, []] : beginShadow(machine, staged, shadow);
      return [next, [prepared, ...effects]];
    }
  }
  if (isFull(machine)) return [machine, []];
  const [clear, effects] = endShadow(machine);
  const [next, more] = startJob(clear, request);
  return [next, [...effects, ...more]];
}

function refusalOf(machine: SetMachine, revision: SignedRevision): SetStep | undefined {
  const refusal = machine.refused.find(({ digest }) => digest === revision.digest);
  if (refusal === undefined) return undefined;
  return [machine, [nackEffect(machine.set, revision, { ...refusal, deterministic: true })]];
}

/**
 * Commit: rule 2 of the PDP. A revision that is not staged is prepared first, and answered late. `terms` are the message's,
 * in the PDP's own time.
 */
export function onCommit(machine: SetMachine, message: Commit, terms: CommitTerms, random: number): SetStep {
  const { revision } = message;
  const { activation, active } = machine;
  switch (orderToActive(machine, revision)) {
    case 'Older':
      return [machine, []];
    case 'Same':
      // Its Active was lost, or is on its way.
      if (activation !== undefined || active === undefined) return [machine, []];
      return [machine, [{ type: 'send', message: activeMessage(machine.set, active) }]];
    case 'Conflict':
      return conflict(machine, revision);
    case 'OtherSetOlder':
      return otherSetOlder(machine, revision);
    case 'Newer':
      break;
  }
  if (machine.job?.kind === 'Boot') return [machine, []];
  // A part needs a whole that it is a part of: the operator sends that first.
  if (terms.share !== undefined && active?.revision.setUid !== revision.setUid) return [machine, []];
  return widened(machine, revision, terms) ?? installed(machine, message, terms, random);
}

/** The answer where the revision serves a share already, or is on its way to; undefined if it does not. */
function widened(machine: SetMachine, revision: SignedRevision, terms: CommitTerms): SetStep | undefined {
  const { activation, canary, set } = machine;
  if (activation !== undefined && isSameRevision(activation.slot.revision, revision)) {
    if (!isWider(terms.share, activation.terms.share)) return [machine, []];
    return [{ ...machine, commitWhenFree: { revision: revisionIdOf(revision), terms } }, []];
  }
  if (canary === undefined) return undefined;
  const order = orderRevisions(canary.revision, revision);
  if (order === 'Conflict') return conflict(machine, revision);
  if (order === 'Same') {
    // Shares only rise, and a principal keeps its place: whatever else is offered is a stray.
    if (!isWider(terms.share, canary.share)) return [machine, [{ type: 'send', message: activeMessage(set, canary) }]];
    return widen(machine, canary, terms);
  }
  return order === 'Older' && terms.share !== undefined ? [machine, []] : undefined;
}

function isWider(offered: Share | undefined, held: Share | undefined): boolean {
  if (held === undefined) return false;
  return offered === undefined || (offered.salt === held.salt && offered.upTo > held.upTo);
}

function widen(machine: SetMachine, canary: CanarySlot, terms: CommitTerms): SetStep {
  if (machine.activation === undefined) return beginActivation(machine, canary, canary.report, terms);
  return [{ ...machine, commitWhenFree: { revision: revisionIdOf(canary.revision), terms } }, []];
}

/** Activates what is staged, or prepares it first. */
function installed(machine: SetMachine, message: Commit, terms: CommitTerms, random: number): SetStep {
  const { revision } = message;
  const { activation, active, staged, job } = machine;
  if (job?.kind === 'Prepare' && isSameRevision(job.revision, revision)) {
    const isMore = job.commit === undefined || isWider(terms.share, job.commit.share);
    const committed = { ...machine, job: { ...job, commit: isMore ? terms : job.commit } };
    if (job.step !== 'Waiting') return [committed, []];
    const [begun, effects] = beginFetch(committed);
    return [begun, [{ type: 'clearTimer', key: spreadTimer(machine.set) }, ...effects]];
  }
  if (job?.kind === 'Prepare' && job.commit !== undefined && orderRevisions(job.revision, revision) !== 'Newer') {
    return [machine, []];
  }
  // Who has nothing to serve is waited for, and comes alone or by the rate at which the operator lets PDPs in.
  const offer = offerOf(message, active === undefined ? 0 : random);
  const request: JobRequest = { ...offer, commit: terms };
  if (staged !== undefined && isSameRevision(staged.revision, revision)) {
    if (!staged.compiled) return resumeStaged(machine, staged, request);
    if (activation !== undefined) {
      return [{ ...machine, commitWhenFree: { revision: revisionIdOf(revision), terms } }, []];
    }
    return beginActivation(machine, staged, staged.report, terms);
  }
  return refusalOf(machine, revision) ?? (isFull(machine) ? [machine, []] : startJob(machine, request));
}

/** Abort: rule 3 of the PDP. What is decided here stays: a decision never changes, so such an Abort is a stray. */
export function onAbort(machine: SetMachine, message: Abort): SetStep {
  const { set } = machine;
  const { job, staged } = machine;
  if (job?.kind === 'Prepare' && job.commit === undefined && isSameRevision(job.revision, message.revision)) {
    const wasPersisting = job.step === 'Persisting';
    const next = without(machine, 'job');
    const clear = [
      { type: 'cancel', set, id: job.id },
      { type: 'clearTimer', key: deadlineTimer(set) },
      { type: 'clearTimer', key: spreadTimer(set) },
    ] as const;
    // Its record may be on disk already: write one without it after it.
    const drop = wasPersisting ? [{ type: 'dropStaged', set, record: recordOf(next) } as const] : [];
    return [next, [...clear, ...drop, retain(next)]];
  }
  if (staged !== undefined && isSameRevision(staged.revision, message.revision)) {
    if (isSameRevision(machine.commitWhenFree?.revision, staged.revision)) return [machine, []];
    const [clear, effects] = endShadow(machine);
    const next = without(clear, 'staged');
    return [next, [...effects, { type: 'dropStaged', set, record: recordOf(next) }, retain(next)]];
  }
  return [machine, []];
}

import { isSameRevision, revisionIdOf } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { Abort, Commit, Prepare } from '../messages.ts';
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
import { recordOf, retain, without, type SetStep } from './set-slots.ts';
import type { SetMachine } from './state.ts';

/** Order against what is active or on its way to be: nothing at or below it is prepared again. */
function orderToFloor(machine: SetMachine, offered: SignedRevision): RevisionOrder {
  const floor = machine.activation?.slot.revision ?? machine.active?.revision;
  return floor === undefined ? 'Newer' : orderRevisions(floor, offered);
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

function requestOf(message: Prepare | Commit, random: number): JobRequest {
  const { revision, ticket, deadlineMs, spreadMs, type } = message;
  return { revision, ticket, deadlineMs, commit: type === 'Commit', delayMs: Math.floor(spreadMs * random) };
}

/** Prepare: rule 1 of the PDP. `random` in [0, 1) places the fetch within the spread. */
export function onPrepare(machine: SetMachine, message: Prepare, random: number): SetStep {
  const { revision } = message;
  switch (orderToFloor(machine, revision)) {
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
  const refusal = machine.refused.find(({ digest }) => digest === revision.digest);
  if (refusal !== undefined) return [machine, [nackEffect(machine.set, revision, { ...refusal, deterministic: true })]];
  const { job, staged } = machine;
  if (job?.kind === 'Boot') return [machine, []];
  if (job !== undefined) {
    const order = orderRevisions(job.revision, revision);
    if (order === 'Same' || order === 'Older' || order === 'OtherSetOlder') return [machine, []];
    // A decided revision is being installed: the operator offers the newer one again once that is active.
    if (job.commit) return [machine, []];
  }
  if (staged !== undefined) {
    const order = orderRevisions(staged.revision, revision);
    if (order === 'Conflict') return conflict(machine, revision);
    if (order === 'Older' || order === 'OtherSetOlder') return [machine, []];
    if (order === 'Same') {
      if (!staged.compiled) return resumeStaged(machine, staged, requestOf(message, random));
      return [machine, [{ type: 'send', message: preparedMessage(machine.set, staged) }]];
    }
  }
  return startJob(machine, requestOf(message, random));
}

/** Commit: rule 2 of the PDP. A revision that is not staged is prepared first, and answered late. */
export function onCommit(machine: SetMachine, message: Commit, random: number): SetStep {
  const { revision } = message;
  const { activation, active, staged, job } = machine;
  switch (orderToFloor(machine, revision)) {
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
  if (job?.kind === 'Boot') return [machine, []];
  if (job !== undefined && isSameRevision(job.revision, revision)) {
    const committed = { ...machine, job: { ...job, commit: true } };
    if (job.step !== 'Waiting') return [committed, []];
    const [begun, effects] = beginFetch(committed);
    return [begun, [{ type: 'clearTimer', key: spreadTimer(machine.set) }, ...effects]];
  }
  if (job?.commit && orderRevisions(job.revision, revision) !== 'Newer') return [machine, []];
  if (staged !== undefined && isSameRevision(staged.revision, revision)) {
    if (!staged.compiled) return resumeStaged(machine, staged, requestOf(message, random));
    if (activation !== undefined) return [{ ...machine, commitWhenFree: revisionIdOf(revision) }, []];
    return beginActivation(machine, staged, staged.report);
  }
  const refusal = machine.refused.find(({ digest }) => digest === revision.digest);
  if (refusal !== undefined) return [machine, [nackEffect(machine.set, revision, { ...refusal, deterministic: true })]];
  return startJob(machine, requestOf(message, random));
}

/** Abort: rule 3 of the PDP. What is decided here stays: a decision never changes, so such an Abort is a stray. */
export function onAbort(machine: SetMachine, message: Abort): SetStep {
  const { set } = machine;
  const { job, staged } = machine;
  if (job?.kind === 'Prepare' && !job.commit && isSameRevision(job.revision, message.revision)) {
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
    if (isSameRevision(machine.commitWhenFree, staged.revision)) return [machine, []];
    const next = without(machine, 'staged');
    return [next, [{ type: 'dropStaged', set, record: recordOf(next) }, retain(next)]];
  }
  return [machine, []];
}

import { revisionIdOf } from '../identifiers.ts';
import { REFUSED_DIGESTS_MAX } from '../limits.ts';
import type { SignedRevision } from '@edict/bundle';
import type { ManifestSummary, NackDetail, NackPhase, Prepared, ShadowRequest, TestCounts } from '../messages.ts';
import { clampDetail, isAboutContent } from '../nack.ts';
import { unfitEngine } from './engine-fit.ts';
import type { PdpEffect, SetEvent } from './events.ts';
import { beginActivation, isOvertaken, recordRepaired } from './set-activation.ts';
import { beginShadow } from './set-shadow.ts';
import { bareSlot, heldContent, missingBundles, recordOf, retain, without, type SetStep } from './set-slots.ts';
import {
  NO_REPORT,
  type CommitTerms,
  type PdpConfig,
  type PrepareJob,
  type Refusal,
  type SetMachine,
  type SpareSlot,
} from './state.ts';

/** Key of the timer that ends the random wait before a fetch. */
export function spreadTimer(set: string): string {
  return `spread/${set}`;
}

/** Key of the timer that ends a preparation which takes too long. */
export function deadlineTimer(set: string): string {
  return `deadline/${set}`;
}

/** Why a revision cannot be taken. */
export interface Refused {
  readonly phase: NackPhase;
  readonly code: string;
  readonly deterministic: boolean;
  readonly detail: NackDetail;
}

/** The Nack of `revision` with its detail cut to the wire's bounds. */
export function nackEffect(set: string, revision: SignedRevision, refused: Refused): PdpEffect {
  const { phase, code, deterministic, detail } = refused;
  const message = { type: 'Nack' as const, set, revision: revisionIdOf(revision), phase, code, deterministic };
  return { type: 'send', message: { ...message, detail: clampDetail(detail) } };
}

/** The Prepared of a staged slot. */
export function preparedMessage(set: string, staged: SpareSlot): Prepared {
  return { type: 'Prepared', set, revision: revisionIdOf(staged.revision), ...staged.report };
}

/** What to do to prepare a revision, and what then. */
export interface JobRequest {
  readonly revision: SignedRevision;
  readonly ticket: string;
  /** Activate it on these terms. */
  readonly commit?: CommitTerms;
  /** Evaluate live requests with it. */
  readonly shadow?: ShadowRequest;
  readonly deadlineMs: number;
  readonly delayMs: number;
}

/** Starts a preparation in place of the one under way, if any. The caller has checked that there is room for it. */
export function startJob(machine: SetMachine, request: JobRequest): SetStep {
  const { revision, ticket, deadlineMs, delayMs } = request;
  const { set } = machine;
  const id = machine.nextId;
  const purpose = purposeOf(request);
  const job: PrepareJob = { kind: 'Prepare', id, revision, ticket, ...purpose, step: 'Waiting', report: NO_REPORT };
  const next = { ...machine, nextId: id + 1, job };
  const effects: PdpEffect[] = [...replaceJob(machine, next)];
  effects.push({ type: 'setTimer', key: deadlineTimer(set), delayMs: deadlineMs });
  if (delayMs > 0) return [next, [...effects, { type: 'setTimer', key: spreadTimer(set), delayMs }]];
  const [begun, more] = beginFetch(next);
  return [begun, [...effects, ...more]];
}

/** Ends the work of the preparation that another one takes the place of. */
function replaceJob({ set, job }: SetMachine, next: SetMachine): readonly PdpEffect[] {
  if (job === undefined) return [];
  // What it compiled is needed no more; much of what it fetched is a part of what comes in its place.
  const { manifest } = job.kind === 'Boot' ? job.slot : job;
  return [{ type: 'cancel', set, id: job.id }, retain(next, manifest?.bundles)];
}

function purposeOf({ commit, shadow }: JobRequest): Pick<PrepareJob, 'commit' | 'shadow'> {
  return { ...(commit === undefined ? {} : { commit }), ...(shadow === undefined ? {} : { shadow }) };
}

/** Prepares again what is staged but not in memory: after a restart only its bytes are there. */
export function resumeStaged(machine: SetMachine, staged: SpareSlot, request: JobRequest): SetStep {
  const { set } = machine;
  const id = machine.nextId;
  const { revision, manifest } = staged;
  const job: PrepareJob = {
    kind: 'Prepare',
    id,
    revision,
    manifest,
    ticket: request.ticket,
    ...purposeOf(request),
    step: 'Compiling',
    report: NO_REPORT,
  };
  const next = { ...machine, nextId: id + 1, job };
  return [
    next,
    [
      ...replaceJob(machine, next),
      { type: 'setTimer', key: deadlineTimer(set), delayMs: request.deadlineMs },
      { type: 'compile', set, id, revision },
    ],
  ];
}

/** Ends the random wait. */
export function beginFetch(machine: SetMachine): SetStep {
  const { job, set } = machine;
  if (job?.kind !== 'Prepare' || job.step !== 'Waiting') return [machine, []];
  const { id, revision, ticket } = job;
  return [{ ...machine, job: { ...job, step: 'Manifest' } }, [{ type: 'fetchManifest', set, id, revision, ticket }]];
}

/** The deadline passed: the preparation ends as a transient failure, named after the step that it was in. */
export function expireJob(machine: SetMachine): SetStep {
  const { job, set } = machine;
  if (job?.kind !== 'Prepare') return [machine, []];
  const message = `not prepared in time; it was in step ${job.step}`;
  const phases: Record<PrepareJob['step'], NackPhase> = {
    Waiting: 'Fetch',
    Manifest: 'Fetch',
    Bundles: 'Fetch',
    Compiling: 'Compile',
    Testing: 'Test',
    Persisting: 'Resources',
  };
  const [next, effects] = refuseJob(machine, job, {
    phase: phases[job.step],
    code: 'DeadlineExceeded',
    deterministic: false,
    detail: { message },
  });
  return [next, [{ type: 'cancel', set, id: job.id }, ...effects]];
}

/** Gives the preparation up and says why; a content that can never be taken is remembered. */
function refuseJob(machine: SetMachine, job: PrepareJob, refused: Refused): SetStep {
  const next = without(machine, 'job');
  const remembered = refused.deterministic && isAboutContent(refused) ? remember(next, job, refused) : next;
  // What was fetched before a transient failure is not fetched again.
  const reusable = refused.deterministic ? [] : (job.manifest?.bundles ?? []);
  return [
    remembered,
    [
      { type: 'clearTimer', key: deadlineTimer(machine.set) },
      { type: 'clearTimer', key: spreadTimer(machine.set) },
      nackEffect(machine.set, job.revision, refused),
      retain(remembered, reusable),
    ],
  ];
}

function remember(machine: SetMachine, job: PrepareJob, refused: Refused): SetMachine {
  const { phase, code, detail } = refused;
  const refusal: Refusal = { digest: job.revision.digest, phase, code, detail: clampDetail(detail) };
  const others = machine.refused.filter(({ digest }) => digest !== refusal.digest);
  return { ...machine, refused: [...others, refusal].slice(-REFUSED_DIGESTS_MAX) };
}

/** Events of the preparation under way. */
export function stepJob(machine: SetMachine, job: PrepareJob, event: SetEvent, config: PdpConfig): SetStep {
  switch (event.type) {
    case 'verified':
      return job.step === 'Manifest' ? afterManifest(machine, job, event.manifest, config) : [machine, []];
    case 'bundlesFetched':
      return job.step === 'Bundles' ? compile(machine, job) : [machine, []];
    case 'compiled': {
      if (job.step !== 'Compiling') return [machine, []];
      const report = { ...job.report, compileMs: event.compileMs, heapDeltaBytes: event.heapDeltaBytes };
      const { set } = machine;
      const { id, revision } = job;
      return [{ ...machine, job: { ...job, step: 'Testing', report } }, [{ type: 'runTests', set, id, revision }]];
    }
    case 'testsDone':
      return job.step === 'Testing' ? afterTests(machine, job, event.tests) : [machine, []];
    case 'failed':
      return refuseJob(machine, job, event);
    case 'persisted':
      return job.step === 'Persisting' ? afterStaged(machine, job) : [machine, []];
    case 'persistFailed':
      return job.step === 'Persisting' ? afterStagingFailed(machine, job, event.message) : [machine, []];
    case 'swapped':
    case 'shadowed':
      return [machine, []];
  }
}

/** Sizes and features are judged before a byte of a bundle is fetched. */
function afterManifest(machine: SetMachine, job: PrepareJob, manifest: ManifestSummary, config: PdpConfig): SetStep {
  const unfit = unfitEngine(config.engine, manifest);
  if (unfit !== undefined) {
    const detail = { message: unfit };
    return refuseJob(machine, job, { phase: 'Verify', code: 'EngineTooOld', deterministic: true, detail });
  }
  if (config.capacityBytes > 0 && manifest.totalBytes > config.capacityBytes) {
    return refuseJob(machine, job, {
      phase: 'Resources',
      code: 'SetTooLarge',
      deterministic: false,
      detail: { message: `the set weighs ${manifest.totalBytes} bytes, this PDP can hold ${config.capacityBytes}` },
    });
  }
  const withManifest = { ...job, manifest };
  const held = heldContent(machine, job.revision.digest);
  if (held?.compiled) return finish(machine, { ...withManifest, report: { ...held.report, compileMs: 0 } });
  const missing = missingBundles(machine, manifest.bundles);
  if (missing.length === 0) return compile(machine, withManifest);
  const { set } = machine;
  const { id, revision, ticket } = job;
  return [
    { ...machine, job: { ...withManifest, step: 'Bundles' } },
    [{ type: 'fetchBundles', set, id, revision, ticket, missing }],
  ];
}

function compile(machine: SetMachine, job: PrepareJob): SetStep {
  const { id, revision } = job;
  return [{ ...machine, job: { ...job, step: 'Compiling' } }, [{ type: 'compile', set: machine.set, id, revision }]];
}

function afterTests(machine: SetMachine, job: PrepareJob, tests: TestCounts): SetStep {
  if (tests.failed > 0) {
    return refuseJob(machine, job, {
      phase: 'Test',
      code: 'TestsFailed',
      deterministic: true,
      detail: { message: `${tests.failed} of ${tests.failed + tests.passed} tests failed` },
    });
  }
  return finish(machine, { ...job, report: { ...job.report, tests } });
}

/** Everything but the disk is done. A decided revision needs no promise: it goes straight to its activation. */
function finish(machine: SetMachine, job: PrepareJob): SetStep {
  if (job.commit !== undefined && machine.activation === undefined) return activateJob(machine, job, job.commit);
  const next = { ...machine, job: { ...job, step: 'Persisting' as const } };
  return [next, [{ type: 'persistStaged', set: machine.set, id: job.id, record: recordOf(next) }]];
}

function activateJob(machine: SetMachine, job: PrepareJob, terms: CommitTerms): SetStep {
  if (job.manifest === undefined) return [machine, []];
  if (isOvertaken(machine, job.revision, terms)) {
    const next = without(machine, 'job');
    return [next, [{ type: 'clearTimer', key: deadlineTimer(machine.set) }, retain(next)]];
  }
  const slot = { revision: job.revision, manifest: job.manifest };
  const [next, effects] = beginActivation(without(machine, 'job'), slot, job.report, terms);
  return [next, [{ type: 'clearTimer', key: deadlineTimer(machine.set) }, ...effects]];
}

/** The promise is durable: only now may Prepared be said. */
function afterStaged(machine: SetMachine, job: PrepareJob): SetStep {
  if (job.manifest === undefined) return [machine, []];
  const slot = bareSlot({ revision: job.revision, manifest: job.manifest });
  const staged: SpareSlot = { ...slot, report: job.report, compiled: true };
  const settled: SetMachine = { ...without(machine, 'job'), staged };
  // The record just written names what is active too, so a record that failed before is repaired by it.
  const [next, repairs] = machine.activation === undefined ? recordRepaired(settled) : [settled, []];
  // What was staged before is passed, in the record too.
  const effects: PdpEffect[] = [{ type: 'clearTimer', key: deadlineTimer(machine.set) }, ...repairs, retain(next)];
  if (job.commit === undefined) {
    effects.push({ type: 'send', message: preparedMessage(machine.set, staged) });
    const [shadowing, more] = job.shadow === undefined ? [next, []] : beginShadow(next, staged, job.shadow);
    return [shadowing, [...effects, ...more]];
  }
  if (machine.activation !== undefined) {
    const commitWhenFree = { revision: revisionIdOf(job.revision), terms: job.commit };
    return [{ ...next, commitWhenFree }, effects];
  }
  if (isOvertaken(next, job.revision, job.commit)) {
    const rest = without(next, 'staged');
    return [rest, [...effects, retain(rest)]];
  }
  const [activating, more] = beginActivation(next, staged, staged.report, job.commit);
  return [activating, [...effects, ...more]];
}

/** A disk that fails prevents a promise, not a decided change. */
function afterStagingFailed(machine: SetMachine, job: PrepareJob, message: string): SetStep {
  if (job.commit !== undefined && machine.activation === undefined) return activateJob(machine, job, job.commit);
  return refuseJob(machine, job, {
    phase: 'Resources',
    code: 'PersistFailed',
    deterministic: false,
    detail: { message },
  });
}

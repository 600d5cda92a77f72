import { isSameRevision, revisionIdOf, type NodeId, type RevisionId } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { SetLoad, ShadowReport } from '../messages.ts';
import type { ExternalVerdict } from './analysis.ts';
import { evaluateBarrier } from './barrier.ts';
import { restingMs } from './circuit.ts';
import { noteShadow, noteSoakLoad, noteVerdict } from './evidence.ts';
import type { Fleet } from './fleet.ts';
import { foreignDecision } from './foreign-decision.ts';
import { evaluateGate, refusalText } from './gate.ts';
import { evaluateHold, shadowStanding, type HoldInput } from './gate-hold.ts';
import type { Instant } from './instant.ts';
import type { Ledger, OpenRevision } from './ledger.ts';
import { LoadWindow, NO_TOTALS } from './load-window.ts';
import { refusesForGood, type NodeView } from './node.ts';
import {
  isSameRequest,
  type AbortCause,
  type Decision,
  type DecisionRequest,
  type OperatorTuning,
  type RolloutRecord,
  type SetObservation,
  type StoppedRevision,
  type WaveRef,
} from './observation.ts';
import { currentWave, isEnded, openRollout, type OpenRollout } from './open-rollout.ts';
import type { ShadowProgress } from './progress.ts';
import { evaluateReach } from './reach.ts';
import { evaluateSoak, longestSoakMs, soakAnalysis } from './soak.ts';
import { WaveCohort } from './wave-cohort.ts';
import { isGated, planWaves, waveRef, wavesOfCommitted } from './waves.ts';
import { comingBack, isFailure, wantsBack, wayBack } from './way-back.ts';

/** How the compare-and-swap of a decision ended. After `failed` nobody knows whether it was written. */
export type DecisionOutcome = 'written' | 'conflict' | 'failed';

/** What a conductor wants done. */
export type ConductorEffect =
  | ({ readonly type: 'writeDecision' } & DecisionRequest)
  | { readonly type: 'rollBack'; readonly revision: RevisionId; readonly cause: AbortCause }
  /** Whoever may have the revision staged is to forget it. */
  | { readonly type: 'withdraw'; readonly revision: SignedRevision; readonly reason: AbortCause['reason'] };

const NO_RECORD: RolloutRecord = { decided: [] };

/**
 * Brings one set's revisions through their waves: it opens, gates, decides and completes, one revision and one decision at a
 * time. What it wants done it hands to `effect`; whom to tell what is not its business.
 */
export class Conductor {
  readonly cohort: WaveCohort;
  readonly #tuning: OperatorTuning;
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  readonly #effect: (effect: ConductorEffect) => void;
  readonly #loads: LoadWindow;
  #observation: SetObservation;
  #rollout: OpenRollout | undefined;
  #deciding: DecisionRequest | undefined;
  #holdUntil = 0;
  #askedAt: number | undefined;

  constructor(
    observation: SetObservation,
    parts: { tuning: OperatorTuning; fleet: Fleet; ledger: Ledger; effect: (effect: ConductorEffect) => void },
  ) {
    this.#observation = observation;
    this.#tuning = parts.tuning;
    this.#fleet = parts.fleet;
    this.#ledger = parts.ledger;
    this.#effect = parts.effect;
    this.cohort = new WaveCohort(parts.fleet, parts.ledger);
    this.#loads = new LoadWindow(parts.tuning.loadBucketMs);
  }

  /** The rollout under way, or the last one. */
  get rollout(): OpenRollout | undefined {
    return this.#rollout;
  }

  /** The revision that PDPs are to prepare, if any. */
  get candidate(): SignedRevision | undefined {
    const rollout = this.#rollout;
    if (rollout === undefined || rollout.phase === 'Pending' || isEnded(rollout)) return undefined;
    const { open } = this.#ledger;
    return open.length === 1 && isSameRevision(open[0]?.revision, rollout.revision) ? rollout.revision : undefined;
  }

  /** Names all that decides what PDPs are told, besides the PDPs themselves. */
  standing(): string {
    const rollout = this.#rollout;
    return `${this.#ledger.committed?.n}/${rollout?.revision.n}/${rollout?.phase}/${rollout?.wave}/${this.#ledger.open.length}`;
  }

  /** What is told of the rollout besides counts: where it stands and what holds it. */
  headline(): string {
    return `${this.standing()}/${this.#rollout?.hold?.reason}`;
  }

  observe(observation: SetObservation): void {
    this.#observation = observation;
  }

  /** The set is another one: nothing that was known counts. */
  reset(): void {
    this.#rollout = undefined;
    this.#deciding = undefined;
    this.#askedAt = undefined;
  }

  /** The record of a revision, as far as it is open. */
  recordOf(revision: RevisionId): RolloutRecord {
    const open = this.#ledger.open.find((candidate) => candidate.revision.n === revision.n);
    if (open !== undefined) return open.record;
    const { committed, committedRecord } = this.#observation;
    return (isSameRevision(committed, revision) ? committedRecord : undefined) ?? NO_RECORD;
  }

  /**
   * Nobody is to serve what someone, required or not, can never load. Kept with the rollout: the refusal stands even if the
   * PDP that gave it is gone before the abort is written.
   */
  noteRefusal(node: NodeView): void {
    const rollout = this.#rollout;
    if (rollout !== undefined && refusesForGood(node, rollout.revision)) rollout.refusal ??= refusalText(node);
  }

  /** A PDP came to serve what was decided last. */
  noteActive(revision: RevisionId, now: Instant): void {
    const rollout = this.#rollout;
    if (rollout === undefined || !isSameRevision(rollout.revision, revision)) return;
    // PDPs may hear of a decision, and swap, before its writer hears that it is written.
    const isBeingDecided = isSameRevision(this.#deciding?.revision, revision);
    if (rollout.phase !== 'Committing' && !isBeingDecided) return;
    rollout.firstActive ??= now;
    rollout.lastActive = now;
  }

  heardShadow(nodeId: NodeId, report: ShadowReport): void {
    if (this.#rollout !== undefined) noteShadow(this.#rollout, nodeId, report);
  }

  /** What a PDP measured since its last Beat: of all answers, and of those of its canary. */
  heardLoad(node: NodeView, load: SetLoad, canaryLoad: SetLoad | undefined, now: Instant): void {
    this.#loads.add(load, now.mono);
    if (this.#rollout !== undefined) noteSoakLoad(this.#rollout, node, load, canaryLoad);
  }

  analysed(revision: RevisionId, wave: number, verdict: ExternalVerdict, message: string): void {
    if (this.#rollout !== undefined) noteVerdict(this.#rollout, { revision, wave }, verdict, message);
  }

  /** How the shadow evaluation stands; undefined if there is none. */
  shadow(now: Instant): ShadowProgress | undefined {
    const rollout = this.#rollout;
    if (rollout === undefined || rollout.wave > 0 || rollout.phase === 'Pending') return undefined;
    return shadowStanding(this.#holdInput(rollout, this.cohort.awaited(rollout), now));
  }

  /**
   * The answer to `writeDecision`. One to another request is dropped: the set may have been forgotten and seen anew in between,
   * and what was written then says nothing about what is asked now.
   */
  decisionAnswered(asked: DecisionRequest, outcome: DecisionOutcome, now: Instant): boolean {
    const deciding = this.#deciding;
    if (deciding === undefined || !isSameRequest(deciding, asked)) return false;
    this.#deciding = undefined;
    if (outcome === 'written') this.#decided(deciding, now);
    else {
      // Someone else wrote, or nobody knows: look again before trying again.
      this.#holdUntil = now.mono + this.#tuning.decisionRetryMs;
      if (this.#rollout?.phase === 'Gating') this.#rollout.phase = 'Preparing';
    }
    return true;
  }

  /**
   * Moves on as far as it goes. `single`: only one PDP has spoken; what its word cannot change is not looked at.
   */
  advance(now: Instant, single: boolean): void {
    if (this.#deciding !== undefined) return;
    this.#adoptForeignDecision(now);
    const [oldest, next] = this.#ledger.open;
    if (oldest !== undefined && next !== undefined) {
      // INVARIANT I5: a newer revision is offered only after the older one is decided.
      this.#giveUp(oldest, { reason: 'Superseded', message: `superseded by revision ${next.revision.n}` }, now);
      return;
    }
    if (oldest === undefined) this.#openUnfinished();
    else if (this.#rollout?.revision.n !== oldest.revision.n) this.#open(oldest.revision);
    const rollout = this.#rollout;
    if (rollout === undefined) return;
    this.#askForRollBack(rollout, now);
    if (oldest !== undefined && this.#isGivenUp(oldest, rollout, now)) return;
    if (rollout.phase === 'Pending') this.#start(rollout, now);
    if (rollout.phase === 'Preparing') this.#gate(rollout, now, single);
    if (rollout.phase === 'Committing') this.#complete(rollout, now);
    if (rollout.phase === 'Soaking') this.#soak(rollout, now);
  }

  /** Decides on the end of a revision that somebody wants given up, or whose content failed before. */
  #isGivenUp(open: OpenRevision, rollout: OpenRollout, now: Instant): boolean {
    const { abortRequested } = open.record;
    if (abortRequested !== undefined) {
      this.#giveUp(open, { reason: 'User', message: abortRequested }, now);
      return true;
    }
    // INVARIANT I15: what was refused for good is not even offered again by itself.
    const isFresh = rollout.phase === 'Pending' && open.record.decided.length === 0;
    const { digest } = open.revision;
    // What serves is no failure, whatever became of it when it was offered another time: it is the way back.
    const isServed = digest === wayBack(this.#ledger, this.#observation)?.digest;
    if (!isFresh || isServed || !this.#ledger.failedDigests(isFailure).includes(digest)) return false;
    this.#giveUp(open, { reason: 'Nack', message: 'the same content was refused before' }, now);
    return true;
  }

  /** A revision whose end nobody recorded: a leader before this one died on the way. */
  #openUnfinished(): void {
    const stopped = this.#lastWord();
    if (stopped !== undefined) {
      if (this.#rollout?.revision.n !== stopped.revision.n) this.#open(stopped.revision);
      if (this.#rollout !== undefined) this.#end(this.#rollout, stopped.cause);
      return;
    }
    const { committed, failed } = this.#ledger;
    if (committed === undefined || (this.#observation.completed && failed === undefined)) return;
    if (!isSameRevision(this.#observation.committed, committed)) return;
    if (this.#rollout !== undefined && this.#rollout.revision.n >= committed.n) return;
    this.#open(committed);
    if (failed !== undefined && this.#rollout !== undefined) this.#end(this.#rollout, failed);
  }

  /** The newest revision of all, if it was stopped after some of its waves. */
  #lastWord(): StoppedRevision | undefined {
    const stopped = this.#ledger.stopped.at(-1);
    if (stopped === undefined || (this.#observation.aborted?.revision.n ?? 0) > stopped.revision.n) return undefined;
    // The one that was given up after it is known to this replica alone yet.
    return (this.#rollout?.revision.n ?? 0) > stopped.revision.n ? undefined : stopped;
  }

  /** The store shows a decision about the open rollout that this replica did not write. */
  #adoptForeignDecision(now: Instant): void {
    const rollout = this.#rollout;
    if (rollout === undefined) return;
    const found = foreignDecision(rollout, this.#ledger, this.#observation);
    switch (found.type) {
      case 'None':
        return;
      case 'Waves':
        this.#reach(rollout, found.record, now);
        return;
      case 'Committed':
        rollout.wave = rollout.waves.length - 1;
        forgetActive(rollout);
        this.#commitTo(rollout, now);
        return;
      case 'Ended':
        this.#end(rollout, found.cause);
        if (!isSameRevision(this.#ledger.committed, rollout.revision)) {
          this.#ledger.noteAborted(rollout.revision, found.cause, now.mono);
        }
        return;
      case 'Gone':
        // Stop, and begin again if it comes back.
        this.#effect({ type: 'withdraw', revision: rollout.revision, reason: 'Superseded' });
        this.#rollout = undefined;
    }
  }

  #open(revision: SignedRevision): void {
    for (const node of this.#fleet.nodes.values()) {
      node.laggard = false;
      node.prepared = undefined;
      if (!isSameRevision(node.nack?.revision, revision)) {
        node.retries = 0;
        node.retryAt = 0;
      }
    }
    this.#rollout = openRollout(revision);
    for (const node of this.#fleet.nodes.values()) this.noteRefusal(node);
  }

  /** Fixes the waves, and who is required: the PDPs connected now. Later ones enter with the next wave. */
  #start(rollout: OpenRollout, now: Instant): void {
    if (!this.#fleet.isSettled(now)) return;
    const { revision } = rollout;
    const isCommitted = isSameRevision(this.#ledger.committed, revision);
    const record = this.recordOf(revision);
    const { failedAt, options } = this.#observation;
    const restMs = isGated(revision) && record.decided.length === 0 ? restingMs(failedAt ?? [], now.wall) : 0;
    if (!isCommitted && restMs > 0) {
      const message = `too many rollouts failed; the next one begins in ${Math.ceil(restMs / 1000)} s or with a new spec`;
      rollout.hold = { reason: 'RepeatedFailure', message };
      return;
    }
    rollout.hasBase = (isCommitted ? this.#observation.predecessor : this.#ledger.committed) !== undefined;
    const plan = isCommitted ? wavesOfCommitted : planWaves;
    rollout.waves = plan(revision, record.decided, options, rollout.hasBase);
    rollout.since ??= now;
    if (!isCommitted && record.decided.length > 0) {
      this.#reach(rollout, record, now);
      return;
    }
    this.#startWave(rollout, 0, now);
    if (isCommitted) {
      rollout.wave = rollout.waves.length - 1;
      this.#commitTo(rollout, now);
    }
  }

  /** Takes up a rollout of which others decided some waves. */
  #reach(rollout: OpenRollout, { decided }: RolloutRecord, now: Instant): void {
    this.#startWave(rollout, Math.min(decided.length, rollout.waves.length - 1) - 1, now);
    this.#commitTo(rollout, now);
  }

  /** Begins to prepare for a wave: whoever it is for and is connected now has to be ready for it. */
  #startWave(rollout: OpenRollout, wave: number, now: Instant): void {
    rollout.wave = wave;
    forgetActive(rollout);
    rollout.phase = 'Preparing';
    rollout.hold = undefined;
    rollout.preparedAt = undefined;
    delete rollout.gateSkips;
    delete rollout.waitingFor;
    const { revision, waves, required } = rollout;
    for (const node of this.#fleet.nodes.values()) {
      // Sites are asked to prepare as well, but they are cohorts of their own.
      if (!node.connected || node.site !== undefined) continue;
      if (wave > 0 && this.#fleet.cohorts.coverage(node.nodeId, revision, waves, wave + 1) === 0) continue;
      required.add(node.nodeId);
      node.laggard = false;
    }
    rollout.requiredAtStart = this.cohort.awaited(rollout).length;
    rollout.deadlineAt = now.mono + this.#observation.options.progressDeadlineMs;
  }

  #holdInput(rollout: OpenRollout, awaited: readonly NodeId[], now: Instant): HoldInput {
    return {
      rollout,
      record: this.recordOf(rollout.revision),
      options: this.#observation.options,
      awaited,
      lastCommitAt: this.#ledger.lastCommitBeside(rollout.revision.n),
      hasCommitted: this.#ledger.committed !== undefined,
      now: now.mono,
    };
  }

  #gate(rollout: OpenRollout, now: Instant, single: boolean): void {
    if (now.mono < this.#holdUntil) return;
    if (single && rollout.refusal === undefined) {
      if ((rollout.gateSkips ?? 0) > 0) {
        rollout.gateSkips = (rollout.gateSkips ?? 0) - 1;
        return;
      }
      // What holds a gate that all have passed is looked at with the next tick.
      if (rollout.hold !== undefined) return;
    }
    const { options } = this.#observation;
    const isPaused = this.recordOf(rollout.revision).pauseRequested === true;
    // Time that nobody wants used is not held against anyone.
    if (isPaused) rollout.deadlineAt = now.mono + options.progressDeadlineMs;
    const required = this.cohort.awaited(rollout);
    const verdict = evaluateGate({ rollout, required, nodes: this.#fleet.nodes, options, now: now.mono });
    switch (verdict.type) {
      case 'Wait':
        rollout.gateSkips = verdict.shortfall - 1;
        rollout.preparedAt = undefined;
        rollout.hold = isPaused ? { reason: 'PauseRequested', message: 'a pause was asked for' } : undefined;
        return;
      case 'Restart':
        // Everyone who was asked is gone: commit on nobody's word would be a guess, so ask those who came.
        rollout.required.clear();
        this.#startWave(rollout, rollout.wave, now);
        return;
      case 'Pass':
        for (const nodeId of verdict.laggards) this.#leaveBehind(rollout, nodeId);
        this.#passGate(rollout, now);
        return;
      case 'Abort':
        this.#stop(rollout, verdict.cause, now);
    }
  }

  #passGate(rollout: OpenRollout, now: Instant): void {
    rollout.preparedAt ??= now.mono;
    const barrier = evaluateBarrier(rollout, this.#observation, this.#fleet.nodes, now.mono);
    if (barrier?.type === 'Abort') {
      this.#stop(rollout, barrier.cause, now);
      return;
    }
    if (barrier?.type === 'Hold') {
      rollout.hold = barrier.hold;
      return;
    }
    const verdict = evaluateHold(this.#holdInput(rollout, this.cohort.awaited(rollout), now));
    switch (verdict.type) {
      case 'Hold':
        rollout.hold = verdict.hold;
        return;
      case 'Abort':
        this.#stop(rollout, verdict.cause, now);
        return;
      case 'Open':
        rollout.hold = undefined;
        rollout.phase = 'Gating';
        this.#decide(rollout.revision, currentWave(rollout), { type: 'Commit' }, now);
    }
  }

  #leaveBehind(rollout: OpenRollout, nodeId: NodeId): void {
    const node = this.#fleet.get(nodeId);
    if (node !== undefined) node.laggard = true;
    rollout.required.delete(nodeId);
  }

  /** Ends the rollout before the wave under way. */
  #stop(rollout: OpenRollout, cause: AbortCause, now: Instant): void {
    rollout.hold = undefined;
    rollout.phase = 'Gating';
    this.#abort(rollout, currentWave(rollout), cause, now);
  }

  /** Decides against whatever is not decided of a revision yet. */
  #giveUp({ revision, record }: OpenRevision, cause: AbortCause, now: Instant): void {
    const hasBase = this.#ledger.committed !== undefined;
    const waves = planWaves(revision, record.decided, this.#observation.options, hasBase);
    this.#decide(revision, waveRef(waves, record.decided.length), { type: 'Abort', cause }, now);
  }

  #abort({ revision }: OpenRollout, wave: WaveRef, cause: AbortCause, now: Instant): void {
    this.#decide(revision, wave, { type: 'Abort', cause }, now);
  }

  #decide(revision: SignedRevision, wave: WaveRef, decision: Decision, now: Instant): void {
    if (now.mono < this.#holdUntil) return;
    this.#deciding = { revision: revisionIdOf(revision), wave, decision };
    this.#effect({ type: 'writeDecision', revision: revisionIdOf(revision), wave, decision });
  }

  #decided({ revision, wave, decision }: DecisionRequest, now: Instant): void {
    this.#ledger.decided(revision, wave, decision, now);
    const rollout = this.#rollout;
    if (rollout === undefined || !isSameRevision(rollout.revision, revision)) return;
    if (decision.type === 'Abort') this.#end(rollout, decision.cause);
    else {
      rollout.wave = wave.index;
      this.#commitTo(rollout, now);
    }
  }

  #commitTo(rollout: OpenRollout, now: Instant): void {
    const { commitLeadMs = 0, progressDeadlineMs } = this.#observation.options;
    if (rollout.wave === 0) rollout.baseline = this.#loads.sum(longestSoakMs(rollout), now.mono);
    rollout.phase = 'Committing';
    rollout.hold = undefined;
    rollout.decided = now;
    rollout.activateAt = commitLeadMs > 0 ? now.wall + commitLeadMs : undefined;
    rollout.reachBy = now.mono + progressDeadlineMs;
    delete rollout.waitingFor;
  }

  /** The rollout goes no further. What is decided of it stays. */
  #end(rollout: OpenRollout, cause: AbortCause): void {
    const wasEnded = isEnded(rollout);
    const isFailed = isSameRevision(this.#ledger.committed, rollout.revision);
    const isStopped =
      isFailed || this.#ledger.stopped.some(({ revision }) => isSameRevision(revision, rollout.revision));
    rollout.phase = isStopped && wantsBack(cause, this.#observation.options) ? 'RolledBack' : 'Aborted';
    rollout.cause = cause;
    rollout.hold = undefined;
    // What everyone serves is replaced, not forgotten.
    if (!wasEnded && !isFailed) this.#effect({ type: 'withdraw', revision: rollout.revision, reason: cause.reason });
  }

  #askForRollBack(rollout: OpenRollout, now: Instant): void {
    const back = comingBack(rollout, this.#ledger, this.#observation.options);
    if (back === undefined || this.#ledger.open.length > 0) return;
    if (this.#askedAt !== undefined && now.mono - this.#askedAt < this.#tuning.resendMs) return;
    this.#askedAt = now.mono;
    this.#effect({ type: 'rollBack', revision: revisionIdOf(back.revision), cause: back.cause });
  }

  #complete(rollout: OpenRollout, now: Instant): void {
    const isLacking = (nodeId: NodeId): boolean => {
      const node = this.#fleet.get(nodeId);
      return node !== undefined && !this.cohort.hasReached(node, rollout);
    };
    const { waves, wave, refusal } = rollout;
    // Whoever can never take it would be waited for in vain.
    if (refusal !== undefined && !currentWave(rollout).final) {
      this.#abort(rollout, waveRef(waves, wave + 1), { reason: 'Nack', message: refusal }, now);
      return;
    }
    const verdict = evaluateReach(rollout, isLacking, this.#observation.options, now.mono);
    switch (verdict.type) {
      case 'Wait':
        rollout.waitingFor = verdict.waitingFor;
        return;
      case 'Hold':
        rollout.hold = verdict.hold;
        return;
      case 'Reached':
        for (const nodeId of verdict.laggards) this.#leaveBehind(rollout, nodeId);
        for (const nodeId of rollout.required) {
          if (this.#fleet.get(nodeId) === undefined) rollout.required.delete(nodeId);
        }
        this.#reached(rollout, now);
    }
  }

  /** Everyone whom the wave is for has it. */
  #reached(rollout: OpenRollout, now: Instant): void {
    rollout.hold = undefined;
    const { index, final } = currentWave(rollout);
    const { soakMs = 0 } = rollout.waves[index] ?? {};
    if (final) rollout.completed = now;
    if (final && (soakMs === 0 || !rollout.hasBase)) {
      rollout.phase = 'Completed';
      return;
    }
    rollout.phase = 'Soaking';
    rollout.soakUntil = now.mono + soakMs;
    rollout.soaked = NO_TOTALS;
    rollout.beside = NO_TOTALS;
    rollout.external = undefined;
    rollout.approvedAtSoak = this.recordOf(rollout.revision).approvals?.includes(index + 1) === true;
  }

  #soak(rollout: OpenRollout, now: Instant): void {
    const { options } = this.#observation;
    const { wave, waves } = rollout;
    const { final } = currentWave(rollout);
    const record = this.recordOf(rollout.revision);
    const next = waveRef(waves, wave + 1);
    if (final && record.abortRequested !== undefined) {
      this.#abort(rollout, next, { reason: 'User', message: record.abortRequested }, now);
      return;
    }
    // What everyone has who was asked is not taken from them because somebody who came later cannot load it.
    if (!final && rollout.refusal !== undefined) {
      this.#abort(rollout, next, { reason: 'Nack', message: rollout.refusal }, now);
      return;
    }
    const verdict = evaluateSoak(rollout, record, options, now.mono);
    rollout.analysis = { wave, ...soakAnalysis(rollout, options) };
    switch (verdict.type) {
      case 'Hold':
        rollout.hold = verdict.hold;
        return;
      case 'Stop':
        this.#abort(rollout, next, verdict.cause, now);
        return;
      case 'Next':
        if (final) {
          rollout.phase = 'Completed';
          rollout.hold = undefined;
          return;
        }
        // The waves to come are those that the set says now.
        rollout.waves = planWaves(rollout.revision, record.decided, options, true);
        this.#startWave(rollout, wave + 1, now);
        this.#gate(rollout, now, false);
    }
  }
}

/** The figures of a wave are about the PDPs that it reaches, not about those before it. */
function forgetActive(rollout: OpenRollout): void {
  delete rollout.firstActive;
  delete rollout.lastActive;
}

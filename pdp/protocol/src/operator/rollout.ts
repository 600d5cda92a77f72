import { isSameRevision, revisionIdOf, type Digest, type NodeId, type RevisionId } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { Active, Announcement, BeatSet, HelloSet, Nack, Prepared } from '../messages.ts';
import { describeNack } from '../nack.ts';
import { announcementFor, announcementKey, mayRepeat, type AnnounceContext } from './announce.ts';
import { evaluateGate, refusalText } from './gate.ts';
import type { Instant } from './instant.ts';
import {
  isAhead,
  noteRefused,
  noteTaken,
  refusesForGood,
  serves,
  takeBeat,
  takeHello,
  unseenNode,
  type NodeView,
} from './node.ts';
import type { AbortCause, Decision, OperatorTuning, SetObservation } from './observation.ts';
import type { RolloutProgress } from './progress.ts';
import { summarize, type OpenRollout, type RolloutView } from './summary.ts';

/** What a rollout wants done. */
export type RolloutEffect =
  | { readonly type: 'announce'; readonly nodeId: NodeId; readonly message: Announcement }
  /** Write the decision by compare-and-swap; answer with {@link SetRollout.decisionAnswered}. */
  | { readonly type: 'writeDecision'; readonly revision: RevisionId; readonly decision: Decision };

/** How the compare-and-swap of a decision ended. After `failed` nobody knows whether it was written. */
export type DecisionOutcome = 'written' | 'conflict' | 'failed';

/** What a rollout takes from outside. Both functions are called only inside a step. */
export interface RolloutDeps {
  readonly tuning: OperatorTuning;
  /** A number in [0, 1): places retries. */
  readonly random: () => number;
  /** The right of one node to fetch one revision's artifacts. */
  readonly issueTicket: (nodeId: NodeId, digest: Digest, now: Instant) => string;
}

/**
 * The rollout machine of one set: one wave, Standard consistency. Deterministic: the same calls give the same effects;
 * it does no I/O and holds no clock. It is level-triggered: every call ends by comparing what each PDP should be told with
 * what it was told, so lost messages, repeated ones and a change of leader need no cases of their own.
 */
export class SetRollout {
  readonly #deps: RolloutDeps;
  readonly #nodes = new Map<NodeId, NodeView>();
  readonly #startedAt: number;
  #observation: SetObservation;
  #committed: SignedRevision | undefined;
  #undecided: readonly SignedRevision[] = [];
  #rollout: OpenRollout | undefined;
  /** Decisions that this replica knows of and an older observation may not show yet. */
  readonly #known = new Map<number, Decision['type']>();
  /** Contents whose abort for a NACK this replica wrote and an older observation may not show yet, by revision. */
  readonly #refused = new Map<number, Digest>();
  #deciding: { readonly revision: RevisionId; readonly decision: Decision } | undefined;
  #holdUntil = 0;
  #effects: RolloutEffect[] = [];

  /** `servingSince` is when this replica began to serve streams: until PDPs had time to come back nobody is judged. */
  constructor(observation: SetObservation, deps: RolloutDeps, servingSince: Instant) {
    this.#observation = observation;
    this.#deps = deps;
    this.#startedAt = servingSince.mono;
  }

  /** The newest state of the durable store. */
  observe(observation: SetObservation, now: Instant): readonly RolloutEffect[] {
    if (observation.setUid !== this.#observation.setUid) this.#forget();
    this.#observation = observation;
    const { committed } = observation;
    if (committed !== undefined && committed.n > (this.#committed?.n ?? 0)) this.#committed = committed;
    const floor = this.#committed?.n ?? 0;
    for (const n of this.#known.keys()) if (n < floor) this.#known.delete(n);
    for (const n of this.#refused.keys())
      if (!observation.undecided.some((shown) => shown.n === n)) this.#refused.delete(n);
    this.#undecided = observation.undecided.filter(({ n }) => n > floor && !this.#known.has(n));
    this.#takeMembers(now);
    return this.#settle(now);
  }

  /** A PDP of this set said Hello. */
  connected(
    nodeId: NodeId,
    name: string,
    hello: HelloSet | undefined,
    engineVersion: string,
    now: Instant,
  ): readonly RolloutEffect[] {
    const node = this.#node(nodeId, name, now);
    node.name = name;
    node.connected = true;
    node.changedAt = now.mono;
    takeHello(node, hello, engineVersion);
    const { staged } = hello ?? {};
    if (staged !== undefined && staged.setUid === this.#observation.setUid && this.#known.get(staged.n) === 'Abort') {
      this.#announce(node, { type: 'Abort', set: this.#observation.set, revision: staged, reason: 'Superseded' });
    }
    this.#noteRefusal(node);
    return this.#settle(now, node);
  }

  /** The stream of a PDP ended. It stays required until its pod is gone. */
  disconnected(nodeId: NodeId, now: Instant): readonly RolloutEffect[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || !node.connected) return [];
    node.connected = false;
    node.changedAt = now.mono;
    return this.#settle(now);
  }

  /** The PDP no longer belongs to the set. */
  removed(nodeId: NodeId, now: Instant): readonly RolloutEffect[] {
    return this.#nodes.delete(nodeId) ? this.#settle(now) : [];
  }

  /** A PDP's word about a revision of this set. */
  heard(nodeId: NodeId, message: Prepared | Nack | Active, now: Instant): readonly RolloutEffect[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || message.revision.setUid !== this.#observation.setUid) return [];
    switch (message.type) {
      case 'Prepared':
        node.prepared = message.revision;
        node.staged = message.revision;
        noteTaken(node, message.revision.digest);
        if (isSameRevision(node.nack?.revision, message.revision)) node.nack = undefined;
        break;
      case 'Active':
        this.#takeActive(node, message, now);
        break;
      case 'Nack':
        this.#takeNack(node, message, now);
        break;
    }
    return this.#settle(now, node);
  }

  /** A PDP's heartbeat, for this set. Cheap when it says nothing new. */
  beat(nodeId: NodeId, beat: BeatSet, now: Instant): readonly RolloutEffect[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    const before = `${node.active?.setUid}/${node.active?.n}/${node.staged?.n}`;
    takeBeat(node, beat);
    const open = this.#rollout?.revision;
    const toldByBeat = open !== undefined && beat.staged === open.n && beat.setUid === open.setUid;
    const prepares = toldByBeat && !isSameRevision(node.prepared, open);
    // Its Prepared was lost, but what a Beat counts as staged is as durable.
    if (prepares) node.prepared = revisionIdOf(open);
    const after = `${node.active?.setUid}/${node.active?.n}/${node.staged?.n}`;
    if (before !== after || prepares) {
      if (serves(node, open)) this.#noteActive(now);
      return this.#settle(now, node);
    }
    this.#tell(node, now);
    return this.#take();
  }

  /** The answer to `writeDecision`. */
  decisionAnswered(revision: RevisionId, outcome: DecisionOutcome, now: Instant): readonly RolloutEffect[] {
    const deciding = this.#deciding;
    if (deciding === undefined || !isSameRevision(deciding.revision, revision)) return [];
    this.#deciding = undefined;
    if (outcome === 'written') this.#decided(deciding.revision, deciding.decision, now);
    else {
      // Someone else wrote, or nobody knows: look again before trying again.
      this.#holdUntil = now.mono + this.#deps.tuning.decisionRetryMs;
      if (this.#rollout?.phase === 'Gating') this.#rollout.phase = 'Preparing';
    }
    return this.#settle(now);
  }

  /** Time passed: deadlines, retries, repeats. Call about twice a second. */
  tick(now: Instant): readonly RolloutEffect[] {
    return this.#settle(now);
  }

  /** True once PDPs had time to come back after this replica began: before that, counts would show a loss that is none. */
  isSettled(now: Instant): boolean {
    if (now.mono - this.#startedAt >= this.#deps.tuning.settleMs) return true;
    const { members } = this.#observation;
    return members !== undefined && members.keys().every((nodeId) => this.#nodes.get(nodeId)?.connected === true);
  }

  /** Exact counts and exceptions for the set's status. */
  progress(now: Instant): RolloutProgress {
    return summarize(this.#view(now));
  }

  /** Every PDP of the set that this replica knows of. */
  nodes(): Iterable<Readonly<NodeView>> {
    return this.#nodes.values();
  }

  #view(now: Instant): RolloutView {
    return {
      observation: this.#observation,
      committed: this.#committed,
      rollout: this.#rollout,
      nodes: this.#nodes,
      settled: this.isSettled(now),
      waiting: this.#undecided.length > 0,
    };
  }

  #forget(): void {
    this.#committed = undefined;
    this.#undecided = [];
    this.#rollout = undefined;
    this.#known.clear();
    this.#refused.clear();
    this.#deciding = undefined;
    for (const node of this.#nodes.values()) {
      node.prepared = undefined;
      node.nack = undefined;
      node.refused = [];
      node.sent = undefined;
      node.laggard = false;
    }
  }

  #node(nodeId: NodeId, name: string, now: Instant): NodeView {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) return known;
    const node = unseenNode(nodeId, name, now.mono);
    this.#nodes.set(nodeId, node);
    return node;
  }

  #takeMembers(now: Instant): void {
    const { members } = this.#observation;
    if (members === undefined) return;
    for (const [nodeId, name] of members) this.#node(nodeId, name, now);
    for (const node of this.#nodes.values()) {
      if (!members.has(node.nodeId) && !node.connected) this.#nodes.delete(node.nodeId);
    }
  }

  #dropGone(now: Instant): void {
    const { members } = this.#observation;
    for (const node of this.#nodes.values()) {
      if (node.connected) continue;
      const gone =
        members === undefined ? now.mono - node.changedAt >= this.#deps.tuning.goneAfterMs : !members.has(node.nodeId);
      if (gone) this.#nodes.delete(node.nodeId);
    }
  }

  #takeActive(node: NodeView, message: Active, now: Instant): void {
    node.active = message.revision;
    node.state = 'Active';
    noteTaken(node, message.revision.digest);
    if (node.nack !== undefined && node.nack.revision.n <= message.revision.n) node.nack = undefined;
    node.retries = 0;
    node.retryAt = 0;
    if (isSameRevision(this.#rollout?.revision, message.revision)) this.#noteActive(now);
  }

  #noteActive(now: Instant): void {
    const rollout = this.#rollout;
    if (rollout?.phase !== 'Committing') return;
    rollout.firstActive ??= now;
    rollout.lastActive = now;
  }

  #takeNack(node: NodeView, message: Nack, now: Instant): void {
    const { revision, phase, code, deterministic } = message;
    const { engineVersion } = node;
    node.nack = { revision, phase, code, deterministic, text: describeNack(message), engineVersion };
    if (isSameRevision(node.prepared, revision)) node.prepared = undefined;
    if (deterministic) {
      noteRefused(node, revision.digest);
      this.#noteRefusal(node);
      return;
    }
    const { retryBaseMs, retryMaxMs } = this.#deps.tuning;
    const ceiling = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(node.retries, 16));
    node.retries += 1;
    node.retryAt = now.mono + Math.floor(this.#deps.random() * ceiling);
    // So that the repeat waits for the retry time and for nothing else.
    node.sent = undefined;
  }

  /**
   * Nobody is to serve what someone, required or not, can never load. Kept with the rollout: the refusal stands even if the
   * PDP that gave it is gone before the abort is written.
   */
  #noteRefusal(node: NodeView): void {
    const rollout = this.#rollout;
    if (rollout !== undefined && refusesForGood(node, rollout.revision)) rollout.refusal ??= refusalText(node);
  }

  /**
   * Brings everything to where it should be: decisions asked for, phases moved, PDPs told. Given the one PDP that an event
   * was about, the others are looked at only if the rollout itself moved: a fleet's answers must not cost its square.
   */
  #settle(now: Instant, touched?: NodeView): readonly RolloutEffect[] {
    if (touched === undefined) this.#dropGone(now);
    const before = this.#standing();
    this.#advance(now, touched !== undefined);
    if (touched !== undefined && this.#standing() === before) this.#tell(touched, now);
    else for (const node of this.#nodes.values()) this.#tell(node, now);
    return this.#take();
  }

  /** What every PDP is told depends on this and on the PDP itself. */
  #standing(): string {
    return `${this.#committed?.n}/${this.#rollout?.revision.n}/${this.#rollout?.phase}`;
  }

  #take(): readonly RolloutEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #advance(now: Instant, single: boolean): void {
    if (this.#deciding !== undefined) return;
    this.#adoptForeignDecision(now);
    const [oldest, next] = this.#undecided;
    if (oldest !== undefined && next !== undefined) {
      // INVARIANT I5: a newer revision is offered only after the older one is decided.
      this.#decide(
        oldest,
        { type: 'Abort', cause: { reason: 'Superseded', message: `superseded by revision ${next.n}` } },
        now,
      );
      return;
    }
    if (oldest !== undefined && this.#rollout?.revision.n !== oldest.n) this.#open(oldest);
    if (oldest === undefined) this.#openUnfinished();
    const rollout = this.#rollout;
    if (rollout === undefined) return;
    if (rollout.phase === 'Pending' && oldest !== undefined && this.#isRefused(oldest.digest)) {
      // INVARIANT I15: what was refused for good is not even offered again by itself.
      const message = 'the same content was refused before';
      this.#decide(oldest, { type: 'Abort', cause: { reason: 'Nack', message } }, now);
      return;
    }
    if (rollout.phase === 'Pending') this.#start(rollout, now);
    if (rollout.phase === 'Preparing') this.#gate(rollout, now, single);
    if (rollout.phase === 'Committing') this.#complete(rollout, now);
  }

  #isRefused(digest: Digest): boolean {
    return this.#observation.failedDigests.includes(digest) || [...this.#refused.values()].includes(digest);
  }

  /** A committed revision whose rollout nobody recorded as completed: a leader before this one died on the way. */
  #openUnfinished(): void {
    const committed = this.#committed;
    if (committed === undefined || this.#observation.completed) return;
    if (!isSameRevision(this.#observation.committed, committed)) return;
    if (this.#rollout === undefined || this.#rollout.revision.n < committed.n) this.#open(committed);
  }

  /** The store shows a decision about the open rollout that this replica did not write. */
  #adoptForeignDecision(now: Instant): void {
    const rollout = this.#rollout;
    if (
      rollout === undefined ||
      rollout.phase === 'Completed' ||
      rollout.phase === 'Aborted' ||
      rollout.phase === 'Committing'
    )
      return;
    if (this.#undecided.some(({ n }) => n === rollout.revision.n)) return;
    const { aborted } = this.#observation;
    if (isSameRevision(this.#committed, rollout.revision)) {
      if (rollout.phase !== 'Pending') this.#commitTo(rollout, now);
      return;
    }
    if (aborted !== undefined && isSameRevision(aborted.revision, rollout.revision)) {
      this.#abort(rollout, aborted.cause);
      return;
    }
    // Decided long ago and no longer shown, or an old view of the store: stop, and begin again if it comes back.
    this.#withdraw(rollout, 'Superseded');
    this.#rollout = undefined;
  }

  #open(revision: SignedRevision): void {
    for (const node of this.#nodes.values()) {
      node.laggard = false;
      node.prepared = undefined;
      if (!isSameRevision(node.nack?.revision, revision)) {
        node.retries = 0;
        node.retryAt = 0;
      }
    }
    this.#rollout = { revision, phase: 'Pending', required: new Set() };
    for (const node of this.#nodes.values()) this.#noteRefusal(node);
  }

  /** Fixes who is required: the PDPs connected now. Later ones never enter. */
  #start(rollout: OpenRollout, now: Instant): void {
    if (!this.isSettled(now)) return;
    const { revision } = rollout;
    for (const node of this.#nodes.values()) if (node.connected) rollout.required.add(node.nodeId);
    rollout.since ??= now;
    rollout.requiredAtStart = rollout.required.size;
    if (isSameRevision(this.#committed, revision)) {
      this.#commitTo(rollout, now);
      return;
    }
    rollout.phase = 'Preparing';
    rollout.deadlineAt ??= now.mono + this.#observation.options.progressDeadlineMs;
  }

  #gate(rollout: OpenRollout, now: Instant, single: boolean): void {
    if (now.mono < this.#holdUntil) return;
    if (single && rollout.refusal === undefined && (rollout.gateSkips ?? 0) > 0) {
      rollout.gateSkips = (rollout.gateSkips ?? 0) - 1;
      return;
    }
    const { revision } = rollout;
    const { options } = this.#observation;
    const verdict = evaluateGate({ rollout, nodes: this.#nodes, options, now: now.mono });
    switch (verdict.type) {
      case 'Wait':
        rollout.gateSkips = verdict.shortfall - 1;
        return;
      case 'Restart':
        // Everyone who was asked is gone: commit on nobody's word would be a guess, so ask those who came.
        rollout.phase = 'Pending';
        rollout.required.clear();
        this.#start(rollout, now);
        return;
      case 'Commit':
        for (const nodeId of verdict.laggards) {
          const node = this.#nodes.get(nodeId);
          if (node !== undefined) node.laggard = true;
          rollout.required.delete(nodeId);
        }
        rollout.phase = 'Gating';
        this.#decide(revision, { type: 'Commit' }, now);
        return;
      case 'Abort':
        rollout.phase = 'Gating';
        this.#decide(revision, { type: 'Abort', cause: verdict.cause }, now);
    }
  }

  #decide(revision: SignedRevision, decision: Decision, now: Instant): void {
    if (now.mono < this.#holdUntil) return;
    this.#deciding = { revision: revisionIdOf(revision), decision };
    this.#effects.push({ type: 'writeDecision', revision: revisionIdOf(revision), decision });
  }

  #decided(revision: RevisionId, decision: Decision, now: Instant): void {
    this.#known.set(revision.n, decision.type);
    if (decision.type === 'Abort' && decision.cause.reason === 'Nack') this.#refused.set(revision.n, revision.digest);
    const offered = this.#undecided.find(({ n }) => n === revision.n);
    this.#undecided = this.#undecided.filter(({ n }) => n !== revision.n);
    if (decision.type === 'Commit' && offered !== undefined) this.#committed = offered;
    const rollout = this.#rollout;
    if (rollout === undefined || !isSameRevision(rollout.revision, revision)) return;
    if (decision.type === 'Commit') this.#commitTo(rollout, now);
    else this.#abort(rollout, decision.cause);
  }

  #commitTo(rollout: OpenRollout, now: Instant): void {
    rollout.phase = 'Committing';
    rollout.decided = now;
  }

  #abort(rollout: OpenRollout, cause: AbortCause): void {
    rollout.phase = 'Aborted';
    rollout.cause = cause;
    this.#known.set(rollout.revision.n, 'Abort');
    this.#withdraw(rollout, cause.reason);
  }

  /** Tells everyone who may have it staged to forget it. */
  #withdraw({ revision }: OpenRollout, reason: AbortCause['reason']): void {
    const message: Announcement = {
      type: 'Abort',
      set: this.#observation.set,
      revision: revisionIdOf(revision),
      reason,
    };
    for (const node of this.#nodes.values()) {
      const wasOffered =
        node.sent?.key === announcementKey('Prepare', revision) || isSameRevision(node.prepared, revision);
      if (node.connected && wasOffered) this.#announce(node, message);
    }
  }

  #complete(rollout: OpenRollout, now: Instant): void {
    const isLacking = (nodeId: NodeId): boolean => {
      const node = this.#nodes.get(nodeId);
      return node !== undefined && !serves(node, rollout.revision) && !isAhead(node, rollout.revision);
    };
    // Usually still the same: found without looking at everyone.
    if (rollout.waitingFor !== undefined && rollout.required.has(rollout.waitingFor) && isLacking(rollout.waitingFor))
      return;
    for (const nodeId of rollout.required) {
      if (!this.#nodes.has(nodeId)) rollout.required.delete(nodeId);
      else if (isLacking(nodeId)) {
        rollout.waitingFor = nodeId;
        return;
      }
    }
    rollout.phase = 'Completed';
    rollout.completed = now;
  }

  #announce(node: NodeView, message: Announcement): void {
    this.#effects.push({ type: 'announce', nodeId: node.nodeId, message });
  }

  /** Tells a PDP what it should know now, unless it was told a moment ago. */
  #tell(node: NodeView, now: Instant): void {
    if (!node.connected) return;
    const context: AnnounceContext = {
      committed: this.#committed,
      rollout: this.#rollout,
      refuses: (revision) => refusesForGood(node, revision),
    };
    const wanted = announcementFor(node, context);
    if (wanted === undefined || !mayRepeat(node, wanted, this.#deps.tuning, now.mono)) return;
    node.sent = { key: announcementKey(wanted.type, wanted.revision), at: now.mono };
    const { commitDeadlineMs, spreadMs } = this.#deps.tuning;
    const deadlineAt = this.#rollout?.deadlineAt ?? now.mono;
    const deadlineMs = wanted.type === 'Commit' ? commitDeadlineMs : Math.max(1, deadlineAt - now.mono);
    const ticket = this.#deps.issueTicket(node.nodeId, wanted.revision.digest, now);
    const { type, revision } = wanted;
    this.#announce(node, { type, set: this.#observation.set, revision, ticket, deadlineMs, spreadMs });
  }
}

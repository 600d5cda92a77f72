import type { DecidedPart, DecisionSignature, SignedRevision } from '@edict/bundle';
import { isSameRevision, revisionIdOf, type Digest, type NodeId, type RevisionId } from '../identifiers.ts';
import type {
  Active,
  Announcement,
  BeatSet,
  HelloSet,
  Nack,
  Prepared,
  ShadowReport,
  SiteReport,
  Vouch,
} from '../messages.ts';
import { describeNack, isAboutContent } from '../nack.ts';
import type { ExternalVerdict } from './analysis.ts';
import {
  announcementFor,
  announcementKey,
  mayRepeat,
  targetOf,
  type Covered,
  type WantedAnnouncement,
} from './announce.ts';
import { Conductor, type ConductorEffect, type DecisionOutcome } from './conductor.ts';
import { Fleet } from './fleet.ts';
import type { NodeTraits } from './identity.ts';
import type { Instant } from './instant.ts';
import { Ledger } from './ledger.ts';
import { listPdps, type PdpSetListing } from './listing.ts';
import {
  noteFailing,
  noteRefused,
  noteTaken,
  refusesForGood,
  standingOf,
  takeBeat,
  takeHello,
  type NodeView,
  type RefusedPeer,
} from './node.ts';
import type { AbortCause, DecisionRequest, OperatorTuning, SetObservation } from './observation.ts';
import type { RolloutProgress } from './progress.ts';
import { shadowWindowMs } from './shadow-gate.ts';
import { siteProgress } from './sites.ts';
import { summarize, type RolloutView } from './summary.ts';
import { isGated, principalSalt, principalsOf } from './waves.ts';

export type { DecisionOutcome } from './conductor.ts';

/** What a rollout wants done. */
export type RolloutEffect =
  | { readonly type: 'announce'; readonly nodeId: NodeId; readonly message: Announcement }
  /** Write the decision by compare-and-swap; answer with {@link SetRollout.decisionAnswered}. */
  | ({ readonly type: 'writeDecision' } & DecisionRequest)
  /** Make a newer revision with the content of the committed one. */
  | { readonly type: 'rollBack'; readonly revision: RevisionId; readonly cause: AbortCause };

const NOTHING_COVERED: readonly Covered[] = [];

/**
 * The signature under the decision that `revision` is served, by everyone or by a part. Asked for every Commit, of what the
 * store shows to be decided. Undefined where there is none.
 */
export type SignDecision = (revision: SignedRevision, part: DecidedPart) => DecisionSignature | undefined;

/** What a rollout takes from outside. The functions are called only inside a step. */
export interface RolloutDeps {
  readonly tuning: OperatorTuning;
  /** A number in [0, 1): places retries. */
  readonly random: () => number;
  /** The right of one node to fetch one revision's artifacts. */
  readonly issueTicket: (nodeId: NodeId, digest: Digest, now: Instant) => string;
  readonly signDecision?: SignDecision;
}

/**
 * The rollout machine of one set. Deterministic: the same calls give the same effects; it does no I/O and holds no clock. It
 * is level-triggered: every call ends by comparing what each PDP should be told with what it was told, so lost messages,
 * repeated ones and a change of leader need no cases of their own.
 */
export class SetRollout {
  readonly #deps: RolloutDeps;
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  readonly #conductor: Conductor;
  #observation: SetObservation;
  #effects: RolloutEffect[] = [];

  /** `servingSince` is when this replica began to serve streams: until PDPs had time to come back nobody is judged. */
  constructor(observation: SetObservation, deps: RolloutDeps, servingSince: Instant) {
    this.#observation = observation;
    this.#deps = deps;
    this.#fleet = new Fleet(observation, deps.tuning, servingSince);
    this.#ledger = new Ledger(observation);
    const { tuning } = deps;
    const effect = this.#perform.bind(this);
    this.#conductor = new Conductor(observation, { tuning, fleet: this.#fleet, ledger: this.#ledger, effect });
  }

  /** The newest state of the durable store. */
  observe(observation: SetObservation, now: Instant): readonly RolloutEffect[] {
    if (observation.setUid !== this.#observation.setUid) this.#forget();
    this.#observation = observation;
    this.#ledger.observe(observation, now.mono);
    this.#conductor.observe(observation);
    this.#fleet.observe(observation, now);
    return this.#settle(now);
  }

  /** A PDP of this set said Hello. */
  connected(
    nodeId: NodeId,
    name: string,
    hello: HelloSet | undefined,
    engineVersion: string,
    now: Instant,
    about: { readonly traits?: NodeTraits | undefined; readonly site?: string | undefined } = {},
  ): readonly RolloutEffect[] {
    const node = this.#fleet.connected(nodeId, name, about, now);
    takeHello(node, hello, engineVersion);
    const { staged } = hello ?? {};
    if (staged?.setUid === this.#observation.setUid && this.#ledger.isAborted(staged.n)) {
      this.#announce(node, { type: 'Abort', set: this.#observation.set, revision: staged, reason: 'Superseded' });
    }
    this.#conductor.noteRefusal(node);
    return this.#settle(now, node);
  }

  /** A PDP of this set said Hello in a version that nobody speaks here. */
  refusedPeer(
    nodeId: NodeId,
    name: string,
    refused: RefusedPeer & { readonly engineVersion: string },
    now: Instant,
  ): readonly RolloutEffect[] {
    this.#fleet.refused(nodeId, name, refused, now);
    return this.#settle(now);
  }

  /** The stream of a PDP ended; `why` if not in order. It stays required until its pod is gone. */
  disconnected(nodeId: NodeId, now: Instant, why?: string): readonly RolloutEffect[] {
    const node = this.#fleet.get(nodeId);
    if (node?.connected !== true) return [];
    node.connected = false;
    node.ended = why;
    node.changedAt = now.mono;
    return this.#settle(now);
  }

  /** The PDP no longer belongs to the set. */
  removed(nodeId: NodeId, now: Instant): readonly RolloutEffect[] {
    return this.#fleet.remove(nodeId) ? this.#settle(now) : [];
  }

  /** A PDP's word about a revision of this set. */
  heard(nodeId: NodeId, message: Prepared | Nack | Active | ShadowReport, now: Instant): readonly RolloutEffect[] {
    const node = this.#fleet.get(nodeId);
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
      case 'ShadowReport':
        this.#conductor.heardShadow(nodeId, message);
        break;
    }
    return this.#settle(now, node);
  }

  /** What a relay says of its PDPs; of anyone else it is dropped. */
  siteReported(nodeId: NodeId, report: SiteReport): void {
    const node = this.#fleet.get(nodeId);
    if (node?.site !== undefined && report.setUid === this.#observation.setUid) node.report = report;
  }

  /** A PDP's heartbeat, for this set. Cheap when it says nothing new. */
  beat(nodeId: NodeId, beat: BeatSet, now: Instant): readonly RolloutEffect[] {
    const node = this.#fleet.get(nodeId);
    if (node === undefined) return [];
    const before = standingOf(node);
    takeBeat(node, beat);
    if (beat.load !== undefined) this.#conductor.heardLoad(node, beat.load, beat.canaryLoad, now);
    const open = this.#conductor.rollout?.revision;
    const toldByBeat = open !== undefined && beat.staged === open.n && beat.setUid === open.setUid;
    const prepares = toldByBeat && !isSameRevision(node.prepared, open);
    // Its Prepared was lost, but what a Beat counts as staged is as durable.
    if (prepares) node.prepared = revisionIdOf(open);
    if (before !== standingOf(node) || prepares) {
      if (node.active?.n === open?.n || node.canary?.n === open?.n) this.#noteActive(node, now);
      return this.#settle(now, node);
    }
    this.#tell(node, now);
    return this.#take();
  }

  /** The answer to `writeDecision`. */
  decisionAnswered(asked: DecisionRequest, outcome: DecisionOutcome, now: Instant): readonly RolloutEffect[] {
    return this.#conductor.decisionAnswered(asked, outcome, now) ? this.#settle(now) : [];
  }

  /** A verdict from outside about a wave that soaks. */
  analysed(
    revision: RevisionId,
    wave: number,
    verdict: ExternalVerdict,
    message: string,
    now: Instant,
  ): readonly RolloutEffect[] {
    this.#conductor.analysed(revision, wave, verdict, message);
    return this.#settle(now);
  }

  /** Time passed: deadlines, retries, repeats. Call about twice a second. */
  tick(now: Instant): readonly RolloutEffect[] {
    return this.#settle(now);
  }

  /** Changes whenever there is news of the rollout that are not about single PDPs. */
  headline(): string {
    return this.#conductor.headline();
  }

  /** For what a BeatAck to this PDP may vouch: what it is to serve by all decisions that this replica knows. */
  vouchFor(nodeId: NodeId): Vouch | undefined {
    const node = this.#fleet.get(nodeId);
    if (node === undefined) return undefined;
    const { committed } = this.#ledger;
    const { base, canary } = targetOf(committed, this.#coveredFor(node));
    return {
      set: this.#observation.set,
      setUid: this.#observation.setUid,
      minRev: base?.n ?? 0,
      stableRev: committed?.n ?? 0,
      ...(canary === undefined ? {} : { canary: { n: canary.revision.n, upTo: canary.upTo } }),
    };
  }

  /** True once PDPs had time to come back after this replica began: before that, counts would show a loss that is none. */
  isSettled(now: Instant): boolean {
    return this.#fleet.isSettled(now);
  }

  /** Exact counts and exceptions for the set's status. */
  progress(now: Instant): RolloutProgress {
    return summarize(this.#view(now));
  }

  /** Every PDP of the set that this replica knows of, for people. */
  listing(now: Instant): readonly (readonly [Readonly<NodeView>, PdpSetListing])[] {
    return listPdps(
      {
        set: this.#observation.set,
        nodes: this.#fleet.nodes.values(),
        rollout: this.#conductor.rollout,
        cohorts: this.#fleet.cohorts,
        hasReached: (node, rollout) => this.#conductor.cohort.hasReached(node, rollout),
      },
      now,
    );
  }

  #view(now: Instant): RolloutView {
    const { rollout } = this.#conductor;
    const { nodes } = this.#fleet;
    const { sites } = this.#observation;
    const shadow = this.#conductor.shadow(now);
    return {
      observation: this.#observation,
      committed: this.#ledger.committed,
      rollout,
      record: rollout === undefined ? undefined : this.#conductor.recordOf(rollout.revision),
      waveNodes: new Set(rollout === undefined ? [] : this.#conductor.cohort.nodes(rollout)),
      hasReached: (node) => rollout !== undefined && this.#conductor.cohort.hasReached(node, rollout),
      ...(shadow === undefined ? {} : { shadow }),
      nodes: sites === undefined ? nodes : new Map([...nodes].filter(([, { site }]) => site === undefined)),
      sites: siteProgress(sites ?? [], nodes, rollout?.revision ?? this.#ledger.committed),
      settled: this.isSettled(now),
      waiting: this.#ledger.open.length > 0,
    };
  }

  #forget(): void {
    this.#ledger.reset();
    this.#conductor.reset();
    this.#fleet.cohorts.reset();
    for (const node of this.#fleet.nodes.values()) {
      node.prepared = undefined;
      node.nack = undefined;
      node.refused = [];
      node.sent = undefined;
      node.laggard = false;
    }
  }

  #takeActive(node: NodeView, message: Active, now: Instant): void {
    const { revision, share } = message;
    node.state = 'Active';
    node.timing = message.timing;
    if (share === undefined) {
      node.active = revision;
      if (node.canary !== undefined && node.canary.n <= revision.n) node.canary = undefined;
    } else node.canary = { ...revision, upTo: share.upTo };
    noteTaken(node, revision.digest);
    if (node.nack !== undefined && node.nack.revision.n <= revision.n) node.nack = undefined;
    node.retries = 0;
    node.retryAt = 0;
    node.failing = undefined;
    this.#noteActive(node, now, revision);
  }

  /** What sites need for it is another figure: see {@link SiteProgress}. */
  #noteActive(
    node: NodeView,
    now: Instant,
    revision: RevisionId | undefined = this.#conductor.rollout?.revision,
  ): void {
    if (revision !== undefined && node.site === undefined) this.#conductor.noteActive(revision, now);
  }

  #takeNack(node: NodeView, message: Nack, now: Instant): void {
    const { revision, phase, code, deterministic } = message;
    const { engineVersion } = node;
    node.nack = { revision, phase, code, deterministic, text: describeNack(message), engineVersion };
    if (isSameRevision(node.prepared, revision)) node.prepared = undefined;
    if (deterministic) {
      noteRefused(node, revision, isAboutContent(message) ? 'Content' : 'Revision');
      this.#conductor.noteRefusal(node);
      return;
    }
    const wasDecided = node.sent?.key.startsWith(announcementKey({ type: 'Commit', revision })) === true;
    if (wasDecided || isSameRevision(revision, this.#ledger.committed)) noteFailing(node, revision);
    const { retryBaseMs, retryMaxMs } = this.#deps.tuning;
    const ceiling = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(node.retries, 16));
    node.retries += 1;
    node.retryAt = now.mono + Math.floor(this.#deps.random() * ceiling);
    // So that the repeat waits for the retry time and for nothing else.
    node.sent = undefined;
  }

  /**
   * Brings everything to where it should be: decisions asked for, phases moved, PDPs told. Given the one PDP that an event
   * was about, the others are looked at only if the rollout itself moved: a fleet's answers must not cost its square.
   */
  #settle(now: Instant, touched?: NodeView): readonly RolloutEffect[] {
    if (touched === undefined) this.#fleet.dropGone(now);
    const before = this.#conductor.standing();
    this.#conductor.advance(now, touched !== undefined);
    if (touched !== undefined && this.#conductor.standing() === before) this.#tell(touched, now);
    else for (const node of this.#fleet.nodes.values()) this.#tell(node, now);
    return this.#take();
  }

  #take(): readonly RolloutEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #perform(effect: ConductorEffect): void {
    if (effect.type !== 'withdraw') {
      this.#effects.push(effect);
      return;
    }
    const { revision, reason } = effect;
    const { set } = this.#observation;
    for (const node of this.#fleet.nodes.values()) {
      const wasOffered =
        node.sent?.key === announcementKey({ type: 'Prepare', revision }) || isSameRevision(node.prepared, revision);
      if (node.connected && wasOffered) {
        this.#announce(node, { type: 'Abort', set, revision: revisionIdOf(revision), reason });
      }
    }
  }

  #announce(node: NodeView, message: Announcement): void {
    this.#effects.push({ type: 'announce', nodeId: node.nodeId, message });
  }

  /** What one PDP is to serve of the revisions that are not decided for everyone, newest first. */
  #coveredFor(node: NodeView): readonly Covered[] {
    const { partial } = this.#ledger;
    if (partial.length === 0) return NOTHING_COVERED;
    return partial.map(({ revision, record: { decided } }) => ({
      revision,
      coverage: this.#fleet.cohorts.coverage(node.nodeId, revision, decided, decided.length),
      share: principalsOf(decided),
    }));
  }

  /** Tells a PDP what it should know now, unless it was told a moment ago. */
  #tell(node: NodeView, now: Instant): void {
    if (!node.connected) return;
    const wanted = announcementFor(node, {
      committed: this.#ledger.committed,
      partial: this.#coveredFor(node),
      candidate: this.#conductor.candidate,
      refuses: (revision) => refusesForGood(node, revision),
    });
    if (wanted === undefined || !mayRepeat(node, wanted, this.#deps.tuning, now.mono)) return;
    node.sent = { key: announcementKey(wanted), at: now.mono };
    this.#announce(node, this.#messageOf(node, wanted, now));
  }

  #messageOf(node: NodeView, { type, revision, upTo }: WantedAnnouncement, now: Instant): Announcement {
    const { commitDeadlineMs, spreadMs } = this.#deps.tuning;
    const { set, setUid, options } = this.#observation;
    const ticket = this.#deps.issueTicket(node.nodeId, revision.digest, now);
    const { rollout } = this.#conductor;
    const { committed } = this.#ledger;
    if (type === 'Prepare') {
      const deadlineAt = rollout?.deadlineAt ?? now.mono;
      // After the gate of the first wave whoever still comes has as long as the others had.
      const deadlineMs = deadlineAt > now.mono ? deadlineAt - now.mono : options.progressDeadlineMs;
      const isCompared = isGated(revision) && committed !== undefined && rollout?.wave === 0;
      const shadow = isCompared && rollout.phase === 'Preparing' ? options.shadow : undefined;
      return {
        type,
        set,
        revision,
        ticket,
        deadlineMs: Math.max(1, deadlineMs),
        spreadMs,
        ...(shadow === undefined ? {} : { shadow: { samplePpm: shadow.samplePpm, windowMs: shadowWindowMs(shadow) } }),
      };
    }
    const activateAt = isSameRevision(rollout?.revision, revision) ? rollout?.activateAt : undefined;
    const share = upTo === undefined ? undefined : { salt: principalSalt(setUid, committed?.n ?? 0), upTo };
    const final = share === undefined && isSameRevision(committed, revision);
    const decision = this.#deps.signDecision?.(revision, { final, share });
    return {
      type,
      set,
      revision,
      ticket,
      deadlineMs: commitDeadlineMs,
      spreadMs,
      ...(share === undefined ? {} : { share }),
      ...(activateAt === undefined || activateAt <= now.wall ? {} : { activateAt }),
      ...(decision === undefined ? {} : { decision }),
    };
  }
}

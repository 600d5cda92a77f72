import type { Digest, NodeId, RevisionId, SetKey } from '../identifiers.ts';
import type { Beat, Hello, OperatorMessage, PdpMessage, Vouch } from '../messages.ts';
import { agreeOnProtocol, OWN_VERSIONS, type VersionRange, type VersionRefusal } from '../versions.ts';
import { nodeName, type PeerIdentity } from './identity.ts';
import type { Instant } from './instant.ts';
import type { ExternalVerdict } from './analysis.ts';
import { listBehindRelay, type PdpListing } from './listing.ts';
import {
  redialMaxFor,
  type AbortCause,
  type DecisionRequest,
  type OperatorTuning,
  type SetObservation,
} from './observation.ts';
import type { RolloutProgress } from './progress.ts';
import { SetRollout, type DecisionOutcome, type RolloutEffect, type SignDecision } from './rollout.ts';
import { Sessions, type Session, type SessionId } from './sessions.ts';

/** What the operator's machine reacts to. */
export type OperatorEvent =
  /** An authenticated stream is open; its Hello is awaited. */
  | { readonly type: 'opened'; readonly sessionId: SessionId; readonly identity: PeerIdentity }
  | { readonly type: 'message'; readonly sessionId: SessionId; readonly message: PdpMessage }
  /** `why`, for people, if the stream did not end in order. */
  | { readonly type: 'closed'; readonly sessionId: SessionId; readonly why?: string }
  | { readonly type: 'observed'; readonly observation: SetObservation }
  | { readonly type: 'setRemoved'; readonly set: SetKey }
  | {
      readonly type: 'decisionAnswered';
      readonly set: SetKey;
      readonly asked: DecisionRequest;
      readonly outcome: DecisionOutcome;
    }
  /** A verdict about a wave that soaks, from outside. The newest counts; one about another wave is dropped. */
  | {
      readonly type: 'analysed';
      readonly set: SetKey;
      readonly revision: RevisionId;
      readonly wave: number;
      readonly verdict: ExternalVerdict;
      readonly message: string;
    }
  /**
   * Every decision that was written before `asOf` (monotonic) is in the observations handed in so far: what leases rest on.
   * A replica that never hears this vouches for nothing.
   */
  | { readonly type: 'confirmed'; readonly asOf: number }
  /** About twice a second. */
  | { readonly type: 'tick' }
  /** Ask this share of the streams (0–1) to go elsewhere. */
  | { readonly type: 'drain'; readonly share: number; readonly reason: string };

/** What the operator's machine wants done, in order. */
export type OperatorEffect =
  | { readonly type: 'send'; readonly sessionId: SessionId; readonly message: OperatorMessage }
  | { readonly type: 'close'; readonly sessionId: SessionId; readonly reason: string }
  /** Compare-and-swap; answer with `decisionAnswered`. */
  | ({ readonly type: 'writeDecision'; readonly set: SetKey } & DecisionRequest)
  /**
   * `revision` was stopped after some of its waves: make a newer revision with the content of the committed one. Said again
   * now and then until an observation shows a newer revision; doing it twice must be the same as once.
   */
  | { readonly type: 'rollBack'; readonly set: SetKey; readonly revision: RevisionId; readonly cause: AbortCause }
  /** What {@link OperatorMachine.progress} tells of the set may have changed. */
  | { readonly type: 'progressed'; readonly set: SetKey };

/** What the machine takes from outside. */
export interface OperatorDeps {
  readonly replica: string;
  readonly tuning: OperatorTuning;
  /** Base URL of manifests and bundles as PDPs reach it; `''` if they know it. */
  readonly artifactsUrl: string;
  /** What PDPs are told to load without policy and without an operator; none if absent. */
  readonly fallbackSources?: readonly string[];
  /** Versions of the protocol that are spoken; by default all that this build knows. */
  readonly versions?: VersionRange;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly issueTicket: (nodeId: NodeId, digest: Digest, now: Instant) => string;
  /** The signature under a decision that the store shows, for the Commit that tells it. Absent: Commits bear none. */
  readonly signDecision?: SignDecision;
}

/**
 * The operator's side of the protocol for one serving replica: streams and rollouts of all sets. Deterministic, without
 * I/O. A new leader makes a new one: everything that matters is in the store and in the PDPs' Hellos.
 */
export class OperatorMachine {
  readonly #deps: OperatorDeps;
  readonly #sessions: Sessions;
  readonly #rollouts = new Map<SetKey, SetRollout>();
  readonly #observations = new Map<SetKey, SetObservation>();
  readonly #servingSince: Instant;
  /** Every decision from before this moment is known here, monotonic; undefined: nobody said so yet. */
  #confirmedAt: number | undefined;
  #effects: OperatorEffect[] = [];

  constructor(deps: OperatorDeps, now: Instant) {
    this.#deps = deps;
    this.#servingSince = now;
    this.#sessions = new Sessions(deps.tuning, now);
  }

  /** Handles one event. Messages of unknown streams and about sets that the PDP does not serve change nothing. */
  step(event: OperatorEvent, now: Instant): readonly OperatorEffect[] {
    switch (event.type) {
      case 'opened':
        if (this.#sessions.open(event.sessionId, event.identity, now) === undefined) {
          this.#retry(event.sessionId, 30_000, 'this replica has as many streams as it may');
        }
        break;
      case 'message':
        this.#onMessage(event.sessionId, event.message, now);
        break;
      case 'closed':
        this.#drop(event.sessionId, now, event.why);
        break;
      case 'observed':
        this.#observe(event.observation, now);
        break;
      case 'setRemoved':
        this.#rollouts.delete(event.set);
        this.#observations.delete(event.set);
        this.#reassign(now);
        break;
      case 'decisionAnswered': {
        const { set, asked, outcome } = event;
        const rollout = this.#rollouts.get(set);
        if (rollout !== undefined) this.#apply(set, rollout.decisionAnswered(asked, outcome, now));
        break;
      }
      case 'analysed': {
        const { set, revision, wave, verdict, message } = event;
        const rollout = this.#rollouts.get(set);
        if (rollout !== undefined) this.#apply(set, rollout.analysed(revision, wave, verdict, message, now));
        break;
      }
      case 'confirmed':
        this.#confirmedAt = Math.max(this.#confirmedAt ?? event.asOf, event.asOf);
        break;
      case 'tick':
        this.#tick(now);
        break;
      case 'drain':
        this.#drain(event.share, event.reason);
        break;
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Exact counts of one set; undefined for a set that was never observed. */
  progress(set: SetKey, now: Instant): RolloutProgress | undefined {
    return this.#rollouts.get(set)?.progress(now);
  }

  /** True once the set's PDPs had time to connect: before that its progress shows losses that are none. */
  isSettled(set: SetKey, now: Instant): boolean {
    return this.#rollouts.get(set)?.isSettled(now) ?? false;
  }

  /** Sets under distribution. */
  sets(): readonly SetKey[] {
    return [...this.#rollouts.keys()];
  }

  /** Every PDP that this replica knows of, ordered by pod; of one set, if one is named. */
  pdps(now: Instant, only?: SetKey): readonly PdpListing[] {
    const listings = new Map<NodeId, PdpListing>();
    for (const [set, rollout] of this.#rollouts) {
      if (only !== undefined && set !== only) continue;
      for (const [node, entry] of rollout.listing(now)) {
        const session = this.#sessions.ofNode(node.nodeId);
        const known = listings.get(node.nodeId);
        listings.set(node.nodeId, {
          nodeId: node.nodeId,
          pod: node.name,
          connected: session !== undefined,
          engineVersion: node.engineVersion,
          lastBeatAt: session?.lastBeatWall ?? 0,
          ...(session?.trustedKeys === undefined ? {} : { trustedKeys: session.trustedKeys }),
          ...(node.refusedPeer === undefined ? {} : { refused: node.refusedPeer }),
          sets: [...(known?.sets ?? []), entry],
        });
        for (const listing of listBehindRelay(node, set, now)) listings.set(listing.nodeId, listing);
      }
    }
    return [...listings.values()].toSorted((a, b) => (a.pod < b.pod ? -1 : a.pod > b.pod ? 1 : 0));
  }

  /** Live, admitted streams. */
  get sessions(): number {
    return [...this.#sessions.admitted()].length;
  }

  #send(sessionId: SessionId, message: OperatorMessage): void {
    this.#effects.push({ type: 'send', sessionId, message });
  }

  #close(sessionId: SessionId, reason: string): void {
    this.#effects.push({ type: 'close', sessionId, reason });
  }

  #retry(sessionId: SessionId, afterMs: number, reason: string): void {
    this.#send(sessionId, { type: 'Retry', afterMs, reason });
    this.#close(sessionId, reason);
  }

  #onMessage(sessionId: SessionId, message: PdpMessage, now: Instant): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    if (message.type === 'Hello') {
      this.#onHello(session, message, now);
      return;
    }
    if (session.engine === undefined) {
      this.#end(sessionId, `${message.type} before Hello`, now);
      return;
    }
    session.lastHeardAt = now.mono;
    if (message.type === 'Beat') {
      this.#onBeat(session, message, now);
      return;
    }
    const rollout = this.#rollouts.get(message.set);
    if (rollout === undefined || !session.assigned.includes(message.set)) return;
    if (message.type === 'SiteReport') {
      rollout.siteReported(session.identity.nodeId, message);
      this.#effects.push({ type: 'progressed', set: message.set });
      return;
    }
    this.#apply(message.set, rollout.heard(session.identity.nodeId, message, now));
  }

  #onHello(session: Session, hello: Hello, now: Instant): void {
    const agreement = agreeOnProtocol(hello, this.#deps.versions ?? OWN_VERSIONS);
    if (agreement.type === 'Refused') {
      this.#refuse(session, hello, agreement, now);
      return;
    }
    const admission = this.#sessions.admit(session, hello, now);
    switch (admission.type) {
      case 'Refused':
        this.#end(session.id, admission.reason, now);
        return;
      case 'Retry':
        this.#drop(session.id, now);
        this.#retry(session.id, admission.afterMs, 'too many Hellos at once');
        return;
      case 'Admitted':
        break;
    }
    if (admission.replaced !== undefined) this.#close(admission.replaced, 'another stream of the same node took over');
    session.assigned = this.#assignedTo(session);
    this.#welcome(session);
    for (const set of session.assigned) this.#join(session, set, now);
  }

  /** Remembers it, so that people see why a PDP that runs is missing. */
  #refuse(
    session: Session,
    { engine }: Hello,
    { code, message }: { readonly code: VersionRefusal; readonly message: string },
    now: Instant,
  ): void {
    const { identity } = session;
    for (const set of this.#assignedTo(session)) {
      const rollout = this.#rollouts.get(set);
      const refused = { code, message, engineVersion: engine.version };
      if (rollout !== undefined)
        this.#apply(set, rollout.refusedPeer(identity.nodeId, nodeName(identity), refused, now));
    }
    this.#drop(session.id, now);
    this.#close(session.id, `${code}: ${message}`);
  }

  #welcome(session: Session): void {
    const { replica, artifactsUrl, tuning, fallbackSources = [] } = this.#deps;
    const { heartbeatMs } = tuning;
    const fallback = fallbackSources.length === 0 ? {} : { fallbackSources };
    const redialMaxMs = redialMaxFor(this.#fleetSize());
    this.#send(session.id, {
      type: 'Welcome',
      replica,
      sets: session.assigned,
      heartbeatMs,
      artifactsUrl,
      redialMaxMs,
      ...fallback,
    });
  }

  /** PDPs that would all dial at once: those who should be here, or if that is unknown, those who are. */
  #fleetSize(): number {
    const expected = this.#observations.values().reduce((sum, { members }) => sum + (members?.size ?? 0), 0);
    return Math.max(this.#sessions.size, expected);
  }

  #join(session: Session, set: SetKey, now: Instant): void {
    const { identity, engine, hellos, beats } = session;
    const rollout = this.#rollouts.get(set);
    if (rollout === undefined) return;
    const version = engine?.version ?? '';
    this.#apply(set, rollout.connected(identity.nodeId, nodeName(identity), hellos.get(set), version, now, identity));
    const beat = beats.get(set);
    if (beat !== undefined) this.#apply(set, rollout.beat(identity.nodeId, beat, now));
  }

  #onBeat(session: Session, beat: Beat, now: Instant): void {
    session.lastBeatWall = now.wall;
    session.load = beat.load;
    session.trustedKeys = beat.trustedKeys;
    for (const set of beat.sets) {
      session.beats.set(set.set, set);
      const rollout = this.#rollouts.get(set.set);
      if (rollout === undefined || !session.assigned.includes(set.set)) continue;
      this.#apply(set.set, rollout.beat(session.identity.nodeId, set, now));
    }
    this.#acknowledge(session, beat, now);
  }

  /** Vouches for what was decided when the store was last read for sure. After a Commit on the same stream, never before. */
  #acknowledge(session: Session, { seq }: Beat, now: Instant): void {
    const confirmedAt = this.#confirmedAt;
    const asOfAgeMs = confirmedAt === undefined ? 0 : Math.max(0, Math.ceil(now.mono - confirmedAt));
    const vouches = confirmedAt === undefined ? [] : session.assigned.map((set) => this.#vouch(session, set));
    const sets = vouches.filter((vouch) => vouch !== undefined);
    this.#send(session.id, { type: 'BeatAck', seq, asOfAgeMs, clock: now.wall, sets });
  }

  #vouch({ identity }: Session, set: SetKey): Vouch | undefined {
    return this.#rollouts.get(set)?.vouchFor(identity.nodeId);
  }

  /** Ends a stream for what its PDP did or did not do. */
  #end(sessionId: SessionId, reason: string, now: Instant): void {
    this.#drop(sessionId, now, reason);
    this.#close(sessionId, reason);
  }

  #drop(sessionId: SessionId, now: Instant, why?: string): void {
    const session = this.#sessions.close(sessionId);
    if (session === undefined) return;
    for (const set of session.assigned) {
      const rollout = this.#rollouts.get(set);
      if (rollout !== undefined) this.#apply(set, rollout.disconnected(session.identity.nodeId, now, why));
    }
  }

  #observe(observation: SetObservation, now: Instant): void {
    const { set } = observation;
    this.#observations.set(set, observation);
    let rollout = this.#rollouts.get(set);
    if (rollout === undefined) {
      rollout = new SetRollout(observation, this.#deps, this.#servingSince);
      this.#rollouts.set(set, rollout);
    }
    // Members first: a rollout that starts now must see everyone who is connected.
    this.#reassign(now);
    this.#apply(set, rollout.observe(observation, now));
  }

  #assignedTo(session: Session): readonly SetKey[] {
    const { nodeId, sets, site } = session.identity;
    return [...this.#observations.values()]
      .filter(({ set, members, sites }) => {
        if (site !== undefined) return sites?.includes(site) === true;
        return members === undefined ? sets.includes(set) : members.has(nodeId);
      })
      .map(({ set }) => set);
  }

  /** Compares who may have which set with who has it: pods change their labels, sets come and go. */
  #reassign(now: Instant): void {
    for (const session of this.#sessions.admitted()) {
      const before = session.assigned;
      const after = this.#assignedTo(session);
      if (before.length === after.length && before.every((set) => after.includes(set))) continue;
      session.assigned = after;
      this.#welcome(session);
      for (const set of after) if (!before.includes(set)) this.#join(session, set, now);
      for (const set of before) {
        const rollout = this.#rollouts.get(set);
        if (after.includes(set) || rollout === undefined) continue;
        this.#apply(set, rollout.removed(session.identity.nodeId, now));
      }
    }
  }

  #tick(now: Instant): void {
    for (const { session, reason } of this.#sessions.expired(now)) {
      this.#end(session.id, reason, now);
    }
    for (const [set, rollout] of this.#rollouts) {
      const before = rollout.headline();
      const effects = rollout.tick(now);
      // Where there are no PDPs time alone moves a rollout.
      this.#apply(set, effects, rollout.headline() === before ? 'quiet' : 'told');
    }
  }

  #drain(share: number, reason: string): void {
    const sessions = [...this.#sessions.admitted()];
    const count = Math.ceil(sessions.length * share);
    for (const session of sessions.slice(0, count)) {
      this.#send(session.id, { type: 'Reconnect', afterMs: Math.ceil(this.#deps.random() * 2000), reason });
    }
  }

  #apply(set: SetKey, effects: readonly RolloutEffect[], mode: 'told' | 'quiet' = 'told'): void {
    for (const effect of effects) {
      if (effect.type !== 'announce') this.#effects.push({ ...effect, set });
      else {
        const session = this.#sessions.ofNode(effect.nodeId);
        if (session !== undefined) this.#send(session.id, effect.message);
      }
    }
    if (mode === 'told' || effects.length > 0) this.#effects.push({ type: 'progressed', set });
  }
}

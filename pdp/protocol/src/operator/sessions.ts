import type { NodeId, SetKey } from '../identifiers.ts';
import type { BeatSet, EngineInfo, Hello, HelloSet, Load } from '../messages.ts';
import { Arrivals } from './arrivals.ts';
import type { PeerIdentity } from './identity.ts';
import type { Instant } from './instant.ts';
import type { OperatorTuning } from './observation.ts';

/** One stream's name within this replica. Never used again. */
export type SessionId = string;

/** One authenticated stream. Mutable: owned by {@link Sessions} alone. */
export interface Session {
  readonly id: SessionId;
  readonly identity: PeerIdentity;
  readonly openedAt: number;
  /** Set once its Hello is admitted. */
  engine: EngineInfo | undefined;
  lastHeardAt: number;
  lastBeatWall: number;
  load: Load | undefined;
  /** Ids of the keys that it said it trusts; undefined if it does not say. */
  trustedKeys: readonly string[] | undefined;
  /** Last word about each set: from the Hello, then from Beats. */
  readonly hellos: Map<SetKey, HelloSet>;
  readonly beats: Map<SetKey, BeatSet>;
  assigned: readonly SetKey[];
}

/** Whoever came too early has at least this long until its place. */
const RETRY_MIN_MS = 500;

/** How a Hello was answered. */
export type Admission =
  | { readonly type: 'Admitted'; readonly session: Session; readonly replaced: SessionId | undefined }
  | { readonly type: 'Retry'; readonly afterMs: number }
  | { readonly type: 'Refused'; readonly reason: string };

/**
 * The live streams of one replica: one per node, the newest wins. Admission is a token bucket, so that a fleet that comes
 * back at once costs a bounded number of Hellos per second.
 */
export class Sessions {
  readonly #tuning: OperatorTuning;
  readonly #arrivals: Arrivals;
  readonly #byId = new Map<SessionId, Session>();
  readonly #byNode = new Map<NodeId, Session>();
  #tokens: number;
  #refilledAt: number;

  constructor(tuning: OperatorTuning, now: Instant) {
    this.#tuning = tuning;
    this.#arrivals = new Arrivals(tuning.helloRate);
    this.#tokens = tuning.helloRate;
    this.#refilledAt = now.mono;
  }

  /** Streams, admitted or not. */
  get size(): number {
    return this.#byId.size;
  }

  get(id: SessionId): Session | undefined {
    return this.#byId.get(id);
  }

  /** The admitted stream of a node. */
  ofNode(nodeId: NodeId): Session | undefined {
    return this.#byNode.get(nodeId);
  }

  /** Every admitted stream. */
  admitted(): Iterable<Session> {
    return this.#byNode.values();
  }

  /** Registers an authenticated stream; undefined when this replica has as many as it may. */
  open(id: SessionId, identity: PeerIdentity, now: Instant): Session | undefined {
    if (this.#byId.size >= this.#tuning.sessionsMax) return undefined;
    const session: Session = {
      id,
      identity,
      openedAt: now.mono,
      engine: undefined,
      lastHeardAt: now.mono,
      lastBeatWall: 0,
      load: undefined,
      trustedKeys: undefined,
      hellos: new Map(),
      beats: new Map(),
      assigned: [],
    };
    this.#byId.set(id, session);
    return session;
  }

  /** Judges a Hello. A second stream of the same node replaces the first: that one is dead and does not know it yet. */
  admit(session: Session, hello: Hello, now: Instant): Admission {
    if (session.engine !== undefined) return { type: 'Refused', reason: 'a second Hello on one stream' };
    if (!this.#takeToken(now)) {
      return { type: 'Retry', afterMs: Math.ceil(RETRY_MIN_MS + this.#arrivals.reserve(now.mono)) };
    }
    session.engine = hello.engine;
    session.lastHeardAt = now.mono;
    for (const set of hello.sets) session.hellos.set(set.set, set);
    const { nodeId } = session.identity;
    const previous = this.#byNode.get(nodeId);
    if (previous !== undefined) this.#byId.delete(previous.id);
    this.#byNode.set(nodeId, session);
    return { type: 'Admitted', session, replaced: previous?.id };
  }

  /** The stream ended. True if it was its node's live one. */
  close(id: SessionId): Session | undefined {
    const session = this.#byId.get(id);
    if (session === undefined) return undefined;
    this.#byId.delete(id);
    if (this.#byNode.get(session.identity.nodeId) !== session) return undefined;
    this.#byNode.delete(session.identity.nodeId);
    return session;
  }

  /** Streams to give up: silent for too long, or without a Hello. */
  expired(now: Instant): readonly { readonly session: Session; readonly reason: string }[] {
    const { presenceTimeoutMs, helloTimeoutMs } = this.#tuning;
    const dead: { readonly session: Session; readonly reason: string }[] = [];
    for (const session of this.#byId.values()) {
      if (session.engine === undefined) {
        if (now.mono - session.openedAt > helloTimeoutMs) dead.push({ session, reason: 'no Hello in time' });
      } else if (now.mono - session.lastHeardAt > presenceTimeoutMs) {
        dead.push({ session, reason: 'no Beat in time' });
      }
    }
    return dead;
  }

  #takeToken(now: Instant): boolean {
    const { helloRate } = this.#tuning;
    const refill = ((now.mono - this.#refilledAt) / 1000) * helloRate;
    this.#tokens = Math.min(helloRate, this.#tokens + refill);
    this.#refilledAt = now.mono;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

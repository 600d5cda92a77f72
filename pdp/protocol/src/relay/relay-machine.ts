import type { Digest, NodeId, SetKey } from '../identifiers.ts';
import { NACK_MESSAGE_MAX_BYTES, SET_KEY_MAX_LENGTH } from '../limits.ts';
import { clampUtf8 } from '../nack.ts';
import { NO_LOAD } from '../pdp/state.ts';
import {
  PROTOCOL_OLDEST,
  PROTOCOL_VERSION,
  type Beat,
  type Commit,
  type EngineInfo,
  type OperatorMessage,
  type PdpMessage,
  type Prepare,
  type SetLoad,
  type SiteReport,
  type Welcome,
} from '../messages.ts';
import { OPERATOR_TUNING, type OperatorTuning } from '../operator/observation.ts';
import type { Instant } from '../operator/instant.ts';
import { OperatorMachine, type OperatorEffect, type OperatorEvent } from '../operator/machine.ts';
import type { PdpListing } from '../operator/listing.ts';
import type { RolloutProgress } from '../operator/progress.ts';
import { nodeName, type PeerIdentity } from '../operator/identity.ts';
import type { SessionId } from '../operator/sessions.ts';
import type { RelayEffect, RelayEvent } from './events.ts';
import { HubLink } from './hub-link.ts';
import type { RelayRecord } from './record.ts';
import { SiteSet, type SiteEffect } from './site-set.ts';

/** What a relay's machine is made of. */
export interface RelayDeps {
  /** Name of this relay, as its PDPs and logs show it. */
  readonly replica: string;
  readonly engine: EngineInfo;
  /** Sets that this site may have; the hub may give it fewer. */
  readonly sets: readonly SetKey[];
  /** Towards the PDPs of the site. */
  readonly tuning: OperatorTuning;
  /** Base URL of manifests and bundles as the site's PDPs reach it; `''` if they know it. */
  readonly artifactsUrl: string;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly issueTicket: (nodeId: NodeId, digest: Digest, now: Instant) => string;
}

/** A record from the disk whose artifacts are there, checked, and whether its sets are `Strict`. */
export interface LoadedRecord {
  readonly record: RelayRecord;
  readonly held: ReadonlyMap<Digest, boolean>;
}

/** Towards its PDPs a relay is an operator that waits less for them after its start: they have its address alone. */
export const RELAY_TUNING: OperatorTuning = { ...OPERATOR_TUNING, settleMs: 10_000 };

/** Least time between two reports of one set to the hub. */
export const SITE_REPORT_MS = 1_000;
/** A report that changed nothing is said again after so long: the one before may be lost. */
export const SITE_REPORT_REPEAT_MS = 15_000;
/** After so long without a word the stream to the hub is given up. */
export const HUB_SILENCE_MAX_MS = 10_000;
/** A record that could not be written is tried again after so long. */
export const STORE_RETRY_MS = 5_000;

interface Told {
  report: string;
  reportedAt: number;
  shadow: string;
}

/**
 * A relay: a PDP towards its hub, an operator towards the PDPs of its site. It passes the hub's durable decisions on and
 * decides nothing: where the operator's machine in it would write a decision, the hub is told instead, and waited for.
 * Signatures travel through untouched. Deterministic, without I/O.
 */
export class RelayMachine {
  readonly #deps: RelayDeps;
  readonly #operator: OperatorMachine;
  readonly #hub = new HubLink();
  readonly #sites = new Map<SetKey, SiteSet>();
  readonly #observed = new Set<SetKey>();
  readonly #peers = new Map<SessionId, PeerIdentity>();
  readonly #loads = new Map<SetKey, { readonly load: SetLoad; readonly canaryLoad?: SetLoad }>();
  readonly #told = new Map<SetKey, Told>();
  readonly #dirty = new Set<SetKey>();
  /** What the hub gives to the site; undefined: it has not said. */
  #assigned: readonly SetKey[] | undefined;
  #artifactsUrl = '';
  /** What the hub said last to this relay's Hello. */
  #hubWelcome: Welcome | undefined;
  #heartbeatMs: number;
  #beatAt = 0;
  #storeAgainAt = 0;
  #bootReason: 'Fresh' | 'Restart' | 'Reconnect';
  #effects: RelayEffect[] = [];
  /** What the parts want done, while one event is handled. */
  readonly #queue: (() => void)[] = [];
  #now: Instant;

  constructor(deps: RelayDeps, records: readonly LoadedRecord[], now: Instant) {
    const { replica, tuning, artifactsUrl, random, issueTicket } = deps;
    this.#deps = deps;
    this.#now = now;
    this.#heartbeatMs = tuning.heartbeatMs;
    this.#bootReason = records.length === 0 ? 'Fresh' : 'Restart';
    this.#operator = new OperatorMachine({ replica, tuning, artifactsUrl, random, issueTicket }, now);
    // Names the sets in every BeatAck; what is vouched for is put in its place.
    this.#operator.step({ type: 'confirmed', asOf: now.mono }, now);
    for (const { record, held } of records) {
      if (!deps.sets.includes(record.set)) continue;
      this.#addSite(record, held);
      this.#observe(record.set);
    }
    this.#drain();
  }

  /** Handles one event. What does not fit (late, unknown, repeated) changes nothing. */
  step(event: RelayEvent, now: Instant): readonly RelayEffect[] {
    this.#now = now;
    this.#handle(event);
    this.#drain();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Exact counts of one set in this site; undefined for a set of which nothing is known. */
  progress(set: SetKey, now: Instant): RolloutProgress | undefined {
    return this.#operator.progress(set, now);
  }

  /** Every PDP of the site that this relay knows of. */
  pdps(now: Instant): readonly PdpListing[] {
    return this.#operator.pdps(now);
  }

  /** Live, admitted streams of PDPs. */
  get sessions(): number {
    return this.#operator.sessions;
  }

  /** True while there is a stream to the hub. */
  get isHubUp(): boolean {
    return this.#hub.isUp;
  }

  /** The newest decided revision that the relay has of each set. */
  committed(): ReadonlyMap<SetKey, number> {
    return new Map([...this.#sites].map(([set, site]) => [set, site.committed?.n ?? 0]));
  }

  /** Age of the hub's newest word about a set, milliseconds, as PDPs would be told; no lease holds at a day. */
  wordAgeMs(set: SetKey, now: Instant): number {
    return this.#hub.vouchFor([set], () => undefined, now.mono).asOfAgeMs;
  }

  #handle(event: RelayEvent): void {
    const { mono } = this.#now;
    switch (event.type) {
      case 'hubConnected':
        this.#hub.opened(mono);
        this.#sayHello();
        return;
      case 'hubDisconnected':
        this.#hub.closed();
        return;
      case 'hubSaid':
        if (this.#hub.isUp) this.#hubSaid(event.message);
        return;
      case 'fetched':
      case 'fetchFailed':
        this.#sites.get(event.set)?.fetched(event, mono);
        return;
      case 'stored':
        this.#sites.get(event.set)?.stored(event.id, event.isDurable, mono);
        if (!event.isDurable) this.#storeAgainAt = mono + STORE_RETRY_MS;
        return;
      case 'opened':
        this.#peers.set(event.sessionId, event.identity);
        this.#operate(event);
        return;
      case 'message':
        this.#note(event.sessionId, event.message);
        this.#operate(event);
        return;
      case 'closed':
        this.#peers.delete(event.sessionId);
        this.#operate(event);
        return;
      case 'drain':
        this.#operate(event);
        return;
      case 'look':
        this.#look();
        return;
      case 'tick':
        this.#tick();
        return;
    }
  }

  #drain(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
  }

  #later(task: () => void): void {
    this.#queue.push(task);
  }

  #say(message: PdpMessage): void {
    // Off line nothing is said: Hello and Beats of the next stream tell where the site stands.
    if (this.#hub.isUp) this.#effects.push({ type: 'say', message });
  }

  #sayHello(): void {
    const { engine } = this.#deps;
    const sets = [...this.#sites.values()].filter(({ isKnown }) => isKnown).map((site) => site.hello());
    const bootReason = this.#bootReason;
    this.#bootReason = 'Reconnect';
    this.#told.clear();
    this.#beatAt = this.#now.mono + this.#heartbeatMs;
    const versions = { protocol: PROTOCOL_VERSION, oldestProtocol: PROTOCOL_OLDEST };
    this.#say({ type: 'Hello', ...versions, engine, sets, bootReason, capacityBytes: 0 });
  }

  #hubSaid(message: OperatorMessage): void {
    const { mono } = this.#now;
    this.#hub.heard(mono);
    switch (message.type) {
      case 'Welcome':
        this.#hubWelcome = message;
        this.#welcomed(message.sets);
        this.#heartbeatMs = message.heartbeatMs;
        this.#artifactsUrl = message.artifactsUrl;
        this.#beat();
        return;
      case 'BeatAck':
        this.#hub.acknowledged(message, mono);
        return;
      case 'Prepare':
      case 'Commit':
        this.#offered(message);
        return;
      case 'Abort':
        this.#sites.get(message.set)?.aborted(message.revision);
        return;
      case 'Reconnect':
      case 'Retry':
        this.#hub.closed();
        this.#effects.push({ type: 'hangUp', reason: message.reason, redialAfterMs: message.afterMs });
        return;
    }
  }

  /** What the hub offers it also gives, whatever it said before. */
  #offered(offer: Prepare | Commit): void {
    const { set } = offer;
    if (!this.#deps.sets.includes(set)) return;
    if (this.#assigned?.includes(set) === false) this.#assigned = [...this.#assigned, set];
    this.#siteOf(set).offered(offer, this.#artifactsUrl, this.#now.mono);
  }

  /** The hub gives the site these sets and no others: what it takes away is not offered any more. */
  #welcomed(assigned: readonly SetKey[]): void {
    this.#assigned = assigned;
    this.#hub.assigned(assigned);
    for (const set of this.#sites.keys()) {
      if (assigned.includes(set)) this.#observe(set);
      else if (this.#observed.delete(set)) this.#operate({ type: 'setRemoved', set });
    }
  }

  #siteOf(set: SetKey): SiteSet {
    return this.#sites.get(set) ?? this.#addSite({ set }, new Map());
  }

  #addSite(record: RelayRecord, held: ReadonlyMap<Digest, boolean>): SiteSet {
    const { set } = record;
    const effect = (wanted: SiteEffect): void => {
      if (wanted.type === 'say') this.#say(wanted.message);
      else if (wanted.type === 'observe') this.#later(() => this.#observe(set));
      else this.#effects.push(wanted);
    };
    const site = new SiteSet(record, held, { effect, leadMs: (at, now) => this.#hub.leadMs(at, now) });
    this.#sites.set(set, site);
    return site;
  }

  #observe(set: SetKey): void {
    const site = this.#sites.get(set);
    if (site?.isKnown !== true || this.#assigned?.includes(set) === false) return;
    this.#observed.add(set);
    this.#operate({ type: 'observed', observation: site.observation() });
  }

  #operate(event: OperatorEvent): void {
    for (const effect of this.#operator.step(event, this.#now)) this.#perform(effect);
  }

  #perform(effect: OperatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#effects.push({ ...effect, message: this.#asTheHubSaid(effect.message) });
        return;
      case 'close':
        this.#effects.push(effect);
        return;
      case 'progressed':
        this.#dirty.add(effect.set);
        this.#effects.push(effect);
        return;
      case 'rollBack':
        // The hub's affair.
        return;
      case 'writeDecision': {
        const { set, revision, wave, decision } = effect;
        this.#later(() => {
          // A relay decides nothing: to its own machine the store is one that cannot be written.
          this.#operate({ type: 'decisionAnswered', set, asked: { revision, wave, decision }, outcome: 'failed' });
          this.#sites.get(set)?.wouldDecide(revision, decision, this.#now.mono);
        });
      }
    }
  }

  /** What the operator's machine cannot know of a message: the hub's word, and the salt that all sites share. */
  #asTheHubSaid(message: OperatorMessage): OperatorMessage {
    if (message.type === 'BeatAck') {
      const sets = message.sets.map(({ set }) => set);
      const word = this.#hub.vouchFor(sets, (set) => this.#sites.get(set)?.ownWord(), this.#now.mono);
      return { ...message, ...word };
    }
    if (message.type === 'Welcome') return this.#welcomeOf(message);
    if (message.type !== 'Commit') return message;
    const site = this.#sites.get(message.set);
    const salt = site?.saltOf(message.revision);
    const { share: own } = message;
    const share = own === undefined || salt === undefined ? own : { ...own, salt };
    const decision = site?.decisionOf(message.revision, share);
    return {
      ...message,
      ...(share === undefined ? {} : { share }),
      ...(decision === undefined ? {} : { decision }),
    };
  }

  /** Where PDPs may load without relay and hub is the hub's word; how long they wait between dials, the longer of both. */
  #welcomeOf(own: Welcome): Welcome {
    const { fallbackSources, redialMaxMs } = this.#hubWelcome ?? {};
    const longest = Math.max(own.redialMaxMs ?? 0, redialMaxMs ?? 0);
    return {
      ...own,
      ...(fallbackSources === undefined ? {} : { fallbackSources }),
      ...(longest === 0 ? {} : { redialMaxMs: longest }),
    };
  }

  /** What the hub is to hear of it besides what is counted. */
  #note(sessionId: SessionId, message: PdpMessage): void {
    const identity = this.#peers.get(sessionId);
    if (identity === undefined) return;
    if (message.type === 'Nack' && message.deterministic) {
      this.#sites.get(message.set)?.noteNack(nodeName(identity), message);
    } else if (message.type === 'Beat') this.#addLoads(message);
  }

  #addLoads({ sets }: Beat): void {
    for (const { set, load, canaryLoad } of sets) {
      if (load === undefined || !this.#sites.has(set)) continue;
      const before = this.#loads.get(set);
      const canary = addLoad(before?.canaryLoad, canaryLoad);
      this.#loads.set(set, {
        load: addLoad(before?.load, load) ?? load,
        ...(canary === undefined ? {} : { canaryLoad: canary }),
      });
    }
  }

  #tick(): void {
    this.#operate({ type: 'tick' });
    const { mono } = this.#now;
    for (const site of this.#sites.values()) {
      site.adopt(mono);
      if (mono >= this.#storeAgainAt) site.storeAgain();
    }
    this.#look();
    if (!this.#hub.isUp) return;
    const silence = this.#hub.silenceMs(mono);
    if (silence > Math.max(HUB_SILENCE_MAX_MS, 4 * this.#heartbeatMs)) {
      this.#hub.closed();
      this.#effects.push({ type: 'hangUp', reason: `the hub said nothing for ${Math.round(silence)} ms` });
    } else if (mono >= this.#beatAt) this.#beat();
  }

  #beat(): void {
    const { mono } = this.#now;
    this.#beatAt = mono + this.#heartbeatMs * (0.8 + 0.4 * this.#deps.random());
    const sets = [...this.#sites.values()]
      .filter(({ isKnown }) => isKnown)
      .map((site) => ({ ...site.standing(), ...this.#loads.get(site.set) }));
    this.#loads.clear();
    this.#say({ type: 'Beat', seq: this.#hub.beat(mono), sentAt: mono, sets, load: NO_LOAD });
  }

  #look(): void {
    for (const set of this.#dirty) {
      const site = this.#sites.get(set);
      const progress = this.#operator.progress(set, this.#now);
      if (site !== undefined && progress !== undefined) site.progressed(progress, this.#now);
    }
    this.#dirty.clear();
    this.#drain();
    for (const site of this.#sites.values()) this.#report(site);
  }

  /** Tells the hub how many PDPs are where, if that is news and the last time is a moment ago. */
  #report(site: SiteSet): void {
    const { progress, set } = site;
    const { mono } = this.#now;
    if (progress === undefined || !this.#hub.isUp) return;
    const told = this.#told.get(set) ?? { report: '', reportedAt: Number.NEGATIVE_INFINITY, shadow: '' };
    this.#told.set(set, told);
    if (mono - told.reportedAt < SITE_REPORT_MS) return;
    const report = reportOf(progress);
    const text = JSON.stringify(report);
    if (text !== told.report || mono - told.reportedAt >= SITE_REPORT_REPEAT_MS) {
      told.report = text;
      told.reportedAt = mono;
      this.#say(report);
    }
    this.#reportShadow(site, progress, told);
  }

  #reportShadow(site: SiteSet, progress: RolloutProgress, told: Told): void {
    const { shadow, set, setUid, revision } = progress;
    if (shadow === undefined || !site.isShadowed) return;
    const { counts, samples, verdict } = shadow;
    const text = JSON.stringify([revision, counts, verdict]);
    if (text === told.shadow) return;
    told.shadow = text;
    told.reportedAt = this.#now.mono;
    const id = { setUid, n: revision, digest: progress.digest as Digest };
    this.#say({ type: 'ShadowReport', set, revision: id, done: verdict !== 'Waiting', counts, samples });
  }
}

function reportOf({ set, setUid, revision, committed, counts, exceptions }: RolloutProgress): SiteReport {
  return {
    type: 'SiteReport',
    set,
    setUid,
    revision,
    committed,
    counts,
    exceptions: exceptions.map(({ node, state, active, reason }) => ({
      node: clampUtf8(node, SET_KEY_MAX_LENGTH),
      state,
      active,
      reason: clampUtf8(reason, NACK_MESSAGE_MAX_BYTES),
    })),
  };
}

function addLoad(a: SetLoad | undefined, b: SetLoad | undefined): SetLoad | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    decisions: a.decisions + b.decisions,
    errors: a.errors + b.errors,
    denied: a.denied + b.denied,
    p99Micros: Math.max(a.p99Micros, b.p99Micros),
  };
}

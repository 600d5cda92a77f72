import type { DecisionSignature, SignedRevision } from '@edict/bundle';
import { isSameRevision, revisionIdOf, type Digest, type RevisionId, type SetKey } from '../identifiers.ts';
import type { Active, Commit, HelloSet, Nack, Prepare, Prepared, ShadowRequest, Share, Vouch } from '../messages.ts';
import { clampDetail } from '../nack.ts';
import { ROLLOUT_DEFAULTS, type DecidedWave, type Decision, type SetObservation } from '../operator/observation.ts';
import type { RolloutProgress } from '../operator/progress.ts';
import { orderRevisions } from '../pdp/revision-order.ts';
import type { RelayEffect, RelayEvent } from './events.ts';
import type { RelayedCanary, RelayRecord } from './record.ts';

/** So long at most a decision of the hub waits for the PDPs of the site to prepare. A `Strict` set waits for nobody. */
export const SITE_HOLD_MAX_MS = 30_000;

/** What a relay wants done for one set. */
export type SiteEffect = Extract<RelayEffect, { type: 'say' | 'fetch' | 'store' | 'retain' }> | { type: 'observe' };

/** What a set's machine takes from outside. */
export interface SiteParts {
  readonly effect: (effect: SiteEffect) => void;
  /** How far ahead a moment of the hub's clock is, milliseconds; 0 for at once. */
  readonly leadMs: (activateAt: number | undefined, now: number) => number;
}

/** What the hub said of a revision and is not done yet: it is being fetched first. */
type Offer = Prepare | Commit;

interface Candidate {
  readonly revision: SignedRevision;
  readonly deadlineMs: number;
  readonly shadow: ShadowRequest | undefined;
}

/** A decision of the hub that the site has not taken over yet. */
interface HubDecision {
  readonly revision: SignedRevision;
  readonly share: Share | undefined;
  readonly activateAt: number | undefined;
  readonly decision: DecisionSignature | undefined;
  /** Monotonic. */
  readonly holdUntil: number;
}

/**
 * One set in one site: what the hub has said of it, and how far the site is. It decides nothing: what the PDPs are told to
 * serve is what the hub said Commit about, once it is on disk. Deterministic, without I/O.
 */
export class SiteSet {
  readonly set: SetKey;
  readonly #parts: SiteParts;
  #record: RelayRecord;
  #setUid: string;
  #offer: Offer | undefined;
  #candidate: Candidate | undefined;
  #decision: HubDecision | undefined;
  #storing: { readonly id: number; readonly record: RelayRecord; readonly decision: HubDecision } | undefined;
  #lastId = 0;
  /** Manifests whose artifacts are on disk, and whether their sets are `Strict`. */
  readonly #held = new Map<Digest, boolean>();
  /** What every PDP of the site has prepared; what some PDP can never take. */
  #prepared: RevisionId | undefined;
  #refused: RevisionId | undefined;
  #nack: { readonly pod: string; readonly nack: Nack } | undefined;
  #toldLate = false;
  /** What every PDP of the site serves: to all, and to a share. */
  #reached: RevisionId | undefined;
  #reachedShare: (Share & { readonly revision: RevisionId }) | undefined;
  #isDurable = true;
  #activatedAt = 0;
  #leadMs = 0;
  #progress: RolloutProgress | undefined;

  /** `record` is what the disk held, checked; its artifacts are there. */
  constructor(record: RelayRecord, held: ReadonlyMap<Digest, boolean>, parts: SiteParts) {
    this.set = record.set;
    this.#record = record;
    this.#setUid = record.committed?.setUid ?? '';
    this.#held = new Map(held);
    this.#parts = parts;
  }

  /** The newest decided revision that the site has. */
  get committed(): SignedRevision | undefined {
    return this.#record.committed;
  }

  /** True once there is anything to tell PDPs. */
  get isKnown(): boolean {
    return this.#setUid !== '';
  }

  /** Where the site stands for a new stream to the hub. What is staged is told once it is asked for again. */
  hello(): HelloSet {
    // Whoever lacks the hub's signature under what is decided asks for it by not having it.
    const isProven = this.#record.decision !== undefined || !isSameRevision(this.#reached, this.#record.committed);
    return {
      set: this.set,
      ...(this.#reached === undefined || !isProven ? {} : { active: this.#reached }),
      ...(this.#reachedShare === undefined ? {} : { canary: this.#reachedShare }),
    };
  }

  /** Where the site stands for a Beat. */
  standing() {
    const canary = this.#reachedShare;
    const isStaged = this.#prepared !== undefined && isSameRevision(this.#prepared, this.#candidate?.revision);
    return {
      set: this.set,
      setUid: (this.#reached ?? (isStaged ? this.#prepared : undefined))?.setUid ?? '',
      state: isStaged ? ('Staged' as const) : this.#reached === undefined ? ('Empty' as const) : ('Active' as const),
      active: this.#reached?.n ?? 0,
      staged: isStaged ? (this.#prepared?.n ?? 0) : 0,
      ...(canary === undefined ? {} : { canary: { n: canary.revision.n, upTo: canary.upTo } }),
    };
  }

  /** The salt by which the hub chooses the principals of the canary. */
  saltOf(revision: RevisionId): string | undefined {
    const { canary } = this.#record;
    return isSameRevision(canary?.revision, revision) ? canary?.share.salt : undefined;
  }

  /** The hub's signature under the decision that its PDPs are told, if it gave one. */
  decisionOf(revision: RevisionId, share: Share | undefined): DecisionSignature | undefined {
    const { committed, decision, canary } = this.#record;
    if (share === undefined) return isSameRevision(committed, revision) ? decision : undefined;
    if (canary === undefined || !isSameRevision(canary.revision, revision)) return undefined;
    const { salt, upTo } = canary.share;
    return salt === share.salt && upTo === share.upTo ? canary.decision : undefined;
  }

  /** What the relay itself knows to be decided: all that it can say while the hub has said nothing. */
  ownWord(): Vouch | undefined {
    const { committed } = this.#record;
    if (committed === undefined) return undefined;
    return { set: this.set, setUid: committed.setUid, minRev: committed.n, stableRev: committed.n };
  }

  /** The set as the operator's machine of the site is to see it. */
  observation(): SetObservation {
    const setUid = this.#setUid;
    const committed = this.#record.committed?.setUid === setUid ? this.#record.committed : undefined;
    const canary = this.#record.canary?.revision.setUid === setUid ? this.#record.canary : undefined;
    const candidate = this.#candidate?.revision;
    const isCanaryOpen = candidate === undefined || isSameRevision(candidate, canary?.revision);
    const open = candidate ?? canary?.revision;
    const { shadow, deadlineMs = ROLLOUT_DEFAULTS.progressDeadlineMs } = this.#candidate ?? {};
    return {
      set: this.set,
      setUid,
      ...(committed === undefined ? {} : { committed }),
      completed: committed !== undefined && isSameRevision(this.#reached, committed),
      undecided: open === undefined ? [] : [open],
      ...(canary === undefined || !isCanaryOpen
        ? {}
        : { rollouts: new Map([[canary.revision.n, { decided: canary.decided }]]) }),
      ...(canary === undefined || isCanaryOpen
        ? {}
        : { stopped: [{ revision: canary.revision, decided: canary.decided, cause: SUPERSEDED }] }),
      failedDigests: [],
      options: {
        ...ROLLOUT_DEFAULTS,
        minReady: 0,
        progressDeadlineMs: deadlineMs,
        ...(shadow === undefined ? {} : { shadow: { ...shadow, minSamples: 0, onNoTraffic: 'Pass' } }),
        ...(this.#leadMs > 0 ? { commitLeadMs: this.#leadMs } : {}),
      },
    };
  }

  /** Prepare or Commit of the hub. `now` is monotonic. */
  offered(offer: Offer, artifactsUrl: string, now: number): void {
    const { revision, ticket, deadlineMs } = offer;
    if (!this.#isNews(offer)) return;
    // A decision is not put off for what is not decided.
    if (offer.type === 'Prepare' && (this.#offer?.type === 'Commit' || this.#decision !== undefined)) return;
    if (this.#held.has(revision.digest)) {
      this.#take(offer, now);
      return;
    }
    const isUnderWay = isSameRevision(this.#offer?.revision, revision);
    this.#offer = offer;
    if (!isUnderWay) this.#parts.effect({ type: 'fetch', set: this.set, revision, ticket, artifactsUrl, deadlineMs });
  }

  /** The hub will never commit `revision`. What it has said Commit about stays: a decision never changes. */
  aborted(revision: RevisionId): void {
    if (this.#offer?.type === 'Prepare' && isSameRevision(this.#offer.revision, revision)) this.#offer = undefined;
    if (!isSameRevision(this.#candidate?.revision, revision) || isSameRevision(this.#pending, revision)) return;
    this.#candidate = undefined;
    this.#parts.effect({ type: 'observe' });
    this.#retain();
  }

  /** The artifacts of a revision are here, or cannot be had. */
  fetched(event: Extract<RelayEvent, { type: 'fetched' | 'fetchFailed' }>, now: number): void {
    const offer = this.#offer;
    if (offer === undefined || !isSameRevision(offer.revision, event.revision)) return;
    this.#offer = undefined;
    if (event.type === 'fetched') {
      this.#held.set(event.revision.digest, event.isStrict);
      this.#take(offer, now);
      return;
    }
    const { phase, code, deterministic, detail } = event;
    this.#sayNack(offer.revision, { phase, code, deterministic, detail: clampDetail(detail) });
  }

  /** A PDP of the site can never take a revision. */
  noteNack(pod: string, nack: Nack): void {
    if (isSameRevision(this.#candidate?.revision, nack.revision)) this.#nack = { pod, nack };
  }

  /**
   * The operator's machine of the site would decide: all of its PDPs have prepared, or some cannot. The word about that is the
   * hub's, which is told.
   */
  wouldDecide(revision: RevisionId, decision: Decision, now: number): void {
    const candidate = this.#candidate?.revision;
    if (candidate === undefined || !isSameRevision(candidate, revision)) return;
    if (decision.type === 'Commit') this.#notePrepared(candidate);
    else if (decision.cause.reason === 'Nack') this.#noteRefused(candidate, decision.cause.message);
    else if (decision.cause.reason === 'Timeout' && !this.#toldLate) {
      this.#toldLate = true;
      const detail = clampDetail({ message: decision.cause.message });
      this.#sayNack(candidate, { phase: 'Resources', code: 'SiteNotPrepared', deterministic: false, detail });
    }
    this.adopt(now);
  }

  /** What the site's PDPs say has changed. */
  progressed(progress: RolloutProgress, now: { readonly mono: number; readonly wall: number }): void {
    this.#progress = progress;
    const { committed, canary } = this.#record;
    const candidate = this.#candidate?.revision;
    const { phase, wave, hold, revision, setUid } = progress;
    if (setUid !== this.#setUid) return;
    if (candidate?.n === revision && hold?.reason === 'ShadowWindow') this.#notePrepared(candidate);
    if (committed?.n === revision && phase === 'Completed' && !isSameRevision(this.#reached, committed)) {
      this.#reached = revisionIdOf(committed);
      if (this.#reachedShare !== undefined && canary === undefined) this.#reachedShare = undefined;
      this.#activatedAt = now.wall;
      this.#parts.effect({ type: 'observe' });
      this.#sayActive();
    }
    if (canary?.revision.n !== revision || isSameShare(this.#reachedShare, canary)) return;
    const decided = canary.decided.length;
    // A wave after the decided ones is only prepared for once these have reached everyone.
    if (phase !== 'Soaking' && (wave?.index ?? 0) < decided) return;
    this.#reachedShare = { ...canary.share, revision: revisionIdOf(canary.revision) };
    this.#activatedAt = now.wall;
    this.#sayShare();
  }

  /** What was last said to {@link progressed}. */
  get progress(): RolloutProgress | undefined {
    return this.#progress;
  }

  /** True while the hub wants live requests compared. */
  get isShadowed(): boolean {
    return this.#candidate?.shadow !== undefined;
  }

  /** Takes over what the hub decided, if nobody need be waited for any more. `now` is monotonic. */
  adopt(now: number): void {
    const decision = this.#decision;
    if (decision === undefined || this.#storing !== undefined || !this.#isDue(decision, now)) return;
    this.#decision = undefined;
    this.#lastId += 1;
    const record = recordAfter(this.#record, decision);
    this.#storing = { id: this.#lastId, record, decision };
    this.#leadMs = this.#parts.leadMs(decision.activateAt, now);
    this.#parts.effect({ type: 'store', set: this.set, id: this.#lastId, record });
  }

  /** The record is written, or cannot be: either way the decision stands. `now` is monotonic. */
  stored(id: number, isDurable: boolean, now: number): void {
    if (id === this.#lastId) this.#isDurable = isDurable;
    const storing = this.#storing;
    if (storing?.id !== id) return;
    this.#storing = undefined;
    this.#record = storing.record;
    if (isSameRevision(this.#candidate?.revision, storing.decision.revision)) this.#candidate = undefined;
    this.#parts.effect({ type: 'observe' });
    this.#retain();
    this.adopt(now);
  }

  /** False while the disk holds less than what is decided. */
  get isDurable(): boolean {
    return this.#isDurable;
  }

  /** Writes again what could not be written. */
  storeAgain(): void {
    if (this.#isDurable || this.#storing !== undefined) return;
    this.#lastId += 1;
    this.#isDurable = true;
    this.#parts.effect({ type: 'store', set: this.set, id: this.#lastId, record: this.#record });
  }

  /** What is decided and neither taken over nor forgotten. */
  get #pending(): SignedRevision | undefined {
    return this.#decision?.revision ?? this.#storing?.decision.revision;
  }

  /** Whether there is anything to do about an offer; answers what needs no more than an answer. */
  #isNews(offer: Offer): boolean {
    const { revision } = offer;
    if (revision.set !== this.set) {
      this.#refuse(revision, 'SetMismatch', `the message is about ${this.set}, its revision about ${revision.set}`);
      return false;
    }
    const pending = this.#decision ?? this.#storing?.decision;
    const forAll = pending?.share === undefined ? (pending?.revision ?? this.committed) : this.committed;
    if (forAll !== undefined && !this.#isBeyond(forAll, offer)) return false;
    const { canary } = this.#record;
    if (canary !== undefined && !this.#isBeyondShare(canary, offer)) return false;
    if (offer.type === 'Prepare') return this.#isNewCandidate(offer);
    return offer.share === undefined || this.committed?.setUid === revision.setUid;
  }

  /** True if the offer is newer than what is decided for all. */
  #isBeyond(known: SignedRevision, offer: Offer): boolean {
    const { type, revision } = offer;
    switch (orderRevisions(known, revision)) {
      case 'Newer':
        return true;
      case 'Same':
        if (offer.type === 'Commit') this.#takeDecision(offer);
        if (type === 'Commit' && isSameRevision(this.#reached, known)) this.#sayActive();
        return false;
      case 'Older':
        return false;
      case 'Conflict':
        this.#refuse(revision, 'RevisionConflict', `revision ${revision.n} is known here with another digest`, true);
        return false;
      case 'OtherSetOlder':
        this.#refuse(revision, 'SetReplaced', `revision ${revision.n} is of a set that is no more`);
        return false;
    }
  }

  /** The signature that was lacking under what is decided for all. */
  #takeDecision({ revision, share, decision }: Commit): void {
    const { committed, decision: known } = this.#record;
    if (decision === undefined || known !== undefined || share !== undefined) return;
    if (!isSameRevision(committed, revision) || this.#storing !== undefined) return;
    this.#record = { ...this.#record, decision };
    this.#isDurable = false;
    this.storeAgain();
  }

  /** True if the offer is more than what is decided for a share: newer, for more principals, or for all. */
  #isBeyondShare({ revision: known, share: held }: RelayedCanary, offer: Offer): boolean {
    const order = orderRevisions(known, offer.revision);
    if (order === 'Newer') return true;
    if (order === 'Conflict') return this.#isBeyond(known, offer);
    if (offer.type === 'Prepare') return false;
    const { share } = offer;
    if (share === undefined) return true;
    if (order !== 'Same') return false;
    if (share.salt === held.salt && share.upTo > held.upTo) return true;
    if (isSameRevision(this.#reachedShare?.revision, known)) this.#sayShare();
    return false;
  }

  #isNewCandidate(offer: Prepare): boolean {
    const candidate = this.#candidate?.revision;
    if (candidate === undefined) return true;
    const order = orderRevisions(candidate, offer.revision);
    if (order !== 'Same') return order === 'Newer';
    this.#toldLate = false;
    if (isSameRevision(this.#prepared, candidate)) this.#sayPrepared(candidate);
    else if (isSameRevision(this.#refused, candidate)) this.#noteRefused(candidate, 'refused in this site');
    return false;
  }

  #take(offer: Offer, now: number): void {
    const { revision, deadlineMs } = offer;
    this.#setUid = revision.setUid;
    const { canary } = this.#record;
    const isCandidate = isSameRevision(this.#candidate?.revision, revision);
    if (!isCandidate && !isSameRevision(canary?.revision, revision)) {
      const shadow = offer.type === 'Prepare' ? offer.shadow : undefined;
      this.#candidate = { revision, deadlineMs, shadow };
      this.#nack = undefined;
      this.#toldLate = false;
      if (!isSameRevision(this.#prepared, revision)) this.#prepared = undefined;
    }
    if (offer.type === 'Commit') {
      const { share, activateAt, decision } = offer;
      const holdUntil = now + Math.min(SITE_HOLD_MAX_MS, deadlineMs);
      this.#decision = { revision, share, activateAt, decision, holdUntil };
    }
    this.#parts.effect({ type: 'observe' });
    this.#retain();
    this.adopt(now);
  }

  /** A site is one cohort: its PDPs are told together, once they have prepared, unless that would keep policy back. */
  #isDue({ revision, holdUntil }: HubDecision, now: number): boolean {
    const { committed, canary } = this.#record;
    // Nothing of the set is served here, or a share has it already.
    if (committed?.setUid !== revision.setUid || isSameRevision(canary?.revision, revision)) return true;
    if (this.#held.get(revision.digest) === true || now >= holdUntil) return true;
    return isSameRevision(this.#prepared, revision) || isSameRevision(this.#refused, revision);
  }

  #notePrepared(candidate: SignedRevision): void {
    if (isSameRevision(this.#prepared, candidate)) return;
    this.#prepared = revisionIdOf(candidate);
    if (!isSameRevision(this.#pending, candidate)) this.#sayPrepared(candidate);
  }

  #noteRefused(candidate: SignedRevision, message: string): void {
    const isNew = !isSameRevision(this.#refused, candidate);
    this.#refused = revisionIdOf(candidate);
    if (!isNew || isSameRevision(this.#pending, candidate)) return;
    const { pod, nack } = this.#nack ?? {};
    this.#sayNack(candidate, {
      phase: nack?.phase ?? 'Compile',
      code: nack?.code ?? 'SiteRefused',
      deterministic: true,
      detail: clampDetail(
        nack === undefined ? { message } : { ...nack.detail, message: `${pod}: ${nack.detail.message}` },
      ),
    });
  }

  #sayPrepared(revision: SignedRevision): void {
    const tests = { passed: 0, failed: 0 };
    const message: Prepared = {
      type: 'Prepared',
      set: this.set,
      revision: revisionIdOf(revision),
      compileMs: 0,
      heapDeltaBytes: 0,
      tests,
    };
    this.#parts.effect({ type: 'say', message });
  }

  #sayActive(): void {
    if (this.#reached !== undefined) this.#parts.effect({ type: 'say', message: this.#activeOf(this.#reached) });
  }

  #sayShare(): void {
    if (this.#reachedShare === undefined) return;
    const { revision, salt, upTo } = this.#reachedShare;
    this.#parts.effect({ type: 'say', message: { ...this.#activeOf(revision), share: { salt, upTo } } });
  }

  #activeOf(revision: RevisionId): Active {
    return {
      type: 'Active',
      set: this.set,
      revision,
      activatedAt: this.#activatedAt,
      swapMicros: 0,
      persisted: this.#isDurable,
    };
  }

  #refuse(revision: SignedRevision, code: string, message: string, deterministic = false): void {
    this.#sayNack(revision, { phase: 'Verify', code, deterministic, detail: { message } });
  }

  #sayNack(revision: SignedRevision, about: Pick<Nack, 'phase' | 'code' | 'deterministic' | 'detail'>): void {
    this.#parts.effect({
      type: 'say',
      message: { type: 'Nack', set: this.set, revision: revisionIdOf(revision), ...about },
    });
  }

  #retain(): void {
    const { committed, canary } = this.#record;
    const needed = [committed, canary?.revision, this.#candidate?.revision, this.#offer?.revision, this.#pending];
    const manifests = [...new Set(needed.filter((revision) => revision !== undefined).map(({ digest }) => digest))];
    for (const digest of this.#held.keys()) if (!manifests.includes(digest)) this.#held.delete(digest);
    this.#parts.effect({ type: 'retain', set: this.set, manifests });
  }
}

const SUPERSEDED = { reason: 'Superseded', message: 'superseded at the hub' } as const;

function isSameShare(
  reached: (Share & { readonly revision: RevisionId }) | undefined,
  canary: NonNullable<RelayRecord['canary']>,
): boolean {
  return isSameRevision(reached?.revision, canary.revision) && reached?.upTo === canary.share.upTo;
}

function recordAfter(before: RelayRecord, { revision, share, decision }: HubDecision): RelayRecord {
  const { set, canary } = before;
  const signed = decision === undefined ? {} : { decision };
  if (share === undefined) {
    const isKept = canary?.revision.setUid === revision.setUid && canary.revision.n > revision.n;
    return { set, committed: revision, ...signed, ...(isKept ? { canary } : {}) };
  }
  const earlier = isSameRevision(canary?.revision, revision) ? (canary?.decided ?? []) : [];
  const wave: DecidedWave = { index: earlier.length, principals: share.upTo, decidedAt: 0 };
  const next = { revision, share, decided: [...earlier, wave], ...signed };
  return { ...before, canary: next };
}

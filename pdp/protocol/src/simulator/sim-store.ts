import { isDeepStrictEqual } from 'node:util';
import {
  createSigner,
  generateSigningKey,
  signDecision,
  verifyDecision,
  verifyRevision,
  type Consistency,
  type DecidedPart,
  type DecisionSignature,
  type RevisionReason,
  type SignedRevision,
} from '@edict/bundle';
import { isSameRevision, type NodeId, type RevisionId } from '../identifiers.ts';
import type { Commit, ManifestSummary } from '../messages.ts';
import { isFailure } from '../operator/way-back.ts';
import type { NodeTraits } from '../operator/identity.ts';
import type {
  AbortCause,
  DecidedWave,
  Decision,
  RolloutOptions,
  RolloutRecord,
  SetObservation,
  WaveRef,
  Wave,
} from '../operator/observation.ts';
import { aDigest } from '../testing/builders.ts';
import { EPOCH_MS } from './sim-clock.ts';
import type { World } from './world.ts';

export const SIM_SET = 'default/payments';

const KEY = generateSigningKey();
const sign = createSigner(KEY.privateKey);
const TRUSTED = new Map([[KEY.keyId, KEY.publicKey]]);

/**
 * What is wrong with a revision: it compiles nowhere, or only on some nodes; its bundles never arrive whole; nobody with a
 * key signed it; or it answers badly.
 */
export type Flaw = 'none' | 'everywhere' | 'somewhere' | 'truncated' | 'forged' | 'poor';

/** A revision in the store, with what only the simulator knows about it. */
export interface StoredRevision {
  readonly revision: SignedRevision;
  readonly manifest: ManifestSummary;
  readonly flaw: Flaw;
  /** What is wrong with what it says, whoever signed that: whatever repeats its content has that too. */
  readonly contentFlaw: Exclude<Flaw, 'forged'>;
  readonly decided: DecidedWave[];
  /** Each decided wave, with whom it reaches. */
  readonly reached: WaveRef[];
  /** When each wave was decided, virtual time. */
  readonly reachedAt: number[];
  final: boolean;
  end: AbortCause | undefined;
  completed: boolean;
  approvals: number[];
  abortRequested: string | undefined;
  pauseRequested: boolean;
}

/** What a user may ask for when a revision is made. */
export interface Publication {
  readonly flaw?: Flaw;
  readonly reason?: RevisionReason;
  /** Whose content it repeats. */
  readonly repeat?: StoredRevision;
  /** Waves that the set has from now on. */
  readonly waves?: readonly Wave[];
  /** The set's spec changed: what failed before no longer counts. */
  readonly newSpec?: boolean;
}

/** True while something about the revision may still be decided. */
export function isOpen({ final, end }: StoredRevision): boolean {
  return !final && end === undefined;
}

/** True if no PDP can load the revision. */
export function isUnloadable({ flaw }: StoredRevision): boolean {
  return flaw === 'everywhere' || flaw === 'truncated' || flaw === 'forged';
}

/** How often the set had been deleted and made again, and once more, when the revision was made. */
export function generationOf({ setUid }: RevisionId): number {
  return Number(setUid.slice('uid-'.length));
}

/** The durable store: immutable revisions, decisions by compare-and-swap, and the list of pods. It survives everything. */
export class SimStore {
  readonly #world: World;
  readonly #revisions: StoredRevision[] = [];
  #current: StoredRevision[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #genuine = new Map<string, boolean>();
  readonly #decisions = new Map<string, DecisionSignature>();
  /** Sites whose relays have the set. */
  sites: readonly string[] = [];
  readonly #members = new Map<NodeId, string>();
  readonly #traits = new Map<NodeId, NodeTraits>();
  #memberView: Pick<SetObservation, 'members' | 'traits'> | undefined;
  /** What a reader sees until something changes. */
  #view: SetObservation | undefined;
  #failedAt: number[] = [];
  #setUid = 'uid-1';
  #contents = 0;
  /** Requests that changed something, as an API server counts them. */
  writes = 0;
  readonly consistency: Consistency | undefined;
  options: RolloutOptions;
  /** Told of every decision that was written. */
  onDecided: (stored: StoredRevision) => void = () => undefined;

  constructor(world: World, options: RolloutOptions, consistency: Consistency | undefined) {
    this.#world = world;
    this.options = options;
    this.consistency = consistency;
  }

  get setUid(): string {
    return this.#setUid;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    this.writes += 1;
    this.#view = undefined;
    for (const listener of this.#listeners) listener();
  }

  /** A pod of the set is there, or gone. */
  setMember(nodeId: NodeId, member: { readonly name: string; readonly traits: NodeTraits } | undefined): void {
    if (member === undefined) {
      this.#members.delete(nodeId);
      this.#traits.delete(nodeId);
    } else {
      this.#members.set(nodeId, member.name);
      this.#traits.set(nodeId, member.traits);
    }
    this.#memberView = undefined;
    this.#view = undefined;
    for (const listener of this.#listeners) listener();
  }

  isMember(nodeId: NodeId): boolean {
    return this.#members.has(nodeId);
  }

  /** Revisions of the set as it is now, ascending. */
  current(): readonly StoredRevision[] {
    return this.#current;
  }

  get count(): number {
    return this.#revisions.length;
  }

  /** Waves of all revisions that were decided to be served. */
  get commits(): number {
    return this.#revisions.reduce((sum, { reached }) => sum + reached.length, 0);
  }

  /** Revisions of the set as it was under `setUid`, ascending. */
  ofSet(setUid: string): readonly StoredRevision[] {
    return setUid === this.#setUid
      ? this.#current
      : this.#revisions.filter(({ revision }) => revision.setUid === setUid);
  }

  find(id: RevisionId): StoredRevision | undefined {
    const likely = id.setUid === this.#setUid ? this.#current[id.n - 1] : undefined;
    if (likely !== undefined && isSameRevision(likely.revision, id)) return likely;
    return this.#revisions.find(({ revision }) => isSameRevision(revision, id));
  }

  committed(): StoredRevision | undefined {
    return this.#current.findLast(({ final }) => final);
  }

  /** What comes back if the committed revision fails. */
  predecessor(): StoredRevision | undefined {
    const n = this.committed()?.revision.n ?? 0;
    return this.#current.findLast(({ final, end, revision }) => final && end === undefined && revision.n < n);
  }

  /** What comes back in place of the newest revision, which was stopped or failed. */
  wayBack(): StoredRevision | undefined {
    const committed = this.committed();
    return committed?.end === undefined ? committed : this.predecessor();
  }

  /** True if someone with the key signed exactly this. */
  isGenuine(revision: SignedRevision): boolean {
    const key = `${revision.setUid}/${revision.n}/${revision.digest}/${revision.signature}`;
    const known = this.#genuine.get(key);
    if (known !== undefined) return known;
    let genuine = true;
    try {
      verifyRevision(revision, TRUSTED);
    } catch {
      genuine = false;
    }
    this.#genuine.set(key, genuine);
    return genuine;
  }

  /** What a replica that has read of a decision signs. */
  signDecision(revision: SignedRevision, part: DecidedPart): DecisionSignature {
    const key = decisionKey(revision, part);
    const signed = this.#decisions.get(key) ?? signDecision(revision, part, KEY.privateKey);
    this.#decisions.set(key, signed);
    return signed;
  }

  /** True if a replica signed that what the commit says is decided. */
  isDecided({ revision, share, decision }: Commit): boolean {
    // What was signed here is genuine, and found without looking at the signature.
    const final = decision?.final === true;
    if (decision !== undefined && this.#decisions.get(decisionKey(revision, { final, share })) === decision)
      return true;
    try {
      verifyDecision(revision, share, decision, TRUSTED);
      return true;
    } catch {
      return false;
    }
  }

  /** A new revision: new content, or that of an earlier one. */
  publish({ flaw = 'none', reason = 'Spec', repeat, waves, newSpec = true }: Publication = {}): StoredRevision {
    const n = this.#current.length + 1;
    this.#contents += 1;
    if (newSpec) this.#failedAt = [];
    if (waves !== undefined) this.options = { ...this.options, waves };
    const digest = repeat?.revision.digest ?? aDigest(`m${this.#contents}`);
    const bundles = [aDigest('common'), aDigest(`b${this.#contents}`)];
    const { consistency } = this;
    const manifest = { bundles, totalBytes: 1000, features: [], engineMin: '0.1.0' };
    const unsigned = {
      set: SIM_SET,
      setUid: this.#setUid,
      n,
      digest,
      parent: n - 1,
      reason,
      createdAt: new Date(EPOCH_MS + this.#world.time.now).toISOString(),
    };
    const signed = sign(unsigned);
    const contentFlaw = repeat?.contentFlaw ?? (flaw === 'forged' ? 'none' : flaw);
    const stored: StoredRevision = {
      // The signature of another time: right in form, and worth nothing.
      revision: flaw === 'forged' ? { ...signed, createdAt: new Date(EPOCH_MS - 1).toISOString() } : signed,
      manifest: repeat?.manifest ?? { ...manifest, ...(consistency === undefined ? {} : { consistency }) },
      flaw: flaw === 'forged' ? flaw : contentFlaw,
      contentFlaw,
      decided: [],
      reached: [],
      reachedAt: [],
      final: false,
      end: undefined,
      completed: false,
      approvals: [],
      abortRequested: undefined,
      pauseRequested: false,
    };
    this.#revisions.push(stored);
    this.#current.push(stored);
    this.#world.note('store', () => {
      const text = `revision ${n} of ${this.#setUid} published (${reason}, ${digest.slice(-6)}`;
      return `${text}${stored.flaw === 'none' ? '' : `, flawed: ${stored.flaw}`})`;
    });
    this.changed();
    return stored;
  }

  /** Something that a user asks for about a revision, as an edit of its record. */
  ask(stored: StoredRevision, what: string, edit: (stored: StoredRevision) => void): void {
    edit(stored);
    this.#world.note('user', () => `${what} revision ${stored.revision.n}`);
    this.changed();
  }

  /** The set is deleted and made again: numbers start at 1 under another UID. */
  recreate(): void {
    this.#setUid = `uid-${Number(this.#setUid.slice('uid-'.length)) + 1}`;
    this.#current = [];
    this.#failedAt = [];
    this.#world.note('store', () => `set recreated as ${this.#setUid}`);
    this.changed();
  }

  /**
   * Compare-and-swap of one wave. INVARIANT I4 lives here, as it does in the real store: a wave has one decision, none
   * comes after an Abort, and none before that of the wave before.
   */
  decide(id: RevisionId, wave: WaveRef, decision: Decision): 'written' | 'conflict' {
    const stored = this.find(id);
    if (stored === undefined || stored.revision.setUid !== this.#setUid) return 'conflict';
    const known = stored.reached[wave.index];
    if (known !== undefined)
      return decision.type === 'Commit' && isDeepStrictEqual(known, wave) ? 'written' : 'conflict';
    if (stored.end !== undefined) {
      // What follows from an Abort hangs on its reason: who wrote another has to look again.
      const isSame = decision.type === 'Abort' && decision.cause.reason === stored.end.reason;
      return isSame && wave.index === stored.reached.length ? 'written' : 'conflict';
    }
    if (wave.index > stored.reached.length || (stored.final && decision.type === 'Commit')) return 'conflict';
    if (decision.type === 'Abort') {
      stored.end = decision.cause;
      if (isFailure(decision.cause)) this.#failedAt.push(EPOCH_MS + this.#world.time.now);
    } else this.#commit(stored, wave);
    this.#world.note('store', () => {
      const cause = decision.type === 'Abort' ? ` (${decision.cause.reason}: ${decision.cause.message})` : '';
      return `revision ${id.n} wave ${wave.index}${wave.final ? ', the last,' : ''} decided: ${decision.type}${cause}${describeTarget(wave)}`;
    });
    this.changed();
    if (decision.type === 'Commit') this.onDecided(stored);
    return 'written';
  }

  #commit(stored: StoredRevision, wave: WaveRef): void {
    this.#checkCommit(stored);
    const { index, final, ...target } = wave;
    stored.reached.push(wave);
    stored.reachedAt.push(this.#world.time.now);
    if (final) stored.final = true;
    else stored.decided.push({ ...target, index, decidedAt: EPOCH_MS + this.#world.time.now });
  }

  /** INVARIANT I15: what failed for good is not committed later under another number, unless it serves already. */
  #checkCommit({ revision, reached }: StoredRevision): void {
    const same = this.#current.filter((other) => other.revision.digest === revision.digest);
    const failed = same.some(({ end }) => end !== undefined && isFailure(end));
    if (failed && reached.length === 0 && !same.some(({ final }) => final)) {
      this.#world.fail('I15', `revision ${revision.n} repeats a content that failed, and was committed`);
    }
  }

  complete(id: RevisionId): void {
    const stored = this.find(id);
    if (stored === undefined || stored.completed) return;
    stored.completed = true;
    this.changed();
  }

  #recordOf({ decided, approvals, abortRequested, pauseRequested, final, reachedAt }: StoredRevision): RolloutRecord {
    const last = { index: decided.length, decidedAt: EPOCH_MS + (reachedAt.at(-1) ?? 0) };
    return {
      decided: final ? [...decided, last] : [...decided],
      approvals: [...approvals],
      ...(abortRequested === undefined ? {} : { abortRequested }),
      ...(pauseRequested ? { pauseRequested } : {}),
    };
  }

  #people(): Pick<SetObservation, 'members' | 'traits'> {
    this.#memberView ??= { members: new Map(this.#members), traits: new Map(this.#traits) };
    return this.#memberView;
  }

  /** The set as a replica that reads now would see it. */
  observation(): SetObservation {
    this.#view ??= this.#observe();
    return this.#view;
  }

  #observe(): SetObservation {
    const committed = this.committed();
    const predecessor = this.predecessor();
    const floor = committed?.revision.n ?? 0;
    const above = this.#current.slice(floor);
    const newest = this.#current.at(-1);
    const open = above.filter(isOpen);
    const failed = this.#current.filter(({ end }) => end !== undefined && isFailure(end));
    const aborted =
      newest?.end !== undefined && newest.reached.length === 0
        ? { revision: newest.revision, cause: newest.end }
        : undefined;
    return {
      set: SIM_SET,
      setUid: this.#setUid,
      ...(committed === undefined ? {} : { committed: committed.revision }),
      completed: committed?.completed ?? false,
      ...(committed === undefined || committed.completed ? {} : { committedRecord: this.#recordOf(committed) }),
      ...(committed?.end === undefined ? {} : { failed: committed.end }),
      ...(predecessor === undefined ? {} : { predecessor: predecessor.revision }),
      undecided: open.map(({ revision }) => revision),
      rollouts: new Map(open.map((stored) => [stored.revision.n, this.#recordOf(stored)])),
      stopped: above.flatMap((stored) =>
        stored.end === undefined || stored.reached.length === 0
          ? []
          : [{ ...this.#recordOf(stored), revision: stored.revision, cause: stored.end }],
      ),
      failedAt: [...this.#failedAt],
      ...(aborted === undefined ? {} : { aborted }),
      failedDigests: failed.map(({ revision }) => revision.digest),
      ...(this.#world.profile.membersKnown ? this.#people() : {}),
      ...(this.sites.length === 0 ? {} : { sites: this.sites }),
      options: this.options,
    };
  }
}

function describeTarget({ principals, nodes }: WaveRef): string {
  if (nodes !== undefined) return ` for ${JSON.stringify(nodes)}`;
  return principals === undefined ? '' : ` for ${principals} of the principals`;
}

function decisionKey({ setUid, n, digest }: SignedRevision, { final, share }: DecidedPart): string {
  return JSON.stringify([setUid, n, digest, final, share?.salt, share?.upTo]);
}

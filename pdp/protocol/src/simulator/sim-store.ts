import type { SignedRevision } from '@edict/bundle';
import { isSameRevision, type Digest, type NodeId, type RevisionId } from '../identifiers.ts';
import type { ManifestSummary } from '../messages.ts';
import type { AbortCause, Decision, RolloutOptions, SetObservation } from '../operator/observation.ts';
import { ROLLOUT_DEFAULTS } from '../operator/observation.ts';
import { aDigest, aRevision } from '../testing/builders.ts';
import { Violation, type World } from './world.ts';

export const SIM_SET = 'default/payments';

/** A revision in the store, with what only the simulator knows about it. */
export interface StoredRevision {
  readonly revision: SignedRevision;
  readonly manifest: ManifestSummary;
  /** Nodes on which it can never compile; `all` for a policy that is wrong everywhere. */
  readonly bad: 'none' | 'some' | 'all';
  decision: Decision | undefined;
  completed: boolean;
}

/** The durable store: immutable revisions, decisions by compare-and-swap, and the list of pods. It survives everything. */
export class SimStore {
  readonly #world: World;
  readonly #revisions: StoredRevision[] = [];
  readonly #listeners = new Set<() => void>();
  readonly members = new Map<NodeId, string>();
  #setUid = 'uid-1';
  #contents = 0;
  options: RolloutOptions;

  constructor(world: World) {
    this.#world = world;
    this.options = {
      ...ROLLOUT_DEFAULTS,
      progressDeadlineMs: 8_000 + world.below(10_000),
      maxLaggardsPercent: world.random() < 0.5 ? 0 : 40,
      requirePreparedPercent: world.random() < 0.7 ? 100 : 60,
    };
  }

  get setUid(): string {
    return this.#setUid;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Revisions of the set as it is now. */
  current(): readonly StoredRevision[] {
    return this.#revisions.filter(({ revision }) => revision.setUid === this.#setUid);
  }

  find(id: RevisionId): StoredRevision | undefined {
    return this.#revisions.find(({ revision }) => isSameRevision(revision, id));
  }

  findByDigest(digest: Digest): StoredRevision | undefined {
    return this.#revisions.find(({ revision }) => revision.digest === digest);
  }

  committed(): StoredRevision | undefined {
    return this.current().findLast(({ decision }) => decision?.type === 'Commit');
  }

  /** A new revision: new content, or that of an earlier one. */
  publish(bad: StoredRevision['bad'], repeat?: StoredRevision): StoredRevision {
    const n = (this.current().at(-1)?.revision.n ?? 0) + 1;
    this.#contents += 1;
    const createdAt = new Date(1_700_000_000_000 + this.#world.time.now).toISOString();
    const digest = repeat?.revision.digest ?? aDigest(`m${this.#contents}`);
    const bundles = [aDigest('common'), aDigest(`b${this.#contents}`)];
    const stored: StoredRevision = {
      revision: aRevision(n, { set: SIM_SET, setUid: this.#setUid, digest, createdAt }),
      manifest: repeat?.manifest ?? { bundles, totalBytes: 1000, features: [], engineMin: '0.1.0' },
      bad: repeat?.bad ?? bad,
      decision: undefined,
      completed: false,
    };
    this.#revisions.push(stored);
    this.#world.note(
      'store',
      () => `revision ${n} of ${this.#setUid} published${stored.bad === 'none' ? '' : `, bad for ${stored.bad}`}`,
    );
    this.changed();
    return stored;
  }

  /** The set is deleted and made again: numbers start at 1 under another UID. */
  recreate(): void {
    this.#setUid = `uid-${Number(this.#setUid.slice(4)) + 1}`;
    this.#world.note('store', () => `set recreated as ${this.#setUid}`);
    this.changed();
  }

  /** Compare-and-swap. INVARIANT I4 lives here, as it does in the real store. */
  decide(id: RevisionId, decision: Decision): 'written' | 'conflict' {
    const stored = this.find(id);
    if (stored === undefined || stored.revision.setUid !== this.#setUid) return 'conflict';
    if (stored.decision !== undefined) return stored.decision.type === decision.type ? 'written' : 'conflict';
    if (decision.type === 'Commit') this.#checkCommit(stored);
    stored.decision = decision;
    this.#world.note(
      'store',
      () =>
        `revision ${id.n} decided: ${decision.type}${decision.type === 'Abort' ? ` (${decision.cause.reason})` : ''}`,
    );
    this.changed();
    return 'written';
  }

  /** INVARIANT I15: what was refused for good is not committed later under another number. */
  #checkCommit({ revision }: StoredRevision): void {
    const failed = this.current().some(
      (other) =>
        other.revision.digest === revision.digest &&
        other.decision?.type === 'Abort' &&
        other.decision.cause.reason === 'Nack',
    );
    if (failed) throw new Violation('I15', `revision ${revision.n} repeats a refused content and was committed`);
  }

  complete(id: RevisionId): void {
    const stored = this.find(id);
    if (stored === undefined || stored.completed) return;
    stored.completed = true;
    this.changed();
  }

  /** The set as a replica that reads now would see it. */
  observation(): SetObservation {
    const revisions = this.current();
    const committed = this.committed();
    const newest = revisions.at(-1);
    const failed = revisions.filter(({ decision }) => decision?.type === 'Abort' && decision.cause.reason === 'Nack');
    const aborted: { revision: SignedRevision; cause: AbortCause } | undefined =
      newest?.decision?.type === 'Abort' ? { revision: newest.revision, cause: newest.decision.cause } : undefined;
    return {
      set: SIM_SET,
      setUid: this.#setUid,
      ...(committed === undefined ? {} : { committed: committed.revision }),
      completed: committed?.completed ?? false,
      undecided: revisions
        .filter(({ revision, decision }) => decision === undefined && revision.n > (committed?.revision.n ?? 0))
        .map(({ revision }) => revision),
      ...(aborted === undefined ? {} : { aborted }),
      failedDigests: failed.map(({ revision }) => revision.digest),
      ...(this.#world.profile.membersKnown ? { members: new Map(this.members) } : {}),
      options: this.options,
    };
  }
}

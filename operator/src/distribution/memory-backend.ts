import {
  createManifest,
  digestOf,
  canonicalJson,
  signRevision,
  type Digest,
  type Manifest,
  type SignedRevision,
  type SigningKey,
} from '@edict/bundle';
import {
  ONLY_WAVE,
  ROLLOUT_DEFAULTS,
  isSameRevision,
  type AbortCause,
  type Decision,
  type NodeId,
  type RevisionId,
  type RolloutOptions,
  type RolloutProgress,
  type RolloutRecord,
  type SetKey,
  type SetObservation,
  type StoppedRevision,
  type WaveRef,
} from '@edict/protocol';
import type { DistributionBackend } from './backend.ts';

interface StoredRevision {
  readonly revision: SignedRevision;
  /** By wave, from 0 without gaps. */
  readonly decisions: { readonly decision: Decision; readonly wave: WaveRef; readonly decidedAt: number }[];
  completed: boolean;
  asked: Pick<RolloutRecord, 'approvals' | 'abortRequested' | 'pauseRequested'>;
}

/** What has been decided of a revision as a whole; undefined while its rollout is open. */
function endOf({ decisions }: StoredRevision): Decision | undefined {
  const last = decisions.at(-1);
  return last === undefined || (last.decision.type === 'Commit' && !last.wave.final) ? undefined : last.decision;
}

function recordOf({ decisions, asked }: StoredRevision): RolloutRecord {
  const commits = decisions.filter(({ decision }) => decision.type === 'Commit');
  return {
    ...asked,
    decided: commits.map(({ wave: { final: _final, ...wave }, decidedAt }) => ({ ...wave, decidedAt })),
  };
}

/**
 * A whole backend in memory: compare-and-swap decisions, immutable revisions, artifacts by digest. For tests and for
 * measuring distribution without a store.
 */
export class MemoryBackend implements DistributionBackend {
  readonly set: SetKey;
  readonly setUid: string;
  readonly #key: SigningKey;
  readonly #revisions: StoredRevision[] = [];
  readonly #artifacts = new Map<Digest, Uint8Array>();
  readonly #listeners = new Set<() => void>();
  readonly written: RolloutProgress[] = [];
  #members: ReadonlyMap<NodeId, string> | undefined;
  #sites: readonly string[] | undefined;
  #options: RolloutOptions = ROLLOUT_DEFAULTS;
  #observation: SetObservation | undefined;

  constructor(set: SetKey, setUid: string, key: SigningKey) {
    this.set = set;
    this.setUid = setUid;
    this.#key = key;
  }

  /** Adds revision n+1 with one bundle per given content, stored under the digest of its bytes. */
  publish(
    contents: readonly Uint8Array[],
    store: (content: Uint8Array) => Uint8Array,
    createdAt: string,
  ): SignedRevision {
    const domains = contents.map((content, index) => {
      const bytes = store(content);
      const digest = digestOf(content);
      this.#artifacts.set(digest, bytes);
      const sizes = { size: content.length, gzSize: bytes.length };
      return { namespace: 'default', name: `domain-${index}`, uid: `uid-${index}`, generation: 1, digest, ...sizes };
    });
    const manifest: Manifest = createManifest({
      setUid: this.setUid,
      engineMin: '0.1.0',
      domains,
      policies: contents.length,
    });
    const text = new TextEncoder().encode(canonicalJson(manifest));
    const digest = digestOf(text);
    this.#artifacts.set(digest, text);
    return this.#add(digest, 'Spec', createdAt);
  }

  #add(digest: Digest, reason: SignedRevision['reason'], createdAt: string): SignedRevision {
    const n = (this.#revisions.at(-1)?.revision.n ?? 0) + 1;
    const header = { set: this.set, setUid: this.setUid, n, digest, parent: n - 1, reason, createdAt };
    const revision = signRevision(header, this.#key.privateKey);
    this.#revisions.push({ revision, decisions: [], completed: false, asked: {} });
    this.#changed();
    return revision;
  }

  /** Approves waves of a revision, or asks for its abort or a pause. */
  ask(n: number, asked: StoredRevision['asked']): void {
    const stored = this.#revisions.find(({ revision }) => revision.n === n);
    if (stored === undefined) throw new Error(`no revision ${n}`);
    stored.asked = { ...stored.asked, ...asked };
    this.#changed();
  }

  /** Replaces bytes behind a digest, so that they no longer match. */
  corrupt(digest: Digest, bytes: Uint8Array): void {
    this.#artifacts.set(digest, bytes);
  }

  setMembers(members: ReadonlyMap<NodeId, string> | undefined): void {
    this.#members = members;
    this.#changed();
  }

  /** The sites whose relays have the set. */
  setSites(sites: readonly string[]): void {
    this.#sites = sites;
    this.#changed();
  }

  setOptions(options: Partial<RolloutOptions>): void {
    this.#options = { ...this.#options, ...options };
    this.#changed();
  }

  revision(n: number): SignedRevision | undefined {
    return this.#revisions.find(({ revision }) => revision.n === n)?.revision;
  }

  decisionOf(n: number): Decision | undefined {
    return this.#revisions.find(({ revision }) => revision.n === n)?.decisions.at(-1)?.decision;
  }

  listSets(): readonly SetObservation[] {
    this.#observation ??= this.#observe();
    return [this.#observation];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  getManifest(digest: Digest): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#artifacts.get(digest));
  }

  getBundle(digest: Digest): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#artifacts.get(digest));
  }

  async writeDecision(
    _set: SetKey,
    revision: RevisionId,
    decision: Decision,
    wave: WaveRef = ONLY_WAVE,
  ): Promise<'written' | 'conflict'> {
    await Promise.resolve();
    const stored = this.#revisions.find((candidate) => isSameRevision(candidate.revision, revision));
    if (stored === undefined) return 'conflict';
    const before = stored.decisions[wave.index];
    if (before !== undefined) return isSame(before.decision, decision) ? 'written' : 'conflict';
    if (stored.decisions.length !== wave.index || endOf(stored) !== undefined) return 'conflict';
    stored.decisions.push({ decision, wave, decidedAt: Date.parse(stored.revision.createdAt) });
    this.#changed();
    return 'written';
  }

  /** Everything is in this memory: what was written before is seen. */
  async confirm(): Promise<void> {
    await Promise.resolve();
  }

  async rollBack(_set: SetKey, revision: RevisionId): Promise<void> {
    await Promise.resolve();
    const committed = this.#revisions.findLast((stored) => endOf(stored)?.type === 'Commit')?.revision;
    if (committed === undefined || this.#revisions.some((stored) => stored.revision.n > revision.n)) return;
    this.#add(committed.digest, 'Rollback', committed.createdAt);
  }

  async writeProgress(_set: SetKey, progress: RolloutProgress): Promise<void> {
    await Promise.resolve();
    this.written.push(progress);
    const stored = this.#revisions.find(({ revision }) => revision.n === progress.revision);
    if (stored !== undefined && progress.phase === 'Completed' && !stored.completed) {
      stored.completed = true;
      this.#changed();
    }
  }

  #changed(): void {
    this.#observation = undefined;
    for (const listener of this.#listeners) listener();
  }

  #observe(): SetObservation {
    const committed = this.#revisions.findLast((stored) => endOf(stored)?.type === 'Commit');
    const later = this.#revisions.filter(({ revision }) => revision.n > (committed?.revision.n ?? 0));
    const open = later.filter((stored) => endOf(stored) === undefined);
    const newest = this.#revisions.at(-1);
    const end = newest === undefined ? undefined : endOf(newest);
    const aborted: { revision: SignedRevision; cause: AbortCause } | undefined =
      newest?.decisions.length === 1 && end?.type === 'Abort'
        ? { revision: newest.revision, cause: end.cause }
        : undefined;
    return {
      set: this.set,
      setUid: this.setUid,
      ...(committed === undefined ? {} : { committed: committed.revision }),
      completed: committed?.completed ?? false,
      undecided: open.map(({ revision }) => revision),
      rollouts: new Map(open.map((stored) => [stored.revision.n, recordOf(stored)])),
      stopped: later.flatMap(stoppedOf),
      ...(aborted === undefined ? {} : { aborted }),
      failedDigests: this.#revisions.filter(hasFailed).map(({ revision }) => revision.digest),
      ...(this.#members === undefined ? {} : { members: this.#members }),
      ...(this.#sites === undefined ? {} : { sites: this.#sites }),
      options: this.#options,
    };
  }
}

function hasFailed(stored: StoredRevision): boolean {
  const end = endOf(stored);
  return end?.type === 'Abort' && ['Nack', 'Gate', 'Analysis'].includes(end.cause.reason);
}

function stoppedOf(stored: StoredRevision): readonly StoppedRevision[] {
  const end = endOf(stored);
  if (end?.type !== 'Abort' || stored.decisions.length < 2) return [];
  return [{ ...recordOf(stored), revision: stored.revision, cause: end.cause }];
}

/** What follows from an Abort hangs on its reason: who wrote another has to look again. */
function isSame(a: Decision, b: Decision): boolean {
  return a.type === 'Abort' && b.type === 'Abort' ? a.cause.reason === b.cause.reason : a.type === b.type;
}

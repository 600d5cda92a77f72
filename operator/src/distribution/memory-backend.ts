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
  ROLLOUT_DEFAULTS,
  isSameRevision,
  type AbortCause,
  type Decision,
  type NodeId,
  type RevisionId,
  type RolloutOptions,
  type RolloutProgress,
  type SetKey,
  type SetObservation,
} from '@edict/protocol';
import type { DistributionBackend } from './backend.ts';

interface StoredRevision {
  readonly revision: SignedRevision;
  decision?: Decision;
  completed: boolean;
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
    const n = (this.#revisions.at(-1)?.revision.n ?? 0) + 1;
    const header = { set: this.set, setUid: this.setUid, n, digest, parent: n - 1, reason: 'Spec' as const, createdAt };
    const revision = signRevision(header, this.#key.privateKey);
    this.#revisions.push({ revision, completed: false });
    this.#changed();
    return revision;
  }

  /** Replaces bytes behind a digest, so that they no longer match. */
  corrupt(digest: Digest, bytes: Uint8Array): void {
    this.#artifacts.set(digest, bytes);
  }

  setMembers(members: ReadonlyMap<NodeId, string> | undefined): void {
    this.#members = members;
    this.#changed();
  }

  setOptions(options: Partial<RolloutOptions>): void {
    this.#options = { ...this.#options, ...options };
    this.#changed();
  }

  decisionOf(n: number): Decision | undefined {
    return this.#revisions.find(({ revision }) => revision.n === n)?.decision;
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

  async writeDecision(_set: SetKey, revision: RevisionId, decision: Decision): Promise<'written' | 'conflict'> {
    await Promise.resolve();
    const stored = this.#revisions.find((candidate) => isSameRevision(candidate.revision, revision));
    if (stored === undefined) return 'conflict';
    if (stored.decision !== undefined) return stored.decision.type === decision.type ? 'written' : 'conflict';
    stored.decision = decision;
    this.#changed();
    return 'written';
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
    const committed = this.#revisions.findLast(({ decision }) => decision?.type === 'Commit');
    const newest = this.#revisions.at(-1);
    const failed: Digest[] = [];
    for (const { revision, decision } of this.#revisions) {
      if (decision?.type === 'Abort' && decision.cause.reason === 'Nack') failed.push(revision.digest);
    }
    const aborted: { revision: SignedRevision; cause: AbortCause } | undefined =
      newest?.decision?.type === 'Abort' ? { revision: newest.revision, cause: newest.decision.cause } : undefined;
    return {
      set: this.set,
      setUid: this.setUid,
      ...(committed === undefined ? {} : { committed: committed.revision }),
      completed: committed?.completed ?? false,
      undecided: this.#revisions
        .filter(({ revision, decision }) => decision === undefined && revision.n > (committed?.revision.n ?? 0))
        .map(({ revision }) => revision),
      ...(aborted === undefined ? {} : { aborted }),
      failedDigests: failed,
      ...(this.#members === undefined ? {} : { members: this.#members }),
      options: this.#options,
    };
  }
}

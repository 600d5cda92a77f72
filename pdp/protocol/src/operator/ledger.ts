import type { SignedRevision } from '@edict/bundle';
import { isSameRevision, type Digest, type RevisionId } from '../identifiers.ts';
import type {
  AbortCause,
  DecidedWave,
  Decision,
  RolloutRecord,
  SetObservation,
  StoppedRevision,
  WaveRef,
} from './observation.ts';

/** A revision whose rollout is open. */
export interface OpenRevision {
  readonly revision: SignedRevision;
  readonly record: RolloutRecord;
}

/** What this replica decided itself and an older observation may not show yet. */
interface OwnDecisions {
  decided: DecidedWave[];
  end: 'Committed' | AbortCause | undefined;
}

const NOTHING_RECORDED: RolloutRecord = { decided: [] };

/**
 * What is decided about a set's revisions, as far as this replica knows: what observations show, and what it wrote itself.
 * It never goes back behind a decision.
 */
export class Ledger {
  #committed: SignedRevision | undefined;
  #open: readonly OpenRevision[] = [];
  #stopped: readonly StoppedRevision[] = [];
  #partial: readonly OpenRevision[] = [];
  readonly #own = new Map<number, OwnDecisions>();
  /** Commits known of each revision, and when this replica learned of the last one, monotonic. */
  readonly #commits = new Map<number, { readonly count: number; readonly at: number }>();
  /** What this replica wrote about a committed revision after its last wave. */
  #ownFailure: { readonly n: number; readonly cause: AbortCause } | undefined;
  #observation: SetObservation;

  constructor(observation: SetObservation) {
    this.#observation = observation;
  }

  /** The newest revision that is decided for everyone. */
  get committed(): SignedRevision | undefined {
    return this.#committed;
  }

  /** Why the committed revision is to be replaced by what was before it; undefined if it is not. */
  get failed(): AbortCause | undefined {
    const { committed, failed } = this.#observation;
    if (this.#committed === undefined) return undefined;
    if (failed !== undefined && isSameRevision(committed, this.#committed)) return failed;
    return this.#ownFailure?.n === this.#committed.n ? this.#ownFailure.cause : undefined;
  }

  /** Ascending. */
  get open(): readonly OpenRevision[] {
    return this.#open;
  }

  /** Revisions newer than {@link committed} that go no further, ascending. */
  get stopped(): readonly StoppedRevision[] {
    return this.#stopped;
  }

  /** Everything of which some waves are decided, but not the last; newest first. */
  get partial(): readonly OpenRevision[] {
    return this.#partial;
  }

  /** Forgets everything: the set is another one. */
  reset(): void {
    this.#committed = undefined;
    this.#open = [];
    this.#stopped = [];
    this.#partial = [];
    this.#own.clear();
    this.#ownFailure = undefined;
    this.#commits.clear();
  }

  /** Takes over what the store shows. `mono` is now. */
  observe(observation: SetObservation, mono: number): void {
    this.#observation = observation;
    const { committed } = observation;
    if (committed !== undefined && committed.n > (this.#committed?.n ?? 0)) this.#committed = committed;
    this.#rebuild(mono);
  }

  /** Takes over a decision that this replica has written. */
  decided(
    revision: RevisionId,
    wave: WaveRef,
    decision: Decision,
    at: { readonly mono: number; readonly wall: number },
  ): void {
    if (decision.type === 'Abort' && isSameRevision(this.#committed, revision)) {
      this.#ownFailure = { n: revision.n, cause: decision.cause };
      return;
    }
    const own = this.#own.get(revision.n) ?? { decided: [], end: undefined };
    this.#own.set(revision.n, own);
    const offered = this.#open.find((candidate) => isSameRevision(candidate.revision, revision));
    if (decision.type === 'Abort') own.end = decision.cause;
    else if (wave.final) {
      own.end = 'Committed';
      if (offered !== undefined) this.#committed = offered.revision;
    } else {
      const { index, principals, nodes } = wave;
      const target = { ...(principals === undefined ? {} : { principals }), ...(nodes === undefined ? {} : { nodes }) };
      own.decided.push({ index, ...target, decidedAt: at.wall });
    }
    this.#rebuild(at.mono);
  }

  /** Remembers that a revision is given up although the store may not show it. */
  noteAborted(revision: RevisionId, cause: AbortCause, mono: number): void {
    const own = this.#own.get(revision.n) ?? { decided: [], end: undefined };
    own.end ??= cause;
    this.#own.set(revision.n, own);
    this.#rebuild(mono);
  }

  /** True if the revision of that number is known to be given up or stopped. */
  isAborted(n: number): boolean {
    const end = this.#own.get(n)?.end;
    return end !== undefined && end !== 'Committed';
  }

  /** Contents that failed for good in a rollout of which this replica wrote the end, by whatever the store shows yet. */
  failedDigests(isFailure: (cause: AbortCause) => boolean): readonly Digest[] {
    const own = this.#observation.undecided.filter(({ n }) => {
      const end = this.#own.get(n)?.end;
      return end !== undefined && end !== 'Committed' && isFailure(end);
    });
    return [...this.#observation.failedDigests, ...own.map(({ digest }) => digest)];
  }

  /** When the last Commit about a revision other than `n` became known here, monotonic; undefined for none. */
  lastCommitBeside(n: number): number | undefined {
    const times = [...this.#commits].filter(([other]) => other !== n).map(([, { at }]) => at);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  #rebuild(mono: number): void {
    const floor = this.#committed?.n ?? 0;
    // What the store does not show yet is needed although a newer revision is committed: a content may have failed in it.
    const unseen = new Set(this.#observation.undecided.map(({ n }) => n));
    for (const n of this.#own.keys()) if (n < floor && !unseen.has(n)) this.#own.delete(n);
    const open: OpenRevision[] = [];
    const stopped: StoppedRevision[] = [...(this.#observation.stopped ?? [])].filter(
      ({ revision }) => revision.n > floor,
    );
    for (const revision of this.#observation.undecided) {
      if (revision.n <= floor) continue;
      const shown = this.#observation.rollouts?.get(revision.n) ?? NOTHING_RECORDED;
      const own = this.#own.get(revision.n);
      const record = own === undefined ? shown : { ...shown, decided: merged(shown.decided, own.decided) };
      if (own?.end === undefined) open.push({ revision, record });
      else if (own.end !== 'Committed' && record.decided.length > 0)
        stopped.push({ ...record, revision, cause: own.end });
    }
    this.#open = open;
    this.#stopped = stopped.sort((a, b) => a.revision.n - b.revision.n);
    this.#partial = [
      ...open.filter(({ record }) => record.decided.length > 0),
      ...stopped.map((record) => ({ revision: record.revision, record })),
    ].sort((a, b) => b.revision.n - a.revision.n);
    for (const { revision, record } of this.#partial) this.#noteCommits(revision.n, record.decided.length, mono);
    if (floor > 0) this.#noteCommits(floor, Number.POSITIVE_INFINITY, mono);
    for (const n of this.#commits.keys()) if (n < floor) this.#commits.delete(n);
  }

  #noteCommits(n: number, count: number, at: number): void {
    if (count > (this.#commits.get(n)?.count ?? 0)) this.#commits.set(n, { count, at });
  }
}

function merged(shown: readonly DecidedWave[], own: readonly DecidedWave[]): readonly DecidedWave[] {
  const known = new Set(shown.map(({ index }) => index));
  return [...shown, ...own.filter(({ index }) => !known.has(index))].sort((a, b) => a.index - b.index);
}

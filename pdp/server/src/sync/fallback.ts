import {
  FALLBACK_INDEX_MAX_BYTES,
  fallbackArtifactPath,
  fallbackIndexPath,
  MANIFEST_MAX_BYTES,
  parseFallbackIndex,
  verifyDecision,
  verifyRevision,
  type Digest,
  type FallbackIndex,
  type SignedRevision,
} from '@edict/bundle';
import {
  messageOf,
  orderRevisions,
  type Clock,
  type Commit,
  type DurableRecord,
  type PdpState,
  type SetKey,
} from '@edict/protocol';
import type { Counter } from 'prom-client';
import type { Logger } from 'winston';
import type { GetBytes } from './fallback-client.ts';
import type { DecisionTrust } from './verify-commit.ts';

/** The ticket of commits that come from fallback sources. Tickets of an operator hold a dot. */
export const FALLBACK_TICKET = 'fallback';

/** Times of loading from fallback sources. */
export interface FallbackTimes {
  /** So long without a stream nothing is asked of them: the operator goes before. Default 5 s. */
  readonly afterMs: number;
  /** Ceiling of the random wait after the first failed round; it doubles with each. Default 1 s. */
  readonly retryBaseMs: number;
  /** Where it stops. Default 30 s. */
  readonly retryMaxMs: number;
  /** Time to fetch, compile and activate a revision that was found. Default 60 s. */
  readonly deadlineMs: number;
}

/** Defaults of {@link FallbackTimes}. */
export const FALLBACK_TIMES: FallbackTimes = {
  afterMs: 5_000,
  retryBaseMs: 1_000,
  retryMaxMs: 30_000,
  deadlineMs: 60_000,
};

/** Sets that are looked for at a time. */
const SETS_AT_A_TIME = 4;

/** How a look at the sources for one set ended. */
export type FallbackOutcome = 'offered' | 'unreachable' | 'refused' | 'older';

export interface FallbackOptions {
  /** Base URLs, best first. */
  readonly sources: readonly string[];
  /** Sets that this PDP is to serve, as far as it knows without an operator. */
  readonly sets: readonly SetKey[];
  /** What the disk held at the start: nothing older is taken in its place. */
  readonly records: ReadonlyMap<SetKey, DurableRecord>;
  readonly get: GetBytes;
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  /** `Signed`: an index without the operator's signature under the decision is refused. */
  readonly decisions: DecisionTrust;
  /** Hands a committed revision to the protocol; see `PdpClient.offer`. */
  readonly offer: (commit: Commit) => void;
  readonly clock: Pick<Clock, 'schedule'>;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly loads: Counter<'outcome'>;
  readonly times?: Partial<FallbackTimes>;
}

/**
 * Loads committed revisions from plain web servers while there is neither policy nor an operator, such as at a start from nothing
 * with the operator away. The signature of every revision is verified, it goes the same way as any other (fetched by content address,
 * checked, compiled, tested, written to disk), and none is taken that is older than what the disk held. Where no source helps,
 * the PDP stays as it is: not ready.
 */
export class Fallback {
  readonly #options: FallbackOptions;
  readonly #times: FallbackTimes;
  readonly #offered = new Map<SetKey, SignedRevision>();
  #abort = new AbortController();
  #cancelNext: (() => void) | undefined;
  #underWay = false;
  #failures = 0;
  #state: PdpState | undefined;
  #problem: string | undefined;
  #closed = false;

  constructor(options: FallbackOptions) {
    this.#options = options;
    this.#times = { ...FALLBACK_TIMES, ...options.times };
  }

  /** Why the last look found nothing to serve; undefined while there is nothing to look for, or nobody has looked yet. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether that revision of the set came from a fallback source. */
  isSourceOf(set: SetKey, n: number): boolean {
    return this.#offered.get(set)?.n === n;
  }

  /** To be told every state of the protocol, from the first one on. */
  observe(state: PdpState): void {
    this.#state = state;
    if (this.#closed) return;
    const unserved = this.#unserved(state);
    if (state.connection !== 'Down' || unserved.length === 0) this.#rest();
    else if (unserved.some((set) => isIdle(state, set))) this.#scheduleNext();
  }

  /** A manifest or bundle by content address, from whichever source has it. What it is, the caller checks. */
  async fetch(digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
    const failures: string[] = [];
    for (const source of this.#options.sources) {
      try {
        return await this.#options.get(urlOf(source, fallbackArtifactPath(digest)), MANIFEST_MAX_BYTES, signal);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    throw new Error(`no fallback source has ${digest}: ${failures.join('; ')}`);
  }

  close(): void {
    this.#closed = true;
    this.#rest();
  }

  /** Nobody needs it now: what is under way is given up, and the next time begins anew. */
  #rest(): void {
    this.#cancelNext?.();
    this.#cancelNext = undefined;
    this.#failures = 0;
    this.#problem = undefined;
    if (!this.#underWay) return;
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  #unserved({ sets }: PdpState): readonly SetKey[] {
    if (this.#options.sources.length === 0) return [];
    return this.#options.sets.filter((set) => sets.get(set)?.active === undefined);
  }

  /** Full jitter: a fleet that lost its operator at one moment does not ask its sources at one moment. */
  #scheduleNext(): void {
    if (this.#cancelNext !== undefined || this.#underWay) return;
    const { afterMs, retryBaseMs, retryMaxMs } = this.#times;
    const ceiling = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(this.#failures - 1, 16));
    const delayMs = this.#failures === 0 ? afterMs : Math.ceil(this.#options.random() * ceiling);
    this.#cancelNext = this.#options.clock.schedule(delayMs, () => {
      this.#cancelNext = undefined;
      this.#underWay = true;
      void this.#look(this.#abort.signal).finally(() => {
        this.#underWay = false;
        if (this.#state !== undefined) this.observe(this.#state);
      });
    });
  }

  async #look(signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    const state = this.#state;
    const queue = state === undefined ? [] : this.#unserved(state).filter((set) => isIdle(state, set));
    const work = async (): Promise<void> => {
      for (let set = queue.shift(); set !== undefined && !signal.aborted; set = queue.shift()) {
        await this.#lookFor(set, signal);
      }
    };
    await Promise.all(Array.from({ length: SETS_AT_A_TIME }, work));
  }

  async #lookFor(set: SetKey, signal: AbortSignal): Promise<void> {
    const { sources, logger, loads, offer } = this.#options;
    const looks = await Promise.all(sources.map((source) => this.#ask(source, set, signal)));
    if (signal.aborted) return;
    const found = looks.flatMap((look) => ('index' in look ? [look.index] : []));
    const newest = found.reduce<FallbackIndex | undefined>(
      (best, next) => (best === undefined || orderRevisions(best.revision, next.revision) === 'Newer' ? next : best),
      undefined,
    );
    if (newest === undefined) {
      const refusals = looks.flatMap((look) => ('refusal' in look ? [look] : []));
      this.#problem = refusals.map(({ refusal }) => refusal).join('; ');
      loads.inc({ outcome: refusals.find(({ outcome }) => outcome !== 'unreachable')?.outcome ?? 'unreachable' });
      logger.warn('no policy from fallback sources', { set, problem: this.#problem });
      return;
    }
    const { revision, decision } = newest;
    const { n, digest } = revision;
    this.#offered.set(set, revision);
    loads.inc({ outcome: 'offered' });
    logger.warn('no operator: policy is loaded from a fallback source', { set, revision: n, digest });
    const { deadlineMs } = this.#times;
    const commit = { type: 'Commit', set, revision, ticket: FALLBACK_TICKET, deadlineMs, spreadMs: 0 } as const;
    offer({ ...commit, ...(decision === undefined ? {} : { decision }) });
  }

  async #ask(
    source: string,
    set: SetKey,
    signal: AbortSignal,
  ): Promise<{ readonly index: FallbackIndex } | { readonly refusal: string; readonly outcome: FallbackOutcome }> {
    const url = urlOf(source, fallbackIndexPath(set));
    let bytes: Uint8Array;
    try {
      bytes = await this.#options.get(url, FALLBACK_INDEX_MAX_BYTES, signal);
    } catch (error) {
      return { refusal: messageOf(error), outcome: 'unreachable' };
    }
    try {
      const index = parseFallbackIndex(bytes);
      const { revision } = index;
      if (revision.set !== set) return { refusal: `${url}: it is of set ${revision.set}`, outcome: 'refused' };
      const keys = await this.#options.trustedKeys();
      verifyRevision(revision, keys);
      if (this.#options.decisions === 'Signed') {
        verifyDecision(revision, undefined, index.decision, keys);
        if (index.decision?.final !== true) {
          return { refusal: `${url}: revision ${revision.n} is decided for some PDPs alone`, outcome: 'refused' };
        }
      }
      const floor = newestOf(this.#options.records.get(set));
      const order = floor === undefined ? 'Newer' : orderRevisions(floor, revision);
      if (order === 'Newer' || order === 'Same') return { index };
      const refusal = `${url}: revision ${revision.n} is not as new as the stored ${floor?.n ?? 0}`;
      return { refusal, outcome: 'older' };
    } catch (error) {
      return { refusal: `${url}: ${messageOf(error)}`, outcome: 'refused' };
    }
  }
}

/** Whether nothing is on its way to be served for the set. */
function isIdle({ sets }: PdpState, set: SetKey): boolean {
  const { job, activation } = sets.get(set) ?? {};
  return job === undefined && activation === undefined;
}

/** What a record holds that was decided, the newest of it. */
function newestOf(record: DurableRecord | undefined): SignedRevision | undefined {
  // A canary is newer than what is active, but decided for some alone: who else is served may be as old as the active one.
  return record?.active?.revision ?? record?.lkg?.revision;
}

function urlOf(source: string, path: string): string {
  return `${source.endsWith('/') ? source : `${source}/`}${path}`;
}

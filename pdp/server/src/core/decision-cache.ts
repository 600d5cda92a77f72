import { hash } from 'node:crypto';
import { canonicalJson, CanonicalJsonError } from '@edict/bundle';
import type { AccessRecord, Decision, Snapshot } from '@edict/engine';
import type { Outcome, Value } from '@edict/rego';
import { isDeterministic } from '@edict/rego/deterministic';
import { stringify } from '@edict/rego/values';

/** What is counted of the look-ups. */
export interface CacheCounters {
  readonly hit: () => void;
  readonly miss: () => void;
  readonly evicted: () => void;
}

/** Text, in UTF-16 units, of the largest request and the largest answer that are remembered. */
export const CACHED_INPUT_MAX_LENGTH = 65_536;

/** Text, in UTF-16 units, of all that one cache remembers of decisions, and the same of documents. */
export const CACHE_MAX_LENGTH = 33_554_432;

interface Entry {
  readonly length: number;
}

interface KnownDecision extends Entry {
  readonly allow: boolean;
  readonly record: AccessRecord;
}

interface KnownOutcome extends Entry {
  readonly outcome: Outcome;
}

/** Whether equal requests always get equal decisions of a snapshot. */
export function decidesDeterministically({ compiled, usesNetwork }: Snapshot): boolean {
  return !usesNetwork && compiled.programs.every(({ program }) => isDeterministic(program));
}

/** Entries by key, in order of when they were last asked for. */
class Remembered<T extends Entry> {
  readonly #entries = new Map<string, T>();
  #length = 0;

  get bounds(): { readonly size: number; readonly length: number } {
    return { size: this.#entries.size, length: this.#length };
  }

  get(key: string): T | undefined {
    const known = this.#entries.get(key);
    if (known === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, known);
    return known;
  }

  set(key: string, entry: T): void {
    this.#length += entry.length - (this.#entries.get(key)?.length ?? 0);
    this.#entries.set(key, entry);
  }

  dropOldest(): boolean {
    const [oldest] = this.#entries;
    if (oldest === undefined) return false;
    const [key, { length }] = oldest;
    this.#entries.delete(key);
    this.#length -= length;
    return true;
  }
}

/**
 * Answers of one revision of one set by request: a revision has a cache of its own, so no answer outlives a swap. Bounded in
 * entries and in the size of requests and answers. Only for what answers equal requests equally: see
 * {@link decidesDeterministically} and `Documents.deterministic`. What failed is not remembered: a time-out passes.
 */
export class DecisionCache {
  readonly #maxEntries: number;
  readonly #counters: CacheCounters;
  readonly #decisions = new Remembered<KnownDecision>();
  readonly #outcomes = new Remembered<KnownOutcome>();

  /** `maxEntries` of decisions, and as many of documents. */
  constructor(maxEntries: number, counters: CacheCounters) {
    this.#maxEntries = maxEntries;
    this.#counters = counters;
  }

  /**
   * The decision on `porc`, which `make` gives where it is not known. With `recorded` the record of a remembered one is given
   * too, as `freshen` makes it one of this request.
   */
  decide(
    porc: unknown,
    recorded: boolean,
    make: () => Decision,
    freshen: (record: AccessRecord) => AccessRecord,
  ): Decision {
    const text = canonicalTextOf(porc);
    if (text === undefined || text.length > CACHED_INPUT_MAX_LENGTH) return make();
    const key = hash('sha256', text, 'base64');
    const known = this.#decisions.get(key);
    if (known !== undefined) {
      this.#counters.hit();
      return { allow: known.allow, record: recorded ? freshen(known.record) : undefined };
    }
    this.#counters.miss();
    const decision = make();
    const { allow, record } = decision;
    if (record !== undefined && !hasFailed(record)) {
      this.#decisions.set(key, { allow, record: untimed(record), length: text.length });
      this.#bound(this.#decisions);
    }
    return decision;
  }

  /** The outcome of the document at `path` for `input`, which `make` gives where it is not known. */
  query(path: readonly string[], input: Value, strict: boolean, make: () => Outcome): Outcome {
    const text = queryTextOf(path, input, strict);
    if (text === undefined || text.length > CACHED_INPUT_MAX_LENGTH) return make();
    const key = hash('sha256', text, 'base64');
    const known = this.#outcomes.get(key);
    if (known !== undefined) {
      this.#counters.hit();
      return known.outcome;
    }
    this.#counters.miss();
    const outcome = make();
    const answered = lengthOf(outcome);
    if (answered !== undefined && answered <= CACHED_INPUT_MAX_LENGTH) {
      this.#outcomes.set(key, { outcome, length: text.length + answered });
      this.#bound(this.#outcomes);
    }
    return outcome;
  }

  #bound<T extends Entry>(entries: Remembered<T>): void {
    for (;;) {
      const { size, length } = entries.bounds;
      if ((size <= this.#maxEntries && length <= CACHE_MAX_LENGTH) || !entries.dropOldest()) return;
      this.#counters.evicted();
    }
  }
}

/** The size of an answer that may be remembered. */
function lengthOf(outcome: Outcome): number | undefined {
  switch (outcome.kind) {
    case 'undefined':
      return 0;
    case 'value':
      return stringify(outcome.value).length;
    case 'error':
      return undefined;
  }
}

/** Whether anything was not decided by a policy's own outcome: it may have run out of time. */
export function hasFailed({ references }: AccessRecord): boolean {
  return references.some(({ reasonCode }) => reasonCode === 'EVALUATION_ERROR' || reasonCode === 'UNKNOWN_ERROR');
}

function queryTextOf(path: readonly string[], input: Value, strict: boolean): string | undefined {
  try {
    return `${JSON.stringify([strict, ...path])}${input === undefined ? '' : stringify(input)}`;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** One text for all requests that are equal as JSON; undefined for what is no JSON. */
function canonicalTextOf(porc: unknown): string | undefined {
  try {
    return canonicalJson(porc);
  } catch (error) {
    // What is nested beyond the stack is refused by whoever decides it.
    if (error instanceof CanonicalJsonError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** No policy runs for a remembered decision: as in other records, a result that was already known took no time. */
function untimed(record: AccessRecord): AccessRecord {
  const { references, phaseDurations } = record;
  const still = (ns: number | undefined): number | undefined => (ns === undefined ? undefined : 0);
  return {
    ...record,
    references: references.map((reference) => ({ ...reference, durationNs: 0 })),
    phaseDurations: {
      system: still(phaseDurations.system),
      identity: still(phaseDurations.identity),
      resource: still(phaseDurations.resource),
      scope: still(phaseDurations.scope),
    },
  };
}

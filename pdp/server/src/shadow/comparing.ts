import { jsonText } from '@edict/engine';
import { SHADOW_SAMPLES_MAX, type ShadowCounts, type ShadowSample } from '@edict/protocol';
import { stringify } from '@edict/rego/values';
import type { CandidateTerms, ShadowAnswer, ShadowQuestion } from './candidate.ts';
import { compare, sampleOf, type Tapped } from './difference.ts';
import type { ShadowPlace, ShadowTap } from './shadow-tap.ts';
import type { ShadowThread, StartShadowThread } from './shadow-thread.ts';

/** Sampled requests that wait for the candidate's answer; further ones are dropped and counted. */
export const SHADOW_QUEUE_MAX = 1_024;

/** What was found so far. */
export interface ShadowFindings {
  /** The candidate answers: it is loaded, on its thread. */
  readonly ready: boolean;
  readonly counts: ShadowCounts;
  readonly samples: readonly ShadowSample[];
}

/** Nothing found yet. */
export const NOTHING_FOUND: ShadowFindings = {
  ready: false,
  counts: { total: 0, changed: 0, grantToDeny: 0, denyToGrant: 0, errors: 0, dropped: 0 },
  samples: [],
};

/** A comparison under way. */
export interface Comparing {
  readonly findings: ShadowFindings;
  /** Why it goes on no more; undefined while it does. */
  readonly failure: unknown;
  readonly close: () => void;
}

/** What a comparison in this process needs. */
export interface ComparingOptions {
  readonly set: string;
  readonly place: ShadowPlace;
  readonly terms: CandidateTerms;
  readonly samplePpm: number;
  readonly startThread: StartShadowThread;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Runs a task when what is under way is done: requests are answered first. */
  readonly later: (task: () => void) => void;
}

const MILLION = 1_000_000;

/**
 * Shows a part of a set's live requests to a candidate, on a thread of its own, and counts how its answers differ. On the way
 * of a request only the reference to it is kept; it is written down after it was answered.
 */
export class LocalComparing implements Comparing, ShadowTap {
  readonly #options: ComparingOptions;
  readonly #thread: ShadowThread;
  readonly #asked = new Map<number, Tapped>();
  readonly #counts = { ...NOTHING_FOUND.counts };
  readonly #samples: ShadowSample[] = [];
  #fresh: Tapped[] = [];
  #nextId = 1;
  #failure: unknown;
  #ready = false;
  #closed = false;

  constructor(options: ComparingOptions) {
    this.#options = options;
    this.#thread = options.startThread(
      options.terms,
      (answers) => this.#take(answers),
      (error) => {
        this.#failure = error;
        this.close();
      },
    );
    options.place.tap = this;
    // Its answer to nothing says that it is there.
    this.#thread.ask([]);
  }

  get findings(): ShadowFindings {
    return { ready: this.#ready, counts: { ...this.#counts }, samples: [...this.#samples] };
  }

  get failure(): unknown {
    return this.#failure;
  }

  readonly decided = (decision: Tapped): void => this.#offer(decision);

  readonly queried = (query: Tapped): void => this.#offer(query);

  close(): void {
    if (this.#options.place.tap === this) this.#options.place.tap = undefined;
    this.#closed = true;
    this.#fresh = [];
    this.#asked.clear();
    this.#thread.close();
  }

  #offer(tapped: Tapped): void {
    const { random, samplePpm, later } = this.#options;
    // A session may have begun to answer before.
    if (this.#closed || random() * MILLION >= samplePpm) return;
    if (this.#asked.size + this.#fresh.length >= SHADOW_QUEUE_MAX) {
      this.#counts.dropped++;
      return;
    }
    if (this.#fresh.push(tapped) === 1) later(() => this.#send());
  }

  #send(): void {
    const nowMs = this.#options.nowMs();
    const questions: ShadowQuestion[] = [];
    for (const tapped of this.#fresh) {
      const id = this.#nextId++;
      const question = questionOf(tapped, id, nowMs);
      if (question === undefined) {
        this.#counts.dropped++;
        continue;
      }
      this.#asked.set(id, tapped);
      questions.push(question);
    }
    this.#fresh = [];
    if (questions.length > 0) this.#thread.ask(questions);
  }

  #take(answers: readonly ShadowAnswer[]): void {
    this.#ready = true;
    for (const answer of answers) {
      const tapped = this.#asked.get(answer.id);
      if (tapped === undefined) continue;
      this.#asked.delete(answer.id);
      this.#count(tapped, answer);
    }
  }

  #count(tapped: Tapped, answer: ShadowAnswer): void {
    const { difference, isError } = compare(tapped, answer);
    const counts = this.#counts;
    counts.total++;
    if (isError) counts.errors++;
    if (difference === undefined) return;
    counts.changed++;
    if (difference === 'GrantToDeny') counts.grantToDeny++;
    if (difference === 'DenyToGrant') counts.denyToGrant++;
    if (this.#samples.length >= SHADOW_SAMPLES_MAX) return;
    this.#samples.push(sampleOf(tapped, difference, this.#options.set));
  }
}

/** Undefined for what is nested beyond the stack: it cannot be written down. */
function questionOf(tapped: Tapped, id: number, nowMs: number): ShadowQuestion | undefined {
  try {
    if ('porc' in tapped) return { id, nowMs: tapped.record.timestampMs, porc: jsonText(tapped.porc, 'exact') };
    const { path, input } = tapped;
    return { id, nowMs, path, input: input === undefined ? undefined : stringify(input) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Findings of several processes as one. */
export function addFindings(all: readonly ShadowFindings[]): ShadowFindings {
  const counts = { ...NOTHING_FOUND.counts };
  for (const { counts: more } of all) {
    counts.total += more.total;
    counts.changed += more.changed;
    counts.grantToDeny += more.grantToDeny;
    counts.denyToGrant += more.denyToGrant;
    counts.errors += more.errors;
    counts.dropped += more.dropped;
  }
  const ready = all.length > 0 && all.every((findings) => findings.ready);
  return { ready, counts, samples: all.flatMap(({ samples }) => samples).slice(0, SHADOW_SAMPLES_MAX) };
}

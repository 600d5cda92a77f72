import { isSameRevision, type RevisionId, type RolloutPhase, type RolloutProgress, type SetKey } from '@edict/protocol';
import { revisionAttributes } from '@edict/protocol/tracing';
import type { Attributes } from '@opentelemetry/api';

/** Something that took a while in a rollout, once it is over. */
export interface RolloutSpan {
  readonly revision: RevisionId;
  /** `rollout` is the whole; all others are parts of it, by the phase. */
  readonly name: string;
  /** Wall clock, milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it failed. */
  readonly error?: string;
}

/** The whole rollout's span. */
export const ROLLOUT = 'rollout';

/** The spans of phases that take a while; the others are ends. */
const PARTS: Partial<Record<RolloutPhase, string>> = {
  Pending: 'wait',
  Preparing: 'prepare',
  Gating: 'gate',
  Committing: 'commit',
  Soaking: 'soak',
  Paused: 'pause',
  AwaitingApproval: 'await approval',
};

/** What there is before a decision to serve. */
const BEFORE_DECISION: readonly string[] = ['wait', 'prepare', 'gate'];

interface Open {
  readonly revision: RevisionId;
  readonly startMs: number;
  /** What is under way, since when. */
  readonly part: string;
  readonly wave: number;
  readonly sinceMs: number;
  /** The newest progress of the revision. */
  readonly last: RolloutProgress;
}

/**
 * Makes spans of what is told of rollouts. A part is told when it ends, so that what one leader has seen is not lost with it;
 * the whole by the leader that sees the end. A rollout that ended before this leader's time is no news.
 */
export class RolloutSpans {
  readonly #emit: (span: RolloutSpan) => void;
  readonly #open = new Map<SetKey, Open>();
  /** Of each set the revision whose rollout was told to its end. */
  readonly #told = new Map<SetKey, RevisionId>();

  constructor(emit: (span: RolloutSpan) => void) {
    this.#emit = emit;
  }

  /** The newest progress of a set, at a time of the wall clock. */
  progress(progress: RolloutProgress, nowMs: number): void {
    const { set, setUid, revision: n, phase, preparingSince, decidedAt } = progress;
    if (n === 0) return;
    const revision = { setUid, n, digest: progress.digest as RevisionId['digest'] };
    let open = this.#open.get(set);
    if (open !== undefined && !isSameRevision(open.revision, revision)) {
      this.#endPart(open, nowMs);
      this.#end(open, 'Superseded', nowMs);
      open = undefined;
    }
    const part = PARTS[phase];
    const wave = progress.wave?.index ?? 0;
    if (open === undefined) {
      // One that was so short that nothing was told of it on the way has its times nevertheless.
      if (part === undefined && (preparingSince === undefined || isSameRevision(this.#told.get(set), revision))) return;
      const startMs = Math.min(preparingSince ?? nowMs, nowMs);
      open = { revision, startMs, part: part ?? 'prepare', wave, sinceMs: startMs, last: progress };
    }
    const next = part ?? (phase === 'Completed' && BEFORE_DECISION.includes(open.part) ? 'commit' : open.part);
    if (open.part !== next || (part !== undefined && open.wave !== wave)) {
      // A decision has a time of its own; other turns are as old as the telling.
      const isDecided = next === 'commit' && decidedAt !== undefined && decidedAt >= open.sinceMs && decidedAt <= nowMs;
      const turnedMs = isDecided ? decidedAt : nowMs;
      this.#endPart(open, turnedMs);
      open = { ...open, part: next, wave, sinceMs: turnedMs };
    }
    open = { ...open, last: progress };
    if (part !== undefined) {
      this.#open.set(set, open);
      return;
    }
    const endMs = progress.completedAt ?? nowMs;
    this.#endPart(open, endMs);
    this.#end(open, phase, endMs);
  }

  /** The set is gone, and its rollout with it. */
  forget(set: SetKey, nowMs: number): void {
    const open = this.#open.get(set);
    if (open !== undefined) {
      this.#endPart(open, nowMs);
      this.#end(open, 'Removed', nowMs);
    }
    this.#told.delete(set);
  }

  #endPart({ revision, part, wave, sinceMs, last }: Open, endMs: number): void {
    const { required, prepared, active, nacked, laggards } = last.counts;
    const attributes = {
      ...revisionAttributes(last.set, revision),
      'edict.wave': wave,
      ...(last.hold === undefined ? {} : { 'edict.hold': last.hold.reason }),
      'edict.pdps.required': required,
      'edict.pdps.prepared': prepared,
      'edict.pdps.active': active,
      'edict.pdps.nacked': nacked,
      'edict.pdps.laggards': laggards,
    };
    this.#emit({ revision, name: part, startMs: sinceMs, endMs: Math.max(sinceMs, endMs), attributes });
  }

  #end({ revision, startMs, last }: Open, outcome: RolloutPhase | 'Superseded' | 'Removed', endMs: number): void {
    this.#open.delete(last.set);
    this.#told.set(last.set, revision);
    const { cause, counts, convergenceMs, skewMs } = last;
    const attributes = {
      ...revisionAttributes(last.set, revision),
      'edict.outcome': outcome,
      ...(cause === undefined ? {} : { 'edict.cause': cause.reason }),
      'edict.pdps.required': counts.required,
      'edict.pdps.active': counts.active,
      ...(convergenceMs === undefined ? {} : { 'edict.convergence_ms': convergenceMs }),
      ...(skewMs === undefined ? {} : { 'edict.skew_ms': skewMs }),
    };
    const hasFailed = outcome === 'Aborted' || outcome === 'RolledBack';
    this.#emit({
      ...{ revision, name: ROLLOUT, startMs, endMs: Math.max(startMs, endMs), attributes },
      ...(hasFailed ? { error: cause === undefined ? outcome : `${cause.reason}: ${cause.message}` } : {}),
    });
  }
}

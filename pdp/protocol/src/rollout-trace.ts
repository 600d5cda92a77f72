import { createHash } from 'node:crypto';
import type { RevisionId } from './identifiers.ts';

/** The ids under which everyone who works on a revision tells of it. */
export interface RolloutTrace {
  /** 32 hexadecimal digits, as the W3C recommendation Trace Context has them. */
  readonly traceId: string;
  /** Of the span that is the rollout as a whole: 16 hexadecimal digits. */
  readonly spanId: string;
}

/**
 * The trace of a revision's rollout. Made of its name alone, so that operator and PDPs, a later leader, and a PDP that comes
 * back after a restart tell of one trace without having agreed on it.
 */
export function rolloutTraceOf({ setUid, n, digest }: RevisionId): RolloutTrace {
  const hash = createHash('sha256').update(`edict rollout\0${setUid}\0${n}\0${digest}`).digest('hex');
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}

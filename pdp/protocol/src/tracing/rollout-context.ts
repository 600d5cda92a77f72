import { ROOT_CONTEXT, trace, TraceFlags, type Attributes, type Context } from '@opentelemetry/api';
import type { RevisionId, SetKey } from '../identifiers.ts';
import { rolloutTraceOf } from '../rollout-trace.ts';

/** The context of what is part of a revision's rollout: below the span that is the rollout as a whole, and sampled. */
export function rolloutContext(revision: RevisionId): Context {
  const { traceId, spanId } = rolloutTraceOf(revision);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

/** What every span that is about a revision says of it. */
export function revisionAttributes(set: SetKey, { n, digest }: RevisionId): Attributes {
  return { 'edict.set': set, 'edict.revision': n, 'edict.digest': digest };
}

import { rolloutTraceOf, RefusalError, messageOf, type RevisionId, type SetKey } from '@edict/protocol';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Tracer } from '@opentelemetry/api';
import type { RolloutTracer } from '../rollout-tracer.ts';

/**
 * Makes one span per piece of work on a revision, below the span of its rollout, which the operator tells of. Work that is
 * refused, or ends otherwise than it should, has an error status and the code of its NACK.
 */
export function rolloutSpans(tracer: Tracer): RolloutTracer {
  return {
    measure: (name, set, revision, work) => {
      const { traceId, spanId } = rolloutTraceOf(revision);
      const parent = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
      const context = trace.setSpanContext(ROOT_CONTEXT, parent);
      const span = tracer.startSpan(
        name,
        { kind: SpanKind.INTERNAL, attributes: attributesOf(set, revision) },
        context,
      );
      const failed = (error: unknown): never => {
        if (error instanceof RefusalError) span.setAttributes({ 'edict.code': error.code, 'edict.phase': error.phase });
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
        span.end();
        throw error;
      };
      const done = <T>(value: T): T => {
        span.end();
        return value;
      };
      try {
        const result = work();
        return (result instanceof Promise ? result.then(done, failed) : done(result)) as typeof result;
      } catch (error) {
        return failed(error);
      }
    },
  };
}

function attributesOf(set: SetKey, { n, digest }: RevisionId) {
  return { 'edict.set': set, 'edict.revision': n, 'edict.digest': digest };
}

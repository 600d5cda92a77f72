import { RefusalError, messageOf } from '@edict/protocol';
import { revisionAttributes, rolloutContext } from '@edict/protocol/tracing';
import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { RolloutTracer } from '../rollout-tracer.ts';

/**
 * Makes one span per piece of work on a revision, below the span of its rollout, which the operator tells of. Work that is
 * refused, or ends otherwise than it should, has an error status and the code of its NACK.
 */
export function rolloutSpans(tracer: Tracer): RolloutTracer {
  return {
    measure: (name, set, revision, work) => {
      const options = { kind: SpanKind.INTERNAL, attributes: revisionAttributes(set, revision) };
      const span = tracer.startSpan(name, options, rolloutContext(revision));
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

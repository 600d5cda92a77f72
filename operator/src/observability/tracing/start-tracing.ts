import type { Collector } from '@edict/crds';
import { rolloutTraceOf, type RolloutTrace } from '@edict/protocol';
import { rolloutContext, startSpans, type SpanOutcome } from '@edict/protocol/tracing';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOnSampler, RandomIdGenerator, type IdGenerator } from '@opentelemetry/sdk-trace';
import { VERSION } from '../../version.ts';
import type { Tracing, TracingDeps } from '../tracing.ts';
import { ROLLOUT, RolloutSpans, type RolloutSpan } from './rollout-spans.ts';

interface SendingDeps extends Omit<TracingDeps, 'registry'> {
  /** Counts spans by what became of them. */
  readonly onOutcome: (outcome: SpanOutcome, spans: number) => void;
}

/** Starts the OpenTelemetry SDK. This module loads it, which costs tens of MB: import it only where traces are wanted. */
export function startTracing({ url }: Collector, { now, onOutcome, onError }: SendingDeps): Tracing {
  const ids = new GivenIds();
  const { tracer, close } = startSpans({
    url,
    service: 'edict-operator',
    version: VERSION,
    // There are few rollouts, and PDPs take the sampling of theirs from here.
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    onOutcome,
    onError,
  });
  const emit = ({ revision, name, startMs, endMs, attributes, error }: RolloutSpan): void => {
    const isWhole = name === ROLLOUT;
    if (isWhole) ids.give(rolloutTraceOf(revision));
    const span = tracer.startSpan(
      name,
      { kind: SpanKind.INTERNAL, startTime: startMs, attributes },
      isWhole ? ROOT_CONTEXT : rolloutContext(revision),
    );
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(endMs);
  };
  const spans = new RolloutSpans(emit);
  return {
    observer: {
      progress: (progress) => spans.progress(progress, now()),
      forget: (set) => spans.forget(set, now()),
    },
    close,
  };
}

/** Random ids, but for the next span if its own were given. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #traceId: string | undefined;
  #spanId: string | undefined;

  give({ traceId, spanId }: RolloutTrace): void {
    this.#traceId = traceId;
    this.#spanId = spanId;
  }

  readonly generateTraceId = (): string => {
    const given = this.#traceId;
    this.#traceId = undefined;
    return given ?? this.#random.generateTraceId();
  };

  readonly generateSpanId = (): string => {
    const given = this.#spanId;
    this.#spanId = undefined;
    return given ?? this.#random.generateSpanId();
  };
}

import { hostname } from 'node:os';
import { rolloutTraceOf } from '@edict/protocol';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type SpanContext } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  RandomIdGenerator,
  TracerProvider,
  type IdGenerator,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { VERSION } from '../../version.ts';
import type { Tracing, TracingDeps, TracingSettings } from '../tracing.ts';
import { ROLLOUT, RolloutSpans, type RolloutSpan } from './rollout-spans.ts';

/** Bounds of what waits to be sent: spans held, spans sent at once, and how long one waits for others, milliseconds. */
export const SPAN_QUEUE = { maxQueueSize: 2_048, maxExportBatchSize: 256, scheduledDelayMillis: 2_000 } as const;

/** Starts the OpenTelemetry SDK. This module loads it, which costs tens of MB: import it only where traces are wanted. */
export function startTracing(
  { url }: TracingSettings,
  {
    now,
    onOutcome,
    onError,
  }: Omit<TracingDeps, 'registry'> & {
    /** Counts spans by what became of them. */
    readonly onOutcome: (outcome: 'exported' | 'failed', spans: number) => void;
  },
): Tracing {
  // Headers, time-out, compression and certificates are as the standard variables say: OTEL_EXPORTER_OTLP_….
  const exporter = counted(new OTLPTraceExporter(url === undefined ? {} : { url }), onOutcome, onError);
  const processor = new BatchSpanProcessor({ exporter, ...SPAN_QUEUE });
  const own = resourceFromAttributes({
    'service.name': 'edict-operator',
    'service.version': VERSION,
    // Of a pod this is its name.
    'host.name': hostname(),
  });
  const ids = new GivenIds();
  const provider = new TracerProvider({
    // There are few rollouts, and PDPs take the sampling of theirs from here.
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('edict-operator', VERSION);
  const emit = ({ revision, name, startMs, endMs, attributes, error }: RolloutSpan): void => {
    const { traceId, spanId } = rolloutTraceOf(revision);
    const parent: SpanContext = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
    const isWhole = name === ROLLOUT;
    if (isWhole) ids.give(traceId, spanId);
    const span = tracer.startSpan(
      name,
      { kind: SpanKind.INTERNAL, startTime: startMs, attributes },
      isWhole ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
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
    close: async (timeoutMs) => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
      // What could not be sent has been told when it was tried.
      await Promise.race([processor.shutdown().catch(() => undefined), late]);
    },
  };
}

/** Random ids, but for the next span if its own were given. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #traceId: string | undefined;
  #spanId: string | undefined;

  give(traceId: string, spanId: string): void {
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

/** The exporter, with what became of spans counted and the first of several failures told. */
function counted(
  exporter: SpanExporter,
  onOutcome: (outcome: 'exported' | 'failed', spans: number) => void,
  onError: (error: unknown) => void,
): SpanExporter {
  let isFailing = false;
  return {
    export: (spans, answer) => {
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        onOutcome(hasFailed ? 'failed' : 'exported', spans.length);
        if (hasFailed && !isFailing) onError(result.error ?? new Error('the exporter gave no reason'));
        isFailing = hasFailed;
        answer(result);
      });
    },
    forceFlush: async () => await exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

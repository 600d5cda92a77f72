import { hostname } from 'node:os';
import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { TracerProvider, type IdGenerator, type Sampler } from '@opentelemetry/sdk-trace';
import { SpanQueue, type SpanQueueOptions } from './span-queue.ts';

export interface SpansOptions extends Pick<SpanQueueOptions, 'onOutcome' | 'onError'> {
  /** The collector's whole URL, such as `http://collector:4318/v1/traces`; undefined: as the standard variables say. */
  readonly url: string | undefined;
  /** `service.name` of the resource, and name of the tracer. */
  readonly service: string;
  readonly version: string;
  readonly sampler: Sampler;
  /** Default: random ids. */
  readonly idGenerator?: IdGenerator;
}

/** At the end, spans are waited for this long and no longer. */
const DRAIN_MS = 1_000;

/** Spans that are being sent. */
export interface Spans {
  readonly tracer: Tracer;
  /** Sends what waits, for so long at most, a second by default. Never rejects. */
  readonly close: (timeoutMs?: number) => Promise<void>;
}

/**
 * Starts the OpenTelemetry SDK with an exporter over OTLP/HTTP. Headers, time-out, compression, certificates and what else
 * the resource says are as the standard variables have them (`OTEL_EXPORTER_OTLP_…`, `OTEL_RESOURCE_ATTRIBUTES`).
 */
export function startSpans({ url, service, version, sampler, idGenerator, onOutcome, onError }: SpansOptions): Spans {
  const exporter = new OTLPTraceExporter(url === undefined ? {} : { url });
  const queue = new SpanQueue({ exporter, onOutcome, onError });
  const own = resourceFromAttributes({
    'service.name': service,
    'service.version': version,
    // Of a pod this is its name.
    'host.name': hostname(),
  });
  const provider = new TracerProvider({
    sampler,
    ...(idGenerator === undefined ? {} : { idGenerator }),
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [queue],
  });
  return {
    tracer: provider.getTracer(service, version),
    close: async (timeoutMs = DRAIN_MS) => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
      await Promise.race([queue.shutdown().catch(onError), late]);
    },
  };
}

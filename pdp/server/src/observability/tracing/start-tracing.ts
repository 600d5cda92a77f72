import { hostname } from 'node:os';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import { ENGINE } from '../../version.ts';
import type { Tracing, TracingDeps, TracingSettings } from '../tracing.ts';
import { decisionSpans } from './decision-spans.ts';
import { rolloutSpans } from './rollout-spans.ts';
import { SpanQueue } from './span-queue.ts';

/** Starts the OpenTelemetry SDK. This module loads it, which costs tens of MB: import it only where traces are wanted. */
export function startTracing({ url, sampler, samplerArg }: TracingSettings, deps: TracingDeps): Tracing {
  const queue = new SpanQueue({
    // Headers, time-out, compression and certificates are as the standard variables say: OTEL_EXPORTER_OTLP_….
    exporter: new OTLPTraceExporter(url === undefined ? {} : { url }),
    onOutcome: (outcome, spans) => deps.metrics.spans.inc({ outcome }, spans),
    onError: deps.onError,
  });
  const own = resourceFromAttributes({
    'service.name': 'edict-pdp',
    'service.version': ENGINE.version,
    // Of a pod this is its name.
    'host.name': hostname(),
  });
  const provider = new TracerProvider({
    sampler: samplerOf(sampler, samplerArg),
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [queue],
  });
  const tracer = provider.getTracer('edict-pdp', ENGINE.version);
  return {
    tracer: decisionSpans(tracer, () => performance.timeOrigin + performance.now()),
    rollouts: rolloutSpans(tracer),
    close: async (timeoutMs) => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
      await Promise.race([queue.shutdown().catch(deps.onError), late]);
    },
  };
}

function samplerOf(name: TracingSettings['sampler'], share: number): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(share);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) });
  }
}

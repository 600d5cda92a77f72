import { messageOf } from '@edict/protocol';
import { startSpans } from '@edict/protocol/tracing';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import { ENGINE } from '../../version.ts';
import type { Tracing, TracingDeps, TracingSettings } from '../tracing.ts';
import { decisionSpans } from './decision-spans.ts';
import { rolloutSpans } from './rollout-spans.ts';

/** Starts the OpenTelemetry SDK. This module loads it, which costs tens of MB: import it only where traces are wanted. */
export function startTracing({ url, sampler, samplerArg }: TracingSettings, { metrics, logger }: TracingDeps): Tracing {
  const { tracer, close } = startSpans({
    url,
    service: 'edict-pdp',
    version: ENGINE.version,
    sampler: samplerOf(sampler, samplerArg),
    onOutcome: (outcome, spans) => metrics.spans.inc({ outcome }, spans),
    onError: (error) => logger.warn('spans cannot be sent', { error: messageOf(error) }),
  });
  return {
    tracer: decisionSpans(tracer, () => performance.timeOrigin + performance.now()),
    rollouts: rolloutSpans(tracer),
    close,
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

import type { Collector } from '@edict/crds';
import type { Logger } from 'winston';
import type { DecisionTracer } from '../core/decision-tracer.ts';
import type { PdpMetrics } from './metrics.ts';
import type { RolloutTracer } from './rollout-tracer.ts';

/** Samplers by the names that the OpenTelemetry specification gives them (`OTEL_TRACES_SAMPLER`). */
export const TRACE_SAMPLERS = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const;

/** Where traces go, and which. */
export interface TracingSettings extends Collector {
  readonly sampler: (typeof TRACE_SAMPLERS)[number];
  /** Of samplers by ratio: the share of traces that begin here and are sampled, 0 to 1. */
  readonly samplerArg: number;
}

export interface TracingDeps {
  readonly metrics: Pick<PdpMetrics, 'spans'>;
  /** Told when spans cannot be sent, once until they can again. */
  readonly logger: Pick<Logger, 'warn'>;
}

/** Tracing that goes on. */
export interface Tracing {
  readonly tracer: DecisionTracer;
  readonly rollouts: RolloutTracer;
  /** Sends what waits, for so long at most, a second by default. Never rejects. */
  readonly close: (timeoutMs?: number) => Promise<void>;
}

/** Starts tracing if there are settings. What does it is loaded only then. */
export async function openTracing(
  settings: TracingSettings | undefined,
  deps: TracingDeps,
): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined;
  const { startTracing } = await import('./tracing/start-tracing.ts');
  return startTracing(settings, deps);
}

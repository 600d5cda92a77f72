import type { Collector } from '@edict/crds';
import type { RolloutProgress, SetKey } from '@edict/protocol';
import { Counter, type Registry } from 'prom-client';

/** Is told of every rollout as it goes on. */
export interface RolloutObserver {
  readonly progress: (progress: RolloutProgress) => void;
  /** The set is gone. */
  readonly forget: (set: SetKey) => void;
}

export interface TracingDeps {
  /** `operator_spans_total` is made in it. */
  readonly registry: Registry;
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Told when spans cannot be sent, once until they can again. */
  readonly onError: (error: unknown) => void;
}

/** Tracing that goes on. */
export interface Tracing {
  readonly observer: RolloutObserver;
  /** Sends what waits, for so long at most, a second by default. Never rejects. */
  readonly close: (timeoutMs?: number) => Promise<void>;
}

/** Starts tracing if there is a collector. What does it is loaded only then. */
export async function openTracing(
  collector: Collector | undefined,
  { registry, ...deps }: TracingDeps,
): Promise<Tracing | undefined> {
  const spans = new Counter({
    name: 'operator_spans_total',
    help: 'Spans of rollouts, by what became of them.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  if (collector === undefined) return undefined;
  const { startTracing } = await import('./tracing/start-tracing.ts');
  return startTracing(collector, { ...deps, onOutcome: (outcome, count) => spans.inc({ outcome }, count) });
}

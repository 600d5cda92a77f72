import type { RolloutProgress, SetKey } from '@edict/protocol';
import { Counter, type Registry } from 'prom-client';

/** Is told of every rollout as it goes on. */
export interface RolloutObserver {
  readonly progress: (progress: RolloutProgress) => void;
  /** The set is gone. */
  readonly forget: (set: SetKey) => void;
}

/** Where traces of rollouts go. */
export interface TracingSettings {
  /** The collector's whole URL, such as `http://collector:4318/v1/traces`; undefined: as the standard variables say. */
  readonly url: string | undefined;
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
  /** Sends what waits, for so long at most. Never rejects. */
  readonly close: (timeoutMs: number) => Promise<void>;
}

/** Starts tracing if there are settings. What does it is loaded only then. */
export async function openTracing(
  settings: TracingSettings | undefined,
  { registry, ...deps }: TracingDeps,
): Promise<Tracing | undefined> {
  const spans = new Counter({
    name: 'operator_spans_total',
    help: 'Spans of rollouts, by what became of them.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  if (settings === undefined) return undefined;
  const { startTracing } = await import('./tracing/start-tracing.ts');
  return startTracing(settings, { ...deps, onOutcome: (outcome, count) => spans.inc({ outcome }, count) });
}

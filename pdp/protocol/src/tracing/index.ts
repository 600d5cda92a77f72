/** Sending spans. Loads the OpenTelemetry SDK, which costs tens of MB: import it only where traces are wanted. */
export { revisionAttributes, rolloutContext } from './rollout-context.ts';
export type { SpanOutcome } from './span-queue.ts';
export { startSpans, type Spans, type SpansOptions } from './start-spans.ts';

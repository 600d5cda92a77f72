import type { AccessRecord } from '@edict/engine';
import { SpanKind, SpanStatusCode, type Attributes, type Tracer } from '@opentelemetry/api';
import type { AuditContext } from '../../core/audit-sink.ts';
import type { DecisionTracer, TracedDecision } from '../../core/decision-tracer.ts';
import { parentContext } from './parent-context.ts';

/**
 * Makes one span per decision, called `decide` for a PORC and `evaluate` for a document; of a request that was refused one
 * called `refuse`, with an error status. A span is made after the fact, so that it costs a decision nothing before it is made,
 * and of a request that is not sampled it costs next to nothing at all.
 */
export function decisionSpans(tracer: Tracer, nowMs: () => number): DecisionTracer {
  const options = { kind: SpanKind.SERVER } as const;
  return {
    decided: (about, allow, durationNs, decision) => {
      const endMs = nowMs();
      const startTime = endMs - durationNs / 1e6;
      const name = decision !== undefined && 'path' in decision ? 'evaluate' : 'decide';
      const span = tracer.startSpan(name, { ...options, startTime }, parentContext(about.traceparent));
      if (!span.isRecording()) return;
      span.setAttributes(attributesOf(about, allow, decision));
      span.end(endMs);
    },
    refused: ({ api, traceparent }, problem) => {
      const startTime = nowMs();
      const span = tracer.startSpan('refuse', { ...options, startTime }, parentContext(traceparent));
      if (!span.isRecording()) return;
      span.setAttributes({ 'edict.api': api, 'edict.problem': problem });
      span.setStatus({ code: SpanStatusCode.ERROR, message: problem });
      span.end(startTime);
    },
  };
}

function attributesOf(
  { api, revision, labels }: AuditContext,
  allow: boolean | undefined,
  decision: TracedDecision,
): Attributes {
  const attributes: Attributes = {
    'edict.api': api,
    'edict.set': revision.set,
    'edict.revision': revision.n,
    'edict.digest': revision.digest,
    'edict.decision': allow === undefined ? 'answer' : allow ? 'permit' : 'deny',
  };
  for (const [name, value] of Object.entries(labels)) attributes[`edict.label.${name}`] = value;
  if (decision === undefined) return attributes;
  attributes['edict.decision_id'] = decision.id;
  if ('path' in decision) attributes['edict.document'] = decision.path;
  else addPhases(attributes, decision);
  return attributes;
}

function addPhases(attributes: Attributes, { operation, phaseDurations }: AccessRecord): void {
  attributes['edict.operation'] = operation;
  const { system, identity, resource, scope } = phaseDurations;
  for (const [phase, ns] of Object.entries({ operation: system, identity, resource, scope })) {
    if (ns !== undefined) attributes[`edict.phase.${phase}.duration_us`] = Math.round(ns) / 1000;
  }
}

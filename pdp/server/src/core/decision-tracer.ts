import type { AccessRecord } from '@edict/engine';
import type { ProblemName } from '../http/reply.ts';
import type { AuditContext } from './audit-sink.ts';
import type { ApiName } from './session.ts';

/** What was decided: the record of a PORC, the path of a document, or nothing that is known (a probe). */
export type TracedDecision = AccessRecord | { readonly id: string; readonly path: string } | undefined;

/** Is told of decisions as they are made, to show them in traces. Never waits and never throws. */
export interface DecisionTracer {
  /** One decision that took `durationNs` until now; `allow` is undefined for a document that is no decision. */
  readonly decided: (
    about: AuditContext,
    allow: boolean | undefined,
    durationNs: number,
    decision: TracedDecision,
  ) => void;
  /** One request that got a problem in place of a decision. */
  readonly refused: (request: TracedRequest, problem: ProblemName) => void;
}

/** What is known of a request that is refused. */
export interface TracedRequest {
  readonly api: ApiName;
  readonly traceparent?: string | undefined;
}

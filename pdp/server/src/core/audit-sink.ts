import type { AccessRecord, Documents } from '@edict/engine';
import type { Outcome, Value } from '@edict/rego';
import type { ApiName, SessionRevision } from './session.ts';

/** A document that was asked for as a decision, and what came of it. */
export interface DocumentDecision {
  readonly kind: 'document';
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  /** Slash path below `data`, or what the API calls the question. */
  readonly path: string;
  /** Undefined where there was no input document. As it was read of JSON or of a message: without sets, and with texts as keys. */
  readonly input: Value;
  readonly outcome: Outcome;
  /** What the outcome means where it is a decision. */
  readonly allow: boolean | undefined;
  readonly durationNs: number;
}

/** Who asked and what answered, for records. */
export interface AuditContext {
  readonly api: ApiName;
  readonly caller: string | undefined;
  /** Address and port that the request came from. Undefined where it came by a unix socket or gRPC. */
  readonly client?: string | undefined;
  /** W3C trace context of the request. */
  readonly traceparent: string | undefined;
  readonly revision: SessionRevision;
  /** Labels of the virtual instance. */
  readonly labels: Readonly<Record<string, string>>;
  /** The documents of the set, which may say how records are masked. */
  readonly documents?: Documents | undefined;
}

/** Where records of decisions go. */
export interface AuditSink {
  /**
   * Whether a decision may be made now that needs a record: asked before it is. A promise where the caller is to wait for
   * room. False: no decision is given.
   */
  readonly room: (about: AuditContext) => boolean | Promise<boolean>;
  /**
   * Takes the record of one decision, or counts what it had to drop. Reads both arguments at once and keeps neither: they
   * hold on to the request and to a snapshot. A promise only where the decision must not be given before the record is
   * safe; false: it is not given. Never throws or rejects.
   */
  readonly record: (decision: AccessRecord | DocumentDecision, about: AuditContext) => Promise<boolean> | undefined;
}

/** Tells the two kinds of records apart. */
export function isDocumentDecision(decision: AccessRecord | DocumentDecision): decision is DocumentDecision {
  return 'kind' in decision;
}

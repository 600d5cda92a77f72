import type { AccessRecord, Documents } from '@edict/engine';
import { messageOf } from '@edict/protocol';
import { parseJson } from '@edict/rego/values';
import type { AuditContext, DocumentDecision } from '../core/audit-sink.ts';
import { renderDecisionEvent } from './render-decision-event.ts';

/** Where a set's documents say which of their records are not wanted, as in OPA. */
export const POLICY_DROP_PATH = ['system', 'log', 'drop'];

/** Steps that one evaluation of it may take. */
const DROP_STEPS = 1_000_000;

/** Whether a record is wanted. What failed drops nothing: OPA loses such a record, and an audit must not. */
export type DropVerdict = { readonly drop: boolean } | { readonly drop: false; readonly problem: string };

/** Asks a set's documents, with the event as `input`, before anything of it is masked. Only `true` drops. Never throws. */
export function askWhetherDropped(
  documents: Documents,
  decision: AccessRecord | DocumentDecision,
  about: AuditContext,
  labels: Readonly<Record<string, string>>,
): DropVerdict {
  try {
    const event = parseJson(renderDecisionEvent(decision, about, labels));
    if (!event.ok) return { drop: false, problem: 'the record is nested too deep to be taken apart' };
    const outcome = documents.evaluate(POLICY_DROP_PATH, event.value, { maxSteps: DROP_STEPS });
    if (outcome.kind === 'error') return { drop: false, problem: `${outcome.code}: ${outcome.message}` };
    return { drop: outcome.kind === 'value' && outcome.value === true };
  } catch (error) {
    // Nothing but a value that is nested deeper than the stack is.
    return { drop: false, problem: messageOf(error) };
  }
}

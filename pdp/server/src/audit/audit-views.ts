import { renderAccessRecord, type AccessRecord, type Documents } from '@edict/engine';
import { messageOf } from '@edict/protocol';
import { parseJson } from '@edict/rego/values';
import { isDocumentDecision, type AuditContext, type DocumentDecision } from '../core/audit-sink.ts';
import { maskRecord, withoutContent, type RecordShape } from './mask/mask-record.ts';
import type { MaskRule } from './mask/apply-mask.ts';
import { policyMaskRules } from './mask/mask-rules.ts';
import { renderDecisionEvent } from './render-decision-event.ts';

/** How records are written: those of PORCs as access records, or all as events of a decision log. */
export type RecordFormat = 'AccessRecord' | 'DecisionLog';

/** Why a record went out without its content: the policy that masks failed, or the record is too deep. */
export type MaskFailure = 'policy' | 'record';

export interface ViewOptions {
  readonly labels: Readonly<Record<string, string>>;
  /** Rules of the settings for a set. */
  readonly rules: readonly MaskRule[];
  /** Documents that define `data.system.log.mask`, if any do. */
  readonly policy: Documents | undefined;
  readonly onMaskFailure: (failure: MaskFailure, detail: string) => void;
}

/** Where a set's documents say what of their records is masked, as in OPA. */
export const POLICY_MASK_PATH = ['system', 'log', 'mask'];

/** Steps that one evaluation of it may take. */
const MASK_STEPS = 1_000_000;

const SHAPES: Readonly<Record<'access' | 'event' | 'porcEvent', RecordShape>> = {
  access: { input: 'porc', access: 'top' },
  event: { input: 'input', access: undefined },
  porcEvent: { input: 'input', access: 'custom' },
};

/**
 * A record as one line of JSON, masked. What cannot be masked is erased: nothing goes out that a mask might have kept back.
 * Never throws.
 */
export function renderView(
  format: RecordFormat,
  decision: AccessRecord | DocumentDecision,
  about: AuditContext,
  options: ViewOptions,
): string {
  const { labels, rules, policy, onMaskFailure } = options;
  const isAccess = format === 'AccessRecord' && !isDocumentDecision(decision);
  const shape = isAccess ? SHAPES.access : isDocumentDecision(decision) ? SHAPES.event : SHAPES.porcEvent;
  let text: string | undefined;
  try {
    text = isAccess ? renderAccessRecord(decision) : renderDecisionEvent(decision, about, labels);
    if (rules.length === 0 && policy === undefined) return text;
    const event = isAccess && policy !== undefined ? renderDecisionEvent(decision, about, labels) : text;
    const asked = policy === undefined ? [] : policyRules(policy, event);
    if (typeof asked === 'string') onMaskFailure('policy', asked);
    else {
      const masked = maskRecord(text, shape, [...rules, ...asked]);
      if (masked !== undefined) return masked;
      onMaskFailure('record', TOO_DEEP);
    }
  } catch (error) {
    // Nothing but a value that is nested deeper than the stack is.
    onMaskFailure('record', messageOf(error));
  }
  const rest = text === undefined ? undefined : withoutContent(text, shape);
  return rest ?? bareRecord(decision, about, labels, isAccess);
}

const TOO_DEEP = 'the record is nested too deep to be taken apart';

/** What the policy says of an event, or why it says nothing that can be used. */
function policyRules(documents: Documents, event: string): readonly MaskRule[] | string {
  const input = parseJson(event);
  if (!input.ok) return TOO_DEEP;
  const outcome = documents.evaluate(POLICY_MASK_PATH, input.value, { maxSteps: MASK_STEPS });
  switch (outcome.kind) {
    case 'undefined':
      return [];
    case 'error':
      return `${outcome.code}: ${outcome.message}`;
    case 'value': {
      const { value } = outcome;
      const rules = isIterable(value) ? policyMaskRules(value) : undefined;
      return rules ?? 'data.system.log.mask is no set of paths and mask objects';
    }
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** A record whose content is too deep to be taken apart, without it. */
function bareRecord(
  decision: AccessRecord | DocumentDecision,
  { api, traceparent, revision, labels: own }: AuditContext,
  labels: Readonly<Record<string, string>>,
  isAccess: boolean,
): string {
  const about: AuditContext = { api, caller: undefined, traceparent, revision, labels: own };
  if (isDocumentDecision(decision)) {
    const bare: DocumentDecision = { ...decision, input: undefined, outcome: { kind: 'undefined' } };
    return erased(marked(renderDecisionEvent(bare, about, labels)), SHAPES.event);
  }
  const nothing = { porc: null, subject: '', realm: '', operation: '', resource: '', references: [] };
  const bare: AccessRecord = { ...decision, ...nothing };
  return isAccess
    ? erased(renderAccessRecord(bare), SHAPES.access)
    : erased(renderDecisionEvent(bare, about, labels), SHAPES.porcEvent);
}

/** What has no content is not too deep; the paths that it says were erased are all that is added. */
function erased(bare: string, shape: RecordShape): string {
  return withoutContent(bare, shape) ?? bare;
}

/** With something to erase, so that the record says that it was. */
function marked(event: string): string {
  return event.replace('{', '{"input":null,');
}

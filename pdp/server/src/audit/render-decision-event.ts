import { jsonText, recordTimestamp, renderAccessRecord, type AccessRecord } from '@edict/engine';
import { stringify } from '@edict/rego/values';
import { isDocumentDecision, type AuditContext, type DocumentDecision } from '../core/audit-sink.ts';
import type { ApiName, SessionRevision } from '../core/session.ts';

/** What a PORC that was decided is asked for under, in decision logs. */
const PORC_PATH = 'porc/decision';

/**
 * One decision as one line of JSON, without a line feed, as an event of OPA's decision log. What OPA has no field for is in
 * `custom`: the digest of the policy, the verdict of a document that is a decision, and the access record of a PORC but
 * for the PORC, which is the `input`.
 */
export function renderDecisionEvent(
  decision: AccessRecord | DocumentDecision,
  about: AuditContext,
  labels: Readonly<Record<string, string>> = NO_LABELS,
): string {
  const { caller, client, traceparent } = about;
  const trace = traceOf(traceparent);
  const parts = isDocumentDecision(decision) ? ofDocument(decision) : ofPorc(decision);
  const fixed = fixedTextsOf(about, labels);
  let text = `${fixed.bundles},"custom":{${parts.custom}${fixed.digest}${parts.verdict}}`;
  text += `,"decision_id":${jsonText(decision.id)}`;
  text += parts.error;
  text += parts.input;
  text += fixed.labels;
  text += `,"metrics":{"timer_rego_query_eval_ns":${Math.max(0, Math.trunc(decision.durationNs))}}`;
  text += `,"path":${jsonText(parts.path)}`;
  const requestedBy = caller ?? client;
  if (requestedBy !== undefined) text += `,"requested_by":${jsonText(requestedBy)}`;
  text += parts.result;
  if (trace !== undefined) text += `,"span_id":"${trace.span}"`;
  text += `,"timestamp":"${recordTimestamp(decision.timestampMs)}"`;
  if (trace !== undefined) text += `,"trace_id":"${trace.trace}"`;
  return `${text}}`;
}

const NO_LABELS: Readonly<Record<string, string>> = {};

/** What is the same in all events of one revision that one API asked for. */
interface FixedTexts {
  /** Those of the process, and those of the instance, that the text is of. */
  readonly common: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, string>>;
  readonly bundles: string;
  readonly digest: string;
  readonly labels: string;
}

const fixedTexts = new WeakMap<SessionRevision, Map<ApiName, FixedTexts>>();

function fixedTextsOf(
  { revision, api, labels: own }: AuditContext,
  common: Readonly<Record<string, string>>,
): FixedTexts {
  let ofApis = fixedTexts.get(revision);
  if (ofApis === undefined) {
    ofApis = new Map<ApiName, FixedTexts>();
    fixedTexts.set(revision, ofApis);
  }
  const known = ofApis.get(api);
  if (known !== undefined && known.common === common && known.own === own) return known;
  const made: FixedTexts = {
    common,
    own,
    bundles: ['{"bundles":', jsonText({ [revision.set]: { revision: String(revision.n) } })].join(''),
    digest: ['"policy_digest":', jsonText(revision.digest)].join(''),
    labels: [',"labels":', jsonText({ ...common, ...own, api })].join(''),
  };
  ofApis.set(api, made);
  return made;
}

interface Parts {
  readonly path: string;
  readonly custom: string;
  readonly verdict: string;
  readonly error: string;
  readonly input: string;
  readonly result: string;
}

function ofDocument({ path, input, outcome, allow }: DocumentDecision): Parts {
  return {
    path,
    custom: '',
    verdict: allow === undefined ? '' : `,"verdict":"${allow ? 'GRANT' : 'DENY'}"`,
    error: outcome.kind === 'error' ? `,"error":${jsonText({ code: outcome.code, message: outcome.message })}` : '',
    // As it came, JSON: what writes Rego values in their order would take many times as long.
    input: input === undefined ? '' : `,"input":${JSON.stringify(input)}`,
    result: outcome.kind === 'value' ? `,"result":${stringify(outcome.value)}` : '',
  };
}

function ofPorc(record: AccessRecord): Parts {
  return {
    path: PORC_PATH,
    custom: `"access_record":${renderAccessRecord({ ...record, porc: undefined })},`,
    verdict: `,"verdict":"${record.decision}"`,
    error: '',
    input: record.porc === undefined ? '' : `,"input":${jsonText(record.porc, 'exact')}`,
    result: `,"result":${record.decision === 'GRANT'}`,
  };
}

/** The ids of a W3C trace context; undefined if it is none. */
function traceOf(traceparent: string | undefined): { readonly trace: string; readonly span: string } | undefined {
  if (traceparent === undefined) return undefined;
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/.exec(traceparent);
  const [, trace, span] = match ?? [];
  return trace === undefined || span === undefined ? undefined : { trace, span };
}

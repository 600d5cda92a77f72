import { jsonText } from '@edict/engine';
import { stringify } from '@edict/rego/values';
import type { AuditContext, DocumentDecision } from '../core/audit-sink.ts';

/** One document decision as one line of JSON, without a line feed, in the fields of OPA's decision log. */
export function renderDocumentDecision(decision: DocumentDecision, about: AuditContext): string {
  const { id, timestampMs, path, input, outcome, allow, durationNs } = decision;
  const { revision, labels, caller, traceparent, api } = about;
  const fields = [
    `"bundles":${jsonText({ [revision.set]: { revision: String(revision.n), digest: revision.digest } })}`,
    `"decision_id":${jsonText(id)}`,
    ...(outcome.kind === 'error' ? [`"error":${jsonText({ code: outcome.code, message: outcome.message })}`] : []),
    ...(input === undefined ? [] : [`"input":${stringify(input)}`]),
    `"labels":${jsonText({ ...labels, api })}`,
    `"metrics":{"timer_rego_query_eval_ns":${Math.trunc(durationNs)}}`,
    `"path":${jsonText(path)}`,
    ...(caller === undefined ? [] : [`"requested_by":${jsonText(caller)}`]),
    ...(outcome.kind === 'value' ? [`"result":${stringify(outcome.value)}`] : []),
    `"timestamp":"${new Date(timestampMs).toISOString()}"`,
    ...(traceparent === undefined ? [] : [`"traceparent":${jsonText(traceparent)}`]),
    ...(allow === undefined ? [] : [`"verdict":"${allow ? 'GRANT' : 'DENY'}"`]),
  ];
  return `{${fields.join(',')}}`;
}

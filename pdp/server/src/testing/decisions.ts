import type { AuditContext, DocumentDecision } from '../core/audit-sink.ts';

/** Who asked, for tests of records; one revision for all. */
export const CONTEXT: AuditContext = {
  api: 'opa',
  caller: 'spiffe://a/b',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  revision: { set: 'harbour/cranes', n: 7, digest: 'sha256:0', token: 't' },
  labels: { tenant: 'harbour' },
};

/** A document that was decided. */
export function aDecision(over: Partial<DocumentDecision> = {}): DocumentDecision {
  return {
    ...{ kind: 'document', id: 'id-1', timestampMs: Date.UTC(2026, 0, 2), path: 'loads/fine', input: { tons: 5 } },
    ...{ outcome: { kind: 'value', value: true }, allow: true, durationNs: 1234.5 },
    ...over,
  };
}

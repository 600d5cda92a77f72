import { expect, test } from '@jest/globals';
import { decide, systemClock } from '@edict/engine';
import { parseJson } from '@edict/rego/values';
import type { AuditContext, DocumentDecision } from '../core/audit-sink.ts';
import { liftRequest } from '../testing/revisions.ts';
import { craneSnapshot } from '../testing/snapshots.ts';
import { lineSink } from './line-sink.ts';

const about: AuditContext = {
  api: 'opa',
  caller: 'spiffe://a/b',
  traceparent: '00-1-2-01',
  revision: { set: 'harbour/cranes', n: 7, digest: 'sha256:0', token: 't' },
  labels: { tenant: 'harbour' },
};

function decision(over: Partial<DocumentDecision> = {}): DocumentDecision {
  return {
    ...{ kind: 'document', id: 'id-1', timestampMs: Date.UTC(2026, 0, 2), path: 'loads/fine', input: { tons: 5 } },
    ...{ outcome: { kind: 'value', value: true }, allow: true, durationNs: 1234.5 },
    ...over,
  };
}

function taken(onFull: 'Drop' | 'Refuse' = 'Drop', hasRoom = true) {
  const lines: string[] = [];
  const sink = lineSink({ hasRoom, offer: (line) => lines.push(line) > 0 }, onFull);
  return { sink, parsed: () => lines.map((line) => JSON.parse(line) as unknown), lines };
}

test('an access record is a line', () => {
  const { sink, parsed } = taken();
  const { record } = decide(craneSnapshot(5), liftRequest(5), { clock: systemClock, newId: () => 'id-0' });
  if (record === undefined) throw new Error('no record');
  expect(sink.record(record, about)).toBeUndefined();
  expect(parsed()).toMatchObject([{ decision: 'GRANT', metadata: { id: 'id-0' } }]);
});

test('a document decision is a line in the fields of a decision log', () => {
  const { sink, parsed } = taken();
  void sink.record(decision(), about);
  expect(parsed()).toStrictEqual([
    {
      bundles: { 'harbour/cranes': { digest: 'sha256:0', revision: '7' } },
      decision_id: 'id-1',
      input: { tons: 5 },
      labels: { api: 'opa', tenant: 'harbour' },
      metrics: { timer_rego_query_eval_ns: 1234 },
      path: 'loads/fine',
      requested_by: 'spiffe://a/b',
      result: true,
      timestamp: '2026-01-02T00:00:00.000Z',
      traceparent: '00-1-2-01',
      verdict: 'GRANT',
    },
  ]);
});

test('what there is not is left out, and a failure is told', () => {
  const { sink, parsed } = taken();
  const outcome = { kind: 'error', code: 'eval_conflict_error', message: 'two values' } as const;
  const nobody = { ...about, caller: undefined, traceparent: undefined };
  void sink.record(decision({ input: undefined, outcome, allow: undefined }), nobody);
  const [line] = parsed() as readonly Readonly<Record<string, unknown>>[];
  expect(Object.keys(line ?? {})).toStrictEqual([
    'bundles',
    'decision_id',
    'error',
    'labels',
    'metrics',
    'path',
    'timestamp',
  ]);
  expect(line?.['error']).toStrictEqual({ code: 'eval_conflict_error', message: 'two values' });
});

test('numbers keep every digit', () => {
  const { sink, lines } = taken();
  const parsed = parseJson('{"n":12345678901234567890.5}');
  if (!parsed.ok) throw new Error('not read');
  void sink.record(decision({ input: parsed.value, outcome: { kind: 'undefined' } }), about);
  expect(lines[0]).toContain('"input":{"n":12345678901234567890.5}');
});

test.each([
  ['Drop', true, true],
  ['Drop', false, true],
  ['Refuse', true, true],
  ['Refuse', false, false],
] as const)('with %s and room %p a decision may be made: %p', (onFull, hasRoom, may) => {
  expect(taken(onFull, hasRoom).sink.room()).toBe(may);
});

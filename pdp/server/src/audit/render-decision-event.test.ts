import { expect, test } from '@jest/globals';
import { decide, systemClock } from '@edict/engine';
import { aDecision, CONTEXT } from '../testing/decisions.ts';
import { liftRequest } from '../testing/revisions.ts';
import { craneSnapshot } from '../testing/snapshots.ts';
import { renderDecisionEvent } from './render-decision-event.ts';

const parsed = (text: string): Readonly<Record<string, unknown>> =>
  JSON.parse(text) as Readonly<Record<string, unknown>>;

test('a document is an event of a decision log', () => {
  expect(parsed(renderDecisionEvent(aDecision(), CONTEXT, { id: 'pod-1' }))).toStrictEqual({
    bundles: { 'harbour/cranes': { revision: '7' } },
    custom: { policy_digest: 'sha256:0', verdict: 'GRANT' },
    decision_id: 'id-1',
    input: { tons: 5 },
    labels: { api: 'opa', id: 'pod-1', tenant: 'harbour' },
    metrics: { timer_rego_query_eval_ns: 1234 },
    path: 'loads/fine',
    requested_by: 'spiffe://a/b',
    result: true,
    span_id: 'b7ad6b7169203331',
    timestamp: '2026-01-02T00:00:00.000Z',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
  });
});

test('where nobody is known it was requested by an address, as with OPA', () => {
  const about = { ...CONTEXT, caller: undefined, client: '10.0.0.7:40112' };
  expect(parsed(renderDecisionEvent(aDecision(), about))).toMatchObject({ requested_by: '10.0.0.7:40112' });
  expect(parsed(renderDecisionEvent(aDecision(), { ...about, caller: 'ada' }))).toMatchObject({ requested_by: 'ada' });
});

test('what there is not is left out, and a failure is told', () => {
  const outcome = { kind: 'error', code: 'eval_conflict_error', message: 'two values' } as const;
  const nobody = { ...CONTEXT, caller: undefined, traceparent: 'nonsense' };
  const event = parsed(renderDecisionEvent(aDecision({ input: undefined, outcome, allow: undefined }), nobody));
  expect(Object.keys(event)).toStrictEqual([
    'bundles',
    'custom',
    'decision_id',
    'error',
    'labels',
    'metrics',
    'path',
    'timestamp',
  ]);
  expect(event['error']).toStrictEqual({ code: 'eval_conflict_error', message: 'two values' });
  expect(event['custom']).toStrictEqual({ policy_digest: 'sha256:0' });
});

test('a PORC is the input of its event, and the rest of its access record is kept', () => {
  const { record } = decide(craneSnapshot(5), liftRequest(5), { clock: systemClock, newId: () => 'id-0' });
  if (record === undefined) throw new Error('no record');
  const event = parsed(renderDecisionEvent(record, { ...CONTEXT, api: 'manetu' }));
  expect(event).toMatchObject({
    decision_id: 'id-0',
    path: 'porc/decision',
    result: true,
    input: { operation: record.operation },
    custom: { verdict: 'GRANT', access_record: { decision: 'GRANT', metadata: { id: 'id-0' } } },
    labels: { api: 'manetu' },
  });
  expect(event['custom']).not.toHaveProperty('access_record.porc');
});

import { expect, test } from '@jest/globals';
import { decide, systemClock } from '@edict/engine';
import { parseJson } from '@edict/rego/values';
import { aDecision as decision, CONTEXT as about } from '../testing/decisions.ts';
import { liftRequest } from '../testing/revisions.ts';
import { craneSnapshot } from '../testing/snapshots.ts';
import { lineSink } from './line-sink.ts';

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
  expect(taken(onFull, hasRoom).sink.room(about)).toBe(may);
});

import { expect, test } from '@jest/globals';
import { decide, systemClock, type AccessRecord, type Phase } from '@edict/engine';
import { craneDomain, liftRequest } from '../../testing/revisions.ts';
import { snapshotOf } from '../../testing/snapshots.ts';
import { explain } from './explanation.ts';

/** The record of a decision under a gate of that body. */
function recordOf(gate: string, porc: unknown, includeAll = true): AccessRecord {
  const domain = craneDomain(5);
  const policies = domain.policies.map((policy) =>
    policy.mrn.endsWith(':gate') ? { ...policy, rego: `package authz\n\n${gate}\n` } : policy,
  );
  const snapshot = snapshotOf([{ ...domain, policies }]);
  const { record } = decide(snapshot, porc, { clock: systemClock, newId: () => 'id', includeAll });
  if (record === undefined) throw new Error('no record');
  return record;
}

const PASS = 'default allow = 0';
const verdicts = (record: AccessRecord): readonly (readonly [Phase, string])[] =>
  explain(record, true).phases.map(({ phase, decision }) => [phase, decision]);

test.each<readonly [string, string, unknown, readonly Phase[], string | undefined]>([
  ['a GRANT by all three phases', PASS, liftRequest(5), ['IDENTITY', 'RESOURCE', 'SCOPE'], undefined],
  ['a DENY by the one that denied', PASS, liftRequest(6), ['IDENTITY'], undefined],
  ['a public operation by its policy alone', 'default allow = 1', liftRequest(6), ['SYSTEM'], 'PUBLIC'],
  ['a refused operation by its policy alone', 'default allow = -1', liftRequest(5), ['SYSTEM'], 'JWT_REQUIRED'],
  [
    'an unknown scope by the scope phase',
    PASS,
    { ...liftRequest(5), principal: { mroles: ['mrn:harbour:role:operator'], scopes: ['mrn:nobody'] } },
    ['SCOPE'],
    undefined,
  ],
  ['nobody by the identity phase', PASS, { ...liftRequest(5), principal: {} }, ['IDENTITY'], undefined],
  ['a PORC that is none before any phase', PASS, 'x', ['RESOURCE'], undefined],
])('%s is explained', (_name, gate, porc, decidedBy, override) => {
  const explanation = explain(recordOf(gate, porc), true);
  expect([explanation.decidedBy, explanation.override]).toStrictEqual([decidedBy, override]);
});

test('phases that were not asked are left out', () => {
  expect(verdicts(recordOf(PASS, liftRequest(6), false))).toStrictEqual([
    ['SYSTEM', 'GRANT'],
    ['IDENTITY', 'DENY'],
  ]);
});

test('what had no policy says so with a reason', () => {
  const porc = { ...liftRequest(5), principal: { mroles: ['mrn:nobody'] } };
  const identity = explain(recordOf(PASS, porc), true).phases.find(({ phase }) => phase === 'IDENTITY');
  expect(identity?.references).toStrictEqual([
    { id: 'mrn:nobody', decision: 'DENY', reasonCode: 'NOTFOUND_ERROR', reason: 'role not found', durationNs: 0 },
  ]);
});

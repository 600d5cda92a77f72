import { expect, test } from '@jest/globals';
import type { AccessRecord, AccessReference } from '@edict/engine';
import { decide, systemClock } from '@edict/engine';
import type { PolicyRules, RulesQuestion } from '../../explain/explain-policies.ts';
import type { RulesAnswer } from '../../explain/rule-explainer.ts';
import { liftRequest } from '../../testing/revisions.ts';
import { craneSnapshot } from '../../testing/snapshots.ts';
import { findExplainedRules, MAX_EXPLAINED_POLICIES } from './explained-rules.ts';

const AT = { digest: 'sha256:1', maxSteps: 7 };
const RULES = { decided: [], failed: [] };
const answering = (answer: string | undefined): PolicyRules => ({ ok: true, rules: RULES, answer });

function recordOf(tons: number): AccessRecord {
  const { record } = decide(craneSnapshot(5), liftRequest(tons), { clock: systemClock, newId: () => 'id' });
  if (record === undefined) throw new Error('no record');
  return record;
}

/** What is told of each phase of a decision whose policies answer so when they are asked again. */
async function told(record: AccessRecord, answer: (question: RulesQuestion) => RulesAnswer) {
  const rulesOf = await findExplainedRules(record, AT, (question) => Promise.resolve(answer(question)));
  return record.references.map((reference) => [reference.phase, rulesOf(reference)]);
}

test('each policy is asked once, with the very input and time of the decision', async () => {
  const record = recordOf(5);
  const twice = { ...record, references: [...record.references, ...record.references] };
  const questions: RulesQuestion[] = [];
  await told(twice, (question) => {
    questions.push(question);
    return { kind: 'unavailable', reason: '' };
  });
  expect(questions).toHaveLength(1);
  const [question] = questions;
  expect(question).toMatchObject({ ...AT, nowMs: record.timestampMs });
  expect(JSON.parse(question?.input ?? '')).toStrictEqual(record.porc);
  expect(question?.policies.map(({ mrn }) => mrn)).toStrictEqual(
    ['gate', 'lift', 'anyone'].map((name) => `mrn:harbour:policy:${name}`),
  );
});

test('rules are told where the policy answers again what it answered', async () => {
  const policies = [answering('0'), answering('true'), answering('true')];
  expect(await told(recordOf(5), () => ({ kind: 'found', policies }))).toStrictEqual([
    ['SYSTEM', { rules: RULES }],
    ['IDENTITY', { rules: RULES }],
    ['RESOURCE', { rules: RULES }],
  ]);
});

test.each<readonly [string, string | undefined, string | undefined]>([
  ['another number of another sign', '-1', 'false'],
  ['no value', undefined, undefined],
  ['something else', '"0"', '1'],
])('none are told where it answers %s', async (_name, system, identity) => {
  const policies = [answering(system), answering(identity), { ok: false, reason: 'no time' } as const];
  const otherwise = { rulesUnavailable: expect.stringContaining('answers otherwise') };
  expect(await told(recordOf(5), () => ({ kind: 'found', policies }))).toStrictEqual([
    ['SYSTEM', otherwise],
    ['IDENTITY', otherwise],
    ['RESOURCE', { rulesUnavailable: 'no time' }],
  ]);
});

test('what cannot be explained at all says why, of each policy', async () => {
  const busy = await told(recordOf(5), () => ({ kind: 'unavailable', reason: 'busy' }));
  expect(busy.map(([, rules]) => rules)).toStrictEqual([1, 2, 3].map(() => ({ rulesUnavailable: 'busy' })));
});

test('references without a policy have no rules, and nobody is asked where there are only such', async () => {
  const record = recordOf(5);
  const references = record.references.map((reference): AccessReference => ({ ...reference, policy: undefined }));
  const none = await told({ ...record, references }, () => {
    throw new Error('asked');
  });
  expect(none.map(([, rules]) => rules)).toStrictEqual([undefined, undefined, undefined]);
});

test('policies beyond the bound are said to be too many', async () => {
  const record = recordOf(5);
  const [, role] = record.references;
  if (role === undefined) throw new Error('no role');
  const references = Array.from({ length: MAX_EXPLAINED_POLICIES + 1 }, (_, n): AccessReference => ({
    ...role,
    policy: { mrn: `policy ${n}`, fingerprint: '' },
  }));
  const all = await told({ ...record, references }, ({ policies }) => ({
    kind: 'found',
    policies: policies.map(() => answering('true')),
  }));
  expect(all.slice(-2)).toStrictEqual([
    ['IDENTITY', { rules: RULES }],
    ['IDENTITY', { rulesUnavailable: expect.stringContaining(`more than ${MAX_EXPLAINED_POLICIES}`) }],
  ]);
});

import { expect, test } from '@jest/globals';
import type { DomainModel } from '@edict/bundle';
import { Serving } from '@edict/crds';
import { decide, defaultDecisionLimits, systemClock, type Snapshot } from '@edict/engine';
import type { Outcome } from '@edict/rego';
import { parseJson } from '@edict/rego/values';
import { craneDomain, craneDomainWithRego, liftRequest, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { Candidate, type CandidateTerms, type ShadowAnswer, type ShadowQuestion } from './candidate.ts';
import { addFindings, LocalComparing, NOTHING_FOUND, SHADOW_QUEUE_MAX } from './comparing.ts';
import type { ShadowPlace, TappedDecision } from './shadow-tap.ts';

/** A comparison whose candidate answers in this thread, when it is let. */
function start(candidate: Snapshot, { samplePpm = 1_000_000, random = (): number => 0.5 } = {}) {
  const place: ShadowPlace = { tap: undefined };
  const tasks: (() => void)[] = [];
  const asked: ShadowQuestion[][] = [];
  const thread = { closed: false, end: (_error: unknown): void => undefined, answer: (): void => undefined };
  const comparing = new LocalComparing({
    set: SET,
    place,
    terms: { compiled: candidate.compiled, limits: defaultDecisionLimits, includeAll: true },
    samplePpm,
    startThread: (terms: CandidateTerms, onAnswers: (answers: readonly ShadowAnswer[]) => void, onEnd) => {
      const one = new Candidate(structuredClone(terms));
      thread.end = onEnd;
      thread.answer = () => {
        for (const questions of asked.splice(0)) onAnswers(structuredClone(questions).map((each) => one.answer(each)));
      };
      const ask = (questions: readonly ShadowQuestion[]): void => {
        // An answer to nothing tells that the candidate is there.
        if (questions.length === 0) onAnswers([]);
        else asked.push([...questions]);
      };
      return { ask, close: () => (thread.closed = true) };
    },
    random,
    nowMs: () => 0,
    later: (task) => tasks.push(task),
  });
  const run = (): void => {
    for (const task of tasks.splice(0)) task();
    thread.answer();
  };
  return { place, comparing, thread, run, asked, tasks };
}

const live = (snapshot: Snapshot, porc: unknown): TappedDecision => {
  const { allow, record } = decide(snapshot, porc, { clock: systemClock, newId: () => 'id' });
  if (record === undefined) throw new Error('no record');
  return { porc, allow, record };
};

const failing = craneDomainWithRego('package authz\n\nallow { input.context.tons / 0 > 1 }\n');
const five = snapshotOf([craneDomain(5)]);

test.each([
  ['a grant that becomes a deny', craneDomain(2), 3, { changed: 1, grantToDeny: 1 }, 'GrantToDeny'],
  ['a deny that becomes a grant', craneDomain(9), 7, { changed: 1, denyToGrant: 1 }, 'DenyToGrant'],
  ['a deny that fails', failing, 7, { changed: 1, errors: 1 }, 'Error'],
  ['a grant that becomes a deny by an error', failing, 3, { changed: 1, errors: 1, grantToDeny: 1 }, 'GrantToDeny'],
  ['the same answer', craneDomain(5), 3, {}, undefined],
])('%s is counted as that', (_name, domain, tons, counts, difference) => {
  const { place, comparing, run } = start(snapshotOf([domain]));
  place.tap?.decided(live(five, liftRequest(tons)));
  run();
  expect(comparing.findings.counts).toStrictEqual({ ...NOTHING_FOUND.counts, total: 1, ...counts });
  expect(comparing.findings.samples.map((sample) => sample.difference)).toStrictEqual(
    difference === undefined ? [] : [difference],
  );
});

test('a sample names neither the principal nor the last part of the resource', () => {
  const { place, comparing, run } = start(snapshotOf([craneDomain(2)]));
  place.tap?.decided(live(five, liftRequest(3)));
  run();
  expect(comparing.findings.samples).toStrictEqual([
    {
      difference: 'GrantToDeny',
      principal: expect.stringMatching(/^principal-[0-9a-f]{12}$/),
      operation: 'crane:lift',
      resource: 'mrn:harbour:crane:*',
    },
  ]);
});

test('no more than twenty samples are kept, whatever is counted', () => {
  const { place, comparing, run } = start(snapshotOf([craneDomain(2)]));
  for (let each = 0; each < 30; each++) place.tap?.decided(live(five, liftRequest(3)));
  run();
  expect([comparing.findings.samples.length, comparing.findings.counts.grantToDeny]).toStrictEqual([20, 30]);
});

test('beyond the bound of the queue requests are dropped and counted, and are taken again when answers have come', () => {
  const { place, comparing, run, asked } = start(five);
  const decision = live(five, liftRequest(3));
  for (let each = 0; each < SHADOW_QUEUE_MAX + 7; each++) place.tap?.decided(decision);
  expect([comparing.findings.counts.dropped, asked.length]).toStrictEqual([7, 0]);
  run();
  place.tap?.decided(decision);
  run();
  expect(comparing.findings.counts).toMatchObject({ total: SHADOW_QUEUE_MAX + 1, dropped: 7, changed: 0 });
});

test('only the sampled share is asked', () => {
  let drawn = 0;
  const { place, comparing, run } = start(five, { samplePpm: 250_000, random: () => (drawn++ % 4) / 4 });
  for (let each = 0; each < 100; each++) place.tap?.decided(live(five, liftRequest(3)));
  run();
  expect(comparing.findings.counts.total).toBe(25);
});

test('nothing is written down before the request was answered', () => {
  const { place, asked, tasks } = start(five);
  place.tap?.decided(live(five, liftRequest(3)));
  expect([asked.length, tasks.length]).toStrictEqual([0, 1]);
});

test('once closed nothing is taken any more, and a comparison that began since stays', () => {
  const { place, comparing, thread, run } = start(five);
  const { tap } = place;
  comparing.close();
  tap?.decided(live(five, liftRequest(3)));
  run();
  expect([place.tap, thread.closed, comparing.findings.counts.total]).toStrictEqual([undefined, true, 0]);
  const newer = { decided: () => undefined, queried: () => undefined };
  place.tap = newer;
  comparing.close();
  expect(place.tap).toBe(newer);
});

test('a thread that ends by itself ends the comparison, and says why', () => {
  const { place, comparing, thread } = start(five);
  const error = new Error('out of memory');
  thread.end(error);
  expect([place.tap, comparing.failure]).toStrictEqual([undefined, error]);
});

const library = (rego: string): Partial<DomainModel> => ({
  libraries: [{ mrn: 'lib', name: '', description: '', rego: `package loads\n\n${rego}\n`, dependencies: [] }],
});
const documentsOf = (rego: string): Snapshot =>
  snapshotOf([craneDomain(5, library(rego))], { serving: Serving.parse({ documents: {} }) });
const isTrue = (outcome: Outcome): boolean => outcome.kind === 'value' && outcome.value === true;

test.each([
  ['another value', 'most := 5', 'most := 6', undefined, { changed: 1 }, 'Other'],
  ['the same value', 'most := 5', 'most := 10 / 2', undefined, {}, undefined],
  ['a decision that turns', 'most := true', 'most := false', isTrue, { changed: 1, grantToDeny: 1 }, 'GrantToDeny'],
  [
    'a decision that is undefined',
    'most := true',
    'more := true',
    isTrue,
    { changed: 1, grantToDeny: 1 },
    'GrantToDeny',
  ],
  [
    'a conflict',
    'most := 5',
    'most := 5 if input.big\n\nmost := 6 if input.big.or.not\n\nmost := 6 if input.big',
    undefined,
    { changed: 1, errors: 1 },
    'Error',
  ],
])('of a document %s is counted as that', (_name, before, after, verdict, counts, difference) => {
  const now = documentsOf(before);
  const { place, comparing, run } = start(documentsOf(`import rego.v1\n\n${after}`));
  const [path, input] = [['loads', 'most'], { big: true }];
  const outcome = now.documents?.evaluate(path, input) ?? { kind: 'undefined' };
  place.tap?.queried({ path, input, outcome, verdict });
  run();
  expect(comparing.findings.counts).toStrictEqual({ ...NOTHING_FOUND.counts, total: 1, ...counts });
  expect(comparing.findings.samples.map((sample) => sample.difference)).toStrictEqual(
    difference === undefined ? [] : [difference],
  );
});

test('numbers that a double does not hold reach the candidate as they were', () => {
  const rego = 'most := input.n == 12345678901234567890123';
  const now = documentsOf(rego);
  const read = parseJson('{"n": 12345678901234567890123}');
  const input = read.ok ? read.value : undefined;
  const { place, comparing, run } = start(now);
  const outcome = now.documents?.evaluate(['loads', 'most'], input) ?? { kind: 'undefined' };
  expect(isTrue(outcome)).toBe(true);
  place.tap?.queried({ path: ['loads', 'most'], input, outcome, verdict: isTrue });
  run();
  expect(comparing.findings.counts).toMatchObject({ total: 1, changed: 0 });
});

test('findings of several processes add up, with no more samples than one may tell', () => {
  const counts = { total: 2, changed: 1, grantToDeny: 1, denyToGrant: 0, errors: 0, dropped: 3 };
  const sample = { difference: 'GrantToDeny', principal: '', operation: '', resource: '' } as const;
  const one = { ready: true, counts, samples: Array.from({ length: 15 }, () => sample) };
  const sum = addFindings([one, one]);
  expect(sum.counts).toStrictEqual({ total: 4, changed: 2, grantToDeny: 2, denyToGrant: 0, errors: 0, dropped: 6 });
  expect(sum.samples.length).toBe(20);
  expect([sum.ready, addFindings([one, NOTHING_FOUND]).ready, addFindings([]).ready]).toStrictEqual([
    true,
    false,
    false,
  ]);
});

import { expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { systemClock, type AccessRecord } from '@edict/engine';
import type { Outcome, Value } from '@edict/rego';
import fc from 'fast-check';
import { ActiveSets } from '../active-sets.ts';
import { createMetrics } from '../observability/metrics.ts';
import { craneDomain, craneDomainWithRego, liftRequest, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { isDocumentDecision, type AuditSink } from './audit-sink.ts';
import { CACHED_INPUT_MAX_LENGTH, decidesDeterministically } from './decision-cache.ts';
import { createDecisionCore } from './decision-core.ts';

/** A core that serves one set with a cache of so many entries. */
function start(entries: number, domain = craneDomain(5), blocks: object = {}) {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const records: AccessRecord[] = [];
  const audit: AuditSink = {
    room: () => true,
    record: (decision) => {
      if (!isDocumentDecision(decision)) records.push(decision);
      return undefined;
    },
  };
  let ids = 0;
  const clock = { ...systemClock, nowMs: () => 1_000 * (ids + 1) };
  const core = createDecisionCore({ sets, audit, metrics, clock, newId: () => `record-${++ids}` });
  const swap = (n: number, next = domain): void =>
    sets.swap({
      ...{ set: SET, setUid: 'uid', n, digest: `sha256:${n}`, activatedAtMs: 0 },
      snapshot: snapshotOf([next], {
        serving: Serving.parse({ ...blocks, instance: { decisionCache: { entries } } }),
      }),
    });
  swap(1);
  const decide = (porc: unknown, options: { probe?: boolean; explain?: boolean } = {}): boolean => {
    const entry = core.enter({ api: 'manetu', instance: undefined });
    if (entry instanceof Promise || entry.kind === 'refused') throw new Error('not entered');
    const answer = entry.session.decide(porc, { probe: false, ...options });
    entry.session.end();
    if (answer instanceof Promise || answer.kind === 'refused') throw new Error('not decided');
    return answer.allow;
  };
  const counts = async (): Promise<Readonly<Record<string, number>>> => ({
    ...{ hit: 0, miss: 0, evicted: 0 },
    ...Object.fromEntries(
      (await metrics.decisionCache.get()).values.map(({ labels, value }) => [String(labels.outcome), value] as const),
    ),
  });
  return { core, decide, swap, counts, records };
}

test('an equal request is answered from the cache, with a record of its own', async () => {
  const { decide, counts, records } = start(10);
  const { operation, ...rest } = liftRequest(5) as { operation: string };
  expect([decide(liftRequest(5)), decide({ ...rest, operation }), decide(liftRequest(6))]).toStrictEqual([
    true,
    true,
    false,
  ]);
  expect(await counts()).toStrictEqual({ hit: 1, miss: 2, evicted: 0 });
  expect(records.map(({ id, decision }) => [id, decision])).toStrictEqual([
    ['record-1', 'GRANT'],
    ['record-2', 'GRANT'],
    ['record-3', 'DENY'],
  ]);
  const [made, remembered] = records;
  expect(remembered?.timestampMs).toBe(3_000);
  expect(remembered?.porc).toStrictEqual(made?.porc);
  expect(remembered?.references.map(({ id, policy, decision }) => [id, policy, decision])).toStrictEqual(
    made?.references.map(({ id, policy, decision }) => [id, policy, decision]),
  );
  expect(remembered?.references.every(({ durationNs }) => durationNs === 0)).toBe(true);
});

test('no answer outlives a swap, not even one back to the content before', async () => {
  const { decide, swap, counts } = start(10);
  expect(decide(liftRequest(6))).toBe(false);
  swap(2, craneDomain(6));
  expect(decide(liftRequest(6))).toBe(true);
  swap(3, craneDomain(5));
  expect(decide(liftRequest(6))).toBe(false);
  expect(await counts()).toMatchObject({ hit: 0, miss: 3 });
});

test('the answer that was not asked for the longest gives way', async () => {
  const { decide, counts } = start(2);
  for (const tons of [1, 2, 1, 3, 1, 2]) decide(liftRequest(tons));
  expect(await counts()).toStrictEqual({ hit: 2, miss: 4, evicted: 2 });
});

test('a probe leaves nothing for a record, and uses what there is', async () => {
  const { decide, counts, records } = start(10);
  decide(liftRequest(5), { probe: true });
  decide(liftRequest(5));
  decide(liftRequest(5), { probe: true });
  expect(records).toHaveLength(1);
  expect(await counts()).toMatchObject({ hit: 1, miss: 2 });
});

test.each<readonly [string, number, string, unknown, { explain?: boolean }]>([
  ['without entries', 0, 'package authz\n\ndefault allow = true\n', liftRequest(5), {}],
  ['with a clock', 10, 'package authz\n\nallow { time.now_ns() > 0 }\n', liftRequest(5), {}],
  ['with random values', 10, 'package authz\n\nallow { rand.intn("x", 2) < 2 }\n', liftRequest(5), {}],
  ['to be explained', 10, 'package authz\n\ndefault allow = true\n', liftRequest(5), { explain: true }],
  [
    'on a request larger than is remembered',
    10,
    'package authz\n\ndefault allow = true\n',
    { ...liftRequest(5), note: 'x'.repeat(CACHED_INPUT_MAX_LENGTH) },
    {},
  ],
])('a decision %s is made anew', async (_name, entries, rego, porc, options) => {
  const { decide, counts } = start(entries, craneDomainWithRego(rego));
  expect([decide(porc, options), decide(porc, options)]).toStrictEqual([true, true]);
  expect(await counts()).toMatchObject({ hit: 0 });
});

const TARIFFS = craneDomain(5, {
  data: '{"tariff":{"night":3}}',
  libraries: [
    {
      ...{ mrn: 'mrn:harbour:library:rates', name: '', description: '', dependencies: [] },
      rego: [
        'package rates',
        'price = data.tariff.night * input.tons',
        'broken = 1',
        'broken = 2 { input.tons > 0 }',
        '',
      ].join('\n'),
    },
  ],
});

function rates(entries: number) {
  const started = start(entries, TARIFFS, { documents: {} });
  const ask = (rule: string, input: Value): Outcome => {
    const entry = started.core.enter({ api: 'opa', instance: undefined });
    if (entry instanceof Promise || entry.kind === 'refused') throw new Error('not entered');
    const answer = entry.session.query({ path: ['rates', rule], input });
    entry.session.end();
    if (answer instanceof Promise || answer.kind === 'refused') throw new Error('not evaluated');
    return answer.outcome;
  };
  return { ...started, ask };
}

test('documents are remembered by rule and input, what is undefined too, and what failed is not', async () => {
  const { ask, counts } = rates(10);
  const value = (number: number): Outcome => ({ kind: 'value', value: number });
  for (let round = 0; round < 2; round++) {
    expect([ask('price', { tons: 2 }), ask('price', { tons: 3 })]).toStrictEqual([value(6), value(9)]);
    expect([ask('price', {}), ask('price', undefined)]).toStrictEqual([{ kind: 'undefined' }, { kind: 'undefined' }]);
    expect(ask('broken', { tons: 1 })).toMatchObject({ kind: 'error' });
    expect(ask('broken', { tons: 0 })).toStrictEqual(value(1));
  }
  expect(await counts()).toStrictEqual({ hit: 5, miss: 7, evicted: 0 });
});

test('what can answer differently is known', () => {
  expect(decidesDeterministically(snapshotOf([craneDomain(1)]))).toBe(true);
  const clocked = craneDomainWithRego('package authz\n\nallow { time.now_ns() > 0 }\n');
  expect(decidesDeterministically(snapshotOf([clocked]))).toBe(false);
});

test('with a cache or without one, every request gets the same answer and record', () => {
  const cached = start(3);
  const plain = start(0);
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.integer({ min: 1, max: 10 }).map((tons) => liftRequest(tons)),
          fc.jsonValue(),
          fc.constantFrom({ principal: { sub: '-0' }, context: { tons: -0 } }, { principal: {}, context: { tons: 0 } }),
        ),
        { maxLength: 20 },
      ),
      (porcs) => {
        expect(porcs.map((porc) => cached.decide(porc))).toStrictEqual(porcs.map((porc) => plain.decide(porc)));
        const told = ({ decision, references, porc, subject }: AccessRecord) =>
          JSON.stringify([decision, references.map((reference) => ({ ...reference, durationNs: 0 })), porc, subject]);
        expect(cached.records.map(told).map(sorted)).toStrictEqual(plain.records.map(told).map(sorted));
        cached.records.length = 0;
        plain.records.length = 0;
      },
    ),
  );
});

/** Equal requests may name their members in another order. */
function sorted(text: string): unknown {
  return JSON.parse(text);
}

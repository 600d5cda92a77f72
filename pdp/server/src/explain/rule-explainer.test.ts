import { afterEach, expect, test } from '@jest/globals';
import { indexDomains, policyFingerprint, renderBundle } from '@edict/bundle';
import { until } from '../testing/conditions.ts';
import { manualTimers } from '../testing/manual-timers.ts';
import { craneDomain, craneDomainWithRego, liftRequest } from '../testing/revisions.ts';
import type { BundleFiles, RulesQuestion } from './explain-policies.ts';
import { EXPLAIN_LIMITS, RuleExplainer, type ExplainLimits } from './rule-explainer.ts';

const LIFT = 'mrn:harbour:policy:lift';
const running: RuleExplainer[] = [];
afterEach(async () => {
  for (const explainer of running.splice(0)) await explainer.close();
});

function start(limits: Partial<ExplainLimits>, domain = craneDomain(5), bundlesOf?: () => Promise<BundleFiles>) {
  let read = 0;
  const timers = manualTimers();
  const explainer = new RuleExplainer({
    limits: { ...EXPLAIN_LIMITS, ...limits },
    timers,
    bundlesOf:
      bundlesOf ??
      (() => {
        read++;
        return Promise.resolve([renderBundle(domain)]);
      }),
  });
  running.push(explainer);
  const fingerprint = policyFingerprint(indexDomains([domain]), { domain: domain.name, mrn: LIFT });
  const ask = (change: Partial<RulesQuestion> = {}) =>
    explainer.find({
      ...{ digest: 'sha256:1', input: JSON.stringify(liftRequest(5)), nowMs: 0, maxSteps: 1_000_000_000 },
      policies: [{ mrn: LIFT, fingerprint }],
      ...change,
    });
  return { explainer, ask, timers, read: () => read };
}

test('questions are answered one after the other, and the bundles of a revision are read once', async () => {
  const { ask, read } = start({});
  const answers = await Promise.all([ask(), ask(), ask({ policies: [] })]);
  expect(answers.map(({ kind }) => kind)).toStrictEqual(['found', 'found', 'found']);
  expect(answers[0]).toMatchObject({ policies: [{ ok: true, rules: { decided: [{ rule: 'data.authz.allow' }] } }] });
  expect(read()).toBe(1);
});

test('a thread without work ends, and the next question gets a new one', async () => {
  const { explainer, ask, timers, read } = start({});
  await ask();
  timers.advance(EXPLAIN_LIMITS.idleMs - 1);
  expect(explainer.hasThread).toBe(true);
  timers.advance(1);
  await until(() => !explainer.hasThread);
  expect(await ask()).toMatchObject({ kind: 'found' });
  expect(read()).toBe(2);
});

test('beyond the questions that may wait others are refused at once', async () => {
  const { ask } = start({ maxWaiting: 2 });
  const waiting = [ask(), ask()];
  expect(await ask()).toStrictEqual({ kind: 'unavailable', reason: 'too many explanations are asked for at once' });
  for (const answer of waiting) expect(await answer).toMatchObject({ kind: 'found' });
  expect(await ask()).toMatchObject({ kind: 'found' });
});

test('a question that takes too long is given up, and the next one gets a new thread', async () => {
  const wanted: ((bundles: BundleFiles) => void)[] = [];
  const bundlesOf = (): Promise<BundleFiles> => new Promise((resolve) => wanted.push(resolve));
  const { explainer, ask, timers } = start({}, craneDomain(5), bundlesOf);
  const late = ask();
  await until(() => wanted.length === 1);
  timers.advance(EXPLAIN_LIMITS.timeoutMs);
  expect(await late).toStrictEqual({ kind: 'unavailable', reason: 'not explained within 5000 ms' });
  expect(explainer.hasThread).toBe(false);
  // What comes too late starts nothing.
  wanted[0]?.([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect([explainer.hasThread, timers.pending]).toStrictEqual([false, 0]);
  const next = ask();
  await until(() => wanted.length === 2);
  wanted[1]?.([renderBundle(craneDomain(5))]);
  expect(await next).toMatchObject({ kind: 'found' });
});

test('a policy that fills the memory ends the thread and nothing else', async () => {
  const hungry = craneDomainWithRego(
    'package authz\n\nallow { count([[x, y] | x := numbers.range(1, 4000)[_]; y := numbers.range(1, 4000)[_]]) > 1 }\n',
  );
  const { ask } = start({ maxHeapMb: 24 }, hungry);
  const answer = await ask();
  // Time or memory, whichever ends first; the process lives.
  expect(answer).toMatchObject(
    answer.kind === 'unavailable'
      ? { reason: expect.stringContaining('explaining stopped') }
      : { policies: [{ ok: false }] },
  );
});

test('bundles that are gone are said to be so', async () => {
  const { ask } = start({}, craneDomain(5), () => Promise.reject(new Error('the revision is gone')));
  expect(await ask()).toStrictEqual({ kind: 'unavailable', reason: 'the revision is gone' });
});

test('at the end who waits is told', async () => {
  const { explainer, ask } = start({}, craneDomain(5), () => new Promise(() => undefined));
  const answers = [ask(), ask()];
  await explainer.close();
  for (const answer of answers) {
    expect(await answer).toStrictEqual({ kind: 'unavailable', reason: 'the process is shutting down' });
  }
});

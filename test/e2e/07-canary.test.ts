import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { failuresOf, type Answer } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { startCallers, type SteadyCallers } from '../support/steady-caller.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { restartsOf } from './objects.ts';
import { decidedAt, waitForPhase, watchRollouts } from './rollout-timeline.ts';

/** Who asks, all the time. Enough that a share of a quarter has somebody and leaves somebody out. */
const PRINCIPALS = Array.from({ length: 24 }, (_, i) => `caller-${i}`);
/** Between an answer and the same caller's next question. */
const PAUSE_MS = 250;
const WAVES = [{ principals: '25%', soak: '20s' }, { principals: '60%', soak: '20s' }, { all: true }];
/** PDPs swap together, so that a caller who goes from one to the next meets no other answer meanwhile. */
const ROLLOUT = { waves: WAVES, commit: { mode: 'Scheduled', lead: '3s' } };

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;
let callers: SteadyCallers | undefined;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'canary', 3, { rollout: ROLLOUT });
});
afterAll(() => fleet.leave());
afterEach(() => callers?.stop());

/** What is wrong with the answers of one caller, as sentences. */
function turnsBack(caller: string, answers: readonly Answer[]): readonly string[] {
  return answers.flatMap(({ revision = 0, target }, i) => {
    const before = answers[i - 1];
    if (before?.revision === undefined || before.revision <= revision) return [];
    return [`${caller} was given ${before.revision} by ${before.target} and then ${revision} by ${target}`];
  });
}

test('a canary by principal: every caller sees the old answer, then the new one, and the same on every PDP', async () => {
  const first = await fleet.rollOutEdit(1);
  const pods = await fleet.waitForReadyPods(3);
  const timeline = await watchRollouts(cluster, fleet);
  callers = startCallers(PRINCIPALS, pods.map(podTarget), PAUSE_MS, (caller) => editQuestion(2, caller));
  const { answers: given } = callers;
  await fleet.applyEdit(2);
  const next = first + 1;
  await waitForPhase(fleet, next, 'Completed', 180_000);
  await waitFor('every caller to have asked every PDP since', () =>
    [...given.values()].every((own) => own.slice(-3).every((answer) => answer.revision === next)),
  );
  const answers = await callers.stop();
  timeline.stop();

  const revision = await fleet.revision(next);
  const all = [...answers.values()].flat();
  expect(failuresOf(all)).toEqual([]);
  // The answer is that of the revision which it names: the new edit grants, the old one denies.
  expect(all.filter((answer) => answer.allow !== (answer.revision === next))).toEqual([]);
  expect(PRINCIPALS.flatMap((caller) => turnsBack(caller, answers.get(caller) ?? []))).toEqual([]);
  expect((await fleet.pods()).map((pod) => [pod.metadata.uid, restartsOf(pod)])).toEqual(
    pods.map((pod) => [pod.metadata.uid, 0]),
  );

  // Which wave brought the revision to whom, by the first answer that was new.
  const decided = WAVES.map((_, wave) => decidedAt(revision, wave));
  const reached = WAVES.map((_, wave) => timeline.reachedAt(next, wave) ?? Number.POSITIVE_INFINITY);
  const waveOf = (own: readonly Answer[]): number => {
    const switched = own.find((answer) => answer.revision === next)?.receivedAt ?? Number.NaN;
    return decided.findLastIndex((at) => at <= switched);
  };
  const waves = new Map([...answers].map(([caller, own]) => [caller, waveOf(own)]));
  const sizes = WAVES.map((_, wave) => [...waves.values()].filter((own) => own === wave).length);
  // Every wave brought it to somebody, and the three to everyone.
  expect(sizes.every((size) => size > 0)).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(PRINCIPALS.length);

  for (const [caller, own] of answers) {
    const wave = waves.get(caller) ?? Number.NaN;
    // Before the decision nobody, after everybody has confirmed it everybody: whichever PDP was asked.
    const early = own.filter((answer) => answer.revision === next && answer.receivedAt < (decided[wave] ?? 0));
    const late = own.filter((answer) => answer.revision !== next && answer.sentAt > (reached[wave] ?? 0));
    expect([caller, early, late]).toEqual([caller, [], []]);
    expect(new Set(own.map(({ target }) => target)).size).toBe(3);
  }
  // Callers of later waves were answered by the old revision on every PDP while the first wave was served.
  const between = all.filter(({ sentAt }) => sentAt > (reached[0] ?? 0) && sentAt < (decided[1] ?? 0));
  const served = new Map(
    [...Map.groupBy(between, ({ revision: n }) => n ?? 0)].map(([n, some]) => [
      n,
      new Set(some.map((one) => one.target)),
    ]),
  );
  expect([first, next].map((n) => served.get(n)?.size)).toEqual([3, 3]);
  expect(timeline.phases(next).at(-1)).toBe('Completed');

  const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
  printFigures(`canary, ${all.length} answers to ${PRINCIPALS.length} callers`, {
    'callers by wave': sizes.join('/'),
    'first decision to last': seconds(decided[0] ?? 0, decided[2] ?? 0),
    skew: `${revision.status?.skewMilliseconds ?? Number.NaN} ms`,
  });
});

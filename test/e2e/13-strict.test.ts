import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type Answer } from '../support/load-generator.ts';
import { isolate } from '../support/partition.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions, findUncommitted } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { decisionTimes } from './decision-times.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { isPodReady, restartsOf } from './objects.ts';
import { pidOf } from './operator-pods.ts';
import { decidedAt, waitForPhase } from './rollout-timeline.ts';

const LEASE_MS = 10_000;
const SET = {
  consistency: { mode: 'Strict', lease: `${LEASE_MS / 1000}s`, onStale: 'NotReady' },
  // One of three may be away.
  rollout: { requirePrepared: '60%', maxLaggards: '40%', progressDeadline: '20s' },
};
/** The bridge's own address: where this machine asks from, and the kubelet. */
const MACHINE = '198.18.0.1';

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'strict', 3, SET);
});
afterAll(() => fleet.leave());

const lastDecision = (answers: readonly Answer[], target: string): Answer | undefined =>
  answers.filter((answer) => answer.target === target && answer.allow !== undefined).at(-1);

test('a PDP that is cut off stops serving within its bound while the others move on, and comes back healed', async () => {
  const first = await fleet.rollOutEdit(1);
  const pods = await fleet.waitForReadyPods(3);
  const [victim, ...others] = pods;
  if (victim === undefined) throw new Error('the fleet has no pods');
  expect((await fleet.set())?.status?.revocationBound).toBe(`${LEASE_MS / 1000}s`);
  const load = startLoad(pods.map(podTarget), 20, () => editQuestion(2));
  let answers: readonly Answer[];
  let cutAt: number;
  let healedAt: number;
  try {
    const heal = await isolate(await pidOf(environment, victim), MACHINE);
    cutAt = epochMs();
    try {
      await fleet.applyEdit(2);
      // What two of three have prepared is committed; leases of before hold back the completion, not the decision.
      await waitFor('the decision', async () => decidedAt(await fleet.revision(first + 1), 0));
      await waitFor(
        `${victim.metadata.name} to refuse`,
        async () => (await ask(podTarget(victim), editQuestion(2))).status === 503,
      );
      await waitFor('Kubernetes to know that it is not ready', async () => {
        const pod = (await fleet.pods()).find(({ metadata }) => metadata.uid === victim.metadata.uid);
        return pod !== undefined && !isPodReady(pod);
      });
      const said = await cluster.kubectl('-n', fleet.namespace, 'get', 'pods,policysets,policyrevisions');
      process.stderr.write(`    ${said.trimEnd().replaceAll('\n', '\n    ')}\n`);
    } finally {
      await heal();
    }
    healedAt = epochMs();
    await fleet.waitForReadyPods(3);
    await waitForPhase(fleet, first + 1, 'Completed');
    await waitFor(`${victim.metadata.name} to serve what the others do`, async () => {
      return (await ask(podTarget(victim), editQuestion(2))).revision === first + 1;
    });
  } finally {
    answers = await load.stop();
  }

  const decided = decidedAt(await fleet.revision(first + 1), 0);
  const away = answers.filter((answer) => answer.target === victim.metadata.name && answer.receivedAt < healedAt);
  const last = lastDecision(away, victim.metadata.name);
  // Its lease was given before it was cut off, and ends so long after.
  expect(last?.revision).toBe(first);
  expect((last?.sentAt ?? Number.NaN) - cutAt).toBeLessThan(LEASE_MS);
  // The promise of the set: so long after a decision nobody serves what was before it.
  const revoked = answers.filter(({ revision, sentAt }) => revision === first && sentAt > decided + LEASE_MS);
  expect(revoked).toEqual([]);
  const refusals = away.filter(({ sentAt }) => sentAt > (last?.receivedAt ?? 0));
  expect(refusals.length).toBeGreaterThan(0);
  expect(refusals.filter(({ status }) => status !== 503)).toEqual([]);
  // Nobody else was disturbed.
  const names = new Set(others.map(({ metadata }) => metadata.name));
  expect(failuresOf(answers.filter(({ target }) => names.has(target)))).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  expect(findUncommitted(answers, await decisionTimes(fleet))).toEqual([]);
  expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0, 0]);
  const healed = answers.find(
    ({ target, sentAt, allow }) => target === victim.metadata.name && sentAt > healedAt && allow !== undefined,
  );
  const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
  printFigures('cut off', {
    'last answer after': seconds(cutAt, last?.receivedAt ?? Number.NaN),
    lease: `${LEASE_MS / 1000} s`,
    'first answer after healing': seconds(healedAt, healed?.receivedAt ?? Number.NaN),
    'reason of the refusals': (refusals[0]?.problem ?? '').slice(0, 200),
  });
});

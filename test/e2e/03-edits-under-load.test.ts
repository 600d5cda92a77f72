import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type ClusterClient } from '../support/cluster-client.ts';
import { median, printFigures, quantile } from '../support/figures.ts';
import { ask, failuresOf, startLoad } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions, findUncommitted, firstServed } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { decisionTimes } from './decision-times.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { restartsOf } from './objects.ts';
import { refusalsByRights } from './operator-pods.ts';

const EDITS = 20;
/** Questions a second to each of the pods and to the Service. */
const RATE = 40;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'edits-under-load', 3);
});
afterAll(() => fleet.leave());

test('twenty edits in a row under load: no failed decision, no restart, nothing served before it was committed', async () => {
  const editOf = new Map([[await fleet.rollOutEdit(1), 1]]);
  const before = await fleet.waitForReadyPods(3);
  const service = await fleet.serviceTarget();
  // kube-proxy learns of ready pods a moment after they are ready; until then the Service leads nowhere.
  await waitFor('the Service to lead to the pods', async () => (await ask(service, editQuestion(1))).status === 200);

  let asked = 0;
  // Every question about an edit between the first and the last: what is answered shows which content answered.
  const load = startLoad([service, ...before.map(podTarget)], RATE, () => editQuestion(1 + (asked++ % (EDITS + 1))));
  const rollouts: { readonly revision: number; readonly appliedAt: number; readonly readyAt: number }[] = [];
  for (let edit = 2; edit <= EDITS + 1; edit += 1) {
    const appliedAt = epochMs();
    const revision = await fleet.rollOutEdit(edit);
    rollouts.push({ revision, appliedAt, readyAt: epochMs() });
    editOf.set(revision, edit);
  }
  const answers = await load.stop();
  const after = await fleet.pods();

  const decided = await decisionTimes(fleet);

  expect(failuresOf(answers)).toEqual([]);
  expect(answers.length).toBeGreaterThan(EDITS * 4);
  expect(after.map((pod) => [pod.metadata.uid, restartsOf(pod)])).toEqual(before.map((pod) => [pod.metadata.uid, 0]));
  expect(findRegressions(answers.filter(({ target }) => target !== service.name))).toEqual([]);
  expect(findUncommitted(answers, decided)).toEqual([]);
  const wrong = answers.filter(({ revision, allow, porc }) => {
    const { context } = porc as { readonly context: { readonly edit: number } };
    return allow !== context.edit <= (editOf.get(revision ?? 0) ?? Number.NaN);
  });
  expect(wrong).toEqual([]);

  const pods = new Set(before.map((pod) => pod.metadata.name));
  const served = rollouts.map(({ revision, appliedAt }) => {
    const times = [...firstServed(answers, revision)].filter(([target]) => pods.has(target)).map(([, at]) => at);
    return { pods: times.length, all: Math.max(...times) - appliedAt, skew: Math.max(...times) - Math.min(...times) };
  });
  // An edit that one pod never served would be no edit that reached all.
  expect(served.map((rollout) => rollout.pods)).toEqual(rollouts.map(() => 3));
  const revisions = await fleet.revisions();
  const reported = rollouts.map(
    ({ revision }) => revisions.find(({ spec }) => spec.n === revision)?.status?.skewMilliseconds ?? 0,
  );
  const steps = rollouts.map(({ revision, appliedAt }, i) => {
    const createdAt = Date.parse(revisions.find(({ spec }) => spec.n === revision)?.spec.createdAt ?? '');
    const decidedAt = decided.get(revision) ?? Number.NaN;
    const allAt = appliedAt + (served[i]?.all ?? Number.NaN);
    return { created: createdAt - appliedAt, decided: decidedAt - createdAt, active: allAt - decidedAt };
  });
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  const all = served.map((rollout) => rollout.all);
  const ready = rollouts.map(({ appliedAt, readyAt }) => readyAt - appliedAt);
  const latency = answers.map(({ sentAt, receivedAt }) => receivedAt - sentAt);
  printFigures(`${EDITS} edits, ${answers.length} decisions`, {
    'apply to all active, median': ms(median(all)),
    worst: ms(Math.max(...all)),
    'apply to Ready seen, median': ms(median(ready)),
    'worst ': ms(Math.max(...ready)),
  });
  printFigures('of which, medians', {
    'kubectl apply to revision made': ms(median(steps.map(({ created }) => created))),
    'to prepared by all and decided': ms(median(steps.map(({ decided: took }) => took))),
    'to served by all': ms(median(steps.map(({ active }) => active))),
  });
  printFigures('between pods', {
    'skew seen by clients, median': ms(median(served.map(({ skew }) => skew))),
    worst: ms(Math.max(...served.map(({ skew }) => skew))),
    'skew reported, median': ms(median(reported)),
    'worst ': ms(Math.max(...reported)),
    'decision latency p50': `${median(latency).toFixed(1)} ms`,
    p99: `${quantile(latency, 0.99).toFixed(1)} ms`,
  });
});

test('in all of this the operator lacked no right that the chart should have given it', async () => {
  expect(await refusalsByRights(cluster, environment)).toEqual([]);
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { createClusterClient, epochMs, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type Answer } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { signalProcess } from '../support/process.ts';
import { findRegressions, findUncommitted } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { decisionTimes } from './decision-times.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { EDICT, isPodReady, restartsOf, type EdictKinds, type Pod } from './objects.ts';
import { killPod, leadingOperator, operatorPods, pidOf } from './operator-pods.ts';

const environment = readEnvironment();
const RATE = 20;
let cluster: ClusterClient;
let fleet: Fleet;
let edit = 1;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'faults', 3);
  await fleet.rollOutEdit(edit);
  await fleet.waitForReadyPods(3);
});
afterAll(() => fleet.leave());

type Revision = EdictKinds['PolicyRevision'];

/** The newest revision, once it is newer than `than` and satisfies `is`. */
function waitForRevision(what: string, than: number, is: (revision: Revision) => boolean): Promise<Revision> {
  return waitFor(
    what,
    async () => {
      const newest = (await fleet.revisions()).at(-1);
      return newest !== undefined && newest.spec.n > than && is(newest) ? newest : undefined;
    },
    { intervalMs: 25 },
  );
}

async function committedRevision(): Promise<number> {
  const n = (await fleet.set())?.status?.committedRevision;
  if (n === undefined) throw new Error('nothing is committed');
  return n;
}

function decisionOf(revision: Revision): string | undefined {
  return revision.status?.waves?.find(({ decision }) => decision !== undefined)?.decision;
}

/** What must hold of every run, whatever was killed in it. */
async function expectSound(answers: readonly Answer[]): Promise<void> {
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  expect(findUncommitted(answers, await decisionTimes(fleet))).toEqual([]);
}

test('kill -9 of the leading operator between prepare and commit: the rollout completes', async () => {
  const [held, ...others] = await fleet.pods();
  if (held === undefined) throw new Error('the fleet has no pods');
  const heldPid = await pidOf(environment, held);
  const before = await committedRevision();
  const leader = await leadingOperator(cluster, environment);
  const load = startLoad(others.map(podTarget), RATE, () => editQuestion(1));
  // A PDP that stands still holds the rollout open after the others have prepared.
  signalProcess(heldPid, 'SIGSTOP');
  let killedAt: number;
  let open: Revision;
  try {
    await fleet.applyEdit(++edit);
    open = await waitForRevision('two PDPs to have prepared', before, ({ status }) => status?.preparedCount === '2/3');
    expect(decisionOf(open)).toBeUndefined();
    await killPod(environment, leader);
    killedAt = epochMs();
  } finally {
    signalProcess(heldPid, 'SIGCONT');
  }
  const revision = await fleet.rollOutEdit(edit);
  const took = epochMs() - killedAt;
  const answers = await load.stop();
  expect(revision).toBe(open.spec.n);
  await expectSound(answers);
  expect(answers.at(-1)?.revision).toBe(revision);
  expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0, 0]);
  const decided = (await decisionTimes(fleet)).get(revision) ?? Number.NaN;
  expect(decided).toBeGreaterThan(killedAt);
  printFigures('leader killed between prepare and commit', {
    'kill to decision': `${((decided - killedAt) / 1000).toFixed(1)} s`,
    'kill to Ready': `${(took / 1000).toFixed(1)} s`,
    decisions: answers.length,
  });
});

test('kill -9 of the leading operator right after the decision: the rollout completes', async () => {
  await waitFor('both operators to be ready', async () => (await operatorPods(cluster, environment)).every(isPodReady));
  const leader = await leadingOperator(cluster, environment);
  const pid = await pidOf(environment, leader);
  const before = await committedRevision();
  const load = startLoad((await fleet.pods()).map(podTarget), RATE, () => editQuestion(1));
  let killed: { readonly at: number; readonly revision: Revision } | undefined;
  const path = `/apis/${EDICT}/namespaces/${fleet.namespace}/policyrevisions`;
  const stopWatching = await cluster.watch<Revision>(path, ({ object }) => {
    if (killed !== undefined || object.spec.n <= before || decisionOf(object) !== 'Commit') return;
    signalProcess(pid, 'SIGKILL');
    killed = { at: epochMs(), revision: object };
  });
  const revision = await fleet.rollOutEdit(++edit);
  const readyAt = epochMs();
  stopWatching();
  const answers = await load.stop();
  if (killed === undefined) throw new Error('the decision was never seen');
  expect(killed.revision.spec.n).toBe(revision);
  await expectSound(answers);
  expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0, 0]);
  const decided = (await decisionTimes(fleet)).get(revision) ?? Number.NaN;
  printFigures('leader killed right after the decision', {
    'decision to kill': `${(killed.at - decided).toFixed(0)} ms`,
    'active then': killed.revision.status?.activeCount ?? '0',
    'kill to Ready': `${((readyAt - killed.at) / 1000).toFixed(1)} s`,
    decisions: answers.length,
  });
});

test('kill -9 of a PDP: it comes back at the committed revision', async () => {
  const [victim] = await fleet.pods();
  if (victim === undefined) throw new Error('the fleet has no pods');
  const committed = await committedRevision();
  const load = startLoad([podTarget(victim)], RATE, () => editQuestion(edit));
  await killPod(environment, victim);
  const killedAt = epochMs();
  const back = await waitFor(`${victim.metadata.name} to be ready again`, async () => {
    const pod = (await fleet.pods()).find(({ metadata }) => metadata.uid === victim.metadata.uid);
    return pod !== undefined && restartsOf(pod) === restartsOf(victim) + 1 && isPodReady(pod) ? pod : undefined;
  });
  const answer = await ask(podTarget(back), editQuestion(edit));
  const answers = await load.stop();
  expect(answer).toMatchObject({ status: 200, revision: committed, allow: true });
  // While it is away nobody answers; in between there is no decision of another revision, and none without one.
  const decided = answers.filter(({ allow }) => allow !== undefined);
  expect(new Set(decided.map(({ revision }) => revision))).toEqual(new Set([committed]));
  expect(decided.every(({ allow }) => allow === true)).toBe(true);
  const first = decided.find(({ sentAt }) => sentAt > killedAt);
  printFigures('PDP killed', { 'away for': `${(((first?.receivedAt ?? Number.NaN) - killedAt) / 1000).toFixed(1)} s` });
});

test('scaled from 3 to 5 in mid-rollout, new pods never serve an undecided revision', async () => {
  const old = await fleet.waitForReadyPods(3);
  const [held, ...others] = old;
  if (held === undefined) throw new Error('the fleet has no pods');
  const heldPid = await pidOf(environment, held);
  const before = await committedRevision();
  const load = startLoad(others.map(podTarget), RATE, () => editQuestion(1));
  signalProcess(heldPid, 'SIGSTOP');
  let open: Revision;
  let joinedAfter: number;
  try {
    await fleet.applyEdit(++edit);
    open = await waitForRevision('two PDPs to have prepared', before, ({ status }) => status?.preparedCount === '2/3');
    const scaledAt = epochMs();
    await fleet.scale(5);
    const joined = await waitFor('two new pods to be ready', async () => {
      const names = new Set(old.map(({ metadata }) => metadata.name));
      const fresh = (await fleet.pods()).filter(({ metadata }) => !names.has(metadata.name));
      load.setTargets([...others, ...fresh.filter(hasAddress)].map(podTarget));
      return fresh.length === 2 && fresh.every(isPodReady) ? fresh : undefined;
    });
    joinedAfter = epochMs() - scaledAt;
    // Ready in the middle of the rollout, they serve what is committed.
    const answers = await Promise.all(joined.map((pod) => ask(podTarget(pod), editQuestion(1))));
    expect(answers.map(({ status, revision }) => [status, revision])).toEqual([
      [200, before],
      [200, before],
    ]);
    expect(decisionOf(open)).toBeUndefined();
  } finally {
    signalProcess(heldPid, 'SIGCONT');
  }
  const revision = await fleet.rollOutEdit(edit);
  expect(revision).toBe(open.spec.n);
  const pods = await fleet.waitForReadyPods(5);
  await waitFor('all five to serve the new revision', async () => {
    const answers = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(edit))));
    return answers.every((answer) => answer.revision === revision && answer.allow === true);
  });
  const answers = await load.stop();
  // Pods that join refuse (503) or do not listen until they have a committed policy; what they decide, they decide by it.
  const names = new Set(old.map(({ metadata }) => metadata.name));
  expect(failuresOf(answers.filter(({ target }) => names.has(target)))).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  expect(findUncommitted(answers, await decisionTimes(fleet))).toEqual([]);
  printFigures('scaled 3 to 5 in mid-rollout', {
    'scale to new pods ready': `${(joinedAfter / 1000).toFixed(1)} s`,
    decisions: answers.filter(({ allow }) => allow !== undefined).length,
  });
});

test('the operator away for a minute: PDPs answer on, new pods are not ready, and all is well when it is back', async () => {
  const pods = await fleet.waitForReadyPods(5);
  const committed = await committedRevision();
  const [replaced, ...staying] = pods;
  if (replaced === undefined) throw new Error('the fleet has no pods');
  const deployment = `deployment/${environment.release}-operator`;
  const scaleOperator = (replicas: number): Promise<string> =>
    cluster.kubectl('-n', environment.operatorNamespace, 'scale', deployment, `--replicas=${replicas}`);
  const load = startLoad(staying.map(podTarget), RATE, () => editQuestion(edit));
  let newcomer: Pod;
  const away = { from: 0, to: 0 };
  try {
    await scaleOperator(0);
    await waitFor('the operator to be gone', async () => {
      return (await cluster.list('v1', 'Pod', environment.operatorNamespace)).length === 0;
    });
    away.from = epochMs();
    await cluster.kubectl('-n', fleet.namespace, 'delete', 'pod', replaced.metadata.name, '--wait=false');
    const known = new Set(pods.map(({ metadata }) => metadata.name));
    newcomer = await waitFor('a new pod to listen', async () => {
      const fresh = (await fleet.pods()).find((pod) => !known.has(pod.metadata.name) && hasAddress(pod));
      return fresh !== undefined && (await ask(podTarget(fresh), editQuestion(edit))).status === 503
        ? fresh
        : undefined;
    });
    load.setTargets([...staying, newcomer].map(podTarget));
    // The minute is what is under test: that nothing runs out in it.
    await delay(Math.max(0, 60_000 - (epochMs() - away.from)));
    const still = (await fleet.pods()).find(({ metadata }) => metadata.name === newcomer.metadata.name);
    expect(still === undefined ? undefined : isPodReady(still)).toBe(false);
    away.to = epochMs();
  } finally {
    await scaleOperator(2);
  }
  const ready = await fleet.waitForReadyPods(5);
  const back = epochMs();
  const answers = await load.stop();
  const ofNewcomer = answers.filter(({ target }) => target === newcomer.metadata.name);
  const ofOthers = answers.filter(({ target }) => target !== newcomer.metadata.name);
  expect(failuresOf(ofOthers)).toEqual([]);
  expect(new Set(ofOthers.map(({ revision, allow }) => `${revision ?? 0} ${allow ?? ''}`))).toEqual(
    new Set([`${committed} true`]),
  );
  expect(ofNewcomer.filter(({ receivedAt, status }) => receivedAt < away.to && status !== 503)).toEqual([]);
  expect(ready.filter(({ metadata }) => metadata.name !== newcomer.metadata.name).map(restartsOf)).toEqual(
    staying.map(restartsOf),
  );
  const revision = await fleet.rollOutEdit(++edit);
  expect(revision).toBeGreaterThan(committed);
  printFigures('operator away', {
    for: `${((away.to - away.from) / 1000).toFixed(0)} s`,
    'decisions meanwhile': ofOthers.length,
    'back to new pod ready': `${((back - away.to) / 1000).toFixed(1)} s`,
    set: FLEET_NAME,
  });
});

function hasAddress(pod: Pod): boolean {
  return pod.status?.podIP !== undefined;
}

import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { createFleet, type Fleet } from '../e2e/fleet.ts';
import { operatorPods, refusalsByRights } from '../e2e/operator-pods.ts';
import { createClusterClient, epochMs, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment, type Version } from './environment.ts';
import { createInstallation, type Installation, type Part } from './installation.ts';
import { startWatchedLoad } from './watched-load.ts';

const RATE = 10;
const REPLICAS = 3;

const environment = readEnvironment();
const { before, after } = environment;
let cluster: ClusterClient;
let installation: Installation;
let fleet: Fleet | undefined;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  installation = await createInstallation(cluster, environment);
});
// The kinds go with the next installation: what is held back by a finalizer would hold them back.
afterEach(async () => {
  await fleet?.remove();
  fleet = undefined;
});

/** A part of the upgrade, or the way back of the chart. */
type Step = { readonly name: string; readonly take: (namespace: string) => Promise<void> };

const to = (part: Part, version: Version): Step => ({
  name: `${part} to ${version === after ? 'this tree' : 'the version before'}`,
  take: (namespace) => installation.bring(part, version, namespace),
});
const helmRollback: Step = { name: 'helm rollback', take: () => installation.rollBack() };

test.each<readonly [string, readonly Step[]]>([
  ['in order: kinds, operator, PDPs', [to('crds', after), to('operator', after), to('pdps', after)]],
  ['PDPs first, kinds last', [to('pdps', after), to('operator', after), to('crds', after)]],
  ['operator first, with the kinds of before', [to('operator', after), to('crds', after), to('pdps', after)]],
  [
    'the chart rolled back and forward again',
    [to('crds', after), to('operator', after), to('pdps', after), helmRollback, to('operator', after)],
  ],
])('%s: no decision fails, none goes back, no rollout is lost', async (name, steps) => {
  await installation.install(before);
  const namespace = `upgrade-${name.replaceAll(/[^a-z]+/gi, '-').toLowerCase()}`.slice(0, 40);
  fleet = await createFleet(cluster, namespace, REPLICAS);
  let edit = 1;
  let revision = await fleet.rollOutEdit(edit);
  await fleet.waitForReadyPods(REPLICAS);
  const load = await startWatchedLoad(fleet, RATE, () => editQuestion(1));
  const took: Record<string, string> = {};
  for (const [index, step] of steps.entries()) {
    const startedAt = epochMs();
    // Applied right before the step, it is on its way while pods of both versions are there; another one follows meanwhile.
    await fleet.applyEdit(++edit);
    const taken = step.take(namespace);
    await fleet.applyEdit(++edit);
    await taken;
    const reached = await fleet.rollOutEdit(edit);
    expect(reached).toBeGreaterThan(revision);
    revision = reached;
    await expectNobodyMissing(fleet);
    load.expectAtLeast(revision);
    took[`${index + 1}. ${step.name}`] = `${((epochMs() - startedAt) / 1000).toFixed(1)} s`;
  }
  await fleet.waitForReadyPods(REPLICAS);
  const verdict = await load.stop();
  expect(verdict.failures).toEqual([]);
  expect(verdict.regressions).toEqual([]);
  expect(verdict.stale).toEqual([]);
  expect(await refusalsByRights(cluster, installation.environment)).toEqual([]);
  await expectOperatorsSound();
  printFigures(`from ${before.tag}, ${name}`, { ...took, decisions: verdict.answers.length, failed: 0, revision });
});

/**
 * A set is Ready without PDPs that have no stream; they are counted as missing. An operator that has not told its PDPs how soon
 * they are to dial again, as that of the version before has not, leaves them with waits of up to half a minute.
 */
async function expectNobodyMissing({ set }: Fleet): Promise<void> {
  const everyOneIsThere = async (): Promise<boolean> => (await set())?.status?.pdps?.missing === 0;
  await waitFor('every PDP to have a stream', everyOneIsThere);
}

/** Every replica of the operator runs, and none was started again. */
async function expectOperatorsSound(): Promise<void> {
  await waitFor('the operators to be ready', async () => {
    const pods = await operatorPods(cluster, installation.environment);
    return pods.length === 2 && pods.every(({ status }) => status?.containerStatuses?.every(({ ready }) => ready));
  });
  const pods = await operatorPods(cluster, installation.environment);
  expect(pods.map(({ status }) => status?.containerStatuses?.map(({ restartCount }) => restartCount))).toEqual([
    [0],
    [0],
  ]);
}

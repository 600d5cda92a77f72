import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { failuresOf, startLoad } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { installChart } from './install.ts';
import { isPodReady, restartsOf } from './objects.ts';
import { killPod, leadingOperator, operatorPods, refusalsByRights } from './operator-pods.ts';
import { waitForPhase } from './rollout-timeline.ts';

const PDPS = 3;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  await installChart(environment, { 'operator.followers': 'Tunnel' });
  fleet = await createFleet(cluster, 'carried', PDPS);
  await fleet.rollOutEdit(1);
  await fleet.waitForReadyPods(PDPS);
});
afterAll(async () => {
  await installChart(environment);
  await fleet.remove();
});

/** The sum of a metric over the operator's pods. */
async function sumOf(metric: string): Promise<number> {
  const texts = await Promise.all(
    (await operatorPods(cluster, environment)).map(async ({ status }) =>
      (await fetch(`http://${status?.podIP ?? ''}:8080/metrics`)).text(),
    ),
  );
  const values = texts.map((text) => Number(new RegExp(String.raw`^${metric} (\S+)$`, 'm').exec(text)?.[1] ?? 0));
  return values.reduce((sum, value) => sum + value, 0);
}

/** Chance decides which replica a PDP dials: others are made until one has dialled the follower. */
function untilCarried(): Promise<boolean> {
  const isCarried = async (): Promise<boolean | undefined> => {
    if ((await sumOf('operator_tunnel_streams')) > 0) return true;
    const [pod] = await fleet.waitForReadyPods(PDPS);
    await cluster.kubectl('-n', fleet.namespace, 'delete', 'pod', pod?.metadata.name ?? '');
    await fleet.waitForReadyPods(PDPS);
    return undefined;
  };
  return waitFor('a PDP to be carried', isCarried, { timeoutMs: 300_000 });
}

test('PDPs that a follower carries are told with the others, and come back when the leader is killed', async () => {
  await waitFor('the follower to be connected', async () => (await sumOf('operator_tunnel_connected')) === 1);
  await untilCarried();
  const carried = await waitFor('the leader to know them', async () => {
    const streams = await sumOf('operator_tunnel_streams');
    return streams > 0 && (await sumOf('operator_tunnel_pdps')) === streams && streams;
  });
  const pods = await fleet.pods();
  const load = startLoad(pods.map(podTarget), 30, () => editQuestion(1));
  try {
    const second = await fleet.rollOutEdit(2);
    expect((await waitForPhase(fleet, second, 'Completed')).status).toMatchObject({ activeCount: `${PDPS}/${PDPS}` });

    await waitFor('both operators to be ready', async () =>
      (await operatorPods(cluster, environment)).every(isPodReady),
    );
    await killPod(environment, await leadingOperator(cluster, environment));
    const killedAt = epochMs();
    // Until nodes know that the leader is gone, the apiserver may ask its webhook, and refuses what nobody has judged.
    await waitFor('the webhook to answer', () => fleet.applyEdit(3).then(() => true));
    const third = await fleet.rollOutEdit(3);
    const took = epochMs() - killedAt;
    expect((await waitForPhase(fleet, third, 'Completed')).status).toMatchObject({ activeCount: `${PDPS}/${PDPS}` });
    const answers = await load.stop();
    expect(failuresOf(answers)).toEqual([]);
    expect(findRegressions(answers)).toEqual([]);
    expect((await fleet.pods()).map(restartsOf)).toEqual(pods.map(restartsOf));
    expect(await refusalsByRights(cluster, environment)).toEqual([]);
    printFigures('streams by a follower', {
      carried,
      'leader killed to an edit Ready': `${(took / 1000).toFixed(1)} s`,
      decisions: answers.length,
    });
  } finally {
    await load.stop();
  }
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { failuresOf, startLoad } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { isPodReady, restartsOf } from './objects.ts';
import { killPod, leadingOperator, operatorPods } from './operator-pods.ts';
import { decidedAt, waitForPhase } from './rollout-timeline.ts';

const PRINCIPALS = 16;
const ROLLOUT = { waves: [{ principals: '50%', soak: '30s' }, { all: true }] };

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'leader-lost', 2, { rollout: ROLLOUT });
});
afterAll(() => fleet.leave());

test('kill -9 of the leading operator while a wave is watched: the next leader goes on with it', async () => {
  const first = await fleet.rollOutEdit(1);
  const pods = await fleet.waitForReadyPods(2);
  await waitFor('both operators to be ready', async () => (await operatorPods(cluster, environment)).every(isPodReady));
  let asked = 0;
  const load = startLoad(pods.map(podTarget), 20, () => editQuestion(2, `caller-${asked++ % PRINCIPALS}`));
  try {
    await fleet.applyEdit(2);
    const soaking = await waitForPhase(fleet, first + 1, 'Soaking');
    await killPod(environment, await leadingOperator(cluster, environment));
    const killedAt = epochMs();
    const completed = await waitForPhase(fleet, first + 1, 'Completed');
    const answers = await load.stop();

    // The wave that was decided stays as it was decided, and the next one was decided by who came after.
    expect(completed.status?.waves?.find(({ index }) => index === 0)).toEqual(
      soaking.status?.waves?.find(({ index }) => index === 0),
    );
    expect(decidedAt(completed, 1)).toBeGreaterThan(killedAt);
    expect((await fleet.revisions()).map(({ spec }) => spec.n)).toEqual(
      Array.from({ length: first + 1 }, (_, i) => i + 1),
    );
    expect(failuresOf(answers)).toEqual([]);
    expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0]);
    // While nobody led, half of the callers were given the new answer and half the old one, each always the same one.
    const nobodyLed = answers.filter(
      ({ sentAt, receivedAt }) => sentAt > killedAt && receivedAt < decidedAt(completed, 1),
    );
    const byCaller = Map.groupBy(nobodyLed, ({ porc }) => (porc as { principal: { sub: string } }).principal.sub);
    const given = [...byCaller.values()].map((own) => [...new Set(own.map(({ revision }) => revision))]);
    expect(given.length).toBe(PRINCIPALS);
    expect(given.filter((revisions) => revisions.length !== 1)).toEqual([]);
    expect(new Set(given.flat())).toEqual(new Set([first, first + 1]));
    printFigures('leader killed in a wave', {
      'kill to the next wave': `${((decidedAt(completed, 1) - killedAt) / 1000).toFixed(1)} s`,
      decisions: answers.length,
    });
  } finally {
    await load.stop();
  }
});

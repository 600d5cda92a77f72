import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { failuresOf, startLoad, type Load } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { conditionOf } from './objects.ts';
import { waitForPhase, waitForRevision } from './rollout-timeline.ts';

const ROLLOUT = { shadow: { sampleRate: '100%', window: '10s', maxGrantToDeny: '5%' } };
/** Who asks; no status may show the name. */
const SUBJECT = 'ann-of-green-gables';

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;
let load: Load | undefined;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'shadow', 2, { rollout: ROLLOUT });
  await fleet.rollOutEdit(5);
});
afterAll(() => fleet.leave());
afterEach(() => load?.stop());

test('a candidate that would deny too much of what is granted is given up, and nobody ever serves it', async () => {
  const served = (await fleet.set())?.status?.committedRevision ?? Number.NaN;
  const pods = await fleet.waitForReadyPods(2);
  let asked = 0;
  // Of these six questions edit 5 grants the first five, edit 2 the first two, edit 6 all.
  load = startLoad(pods.map(podTarget), 20, () => editQuestion(1 + (asked++ % 6), SUBJECT));
  await fleet.applyEdit(2);
  const refused = await waitForRevision('the verdict', fleet, served + 1, ({ status }) => {
    return status?.phase === 'Aborted' && status.shadow?.verdict !== 'Waiting';
  });
  await fleet.applyEdit(6);
  const passed = await waitForPhase(fleet, served + 2, 'Completed');
  const { answers: given } = load;
  await waitFor('an answer by what passed', () => given.some(({ revision }) => revision === served + 2));
  const answers = await load.stop();

  const { shadow, cause, waves } = refused.status ?? {};
  expect(shadow).toMatchObject({ verdict: 'Fail', denyToGrant: 0, errors: 0 });
  const { total = 0, changed = 0, grantToDeny = 0 } = shadow ?? {};
  expect(changed).toBe(grantToDeny);
  // Half of the questions; the sample is every one, but a window begins and ends somewhere in the six.
  expect(grantToDeny / total).toBeGreaterThan(0.4);
  expect(grantToDeny / total).toBeLessThan(0.6);
  expect(cause).toMatch(/^Gate: grant to deny: [0-9.]+ % of [0-9]+ answers, at most 5 % are allowed$/);
  expect(waves?.map(({ decision }) => decision)).toEqual(['Abort']);
  expect(shadow?.samples.length).toBeGreaterThan(0);
  expect(JSON.stringify(refused.status)).not.toContain(SUBJECT);

  expect(passed.status?.shadow).toMatchObject({ verdict: 'Pass', grantToDeny: 0, errors: 0 });
  expect(passed.status?.shadow?.denyToGrant).toBeGreaterThan(0);

  expect(failuresOf(answers)).toEqual([]);
  expect(new Set(answers.map(({ revision }) => revision))).toEqual(new Set([served, served + 2]));
  printFigures('shadow evaluation', { compared: total, 'grant to deny': grantToDeny, decisions: answers.length });
});

test('the set and the domain say what was in the way', async () => {
  const served = (await fleet.set())?.status?.committedRevision ?? Number.NaN;
  load = startLoad((await fleet.waitForReadyPods(2)).map(podTarget), 20, () => editQuestion(6, SUBJECT));
  await fleet.applyEdit(3);
  await waitForPhase(fleet, served + 1, 'Aborted');
  await cluster.kubectl('-n', fleet.namespace, 'wait', '--for=condition=Stalled', 'policyset/main', '--timeout=180s');
  await cluster.kubectl(
    '-n',
    fleet.namespace,
    'wait',
    '--for=condition=Stalled',
    'policydomain/notes',
    '--timeout=180s',
  );
  await load.stop();
  const [set, domain] = [await fleet.set(), await fleet.domain()];
  expect(conditionOf(set, 'Ready')).toBe('False/ShadowDiffers');
  expect(conditionOf(domain, 'Ready')).toBe('False/ShadowDiffers');
  expect(set?.status?.committedRevision).toBe(served);
  for (const { conditions } of [set?.status ?? {}, domain?.status ?? {}]) {
    const message = conditions?.find(({ type }) => type === 'Ready')?.message;
    expect(message).toMatch(/revision [0-9]+ .*grant to deny: 100 % of [0-9]+ answers, at most 5 % are allowed/);
    process.stderr.write(`    ${message ?? ''}\n`);
  }
});

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type Load } from '../support/load-generator.ts';
import { domainOfEdit, domainWithRego, editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, DOMAIN_NAME, podTarget, type Fleet } from './fleet.ts';
import { conditionOf, isPodReady, restartsOf } from './objects.ts';
import { killPod, leadingOperator, operatorPods } from './operator-pods.ts';
import { decidedAt, waitForPhase } from './rollout-timeline.ts';

const WAVES = [{ principals: '50%', soak: '30s' }];
const PRINCIPALS = 16;
/** Two rules of one name that disagree: no answer but an error. */
const CONFLICTING_REGO = `package authz

import rego.v1

allow := true if input.operation == "notes:read"

allow := false if input.principal.sub != ""
`;

const environment = readEnvironment();
let cluster: ClusterClient;
const fleets: Fleet[] = [];
let load: Load | undefined;
let asked = 0;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
});
afterAll(() => Promise.all(fleets.map((fleet) => fleet.leave())));
afterEach(() => load?.stop());

const question = (): object => editQuestion(1, `caller-${asked++ % PRINCIPALS}`);

test.each<[string, object, (namespace: string) => object, RegExp]>([
  [
    'denies',
    { maxDenyRateIncrease: '20%' },
    (namespace) => domainOfEdit(namespace, DOMAIN_NAME, 0),
    /^Analysis: denied answers went from 0 % to 100 %, a rise of at most 20 % is allowed$/,
  ],
  [
    'errs',
    { maxErrorRateIncrease: '5%' },
    (namespace) => domainWithRego(namespace, DOMAIN_NAME, CONFLICTING_REGO),
    /^Analysis: errors went from 0 % to 100 %, a rise of at most 5 % is allowed$/,
  ],
])('a canary that %s is taken back, and the spec is left alone', async (what, limits, bad, cause) => {
  const analysis = { ...limits, minDecisions: 50 };
  const fleet = await createFleet(cluster, `rollback-${what}`, 2, { rollout: { waves: WAVES, analysis } });
  fleets.push(fleet);
  await fleet.rollOutEdit(1);
  const served = (await fleet.set())?.status?.committedRevision ?? Number.NaN;
  const content = (await fleet.set())?.status?.committedDigest;
  const newest = (await fleet.revisions()).at(-1)?.spec.n ?? Number.NaN;
  const pods = await fleet.waitForReadyPods(2);
  load = startLoad(pods.map(podTarget), 20, question);
  const { answers: given } = load;
  await waitFor('answers to compare with', () => given.length >= 200);
  await cluster.apply(bad(fleet.namespace));
  const applied = await fleet.domain();
  const stopped = await waitForPhase(fleet, newest + 1, 'RolledBack');
  const back = await waitForPhase(fleet, newest + 2, 'Completed');
  await waitFor('the domain to say so', async () => conditionOf(await fleet.domain(), 'Ready') === 'False/RolledBack');
  // What went back on all PDPs is back for everyone from here on.
  const calm = given.length;
  await waitFor('answers since', () => given.length >= calm + 40);
  const answers = await load.stop();

  expect(stopped.status?.cause).toMatch(cause);
  expect(stopped.status?.analysis).toMatchObject({ wave: 0, verdict: 'Fail' });
  expect(back.spec).toMatchObject({ reason: 'Rollback', rollbackOf: served, digest: content });
  const [domain, set] = [await fleet.domain(), await fleet.set()];
  expect([domain?.metadata.generation, domain?.spec]).toEqual([applied?.metadata.generation, applied?.spec]);
  expect(set?.spec).not.toHaveProperty('rollbackTo');
  expect(conditionOf(set, 'Ready')).toBe('False/RolledBack');
  expect(set?.status?.failedDigests?.map(({ digest }) => digest)).toContain(stopped.spec.digest);
  const message = domain?.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  process.stderr.write(`    ${message ?? ''}\n`);

  expect(failuresOf(answers)).toEqual([]);
  const revisions = new Set(answers.map(({ revision }) => revision));
  expect(revisions).toEqual(new Set([served, newest + 1, newest + 2]));
  expect(answers.filter((answer) => answer.allow !== (answer.revision !== newest + 1))).toEqual([]);
  expect(answers.slice(-20).map((answer) => answer.revision)).toEqual(Array(20).fill(newest + 2));
  const canary = answers.filter(({ revision }) => revision === newest + 1);
  // Half of the callers, never the others, whichever PDP they asked.
  const callers = new Set(canary.map(({ porc }) => (porc as { principal: { sub: string } }).principal.sub));
  expect(callers.size).toBeLessThan(PRINCIPALS);
  printFigures('taken back', {
    'canary to rollback': `${((decidedAt(back, 0) - decidedAt(stopped, 0)) / 1000).toFixed(1)} s`,
    'answered by the canary': canary.length,
    of: answers.length,
  });
});

test('the same content is not tried again by another leader, and neither when a better one is applied', async () => {
  const [fleet] = fleets;
  if (fleet === undefined) throw new Error('no fleet has been taken back');
  const before = (await fleet.revisions()).map(({ spec }) => spec.n);
  const served = before.at(-1) ?? Number.NaN;
  await waitFor('both operators to be ready', async () => (await operatorPods(cluster, environment)).every(isPodReady));
  const leader = await leadingOperator(cluster, environment);
  await killPod(environment, leader);
  await waitFor('the operator to be back', async () => {
    const back = (await operatorPods(cluster, environment)).find(
      ({ metadata }) => metadata.uid === leader.metadata.uid,
    );
    return back !== undefined && restartsOf(back) === restartsOf(leader) + 1;
  });
  // Whoever leads now has all in hand once a new PDP is brought to what is served.
  await fleet.scale(3);
  const pods = await fleet.waitForReadyPods(3);
  const answers = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(1))));
  expect(answers.map(({ allow, revision }) => [allow, revision])).toEqual(pods.map(() => [true, served]));
  expect((await fleet.revisions()).map(({ spec }) => spec.n)).toEqual(before);
  expect(conditionOf(await fleet.domain(), 'Ready')).toBe('False/RolledBack');
  expect(await fleet.rollOutEdit(2)).toBe(served + 1);
});

import { beforeAll, expect, test } from '@jest/globals';
import { writeManifests } from '../../scripts/manifests/write-manifests.ts';
import { createClusterClient, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { failuresOf, startLoad } from '../support/load-generator.ts';
import { domainOfEdit, editQuestion } from '../support/policy-fixture.ts';
import { findRegressions } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { runDoctor, codesOf } from './doctor.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { installChart, runHelm } from './install.ts';
import { restartsOf } from './objects.ts';
import { operatorPods } from './operator-pods.ts';

/** The last file of all: it takes the release away that the others need. */
const environment = readEnvironment();
const { release, operatorNamespace, kubeconfig, imageTag } = environment;
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(kubeconfig);
  // With a first fleet, and as a user that a platform chose.
  await installChart(environment, {
    'firstPolicyDecisionPoint.create': 'true',
    'firstPolicyDecisionPoint.replicas': '1',
    'operator.podSecurityContext.runAsUser': '1000690000',
    'operator.podSecurityContext.runAsGroup': '0',
  });
  await cluster.apply(domainOfEdit(operatorNamespace, 'first', 1));
  for (const object of ['policydomain/first', 'policydecisionpoint/default']) {
    await cluster.kubectl('-n', operatorNamespace, 'wait', '--for=condition=Ready', object, '--timeout=180s');
  }
  fleet = await createFleet(cluster, 'uninstall', 2);
  await fleet.rollOutEdit(1);
  await fleet.waitForReadyPods(2);
});

/** `Kind/name` of what is left of a kind in the operator's namespace. */
async function left(apiVersion: string, kind: string): Promise<readonly string[]> {
  const found = await cluster.list<AnyObject>(apiVersion, kind, operatorNamespace);
  return found
    .map(({ metadata }) => `${kind}/${metadata?.name ?? ''}`)
    .filter((name) => name.includes(release) || kind.startsWith('Policy'))
    .sort();
}

test('helm test finds the operator as any user, and the first fleet connected', async () => {
  const where = ['--kubeconfig', kubeconfig, '--namespace', operatorNamespace];
  expect(await runHelm(['test', release, ...where, '--timeout', '180s'])).toMatch(/Phase:\s+Succeeded/);
});

test('helm uninstall leaves policy serving, says what it kept, and what remains is what the chart says', async () => {
  const pods = await fleet.pods();
  const load = startLoad(pods.map(podTarget), 50, () => editQuestion(1));
  const where = ['--kubeconfig', kubeconfig, '--namespace', operatorNamespace];
  const said = await runHelm(['uninstall', release, ...where, '--wait', '--timeout', '180s']);
  expect(said).toContain('[PolicySet] default');
  expect(said).toContain('[PolicyDecisionPoint] default');
  expect(await operatorPods(cluster, environment)).toEqual([]);
  const answers = await load.stop();
  expect(answers.length).toBeGreaterThan(20);
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);

  const kinds = [
    ['v1', 'Secret'],
    ['coordination.k8s.io/v1', 'Lease'],
    ['v1', 'ConfigMap'],
    ['v1', 'Service'],
    ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
    ['edict.dev/v1beta1', 'PolicySet'],
    ['edict.dev/v1beta1', 'PolicyDecisionPoint'],
  ] as const;
  expect((await Promise.all(kinds.map(([version, kind]) => left(version, kind)))).flat()).toEqual([
    `Secret/${release}-certificates`,
    `Secret/${release}-signing-key`,
    `Lease/${release}-operator`,
    `ConfigMap/${release}-ca`,
    `ConfigMap/${release}-signing-key`,
    'PolicySet/default',
    'PolicyDecisionPoint/default',
  ]);
  expect(codesOf(await runDoctor(environment))).toEqual(['OperatorMissing']);
});

test('plain YAML brings the operator back: the PDPs know its key, and the next edit arrives without a failed decision', async () => {
  const pods = await fleet.pods();
  const load = startLoad(pods.map(podTarget), 50, () => editQuestion(1));
  const args = ['--set', `operator.image.tag=${imageTag},pdp.image.tag=${imageTag}`];
  const [plain] = await writeManifests({ namespace: operatorNamespace, args });
  // The CRDs are Helm's until somebody takes them over.
  const takeOver = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
  const applied = await cluster.tryKubectl(takeOver, plain?.text);
  expect([applied.code, applied.stderr]).toEqual([0, '']);
  await cluster.kubectl(
    '-n',
    operatorNamespace,
    'rollout',
    'status',
    `deployment/${release}-operator`,
    '--timeout=180s',
  );
  const before = (await fleet.set())?.status?.committedRevision ?? 0;
  // Of pods that are ready Services learn a moment later: until then the webhook of policies, which fails closed, is not reached.
  const edit = JSON.stringify(domainOfEdit(fleet.namespace, 'notes', 2));
  await waitFor('the webhook to be reached', async () => {
    const { code, stderr } = await cluster.tryKubectl(['apply', '-f', '-'], edit);
    if (code !== 0) throw new Error(stderr);
    return true;
  });
  expect(await fleet.rollOutEdit(2)).toBeGreaterThan(before);
  const answers = await load.stop();
  expect(failuresOf(answers)).toEqual([]);
  expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0]);
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask } from '../support/load-generator.ts';
import { domainOfEdit, editQuestion } from '../support/policy-fixture.ts';
import { signalProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, DOMAIN_NAME, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { EDICT } from './objects.ts';
import { pidOf, refusalsByRights } from './operator-pods.ts';

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'deletion', 2);
  await cluster.apply(domainOfEdit(fleet.namespace, 'other', 1));
  await fleet.rollOutEdit(1);
  await fleet.waitForReadyPods(2);
});
afterAll(() => fleet.leave());

const seconds = (from: number): string => `${((epochMs() - from) / 1000).toFixed(1)} s`;

test('a deleted domain is withdrawn from every PDP before its object is gone', async () => {
  const before = (await fleet.set())?.status?.committedRevision ?? 0;
  const pods = await fleet.pods();
  const started = epochMs();
  await cluster.kubectl('-n', fleet.namespace, 'delete', 'policydomain', 'other', '--timeout=180s');
  printFigures('domain deleted', { took: seconds(started) });
  const set = await fleet.set();
  expect(set?.status?.committedRevision).toBeGreaterThan(before);
  const answers = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(1))));
  expect(answers.map(({ revision }) => revision)).toEqual(pods.map(() => set?.status?.committedRevision));
});

test('the last domain of a set is withdrawn too: what it granted is granted no more', async () => {
  const pods = await fleet.pods();
  expect(
    (await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(1))))).map(({ allow }) => allow),
  ).toEqual([true, true]);
  const started = epochMs();
  await cluster.kubectl('-n', fleet.namespace, 'delete', 'policydomain', DOMAIN_NAME, '--timeout=180s');
  printFigures('last domain deleted', { took: seconds(started) });
  const answers = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(1))));
  expect(answers.filter(({ allow }) => allow === true)).toEqual([]);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(({ status }) => (status === 503 ? 503 : 200)));
});

test('a PDP that stands still delays a deletion by the withdraw time-out and no longer', async () => {
  await cluster.kubectl(
    ...['-n', fleet.namespace, 'patch', 'policyset', FLEET_NAME, '--type=merge'],
    ...['-p', JSON.stringify({ spec: { withdrawTimeout: '5s' } })],
  );
  await fleet.rollOutEdit(2);
  const [held] = await fleet.pods();
  if (held === undefined) throw new Error('the fleet has no pods');
  const pid = await pidOf(environment, held);
  signalProcess(pid, 'SIGSTOP');
  const started = epochMs();
  try {
    await cluster.kubectl('-n', fleet.namespace, 'delete', 'policydomain', DOMAIN_NAME, '--timeout=180s');
    const took = epochMs() - started;
    expect(took).toBeGreaterThan(4_000);
    printFigures('domain deleted with a PDP standing still', { took: seconds(started) });
  } finally {
    signalProcess(pid, 'SIGCONT');
  }
});

test('a deleted PolicyDecisionPoint and PolicySet leave nothing behind', async () => {
  const started = epochMs();
  const names = [`policydecisionpoint/${FLEET_NAME}`, `policyset/${FLEET_NAME}`];
  await cluster.kubectl('-n', fleet.namespace, 'delete', ...names, '--timeout=180s');
  const deleted = seconds(started);
  let lastToGo: readonly string[] = [];
  await waitFor('everything to be collected', async () => {
    const left = await leftIn(fleet.namespace);
    if (left.length > 0) {
      lastToGo = left;
      throw new Error(left.join(', '));
    }
    return true;
  });
  printFigures('set and PDPs deleted', {
    'kubectl delete': deleted,
    'all collected': seconds(started),
    'last to go': lastToGo.join(' '),
  });
});

test('a namespace with a whole fleet in it goes at once', async () => {
  const doomed = await createFleet(cluster, 'deletion-of-all', 2);
  await doomed.rollOutEdit(1);
  const started = epochMs();
  await doomed.remove();
  printFigures('namespace deleted', { took: seconds(started) });
  expect(await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: doomed.namespace })).toBeUndefined();
});

test('in all of this the operator lacked no right that the chart should have given it', async () => {
  expect(await refusalsByRights(cluster, environment)).toEqual([]);
});

/** What a namespace holds beyond what Kubernetes itself puts into every one. */
async function leftIn(namespace: string): Promise<readonly string[]> {
  const kinds: readonly (readonly [apiVersion: string, kind: string])[] = [
    ['v1', 'Pod'],
    ['v1', 'Service'],
    ['v1', 'ServiceAccount'],
    ['v1', 'ConfigMap'],
    ['v1', 'Secret'],
    ['apps/v1', 'Deployment'],
    ['policy/v1', 'PodDisruptionBudget'],
    ['networking.k8s.io/v1', 'NetworkPolicy'],
    [EDICT, 'PolicyDomain'],
    [EDICT, 'PolicySet'],
    [EDICT, 'PolicyRevision'],
    [EDICT, 'PolicyBundle'],
    [EDICT, 'PolicyDecisionPoint'],
  ];
  const found = await Promise.all(
    kinds.map(async ([apiVersion, kind]) => {
      const objects = await cluster.list<AnyObject>(apiVersion, kind, namespace);
      return objects.map(({ metadata }) => `${kind}/${metadata?.name ?? ''}`);
    }),
  );
  const everywhere = new Set(['ServiceAccount/default', 'ConfigMap/kube-root-ca.crt']);
  return found.flat().filter((name) => !everywhere.has(name));
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dump, loadAll } from 'js-yaml';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type LoadTarget } from '../support/load-generator.ts';
import { domainOfEdit, editQuestion } from '../support/policy-fixture.ts';
import { findRegressions, firstServed } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { appContainer, appTarget, servingApps } from './applications.ts';
import { readEnvironment } from './environment.ts';
import { restartsOf, type Pod } from './objects.ts';

const NAMESPACE = 'from-files';
const EXAMPLE = path.resolve(import.meta.dirname, '../../docs/examples/sidecar-from-files.yaml');

const environment = readEnvironment();
let cluster: ClusterClient;

interface Manifest {
  readonly kind: string;
  readonly metadata: object;
  readonly spec: {
    readonly template?: { readonly spec: { readonly containers: readonly [object] } };
    readonly [member: string]: unknown;
  };
}
interface Service extends AnyObject {
  readonly spec: { readonly clusterIP: string };
}

/** The file of the ConfigMap at an edit. */
function policyOfEdit(edit: number): object {
  const data = { 'notes.yaml': dump(domainOfEdit(NAMESPACE, 'notes', edit)) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'policy', namespace: NAMESPACE }, data };
}

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  const example = (await readFile(EXAMPLE, 'utf8')).replaceAll('edict-pdp:dev', `edict-pdp:${environment.imageTag}`);
  const objects = (loadAll(example) as readonly Manifest[]).map((manifest) => {
    const { template } = manifest.spec;
    const metadata = { ...manifest.metadata, namespace: NAMESPACE };
    if (template === undefined) return { ...manifest, metadata };
    // As documented, but for the application, which is one of ours.
    const [documented] = template.spec.containers;
    const { image: _image, ...kept } = documented as { readonly image?: string };
    const containers = [{ ...appContainer(environment), ...kept }];
    const spec = { ...manifest.spec, template: { ...template, spec: { ...template.spec, containers } } };
    return { ...manifest, metadata, spec };
  });
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  await cluster.apply(policyOfEdit(1), ...objects);
});
afterAll(async () => {
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=180s');
});

test('a change of the ConfigMap is picked up at one moment, without a restart or a failed decision', async () => {
  const pods = await servingApps(cluster, NAMESPACE, 'app=web', 2);
  const load = startLoad(pods.map(appTarget), 50, () => editQuestion(2));
  await cluster.apply(policyOfEdit(2));
  const changedAt = epochMs();
  // The kubelet brings a change when it next looks at the pod, within about a minute: a change of the pod makes it look now.
  for (const { metadata } of pods) {
    await cluster.kubectl('-n', NAMESPACE, 'annotate', 'pod', metadata.name, 'look=now');
  }
  const hasChanged = (pod: Pod): boolean =>
    load.answers.some(({ target, allow }) => target === pod.metadata.name && allow === true);
  await waitFor('both to serve the change', () => pods.every(hasChanged));
  const answers = await load.stop();
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  // One revision before, one after; each says what its content says.
  for (const pod of pods) {
    const own = answers.filter(({ target }) => target === pod.metadata.name);
    const seen = new Map(own.map(({ revision, digest, allow }) => [revision, `${digest ?? ''} ${String(allow)}`]));
    expect(seen.size).toBe(2);
    expect(own.every(({ revision, digest, allow }) => seen.get(revision) === `${digest ?? ''} ${String(allow)}`)).toBe(
      true,
    );
  }
  const digests = new Set(answers.map(({ digest }) => digest));
  expect(digests.size).toBe(2);
  const newest = Math.max(...answers.map(({ revision }) => revision ?? 0));
  printFigures('ConfigMap to served', {
    'by the last of two': `${((Math.max(...firstServed(answers, newest).values()) - changedAt) / 1000).toFixed(1)} s`,
    decisions: answers.length,
  });
  expect((await servingApps(cluster, NAMESPACE, 'app=web', 2)).map(restartsOf)).toEqual([0, 0]);
});

test('a rolling restart takes no decision away', async () => {
  const { spec } = await waitFor('the Service', () =>
    cluster.get<Service>({ apiVersion: 'v1', kind: 'Service', namespace: NAMESPACE, name: 'web' }),
  );
  const service: LoadTarget = { name: 'service', url: `http://${spec.clusterIP}`, keepAlive: false };
  await waitFor('the Service to lead to the pods', async () => (await ask(service, editQuestion(2))).status === 200);
  const before = await servingApps(cluster, NAMESPACE, 'app=web', 2);
  const load = startLoad([service], 50, () => editQuestion(2));
  const startedAt = epochMs();
  await cluster.kubectl('-n', NAMESPACE, 'rollout', 'restart', 'deployment/web');
  await cluster.kubectl('-n', NAMESPACE, 'rollout', 'status', 'deployment/web', '--timeout=180s');
  const after = await servingApps(cluster, NAMESPACE, 'app=web', 2);
  const took = epochMs() - startedAt;
  const answers = await load.stop();
  expect(after.map(({ metadata }) => metadata.uid).some((uid) => before.some((pod) => pod.metadata.uid === uid))).toBe(
    false,
  );
  expect(failuresOf(answers)).toEqual([]);
  expect(new Set(answers.map(({ allow }) => allow))).toEqual(new Set([true]));
  printFigures('rolling restart', { took: `${(took / 1000).toFixed(1)} s`, decisions: answers.length, failed: 0 });
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeManifests } from '../../scripts/manifests/write-manifests.ts';
import { createClusterClient, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { codesOf, runDoctor } from './doctor.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { CHART, installChart, runHelm } from './install.ts';
import { isPodReady, type Pod } from './objects.ts';

const environment = readEnvironment();
const { release, operatorNamespace } = environment;
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'chart-and-doctor', 1);
  await fleet.rollOutEdit(1);
  await fleet.waitForReadyPods(1);
});
afterAll(() => fleet.remove());

test('helm test asks the release from a pod of its namespace, and takes that away again', async () => {
  const where = ['--kubeconfig', environment.kubeconfig, '--namespace', operatorNamespace];
  const said = await runHelm(['test', release, ...where, '--timeout', '180s']);
  expect(said).toMatch(/Phase:\s+Succeeded/);
  const name = `${release}-test`;
  expect(await cluster.get({ apiVersion: 'v1', kind: 'Pod', namespace: operatorNamespace, name })).toBeUndefined();
});

/** What other files of these tests left may still be on its way out. */
async function untilWell(): Promise<void> {
  await waitFor(
    'the doctor to find nothing',
    async () => {
      const { code, findings } = await runDoctor(environment);
      if (findings.length > 0) throw new Error(JSON.stringify(findings));
      return code === 0;
    },
    { intervalMs: 500 },
  );
}

test('the doctor finds nothing wrong with this installation', async () => {
  await untilWell();
  const started = performance.now();
  await runDoctor(environment);
  printFigures('doctor', { took: `${((performance.now() - started) / 1000).toFixed(1)} s` });
});

interface Deployment extends AnyObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: Readonly<Record<string, unknown>>;
    };
  };
}

test('a PDP that a platform gives any user and group 0 joins its set and answers', async () => {
  const found = await cluster.get<Deployment>({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: fleet.namespace,
    name: FLEET_NAME,
  });
  const { metadata, spec } = found?.spec.template ?? { metadata: { labels: {} }, spec: {} };
  expect(spec['securityContext']).not.toHaveProperty('runAsUser');
  const name = 'any-user';
  const securityContext = { ...(spec['securityContext'] as object), runAsUser: 1_000_690_000, runAsGroup: 0 };
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: fleet.namespace, labels: { ...metadata.labels, 'edict.dev/pdp': name } },
    spec: { ...spec, securityContext, topologySpreadConstraints: [] },
  });
  const pod = await waitFor('the PDP to be ready', async () => {
    const stored = await cluster.get<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace: fleet.namespace, name });
    return stored !== undefined && isPodReady(stored) ? stored : undefined;
  });
  expect(await ask(podTarget(pod), editQuestion(1))).toMatchObject({ status: 200, allow: true });
  await cluster.kubectl('-n', fleet.namespace, 'delete', 'pod', name, '--wait=false');
});

test('the plain YAML of every preset is what this API server takes', async () => {
  const tag = environment.imageTag;
  const args = ['--set', `operator.image.tag=${tag},pdp.image.tag=${tag}`];
  const manifests = await writeManifests({ namespace: operatorNamespace, args });
  expect(manifests.map(({ name }) => name)).toContain('edict-standalone-fleet.yaml');
  for (const { name, text } of manifests) {
    const dryRun = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-'];
    expect([name, await cluster.tryKubectl(dryRun, text)]).toEqual([name, expect.objectContaining({ code: 0 })]);
  }
});

const crd = 'crd/policytestsuites.edict.dev';

test('the doctor finds what was broken, also all of it at once, and nothing once it is mended', async () => {
  const withoutTrust = ['patch', `validatingwebhookconfiguration/${release}`, '--type=json', '-p'];
  const noBundle = JSON.stringify([{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }]);
  // The operator mends this one by itself, at times before anybody has looked.
  await waitFor(
    'the doctor to see the webhook fail',
    async () => {
      await cluster.tryKubectl([...withoutTrust, noBundle]);
      return codesOf(await runDoctor(environment)).join() === 'WebhookFails,WebhookTrust';
    },
    { intervalMs: 0 },
  );

  try {
    const inSystem = ['-n', operatorNamespace];
    await cluster.kubectl(...inSystem, 'scale', `deployment/${release}-operator`, '--replicas=0');
    await cluster.kubectl(
      ...inSystem,
      'wait',
      '--for=delete',
      'pod',
      '-l',
      'app.kubernetes.io/component=operator',
      '--timeout=180s',
    );
    await cluster.tryKubectl([...withoutTrust, noBundle]);
    await cluster.kubectl(...inSystem, 'delete', 'lease', `${release}-operator`);
    await cluster.kubectl('delete', 'clusterrolebinding', `${release}-operator`);
    const modules = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/modules';
    const schema = `${modules}/items/properties/policy`;
    await cluster.kubectl('patch', crd, '--type=json', '-p', JSON.stringify([{ op: 'remove', path: schema }]));
    await cluster.kubectl('label', 'namespace', fleet.namespace, 'edict.dev/inject=enabled');
    const ill = await waitFor('the endpoints to be gone', async () => {
      const said = await runDoctor(environment);
      return codesOf(said).includes('WebhookUnreachable') ? said : undefined;
    });
    expect(ill.code).toBe(1);
    expect(codesOf(ill)).toEqual([
      'CrdOutdated',
      'InjectionWithoutFleet',
      'LeaderMissing',
      'OperatorNotReady',
      'RightMissing',
      'WebhookFails',
      'WebhookTrust',
      'WebhookUnreachable',
    ]);
    // The policy is decided by all the while.
    const [pod] = await fleet.pods();
    if (pod === undefined) throw new Error('the fleet has no pods');
    expect(await ask(podTarget(pod), editQuestion(1))).toMatchObject({ status: 200, allow: true });
  } finally {
    // Whatever was found: the files that follow need an operator.
    await cluster.kubectl('label', 'namespace', fleet.namespace, 'edict.dev/inject-');
    await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-f', `${CHART}/crds`);
    await installChart(environment);
  }
  await untilWell();
});

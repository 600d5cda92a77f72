import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { API_VERSION, PolicyDecisionPointSpec, PolicySetSpec, type PolicyDecisionPoint } from '@edict/crds';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { loadAll } from 'js-yaml';
import { EVERYTHING } from '../../crds/src/testing/fleet-specs.ts';
import { renderFleet } from '../../operator/src/controllers/policy-decision-point/render.ts';
import { FLEET_DEFAULTS } from '../../operator/src/testing/fleet-fixtures.ts';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand } from '../../scripts/run-command.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

const CHART = path.resolve(import.meta.dirname, '../../helm');

let cluster: Cluster;
let namespace: string;
let folder: string;

beforeAll(async () => {
  // A first build takes minutes: it is in no test's time-out.
  await requireAssets(['helm']);
  cluster = await connectCluster(sharedKubeconfig());
  namespace = await cluster.namespace();
  folder = await mkdtemp(path.join(tmpdir(), 'edict-fleet-'));
}, 600_000);
afterAll(async () => {
  await cluster.close();
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['says nothing', {}],
  ['says everything', EVERYTHING],
])('the apiserver takes every object of a fleet that %s, as it was rendered', async (_name, spec) => {
  const name = `rendered-${String(Object.keys(spec).length)}`;
  const key = { namespace, name };
  await cluster.store.apply<'PolicyDecisionPoint'>(
    { apiVersion: API_VERSION, kind: 'PolicyDecisionPoint', metadata: key, spec },
    { fieldManager: 'user' },
  );
  const fleet = (await cluster.store.get('PolicyDecisionPoint', key)) as PolicyDecisionPoint;
  for (const object of renderFleet(fleet, FLEET_DEFAULTS)) {
    const resource = RESOURCES[object.kind];
    await cluster.objects.apply(resource, object, { fieldManager: 'integration', force: true });
    const stored = await cluster.objects.get<KubeObject & { readonly spec?: unknown }>(resource, key);
    // What it does not know it drops without a word; what is left must hold all that was rendered.
    expect(stored?.spec ?? {}).toMatchObject(object['spec'] ?? {});
  }
});

interface Rendered extends KubeObject {
  readonly kind: string;
  readonly spec: unknown;
}

/** What the chart makes of values, of these kinds. */
async function chartWith(firstPolicyDecisionPoint: object, kinds: readonly string[]): Promise<readonly Rendered[]> {
  const { helm } = await requireAssets(['helm']);
  const values = path.join(folder, 'values.json');
  await writeFile(values, JSON.stringify({ firstPolicyDecisionPoint: { create: true, ...firstPolicyDecisionPoint } }));
  const where = ['--namespace', namespace, '--kube-version', '1.34.4', '--values', values];
  const text = await runCommand(helm, ['template', 'edict', CHART, ...where]);
  return (loadAll(text) as readonly (Rendered | null)[]).filter(
    (object): object is Rendered => object !== null && kinds.includes(object.kind),
  );
}

test('the chart hands everything that its values say of the first fleet on to the apiserver', async () => {
  const policySet = { serving: { documents: {}, envoy: { result: 'Rule' } }, minReady: 2 };
  const values = { name: 'first', ...EVERYTHING, replicas: 0, policySet };
  const rendered = await chartWith(values, ['PolicyDecisionPoint', 'PolicySet']);
  for (const { kind, metadata, spec } of rendered) {
    await cluster.client.request({
      method: 'POST',
      path: `/apis/${API_VERSION}/namespaces/${namespace}/${kind.toLowerCase()}s`,
      body: { apiVersion: API_VERSION, kind, metadata, spec },
    });
  }
  const key = { namespace, name: 'first' };
  const fleet = await cluster.store.get('PolicyDecisionPoint', key);
  expect(fleet?.spec).toStrictEqual(PolicyDecisionPointSpec.parse({ ...EVERYTHING, replicas: 0 }));
  expect((await cluster.store.get('PolicySet', key))?.spec).toStrictEqual(PolicySetSpec.parse(policySet));
});

test('a first fleet of which nothing is said has the defaults of its kind', async () => {
  const [fleet] = await chartWith({}, ['PolicyDecisionPoint']);
  expect(fleet?.spec).toStrictEqual({ replicas: 3, workers: 1 });
});

test.each([
  ['a member that there is not', { tls: { secretName: 'a', secret: 'b' } }, "'secret' not allowed"],
  ['a member that is missing', { tls: {} }, "missing property 'secretName'"],
  ['a port that needs root', { ports: { grpc: 80 } }, '/firstPolicyDecisionPoint/ports/grpc'],
  ['an unknown mode', { authentication: { mode: 'Password' } }, '/firstPolicyDecisionPoint/authentication/mode'],
  ['a mistake deep in a sink', { audit: { sinks: [{ name: 'a', type: 'Stdout', quue: {} }] } }, "'quue' not allowed"],
])('the values schema refuses %s', async (_name, values, message) => {
  await expect(chartWith(values, [])).rejects.toThrow(message);
});

import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { createClusterClient, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { readEnvironment } from './environment.ts';
import { CHART, runHelm } from './install.ts';
import { isPodReady, restartsOf } from './objects.ts';
import { operatorPods } from './operator-pods.ts';

const environment = readEnvironment();
let cluster: ClusterClient;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
});

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Readonly<Record<string, readonly string[] | undefined>>[];
}

async function render(...args: readonly string[]): Promise<readonly Rendered[]> {
  const where = ['--namespace', environment.operatorNamespace, '--kube-version', '1.34.4'];
  const text = await runHelm(['template', environment.release, CHART, ...where, ...args]);
  return loadAll(text).filter((document) => document !== null && document !== undefined) as Rendered[];
}

test('helm lint finds nothing', async () => {
  const said = await runHelm(['lint', CHART, '--strict', '--kube-version', '1.34.4']);
  expect(said).toContain('0 chart(s) failed');
});

test('the API server accepts every object that the chart can render', async () => {
  const everything = [
    '--set',
    'firstPolicyDecisionPoint.create=true,networkPolicy.enabled=true,rbac.aggregate=true,console.enabled=true,console.proxy.caConfigMap=x',
  ];
  const objects = await render(...everything);
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const dryRun = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-'];
  await cluster.kubectlWithInput(list, ...dryRun);
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(
    new Set([
      'ClusterRole',
      'ClusterRoleBinding',
      'Deployment',
      'MutatingWebhookConfiguration',
      'NetworkPolicy',
      'Pod',
      'PodDisruptionBudget',
      'PolicyDecisionPoint',
      'PolicySet',
      'Role',
      'RoleBinding',
      'Service',
      'ServiceAccount',
      'ValidatingWebhookConfiguration',
    ]),
  );
});

test.each([
  ['no operator at all', 'operator.replicas=0', '/operator/replicas'],
  ['a value that nobody reads', 'operator.replica=2', 'replica'],
  ['an unknown failure policy', 'webhook.failurePolicy=Perhaps', '/webhook/failurePolicy'],
  ['a name that Kubernetes refuses', 'firstPolicyDecisionPoint.name=Not_A_Name', '/firstPolicyDecisionPoint/name'],
])('the values schema refuses %s', async (_what, setting, place) => {
  await expect(render('--set', setting)).rejects.toThrow(place);
});

test('no role has a wildcard, and none reaches into pods or reads secrets of other namespaces', async () => {
  const roles = (await render()).filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
  expect(roles.length).toBeGreaterThanOrEqual(2);
  for (const role of roles) {
    for (const rule of role.rules ?? []) {
      const words = Object.values(rule).flatMap((values) => values ?? []);
      expect(words).not.toContain('*');
      expect(rule['resources']).not.toContain('pods/exec');
      if (role.kind === 'ClusterRole') expect(rule['resources']).not.toContain('secrets');
      if (role.kind === 'ClusterRole') expect(rule['resources']).not.toContain('leases');
    }
  }
});

interface CustomResourceDefinition extends AnyObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly group: string };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

test('the CRDs are established, structural, and the ones that crds/ generated', async () => {
  const all = await cluster.list<CustomResourceDefinition>('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  const ours = all.filter(({ spec }) => spec.group === 'edict.dev');
  expect(ours.map(({ metadata }) => metadata.name).toSorted()).toEqual([
    'policybundles.edict.dev',
    'policydecisionpoints.edict.dev',
    'policydomains.edict.dev',
    'policyrevisions.edict.dev',
    'policysets.edict.dev',
    'policytestsuites.edict.dev',
  ]);
  for (const { status } of ours) {
    const conditions = new Map(status.conditions.map(({ type, status: value }) => [type, value]));
    expect(conditions.get('Established')).toBe('True');
    expect(conditions.get('NonStructuralSchema') ?? 'False').toBe('False');
  }
  const generated = path.resolve(CHART, '../crds/generated');
  for (const file of await readdir(generated)) {
    const copy = await readFile(path.join(CHART, 'crds', file), 'utf8');
    expect(copy).toBe(await readFile(path.join(generated, file), 'utf8'));
  }
});

test('two operator pods run, neither was restarted, as nobody, on a read-only root', async () => {
  const pods = await operatorPods(cluster, environment);
  expect(pods.map((pod) => [isPodReady(pod), restartsOf(pod)])).toEqual([
    [true, 0],
    [true, 0],
  ]);
  for (const { spec } of pods) {
    expect(spec).toMatchObject({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false } }],
    });
  }
});

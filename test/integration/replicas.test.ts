import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { API_VERSION, findCondition, type PolicyDomainSpec } from '@edict/crds';
import { RESOURCES, type KubeObject, type Resource } from '@edict/operator/kube';
import { regoPermitting } from '../../operator/src/testing/fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, refusal, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';
import { startOperatorProcess, type OperatorProcess } from './operator-process.ts';

/** Two replicas as in a cluster, and the webhook called by the apiserver as in a cluster. */
let cluster: Cluster;
let home: string;
let namespace: string;
let replicas: OperatorProcess[] = [];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  home = await cluster.namespace();
  namespace = await cluster.namespace();
  const start = (name: string) => startOperatorProcess({ kubeconfig: sharedKubeconfig(), namespace: home, name });
  replicas = await Promise.all([start('operator-0'), start('operator-1')]);
  await exposeWebhook(replicas[0]?.webhookPort ?? 0);
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.end('SIGKILL')));
  await cluster.objects.delete(RESOURCES.ValidatingWebhookConfiguration, { name: webhookName() });
  await cluster.close();
});

const webhookName = (): string => `edict-${home}`;

interface WebhookConfiguration extends KubeObject {
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

/** A Service that leads to the replica, and the configuration that calls it; its trust is the operator's to write. */
async function exposeWebhook(port: number): Promise<void> {
  await cluster.objects.create(RESOURCES.Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: home, name: 'edict-webhook' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  await cluster.objects.create(RESOURCES.ValidatingWebhookConfiguration, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: webhookName() },
    webhooks: [
      {
        name: 'policy.edict.dev',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds: 10,
        namespaceSelector: {
          matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] }],
        },
        clientConfig: { service: { name: 'edict-webhook', namespace: home, path: '/validate', port } },
        rules: [
          {
            apiGroups: ['edict.dev'],
            apiVersions: ['v1beta1'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: ['policydomains', 'policybundles', 'policyrevisions'],
          },
        ],
      },
    ],
  });
  await waitFor('the operator to write its authority', async () => {
    const found = await cluster.objects.get<WebhookConfiguration>(RESOURCES.ValidatingWebhookConfiguration, {
      name: webhookName(),
    });
    return (found?.webhooks[0]?.clientConfig.caBundle ?? '') !== '';
  });
  // The apiserver hears of Services and of authorities some time after they are written.
  await waitFor('the apiserver to call the webhook', async () => {
    const refused = await refusal(
      cluster.client.request({
        method: 'POST',
        path: `/apis/${API_VERSION}/namespaces/${namespace}/policydomains`,
        query: { dryRun: 'All' },
        body: {
          ...{ apiVersion: API_VERSION, kind: 'PolicyDomain', metadata: { namespace, name: 'probe' } },
          spec: valid({ roles: [{ mrn: 'mrn:role:r', policy: 'mrn:policy:none' }] }),
        },
      }),
    );
    return refused.message.includes('mrn:policy:none');
  });
}

const domain = (name: string, spec: PolicyDomainSpec) =>
  cluster.store.create({ apiVersion: API_VERSION, kind: 'PolicyDomain', metadata: { namespace, name }, spec });
const valid = (over: Partial<PolicyDomainSpec> = {}): PolicyDomainSpec => ({
  policies: [{ mrn: 'mrn:policy:main', rego: regoPermitting('alice') }],
  ...over,
});

interface Lease extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string };
}
const holder = async (): Promise<string | undefined> =>
  (await cluster.objects.get<Lease>(RESOURCES.Lease, { namespace: home, name: 'edict-operator' }))?.spec
    ?.holderIdentity;

test('both replicas are ready, and one of them leads', async () => {
  const leader = await waitFor('a leader', holder);
  expect(replicas.map(({ name }) => name)).toContain(leader);
  const led = async (): Promise<number> => {
    const texts = await Promise.all(replicas.map(async ({ httpUrl }) => (await fetch(`${httpUrl}/metrics`)).text()));
    return texts.filter((text) => /^operator_leader 1$/m.test(text)).length;
  };
  // The Lease is there before its holder has heard that it is.
  await waitFor('the leader to know it', async () => (await led()) > 0);
  expect(await led()).toBe(1);
});

test.each<[string, PolicyDomainSpec, RegExp]>([
  [
    'Rego that does not parse',
    valid({ policies: [{ mrn: 'mrn:policy:main', rego: 'package authz\n\nallow { x == }\n' }] }),
    /\[policy mrn:policy:main\].*rego 3:\d+/s,
  ],
  [
    'an unknown policy',
    valid({ roles: [{ mrn: 'mrn:role:r', policy: 'mrn:policy:none' }] }),
    /\[role mrn:role:r\].*mrn:policy:none/,
  ],
  [
    'an unknown domain',
    valid({ policies: [{ mrn: 'p', rego: regoPermitting('a'), dependencies: ['nowhere/lib'] }] }),
    /\[policy p\].*nowhere/,
  ],
  [
    '2 MiB',
    valid({
      policies: [1, 2].map((n) => ({ mrn: `p${String(n)}`, rego: `package authz\n# ${'x'.repeat(1_000_000)}` })),
    }),
    /bytes/,
  ],
])('the webhook refuses %s, and says where', async (_name, spec, message) => {
  const error = await refusal(domain('refused', spec));
  expect(error.message).toMatch(message);
});

const deleteShared = (query: Readonly<Record<string, string>>): Promise<unknown> =>
  cluster.client.request({
    method: 'DELETE',
    path: `/apis/${API_VERSION}/namespaces/${namespace}/policydomains/shared`,
    query,
  });

test('the webhook lets a valid domain in, and its library not go while another needs it', async () => {
  await domain(
    'shared',
    valid({ 'policy-libraries': [{ mrn: 'mrn:library:util', rego: 'package util\n\nyes = true\n' }] }),
  );
  const importing = 'package authz\n\nimport data.util\n\ndefault allow = false\n\nallow { util.yes }\n';
  await waitFor('the webhook to know the library', () =>
    domain('user', {
      policies: [{ mrn: 'mrn:policy:main', rego: importing, dependencies: ['shared/mrn:library:util'] }],
    }),
  );
  await waitFor('the webhook to know its user', () => refusal(deleteShared({ dryRun: 'All' })));
  expect((await refusal(deleteShared({}))).message).toMatch(/shared.*user/);
});

test('bundles and revisions are for the operator alone', async () => {
  const spec = {
    set: 's',
    setUid: 'u',
    setGeneration: 1,
    n: 1,
    digest: `sha256:${'0'.repeat(64)}`,
    parent: 0,
    reason: 'Spec' as const,
    createdAt: '2026-01-01T00:00:00Z',
    keyId: 'k',
    signature: 's',
    rendererVersion: 1,
    manifest: '{}',
  };
  const error = await refusal(
    cluster.store.create({
      apiVersion: API_VERSION,
      kind: 'PolicyRevision',
      metadata: { namespace, name: 'forged-1' },
      spec,
    }),
  );
  expect(error.message).toMatch(/operator alone/);
});

const OWNED: readonly Resource[] = [
  RESOURCES.Deployment,
  RESOURCES.Service,
  RESOURCES.ServiceAccount,
  RESOURCES.PodDisruptionBudget,
  RESOURCES.NetworkPolicy,
];

interface Spec extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly selector?: Readonly<Record<string, string>> };
}

test('a fleet gets its objects, and drift in them is repaired', async () => {
  const space = await cluster.namespace();
  const key = { namespace: space, name: 'fleet' };
  await cluster.store.apply<'PolicyDecisionPoint'>(
    { apiVersion: API_VERSION, kind: 'PolicyDecisionPoint', metadata: key, spec: { replicas: 2 } },
    { fieldManager: 'user' },
  );
  const owned = (resource: Resource) => waitFor(`the ${resource.kind}`, () => cluster.objects.get<Spec>(resource, key));
  for (const resource of OWNED) {
    const { metadata } = await owned(resource);
    expect(metadata.ownerReferences).toStrictEqual([
      expect.objectContaining({ kind: 'PolicyDecisionPoint', name: 'fleet', controller: true }),
    ]);
  }
  await cluster.objects.mergePatch(RESOURCES.Deployment, key, { spec: { replicas: 7 } });
  await waitFor('the replicas to be repaired', async () => (await owned(RESOURCES.Deployment)).spec?.replicas === 2);
  await cluster.objects.mergePatch(RESOURCES.Service, key, { spec: { selector: { 'edict.dev/pdp': 'other' } } });
  await waitFor(
    'the selector to be repaired',
    async () => (await owned(RESOURCES.Service)).spec?.selector?.['edict.dev/pdp'] === 'fleet',
  );
  const before = await owned(RESOURCES.PodDisruptionBudget);
  await cluster.objects.delete(RESOURCES.PodDisruptionBudget, key);
  await waitFor('the budget to be made anew', async () => {
    const found = await cluster.objects.get(RESOURCES.PodDisruptionBudget, key);
    return found !== undefined && found.metadata.uid !== before.metadata.uid;
  });
  await waitFor('the trust of the fleet', () =>
    cluster.objects.get(RESOURCES.ConfigMap, { namespace: space, name: 'edict-ca' }),
  );
  const fleet = await waitFor('the status', async () => {
    const found = await cluster.store.get('PolicyDecisionPoint', key);
    return found?.status?.observedGeneration === found?.metadata.generation ? found : undefined;
  });
  expect(fleet.status).toMatchObject({ ready: '0/2', selector: expect.stringContaining('edict.dev/pdp=fleet') });
  await cluster.store.delete('PolicyDecisionPoint', key);
  await waitFor('everything of it to be gone', async () => {
    const left = await Promise.all(OWNED.map((resource) => cluster.objects.get(resource, key)));
    return left.every((object) => object === undefined);
  });
});

/** Sets the replicas of the fleet's Deployment by force, as something that is not the operator. */
async function wantReplicas(
  key: { readonly namespace: string; readonly name: string },
  replicas: number,
): Promise<void> {
  await cluster.objects.apply(
    RESOURCES.Deployment,
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: key, spec: { replicas } },
    { fieldManager: 'gitops', force: true },
  );
}

test('of two controllers that fight over a Deployment one gives way, and says who the other is', async () => {
  const key = { namespace: await cluster.namespace(), name: 'contested' };
  const apply = (replicas: number) =>
    cluster.store.apply<'PolicyDecisionPoint'>(
      { apiVersion: API_VERSION, kind: 'PolicyDecisionPoint', metadata: key, spec: { replicas } },
      { fieldManager: 'user' },
    );
  const wanted = async () => (await cluster.objects.get<Spec>(RESOURCES.Deployment, key))?.spec?.replicas;
  await apply(2);
  await waitFor('the Deployment', async () => (await wanted()) === 2);
  const stalled = await waitFor('the operator to give way', async () => {
    if ((await wanted()) !== 5) await wantReplicas(key, 5);
    const fleet = await cluster.store.get('PolicyDecisionPoint', key);
    return findCondition(fleet?.status?.conditions, 'Stalled');
  });
  expect(stalled).toMatchObject({ status: 'True', reason: 'Contested' });
  expect(stalled.message).toMatch(/changes Deployment contested back .*fields of it are set by .*gitops/);
  const contested = async () => {
    const at = { namespace: key.namespace };
    const events = await cluster.objects.list<KubeObject & { readonly reason?: string }>(RESOURCES.Event, at);
    return events.filter(({ reason }) => reason === 'Contested');
  };
  // Events are written beside the status.
  await waitFor('the event Contested', async () => (await contested()).length > 0);
  expect(await contested()).toHaveLength(1);
  // Who edits the fleet is not kept waiting.
  await apply(3);
  await waitFor('the edit to be applied', async () => (await wanted()) === 3);
  await cluster.store.delete('PolicyDecisionPoint', key);
});

test('the leader is killed: the other leads and goes on with the work', async () => {
  const first = await waitFor('a leader', holder);
  const leader = replicas.find(({ name }) => name === first);
  const other = replicas.find(({ name }) => name !== first);
  if (leader === undefined || other === undefined) throw new Error('no leader among the replicas');
  const killedAt = performance.now();
  await leader.end('SIGKILL');
  await waitFor('the other to lead', async () => (await holder()) === other.name);
  const seconds = (performance.now() - killedAt) / 1000;
  process.stdout.write(`leader killed: the other led after ${seconds.toFixed(1)} s\n`);
  const space = await cluster.namespace();
  await cluster.store.create({
    apiVersion: API_VERSION,
    kind: 'PolicyDomain',
    metadata: { namespace: space, name: 'later' },
    spec: valid(),
  });
  await waitFor('the new leader to work', async () => {
    const found = await cluster.store.get('PolicyRevision', { namespace: space, name: 'default-1' });
    return found?.status?.waves?.[0]?.decision === 'Commit';
  });
  expect(other.isRunning()).toBe(true);
});

test('a leader that is asked to stop gives the lease up, ends with 0, and the next leads at once', async () => {
  const leader = replicas.find((replica) => replica.isRunning());
  if (leader === undefined) throw new Error('nobody runs');
  const next = await startOperatorProcess({ kubeconfig: sharedKubeconfig(), namespace: home, name: 'operator-2' });
  replicas.push(next);
  const askedAt = performance.now();
  const ended = leader.end('SIGTERM');
  await waitFor('the next to lead', async () => (await holder()) === next.name);
  process.stdout.write(`leader stopped: the next led after ${((performance.now() - askedAt) / 1000).toFixed(1)} s\n`);
  expect(await ended).toBe(0);
});

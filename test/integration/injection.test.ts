import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { API_VERSION, PolicySetSpec, type PolicyDecisionPoint, type PolicySet } from '@edict/crds';
import { systemClock } from '@edict/operator';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { EVERYTHING, SIDECARS } from '../../crds/src/testing/fleet-specs.ts';
import { injectSidecar } from '../../operator/src/injection/inject.ts';
import { fleetOfMember } from '../../operator/src/injection/member-pod.ts';
import { PodShape } from '../../operator/src/injection/pod-shape.ts';
import { selectorWebhooks } from '../../operator/src/injection/selector-webhooks.ts';
import { renderSidecar } from '../../operator/src/injection/sidecar.ts';
import { applyPatch } from '../../operator/src/injection/testing/apply-patch.ts';
import { FLEET_DEFAULTS } from '../../operator/src/testing/fleet-fixtures.ts';
import { startPodDirectory } from '../../operator/src/kube/pod-directory.ts';
import { startSidecarWatch } from '../../operator/src/kube/sidecar-watch.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, refusal, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

let cluster: Cluster;
let namespace: string;

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  namespace = await namespaceForPods();
});
afterAll(() => cluster.close());

/** A namespace in which pods can be made: a moment after itself it has the service account that they run under. */
async function namespaceForPods(): Promise<string> {
  const name = await cluster.namespace();
  await waitFor('its service account', () =>
    cluster.objects.get(RESOURCES.ServiceAccount, { namespace: name, name: 'default' }),
  );
  return name;
}

const watching = () => ({
  client: cluster.client,
  clock: systemClock,
  random: Math.random,
  onRestart: () => undefined,
});

/** A pod in the namespace, with a sidecar of the fleet if one is given. */
async function makePod(name: string, labels: Record<string, string>, fleet?: PolicyDecisionPoint): Promise<string> {
  const pod = PodShape.parse({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  });
  const injection = fleet && injectSidecar(pod, renderSidecar(fleet, FLEET_DEFAULTS), fleet.metadata.name);
  const patched = injection?.ok === true ? applyPatch(pod, injection.patch) : pod;
  const { metadata } = await cluster.objects.create<KubeObject>(RESOURCES.Pod, patched);
  return metadata.uid ?? '';
}

/** What a kubelet says of a pod. */
async function report(name: string, status: object): Promise<void> {
  await cluster.client.request({
    method: 'PATCH',
    path: `/api/v1/namespaces/${namespace}/pods/${name}/status`,
    contentType: 'application/merge-patch+json',
    body: { status },
  });
}

/** The fleet as the API server has it. */
async function stored(name: string, spec: object): Promise<PolicyDecisionPoint> {
  const key = { namespace, name };
  await cluster.store.apply<'PolicyDecisionPoint'>(
    { apiVersion: API_VERSION, kind: 'PolicyDecisionPoint', metadata: key, spec: { ...spec } },
    { fieldManager: 'user' },
  );
  return (await cluster.store.get('PolicyDecisionPoint', key)) as PolicyDecisionPoint;
}

const { audit, tls, volumes, volumeMounts } = EVERYTHING;
test.each([
  ['says nothing', 'plain', { form: 'Sidecar' }],
  ['says what sidecars may say', 'rich', { audit, tls, volumes, volumeMounts, ...SIDECARS }],
])('the apiserver takes a pod with a sidecar that %s, as it was rendered', async (_name, name, spec) => {
  const sidecar = renderSidecar(await stored(name, spec), FLEET_DEFAULTS);
  const pod = PodShape.parse({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      initContainers: [{ name: 'migrate', image: 'web:1' }],
      containers: [{ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 80 }] }],
    },
  });
  const injection = injectSidecar(pod, sidecar, name);
  if (!injection.ok) throw new Error(injection.problems.join());
  const made = await cluster.objects.create<KubeObject>(RESOURCES.Pod, applyPatch(pod, injection.patch));
  const { spec: kept } = PodShape.parse(made);
  expect(kept.initContainers?.[0]).toMatchObject(sidecar.container);
  expect(kept.volumes?.map((volume) => volume.name)).toEqual(
    expect.arrayContaining(sidecar.volumes.map((volume) => volume.name)),
  );
  expect(fleetOfMember(PodShape.parse(made))).toBe(name);
});

test('what the apiserver keeps of webhooks of selectors is what was written, so that nobody writes again and again', async () => {
  const matchExpressions = [{ key: 'tier', operator: 'In', values: ['front'] }];
  const fleets = [
    await stored('tills', {
      form: 'Sidecar',
      sidecar: { selector: { matchLabels: { app: 'till' }, matchExpressions } },
    }),
    await stored('all', { form: 'Sidecar', sidecar: { selector: {} } }),
  ];
  const service = { namespace: 'edict-system', name: 'edict-webhook' };
  const name = `selectors-${namespace}`;
  const webhooks = selectorWebhooks(fleets, service, Buffer.from('authority').toString('base64'), new Set());
  const kept = await cluster.objects.create<KubeObject>(RESOURCES.MutatingWebhookConfiguration, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks,
  });
  await cluster.objects.delete(RESOURCES.MutatingWebhookConfiguration, { name });
  expect(webhooks).toHaveLength(2);
  expect(kept['webhooks']).toStrictEqual(webhooks);
});

test('the form of a fleet stays as it is', async () => {
  await stored('steady', { form: 'Sidecar' });
  const { message } = await refusal(stored('steady', { form: 'Deployment' }));
  expect(message).toContain('form stays as it is: delete the PolicyDecisionPoint and make another');
});

const ownStatus = (ready: boolean) => ({
  phase: 'Pending',
  initContainerStatuses: [
    { name: 'edict-pdp', ready, image: '', imageID: '', restartCount: 0, state: { running: {} } },
  ],
});

test('a pod is a member by its sidecar, from the moment that it dials or runs to its end; a label alone makes nobody one', async () => {
  const fleet = await stored('members', { form: 'Sidecar' });
  const directory = startPodDirectory({ ...watching(), labelSelector: 'app.kubernetes.io/component=pdp' });
  const set: PolicySet = {
    apiVersion: API_VERSION,
    kind: 'PolicySet',
    metadata: { name: 'default', namespace },
    spec: PolicySetSpec.parse({ pdps: { selector: { matchLabels: { 'edict.dev/pdp': 'members' } } } }),
  };
  const members = (): readonly string[] => [...(directory.membersOf(set)?.values() ?? [])].sort();
  try {
    const [dials, , label] = [
      await makePod('dials', {}, fleet),
      await makePod('runs', {}, fleet),
      await makePod('label', { 'edict.dev/pdp': 'members' }),
    ];
    await waitFor('the pod to be known', () => {
      directory.expect(dials, namespace, 'dials');
      return true;
    });
    expect(() => directory.expect(label, namespace, 'label')).toThrow('is not known here as a PDP');
    await waitFor('all lists to be in', () => members().length > 0);
    expect(members()).toStrictEqual([`${namespace}/dials`]);
    await report('runs', ownStatus(false));
    await waitFor('it to run', () => members().length === 2);
    await report('runs', { phase: 'Succeeded' });
    await waitFor('it to have ended', () => members().length === 1);
    expect(members()).toStrictEqual([`${namespace}/dials`]);
  } finally {
    await directory.stop();
  }
});

test('who should have a PDP and has none is found, whoever asked for it', async () => {
  const fleet = await stored('watched', {
    form: 'Sidecar',
    sidecar: { selector: { matchLabels: { watched: 'yes' } } },
  });
  const elsewhere = await namespaceForPods();
  const changed = new Set<string>();
  const watch = startSidecarWatch({
    ...watching(),
    excluded: new Set(),
    fleets: () => [fleet],
    onChange: (of) => changed.add(of),
  });
  const roll = () => watch.rollOf(namespace)?.fleets.get('watched');
  try {
    await makePod('has', { watched: 'yes' }, fleet);
    await makePod('has-none', { watched: 'yes' });
    await waitFor('both to be seen', () => roll()?.desired === 2);
    expect(roll()).toMatchObject({ present: 1, ready: 0, without: ['has-none'] });
    await report('has', ownStatus(true));
    await waitFor('one to serve', () => roll()?.ready === 1);
    await cluster.objects.delete(RESOURCES.Pod, { namespace, name: 'has-none' });
    await waitFor('the other to go', () => roll()?.without.length === 0);
    expect(watch.rollOf(elsewhere)).toStrictEqual({ fleets: new Map(), unassigned: [] });
    await cluster.objects.create(RESOURCES.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'quiet', namespace: elsewhere },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    });
    await cluster.objects.mergePatch(
      RESOURCES.Namespace,
      { name: elsewhere },
      { metadata: { labels: { 'edict.dev/inject': 'enabled' } } },
    );
    await waitFor('its namespace to ask', () => watch.rollOf(elsewhere)?.unassigned[0] === 'quiet');
    await cluster.objects.mergePatch(
      RESOURCES.Namespace,
      { name: elsewhere },
      { metadata: { labels: { 'edict.dev/inject': null } } },
    );
    await waitFor('its namespace to ask no more', () => watch.rollOf(elsewhere)?.unassigned.length === 0);
    expect(changed).toEqual(new Set([namespace, elsewhere]));
  } finally {
    await watch.stop();
  }
});

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PolicyDecisionPoint } from '@edict/crds';
import { load } from 'js-yaml';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { containerCpu, cpuSince } from '../support/container-cpu.ts';
import { containerMemory, type ContainerMemory } from '../support/container-memory.ts';
import { containerPid, processUser } from '../support/container-runtime.ts';
import { median, printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { machineCpu, shareSince } from '../support/machine-cpu.ts';
import { findRegressions } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  appContainer,
  appPod,
  appTarget,
  measureFrom,
  reportOf,
  servingApp,
  servingApps,
  type AppPod,
} from './applications.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, type Fleet } from './fleet.ts';
import { conditionOf, EDICT, getEdict, restartsOf } from './objects.ts';
import { operatorPods, refusalsByRights } from './operator-pods.ts';

const NAMESPACE = 'injected';
const SIDECARS = 'beside';
const BARE = 'injected-without-fleet';
const UNCLEAR = 'injected-unclear';
const ENABLED = { 'edict.dev/inject': 'enabled' };
const EXAMPLE = path.resolve(import.meta.dirname, '../../docs/examples/sidecar-by-hand.yaml');
/** Pods of each kind whose start is timed. */
const STARTS = 3;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

const sidecars = (): Promise<PolicyDecisionPoint | undefined> =>
  getEdict(cluster, 'PolicyDecisionPoint', NAMESPACE, SIDECARS);
const waitForSidecars = (what: string, is: (found: PolicyDecisionPoint) => boolean): Promise<PolicyDecisionPoint> =>
  waitFor(`${SIDECARS} to say ${what}`, async () => {
    const found = await sidecars();
    if (found === undefined || !is(found)) throw new Error(JSON.stringify(found?.status));
    return found;
  });
const applySidecars = (name: string, spec: object): Promise<void> =>
  cluster.apply({
    apiVersion: EDICT,
    kind: 'PolicyDecisionPoint',
    metadata: { name, namespace: NAMESPACE },
    spec: { form: 'Sidecar', ...spec },
  });
const namespaceOf = (name: string, labels: object): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
const podIn = (namespace: string, name: string, labels: object = {}, spec: object = {}): object =>
  appPod(environment, { name, namespace, labels }, spec);

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, NAMESPACE, 1);
  await applySidecars(SIDECARS, {});
  await cluster.apply(namespaceOf(BARE, ENABLED), namespaceOf(UNCLEAR, { 'edict.dev/inject': 'true' }));
  await fleet.rollOutEdit(1);
  await waitForSidecars('Ready', (found) => conditionOf(found, 'Ready') === 'True/Available');
});
afterAll(async () => {
  await fleet.remove();
  await cluster.kubectl('delete', 'namespace', BARE, UNCLEAR, '--timeout=180s');
});

interface Job extends AnyObject {
  readonly status?: { readonly succeeded?: number };
}
interface Ended {
  readonly name: string;
  readonly state?: { readonly terminated?: { readonly exitCode: number; readonly finishedAt?: Date } };
}

/** As OpenShift gives one to each namespace. */
const RANGE_USER = 1_000_670_000;
const ROOT = { securityContext: { runAsUser: 0 } };

/** Workloads of `app` in the namespace whose pods ask for a sidecar. */
function workload(apiVersion: string, kind: string, name: string, spec: object, podSpec: object = {}): object {
  const labels = { app: name };
  const template = {
    metadata: { labels: { ...labels, ...ENABLED } },
    spec: { terminationGracePeriodSeconds: 5, containers: [appContainer(environment)], ...podSpec },
  };
  const metadata = { name, namespace: NAMESPACE };
  return { apiVersion, kind, metadata, spec: { selector: { matchLabels: labels }, template, ...spec } };
}

/** The process of a pod's sidecar, by its number on this machine. */
function sidecarPid(pod: AppPod): Promise<number> {
  const status = pod.status?.initContainerStatuses?.find(({ name }) => name === 'edict-pdp');
  return waitFor('its process', () => containerPid(environment.nodeDirectory, status?.containerID ?? ''));
}

test('pods of every kind have a PDP that answers before they start, and a Job completes', async () => {
  const job = {
    restartPolicy: 'Never',
    containers: [appContainer(environment, { env: [{ name: 'APP_ONCE', value: '1' }] })],
  };
  await cluster.apply(
    workload('apps/v1', 'Deployment', 'web', { replicas: 2 }),
    workload('apps/v1', 'StatefulSet', 'store', { replicas: 1, serviceName: 'store' }, ROOT),
    podIn(NAMESPACE, 'bare', ENABLED, {
      securityContext: { runAsUser: RANGE_USER, fsGroup: RANGE_USER },
      containers: [appContainer(environment)],
    }),
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once', namespace: NAMESPACE },
      spec: { backoffLimit: 0, template: { metadata: { labels: ENABLED }, spec: job } },
    },
  );
  const pods = [
    ...(await servingApps(cluster, NAMESPACE, 'app=web', 2)),
    ...(await servingApps(cluster, NAMESPACE, 'app=store', 1)),
    await servingApp(cluster, NAMESPACE, 'bare'),
  ];
  const reports = await Promise.all(pods.map(reportOf));
  expect(reports).toEqual(
    pods.map(() => ({ startedAt: expect.any(Number), url: 'http://127.0.0.1:8181', first: 200 })),
  );
  for (const pod of pods) {
    expect(pod.metadata.labels).toMatchObject({ 'edict.dev/pdp': SIDECARS });
    expect(pod.spec.initContainers?.[0]).toMatchObject({
      name: 'edict-pdp',
      restartPolicy: 'Always',
      securityContext: { runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
    });
  }
  // The image's own in two, that of a root pod, which it never is, and that of the last pod.
  const users = await Promise.all(pods.map(async (pod) => processUser(await sidecarPid(pod))));
  expect(users).toEqual([65_532, 65_532, 65_532, RANGE_USER]);
  await waitFor('the Job to complete', async () => {
    const found = await cluster.get<Job>({ apiVersion: 'batch/v1', kind: 'Job', namespace: NAMESPACE, name: 'once' });
    return found?.status?.succeeded === 1;
  });
  const [ended] = await cluster.list<AppPod>('v1', 'Pod', NAMESPACE, 'job-name=once');
  const { containerStatuses = [], initContainerStatuses = [] } = ended?.status ?? {};
  const [app, sidecar] = [...containerStatuses, ...initContainerStatuses].map(
    (status) => (status as unknown as Ended).state?.terminated,
  );
  expect([app?.exitCode, sidecar?.exitCode]).toEqual([0, 0]);
  const lasted = Number(sidecar?.finishedAt) - Number(app?.finishedAt);
  printFigures('Job', { 'its sidecar ended after it by': `${lasted / 1000} s` });
  expect(lasted).toBeLessThan(10_000);
});

test('a sidecar by hand, as the documentation has it, is one of the fleet', async () => {
  const text = (await readFile(EXAMPLE, 'utf8')).replaceAll('edict-pdp:dev', `edict-pdp:${environment.imageTag}`);
  const deployment = load(text) as {
    readonly metadata: object;
    readonly spec: { readonly template: { readonly spec: { readonly containers: readonly object[] } } };
  };
  const { template } = deployment.spec;
  const containers = [{ ...appContainer(environment), env: [{ name: 'PDP_URL', value: 'http://127.0.0.1:8181' }] }];
  await cluster.apply({
    ...deployment,
    metadata: { ...deployment.metadata, namespace: NAMESPACE },
    spec: { ...deployment.spec, template: { ...template, spec: { ...template.spec, containers } } },
  });
  const [pod] = await servingApps(cluster, NAMESPACE, 'app=web-by-hand', 1);
  expect(await reportOf(pod as AppPod)).toMatchObject({ first: 200 });
  expect(pod?.metadata.annotations ?? {}).not.toHaveProperty('edict.dev/injected');
});

test('a set of sidecars and a fleet converges as one, without the pod of the Job that has ended', async () => {
  const ready = await waitForSidecars('5/5', ({ status }) => status?.ready === '5/5');
  expect(ready.status).toMatchObject({ podsWithoutPdp: 0, sets: FLEET_NAME });
  expect(conditionOf(ready, 'Injected')).toBe('True/AllInjected');
  const pods = [
    ...(await servingApps(cluster, NAMESPACE, 'app=web', 2)),
    ...(await servingApps(cluster, NAMESPACE, 'app=store', 1)),
    ...(await servingApps(cluster, NAMESPACE, 'app=web-by-hand', 1)),
    await servingApp(cluster, NAMESPACE, 'bare'),
  ];
  const calls = startLoad(pods.map(appTarget), 20, () => editQuestion(2));
  const revision = await fleet.rollOutEdit(2);
  const counts = (await fleet.set())?.status?.pdps;
  expect(counts).toMatchObject({ required: 6, connected: 6, active: 6, laggards: 0, missing: 0 });
  const answers = await Promise.all(pods.map((pod) => ask(appTarget(pod), editQuestion(2))));
  expect(answers.map(({ allow, ...answer }) => [answer.revision, allow])).toEqual(pods.map(() => [revision, true]));
  const all = await calls.stop();
  expect(failuresOf(all)).toEqual([]);
  expect(findRegressions(all)).toEqual([]);
});

test('a pod of a selector gets one without saying a word; one that says no gets none', async () => {
  await applySidecars('tills', { sidecar: { selector: { matchLabels: { role: 'till' } } }, ports: { http: 9181 } });
  await waitFor('the selector to be in force', async () => {
    const found = await getEdict(cluster, 'PolicyDecisionPoint', NAMESPACE, 'tills');
    return conditionOf(found, 'Ready') === 'True/Available';
  });
  await cluster.apply(
    podIn(NAMESPACE, 'till', { role: 'till' }),
    podIn(NAMESPACE, 'mute', { role: 'till', 'edict.dev/inject': 'disabled' }),
  );
  const [till, mute] = [await servingApp(cluster, NAMESPACE, 'till'), await servingApp(cluster, NAMESPACE, 'mute')];
  expect(await reportOf(till)).toMatchObject({ url: 'http://127.0.0.1:9181', first: 200 });
  expect(await reportOf(mute)).not.toHaveProperty('url');
  expect(mute.spec.initContainers).toBeUndefined();
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', 'till', 'mute', '--wait=false');
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'policydecisionpoint', 'tills');
});

/** What kubectl says of a pod that is not made. */
async function refusalOf(pod: object): Promise<string> {
  const said = await cluster.tryKubectl(['create', '-f', '-'], JSON.stringify(pod));
  expect(said.code).not.toBe(0);
  return said.stderr;
}

test('pods that cannot have a PDP are refused with what to do, and none comes up without', async () => {
  await applySidecars('tiny', {
    sidecar: { selector: { matchLabels: { role: 'tiny' } } },
    resources: { limits: { memory: '16Mi' } },
  });
  const taken = [appContainer(environment, { ports: [{ containerPort: 8181 }] })];
  const refused: readonly (readonly [object, string])[] = [
    [podIn(BARE, 'a'), `namespace ${BARE} has no PolicyDecisionPoint of form Sidecar: make one (spec.form: Sidecar)`],
    [podIn(UNCLEAR, 'a'), `label edict.dev/inject of namespace ${UNCLEAR} is neither enabled nor disabled`],
    [
      podIn(NAMESPACE, 'a', { 'edict.dev/inject': 'ture' }),
      'label edict.dev/inject is "ture": say enabled or disabled',
    ],
    [
      podIn(NAMESPACE, 'a', ENABLED, { containers: taken }),
      'container app listens on port 8181, and so would the PDP: set spec.ports.http of PolicyDecisionPoint beside',
    ],
    [podIn(NAMESPACE, 'a', { ...ENABLED, 'edict.dev/pdp': 'tiny' }), '"16Mi" is too little'],
    [podIn(NAMESPACE, 'a', { ...ENABLED, 'edict.dev/pdp': FLEET_NAME }), 'which is of form Deployment'],
  ];
  for (const [pod, message] of refused) expect(await refusalOf(pod)).toContain(message);
  await applySidecars('lonely', {});
  // Two without a selector: nobody guesses.
  await waitFor('two to be one too many', async () =>
    (await refusalOf(podIn(NAMESPACE, 'a', ENABLED))).includes('beside, lonely of the namespace have no selector'),
  );
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'policydecisionpoint', 'tiny', 'lonely');
  const env = [{ name: 'PDP_URL', value: 'http://elsewhere.example' }];
  const own = podIn(NAMESPACE, 'own', ENABLED, { containers: [appContainer(environment, { env })] });
  const said = await waitFor('one fleet to be left', async () => {
    const made = await cluster.tryKubectl(['create', '-f', '-'], JSON.stringify(own));
    return made.code === 0 ? made : undefined;
  });
  expect(said.stderr).toContain('Warning: container app has a PDP_URL of its own');
  const pod = await cluster.get<AppPod>({ apiVersion: 'v1', kind: 'Pod', namespace: NAMESPACE, name: 'own' });
  expect(pod?.metadata.annotations).toMatchObject({ 'edict.dev/own-pdp-url': 'app' });
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', 'own', '--wait=false');
});

/** Seconds from the order to make a pod to the start of its application. */
async function secondsToStart(name: string, labels: object): Promise<number> {
  const createdAt = epochMs();
  await cluster.apply(podIn(NAMESPACE, name, labels));
  const { startedAt } = await reportOf(await servingApp(cluster, NAMESPACE, name));
  return (startedAt - createdAt) / 1000;
}

async function sidecarMemory(pod: AppPod): Promise<ContainerMemory> {
  return containerMemory(await sidecarPid(pod));
}

test('what a sidecar costs: time to start, memory, and the time of a decision', async () => {
  const times: { readonly with: number[]; readonly without: number[] } = { with: [], without: [] };
  for (let turn = 0; turn < STARTS; turn += 1) {
    times.without.push(await secondsToStart(`without-${turn}`, { role: 'timed' }));
    times.with.push(await secondsToStart(`with-${turn}`, { role: 'timed', ...ENABLED }));
  }
  const [pod] = await servingApps(cluster, NAMESPACE, 'app=store', 1);
  if (pod === undefined) throw new Error('the StatefulSet has no pod');
  const idle = await sidecarMemory(pod);
  // The load comes first: what is asked for seldom is then answered by code that has run before.
  const busy = await measureFrom(pod, 1000, 3, 1);
  const loaded = await sidecarMemory(pod);
  const pid = await sidecarPid(pod);
  const [before, machineBefore] = [await containerCpu(pid), await machineCpu()];
  const steady = await measureFrom(pod, 200, 10, 1);
  const cpu = cpuSince(before, await containerCpu(pid));
  const machine = shareSince(machineBefore, await machineCpu());
  const more = median(times.with) - median(times.without);
  printFigures('created to the application started, seconds', {
    without: median(times.without).toFixed(2),
    'with a sidecar': median(times.with).toFixed(2),
    difference: more.toFixed(2),
    worst: Math.max(...times.with).toFixed(2),
  });
  printFigures('sidecar', {
    'MiB idle': idle.workingSet,
    'at 1,000/s': loaded.workingSet,
    'resident with what is shared, idle': idle.resident,
    'peak at 1,000/s': loaded.peakResident,
  });
  printFigures('decisions over localhost', {
    'p50 ms at 200/s': steady.p50.toFixed(2),
    p99: steady.p99.toFixed(2),
    worst: steady.worst.toFixed(2),
    'p99 from when it was due': steady.dueP99.toFixed(2),
    'the application itself late by': steady.lateP99.toFixed(2),
    'p50 at 1,000/s': busy.p50.toFixed(2),
    'p99 at 1,000/s': busy.p99.toFixed(2),
  });
  printFigures('the sidecar in those 11 s at 200/s', {
    'ran ms': cpu.ranMs,
    'waited for a core ms': cpu.waitedMs,
    'stopped by a limit': cpu.throttled,
    'the application collected garbage ms': steady.collecting,
    'cores of the machine busy %': machine.busy,
    'stolen by its host %': machine.stolen,
  });
  expect([steady.asked, steady.failed, busy.asked, busy.failed]).toEqual([2000, 0, 3000, 0]);
  // It has no limit of CPU: what it waits for are others.
  expect(cpu.throttled).toBe(0);
  expect(idle.workingSet).toBeLessThan(80_000_000 / 2 ** 20);
  expect(loaded.peakResident).toBeLessThan(256);
  expect(restartsOf(pod)).toBe(0);
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', '-l', 'role=timed', '--wait=false');
});

test('while the webhook is away those that ask are not made, all others are, and who was made without is found', async () => {
  const [web] = await servingApps(cluster, NAMESPACE, 'app=web', 2);
  const calls = startLoad([appTarget(web as AppPod)], 20, () => editQuestion(2));
  const operator = ['-n', environment.operatorNamespace] as const;
  const deployment = `deployment/${environment.release}-operator`;
  const replicas = (await operatorPods(cluster, environment)).length;
  try {
    await cluster.kubectl(...operator, 'scale', deployment, '--replicas=0');
    await waitFor('the operator to be away', async () => (await operatorPods(cluster, environment)).length === 0);
    await waitFor('the webhook to be away', async () =>
      (await refusalOf(podIn(NAMESPACE, 'asks', ENABLED))).includes('failed calling webhook'),
    );
    await cluster.apply(podIn(NAMESPACE, 'late'), podIn(NAMESPACE, 'quiet'));
    await Promise.all(['late', 'quiet'].map((name) => servingApp(cluster, NAMESPACE, name)));
    await cluster.kubectl('-n', NAMESPACE, 'label', 'pod', 'late', 'edict.dev/inject=enabled');
  } finally {
    await cluster.kubectl(...operator, 'scale', deployment, `--replicas=${replicas}`);
    await cluster.kubectl(...operator, 'rollout', 'status', deployment, '--timeout=180s');
  }
  const found = await waitForSidecars('who has none', ({ status }) => status?.podsWithoutPdp === 1);
  expect(conditionOf(found, 'Injected')).toBe('False/PodsWithoutPDP');
  expect(found.status?.conditions?.find(({ type }) => type === 'Injected')?.message).toContain('have no PDP: late;');
  const events = await waitFor('the event', async () => {
    const said = await cluster.kubectl(
      '-n',
      NAMESPACE,
      'get',
      'events',
      '--field-selector=reason=PodsWithoutPDP',
      '-o',
      'name',
    );
    return said.trim() === '' ? undefined : said;
  });
  expect(events).not.toBe('');
  const metrics = await Promise.all(
    (await operatorPods(cluster, environment)).map(async ({ status }) =>
      (await fetch(`http://${status?.podIP ?? ''}:8080/metrics`)).text(),
    ),
  );
  expect(metrics.join('\n')).toContain(`operator_pods_without_pdp{fleet="${NAMESPACE}/${SIDECARS}"} 1`);
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', 'late', 'quiet', '--wait=false');
  await waitForSidecars('that all have one', (fleetNow) => conditionOf(fleetNow, 'Injected') === 'True/AllInjected');
  expect(failuresOf(await calls.stop())).toEqual([]);
  expect(await refusalsByRights(cluster, environment)).toEqual([]);
});

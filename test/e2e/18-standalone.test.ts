import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { NODE_PATH } from '../../scripts/images/runtime-layer.ts';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand } from '../../scripts/run-command.ts';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures, quantile } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type Answer, type Load, type LoadTarget } from '../support/load-generator.ts';
import { startMetricsServer, stopMetricsServer } from '../support/metrics-server.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions, findUncommitted } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { decisionTimes } from './decision-times.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { conditionOf, EDICT, getEdict, isPodReady, restartsOf, type EdictKinds, type Pod } from './objects.ts';
import { operatorPods } from './operator-pods.ts';
import { watchPods } from './pod-watch.ts';

const NAMESPACE = 'standalone';
const SITE = 'policy-site';
const EDICT_CLI = path.resolve(import.meta.dirname, '../../cli/src/main.ts');
const RATE = 20;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;
let service: LoadTarget;
let scratch: string;
let load: Load | undefined;
let edit = 1;

/** What every pod of this file is made of: nothing that a test changes replaces pods. */
const POD_SPEC = {
  resources: { requests: { cpu: '50m', memory: '64Mi' } },
  settings: {
    EDICT_PDP_FALLBACK_SOURCES: `http://${SITE}.${NAMESPACE}.svc:8080`,
    EDICT_PDP_FALLBACK_SETS: `${NAMESPACE}/${FLEET_NAME}`,
    EDICT_PDP_FALLBACK_AFTER_MS: '2000',
  },
};

beforeAll(async () => {
  // A first build takes minutes: it is in no test's time-out.
  await requireAssets(['metrics-server']);
  cluster = await createClusterClient(environment.kubeconfig);
  scratch = await mkdtemp(path.join(tmpdir(), 'edict-standalone-'));
  await startMetricsServer(environment.nodeDirectory);
  // From 0, so that the first pods are made as this file wants them.
  fleet = await createFleet(cluster, NAMESPACE, 0);
  await applyFleet({ replicas: 1 });
  await fleet.rollOutEdit(edit);
  await fleet.waitForReadyPods(1);
  service = await fleet.serviceTarget();
  await waitFor('the Service to answer', async () => (await ask(service, editQuestion(1))).status === 200);
}, 900_000);
afterEach(() => load?.stop());
afterAll(async () => {
  // First: an API that nobody serves holds up the end of a namespace.
  await stopMetricsServer(environment.nodeDirectory);
  await fleet.remove();
  await rm(scratch, { recursive: true });
});

async function applyFleet(spec: object): Promise<void> {
  await cluster.apply({
    apiVersion: EDICT,
    kind: 'PolicyDecisionPoint',
    metadata: { name: FLEET_NAME, namespace: NAMESPACE },
    spec: { ...POD_SPEC, ...spec },
  });
}

interface Deployment extends AnyObject {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

async function deployment(): Promise<Deployment> {
  const name = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: NAMESPACE, name: FLEET_NAME };
  return waitFor('the Deployment', () => cluster.get<Deployment>(name));
}

const fleetObject = (): Promise<EdictKinds['PolicyDecisionPoint'] | undefined> =>
  getEdict(cluster, 'PolicyDecisionPoint', NAMESPACE, FLEET_NAME);

async function committedRevision(): Promise<number> {
  return (await fleet.set())?.status?.committedRevision ?? Number.NaN;
}

/** Asks by the Service, each time over a new connection and over kept ones: no caller may notice what is done to the pods. */
function loadService(ratePerSecond: number): Load {
  const kept: LoadTarget = { name: 'service, kept connections', url: service.url };
  return startLoad([service, kept], ratePerSecond, () => editQuestion(1));
}

/** Every decision is given, and by a committed revision. Over a Service answers have no order: they come from several pods. */
async function expectSound(answers: readonly Answer[]): Promise<void> {
  expect(answers.length).toBeGreaterThan(0);
  expect(failuresOf(answers)).toEqual([]);
  expect(findUncommitted(answers, await decisionTimes(fleet))).toEqual([]);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

test('scaled from 1 to 10 while rollouts run: the first answer of each new pod is of the committed revision', async () => {
  const [first] = await fleet.pods();
  if (first === undefined) throw new Error('the fleet has no pods');
  const targets: LoadTarget[] = [];
  const direct = startLoad(targets, RATE / 2, () => editQuestion(1));
  const watch = await watchPods(cluster, NAMESPACE, (pod) => {
    targets.push(podTarget(pod));
  });
  load = loadService(RATE);
  const scaledAt = epochMs();
  const edits = { from: edit, isOver: false };
  const editing = (async () => {
    while (!edits.isOver) await fleet.rollOutEdit(++edit);
  })();
  try {
    await fleet.scale(10);
    await waitFor(
      '10 pods to be ready',
      async () => {
        const pods = await fleet.pods();
        return pods.length === 10 && pods.every(isPodReady);
      },
      { intervalMs: 250 },
    );
  } finally {
    edits.isOver = true;
    await editing;
    watch.stop();
  }
  const byService = await load.stop();
  const answers = await direct.stop();
  await expectSound(byService);
  expect(findRegressions(answers)).toEqual([]);
  const decided = await decisionTimes(fleet);
  expect(findUncommitted(answers, decided)).toEqual([]);
  const newestAt = (at: number): number => Math.max(...[...decided].filter(([, time]) => time <= at).map(([n]) => n));
  const fresh = [...watch.times.values()].filter(({ createdAt, pod }) => {
    return createdAt > scaledAt && pod.metadata.uid !== first.metadata.uid;
  });
  expect(fresh).toHaveLength(9);
  const readyAfter: number[] = [];
  for (const { pod, createdAt, readyAt = Number.NaN } of fresh) {
    const own = answers.filter(({ target }) => target === pod.metadata.name).toSorted((a, b) => a.sentAt - b.sentAt);
    const one = own.find(({ status }) => status === 200);
    // What was committed before the pod was there, it has from its first answer on; before that it gives none.
    expect(one?.revision).toBeGreaterThanOrEqual(newestAt(createdAt));
    expect(own.filter(({ status }) => ![0, 200, 503].includes(status))).toEqual([]);
    expect(failuresOf(own.filter(({ sentAt }) => sentAt > readyAt))).toEqual([]);
    readyAfter.push(readyAt - createdAt);
  }
  printFigures('scaled 1 to 10', {
    'all ready': seconds(epochMs() - scaledAt),
    'pod created to ready, median': seconds(quantile(readyAfter, 0.5)),
    slowest: seconds(Math.max(...readyAfter)),
    'rollouts meanwhile': edit - edits.from,
    decisions: byService.length + answers.filter(({ allow }) => allow !== undefined).length,
  });
});

test('a rolling restart of the fleet, with a rollout in it, fails no decision', async () => {
  load = loadService(RATE);
  await fleet.scale(2);
  await fleet.waitForReadyPods(2);
  const before = await fleet.pods();
  const startedAt = epochMs();
  await cluster.kubectl('-n', NAMESPACE, 'rollout', 'restart', `deployment/${FLEET_NAME}`);
  const restarting = cluster.kubectl(
    '-n',
    NAMESPACE,
    'rollout',
    'status',
    `deployment/${FLEET_NAME}`,
    '--timeout=180s',
  );
  await fleet.rollOutEdit(++edit);
  await restarting;
  const after = await fleet.waitForReadyPods(2);
  const answers = await load.stop();
  await expectSound(answers);
  const uids = new Set(before.map(({ metadata }) => metadata.uid));
  expect(after.filter(({ metadata }) => uids.has(metadata.uid))).toEqual([]);
  printFigures('rolling restart of 2', {
    took: seconds(epochMs() - startedAt),
    decisions: answers.length,
    failed: failuresOf(answers).length,
  });
});

test('evictions, as a drained node asks for them, wait until the pod before is replaced', async () => {
  const evict = (pod: Pod): ReturnType<ClusterClient['tryKubectl']> => {
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.metadata.name, namespace: NAMESPACE },
    };
    const where = `/api/v1/namespaces/${NAMESPACE}/pods/${pod.metadata.name}/eviction`;
    return cluster.tryKubectl(['create', '--raw', where, '-f', '-'], JSON.stringify(eviction));
  };
  const [one, two] = await fleet.waitForReadyPods(2);
  if (one === undefined || two === undefined) throw new Error('the fleet has no two pods');
  load = loadService(RATE);
  const startedAt = epochMs();
  expect((await evict(one)).code).toBe(0);
  const refused = await evict(two);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("would violate the pod's disruption budget");
  await waitFor('the second to be let go', async () => (await evict(two)).code === 0, { intervalMs: 250 });
  await fleet.waitForReadyPods(2);
  const answers = await load.stop();
  await expectSound(answers);
  printFigures('evictions of 2 pods, one at a time', {
    took: seconds(epochMs() - startedAt),
    decisions: answers.length,
    failed: failuresOf(answers).length,
  });
});

test('an autoscaler on real figures of CPU scales the fleet up under load, and its number goes with it', async () => {
  await applyFleet({
    replicas: 2,
    autoscaling: { minReplicas: 2, maxReplicas: 3, targetCPUUtilizationPercentage: 40 },
  });
  const isActive = async (): Promise<boolean> => {
    const found = await fleetObject();
    if (conditionOf(found, 'ScalingActive') === 'True/Autoscaling') return true;
    throw new Error(JSON.stringify(found?.status));
  };
  await waitFor('the autoscaler to have figures', isActive);
  expect((await deployment()).spec.replicas).toBe(2);
  const startedAt = epochMs();
  load = loadService(250);
  await waitFor('the autoscaler to want a third pod', async () => (await deployment()).spec.replicas === 3, {
    intervalMs: 250,
  });
  const wantedAt = epochMs();
  const [, , third] = await fleet.waitForReadyPods(3);
  const readyAt = epochMs();
  if (third === undefined) throw new Error('there is no third pod');
  const answers = await load.stop();
  await expectSound(answers);
  const said = await waitFor('the fleet to say so', async () => {
    const status = (await fleetObject())?.status;
    return status?.desiredReplicas === 3 && status.ready === '3/3' ? status : undefined;
  });
  expect(said.conditions).toContainEqual(expect.objectContaining({ type: 'ScalingActive', status: 'True' }));
  // Off again: the number of the spec holds, and the autoscaler is gone.
  await cluster.kubectl(
    '-n',
    NAMESPACE,
    'patch',
    `policydecisionpoint/${FLEET_NAME}`,
    '--type=json',
    '-p',
    JSON.stringify([{ op: 'remove', path: '/spec/autoscaling' }]),
  );
  await waitFor('the number of the spec to hold', async () => (await deployment()).spec.replicas === 2);
  const gone = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    namespace: NAMESPACE,
    name: FLEET_NAME,
  };
  expect(await cluster.get(gone)).toBeUndefined();
  await fleet.waitForReadyPods(2);
  printFigures('autoscaled by CPU', {
    'load to a third pod wanted': seconds(wantedAt - startedAt),
    'wanted to ready': seconds(readyAt - wantedAt),
    decisions: answers.length,
    failed: failuresOf(answers).length,
  });
});

/** A web server with what `edict bundle export` wrote: a pod of the PDP's image, in which there is nothing but Node. */
async function serveSite(): Promise<void> {
  const out = path.join(scratch, 'site');
  const where = ['-n', NAMESPACE, '--kubeconfig', environment.kubeconfig, '--set', FLEET_NAME, '--out', out];
  await runCommand(process.execPath, [EDICT_CLI, 'bundle', 'export', ...where]);
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const keyed = files.map((file, i) => ({ key: `f${i}`, path: path.relative(out, file), file }));
  const contents = await Promise.all(keyed.map(async ({ key, file }) => [key, await readFile(file, 'base64')]));
  const metadata = { name: SITE, namespace: NAMESPACE };
  const labels = { app: SITE };
  const [container] = (await deployment()).spec.template.spec.containers;
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, binaryData: Object.fromEntries(contents) as object },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 8080 }] } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'web',
            image: container?.image,
            command: [NODE_PATH, '-e', WEB_SERVER],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
            volumeMounts: [{ name: 'site', mountPath: '/site' }],
          },
        ],
        volumes: [
          { name: 'site', configMap: { name: SITE, items: keyed.map(({ key, path: at }) => ({ key, path: at })) } },
        ],
      },
    },
  );
  await cluster.kubectl('-n', NAMESPACE, 'wait', '--for=condition=Ready', `pod/${SITE}`, '--timeout=180s');
}

const WEB_SERVER = `const { readFileSync } = require('node:fs');
require('node:http').createServer((request, response) => {
  try {
    response.end(readFileSync('/site' + request.url));
  } catch {
    response.writeHead(404).end();
  }
}).listen(8080);
process.on('SIGTERM', () => process.exit());`;

test('scaled to 0 and back while the operator is away, the fleet serves what was committed, from a fallback source', async () => {
  const committed = await committedRevision();
  await serveSite();
  await fleet.scale(0);
  await waitFor('every pod to go', async () => (await fleet.pods()).length === 0);
  await waitFor('the fleet to be off', async () => (await fleetObject())?.status?.ready === '0/0');
  const operator = `deployment/${environment.release}-operator`;
  const scaleOperator = (replicas: number): Promise<string> =>
    cluster.kubectl('-n', environment.operatorNamespace, 'scale', operator, `--replicas=${replicas}`);
  let readyAfter: number;
  try {
    await scaleOperator(0);
    await waitFor('the operator to be gone', async () => {
      return (await cluster.list('v1', 'Pod', environment.operatorNamespace)).length === 0;
    });
    // What is wished of the fleet is stored for the operator's return; until then the Deployment is scaled by hand.
    await fleet.scale(2);
    const scaledAt = epochMs();
    await cluster.kubectl('-n', NAMESPACE, 'scale', `deployment/${FLEET_NAME}`, '--replicas=2');
    const pods = await fleet.waitForReadyPods(2);
    readyAfter = epochMs() - scaledAt;
    load = startLoad(pods.map(podTarget), RATE, () => editQuestion(edit));
    const asked = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(edit))));
    expect(asked.map(({ status, revision, allow }) => [status, revision, allow])).toEqual(
      pods.map(() => [200, committed, true]),
    );
    for (const pod of pods) expect(await sourceOf(pod)).toBe('Fallback');
  } finally {
    await scaleOperator(2);
  }
  await waitFor('the operator to be back', async () => {
    const pods = await operatorPods(cluster, environment);
    return pods.length === 2 && pods.every(isPodReady);
  });
  // It takes the fleet as it is, and goes on.
  edit += 1;
  await waitFor('the webhook to answer', async () => {
    await fleet.applyEdit(edit);
    return true;
  });
  expect(await fleet.rollOutEdit(edit)).toBeGreaterThan(committed);
  const answers = await load.stop();
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  const pods = await fleet.waitForReadyPods(2);
  expect(pods.map(restartsOf)).toEqual([0, 0]);
  expect((await deployment()).spec.replicas).toBe(2);
  printFigures('0 to 2 without an operator', { 'scaled to ready': seconds(readyAfter), decisions: answers.length });
});

/** Where a PDP has its policy from. */
async function sourceOf(pod: Pod): Promise<string | undefined> {
  const response = await fetch(`http://${pod.status?.podIP ?? ''}:8282/v1/status`);
  const { sets } = (await response.json()) as {
    readonly sets: readonly { readonly active?: { readonly source?: string } }[];
  };
  return sets[0]?.active?.source;
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type Load } from '../support/load-generator.ts';
import { separate } from '../support/partition.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { CHART, installChart, runHelm } from './install.ts';
import { isPodReady, restartsOf, type Pod } from './objects.ts';
import { operatorPods, pidOf } from './operator-pods.ts';
import { waitForPhase } from './rollout-timeline.ts';

const SITE = 'branch';
const RELAY_NAMESPACE = 'edict-branch';
/** Where the site's PDPs are: in the namespace of their set, as everywhere. */
const NAMESPACE = 'relay';
const SITE_LABELS = { app: 'branch-pdp' };
const CUT_MS = 60_000;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;
let scratch: string;
let load: Load | undefined;

interface Data extends AnyObject {
  readonly data: Readonly<Record<string, string>>;
}
interface Deployment extends AnyObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly env: readonly { readonly name: string }[] }[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
  };
}
interface Service extends AnyObject {
  readonly spec: { readonly clusterIP: string };
}

async function need<T extends AnyObject>(
  apiVersion: string,
  kind: string,
  namespace: string,
  name: string,
): Promise<T> {
  return waitFor(`${kind} ${namespace}/${name}`, () => cluster.get<T>({ apiVersion, kind, namespace, name }));
}

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  scratch = await mkdtemp(path.join(tmpdir(), 'edict-relay-'));
  await installChart(environment, { [`operator.relays.${SITE}`]: `${environment.operatorNamespace}/relay-${SITE}` });
  fleet = await createFleet(cluster, NAMESPACE, 1, { federation: { sites: [SITE] } });
  await fleet.rollOutEdit(1);
  await installRelay();
  await applySitePdps(2);
});
afterEach(() => load?.stop());
afterAll(async () => {
  await fleet.remove();
  await runHelm(['uninstall', SITE, '--kubeconfig', environment.kubeconfig, '--namespace', RELAY_NAMESPACE, '--wait']);
  await cluster.kubectl('delete', 'namespace', RELAY_NAMESPACE, '--timeout=180s');
  await cluster.kubectl('-n', environment.operatorNamespace, 'delete', 'serviceaccount', `relay-${SITE}`);
  await installChart(environment);
  await rm(scratch, { recursive: true });
});

/** A release of the chart that is a relay and nothing else, with what the hub gave it. */
async function installRelay(): Promise<void> {
  const hub = environment.operatorNamespace;
  const account = `relay-${SITE}`;
  const service = `${SITE}-edict-relay`;
  await cluster.kubectl('-n', hub, 'create', 'serviceaccount', account);
  const token = await cluster.kubectl('-n', hub, 'create', 'token', account, '--audience', 'edict-distribution');
  const { data: trust } = await need<Data>('v1', 'ConfigMap', NAMESPACE, `${environment.release}-ca`);
  const authority = await createAuthority(scratch);
  const names = [`DNS:${service}.${RELAY_NAMESPACE}.svc`];
  const serving = await issueCertificate(authority, 'relay', `/CN=${service}`, names);
  const secret = (name: string, stringData: object): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: RELAY_NAMESPACE },
    stringData,
  });
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: RELAY_NAMESPACE } });
  await cluster.apply(
    secret('hub', { ...trust, token: token.trim() }),
    secret('relay-tls', {
      'tls.crt': await readFile(serving.certificate, 'utf8'),
      'tls.key': await readFile(serving.key, 'utf8'),
    }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'branch-trust', namespace: NAMESPACE },
      data: { ...trust, 'ca.crt': await readFile(authority.certificate, 'utf8') },
    },
  );
  const distribution = `${environment.release}-distribution.${hub}.svc`;
  const values = {
    'relay.enabled': 'true',
    'relay.site': SITE,
    'relay.replicas': '2',
    'relay.sets[0]': `${NAMESPACE}/${FLEET_NAME}`,
    'relay.upstream.address': `${distribution}:9444`,
    'relay.upstream.bundlesUrl': `https://${distribution}:9445`,
    'relay.upstream.secretName': 'hub',
    'relay.tls.secretName': 'relay-tls',
    'relay.podSelector': Object.entries(SITE_LABELS)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
    'relay.persistence.enabled': 'false',
    'operator.image.tag': environment.imageTag,
  };
  const settings = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const where = ['--kubeconfig', environment.kubeconfig, '--namespace', RELAY_NAMESPACE];
  await runHelm(['install', SITE, CHART, ...where, ...settings, '--wait', '--timeout', '180s']);
}

/** PDPs as the operator makes them for the hub's own fleet, but for whom they dial and whom they trust. */
async function applySitePdps(replicas: number): Promise<void> {
  const { spec } = await need<Deployment>('apps/v1', 'Deployment', NAMESPACE, FLEET_NAME);
  const pod = spec.template.spec;
  const relay = `${SITE}-edict-relay.${RELAY_NAMESPACE}.svc`;
  const variables: Readonly<Record<string, string>> = {
    EDICT_PDP_OPERATOR_ADDRESS: `${relay}:9444`,
    EDICT_PDP_BUNDLES_URL: `https://${relay}:9445`,
  };
  const containers = pod.containers.map((container) => ({
    ...container,
    env: container.env.map((entry) => {
      const value = variables[entry.name];
      return value === undefined ? entry : { name: entry.name, value };
    }),
  }));
  const volumes = pod.volumes.map((volume) =>
    volume.name === 'trust' ? { name: 'trust', configMap: { name: 'branch-trust' } } : volume,
  );
  await cluster.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'branch-pdp', namespace: NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: SITE_LABELS },
      template: {
        metadata: { labels: SITE_LABELS },
        spec: { ...pod, containers, volumes, topologySpreadConstraints: [] },
      },
    },
  });
}

async function sitePods(count: number): Promise<readonly Pod[]> {
  return waitFor(`${count} ready PDPs of the site`, async () => {
    const pods = await cluster.list<Pod>('v1', 'Pod', NAMESPACE, 'app=branch-pdp');
    return pods.length === count && pods.every(isPodReady) ? pods : undefined;
  });
}

interface Lease extends AnyObject {
  readonly spec?: { readonly holderIdentity?: string };
}

/** The replica of the relay that serves the site; not the one of that name, which was. */
async function activeRelay(not = ''): Promise<Pod> {
  const name = `${SITE}-edict-relay`;
  const where = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: RELAY_NAMESPACE, name };
  return waitFor('the site to have a relay', async () => {
    const holder = (await cluster.get<Lease>(where))?.spec?.holderIdentity ?? '';
    if (holder === '' || holder === not) return undefined;
    return cluster.get<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace: RELAY_NAMESPACE, name: holder });
  });
}

interface Site {
  readonly name: string;
  readonly connected: boolean;
  readonly revision: number;
  readonly pdpsActive?: string;
}

/** What the hub says of the site. */
async function siteStatus(): Promise<Site | undefined> {
  const status = (await fleet.set())?.status as { readonly sites?: readonly Site[] } | undefined;
  return status?.sites?.find(({ name }) => name === SITE);
}

test('a site whose relay is cut off for a minute serves on, also by PDPs that start meanwhile, and catches up', async () => {
  const first = (await fleet.set())?.status?.committedRevision ?? Number.NaN;
  const pods = await sitePods(2);
  await waitFor('the hub to hear of the site', async () => {
    const site = await siteStatus();
    if (site?.revision !== first || site.pdpsActive !== '2/2') throw new Error(JSON.stringify(site));
    return true;
  });
  load = startLoad(pods.map(podTarget), 20, () => editQuestion(1));
  const relay = await activeRelay();
  const { spec } = await need<Service>(
    'v1',
    'Service',
    environment.operatorNamespace,
    `${environment.release}-distribution`,
  );
  const operators = await operatorPods(cluster, environment);
  const hub = [spec.clusterIP, ...operators.map(({ status }) => status?.podIP ?? '')];
  const heal = await separate(await pidOf(environment, relay), hub);
  const cutAt = epochMs();
  let all: readonly Pod[];
  try {
    // The hub decides without the site, and its own PDPs move on.
    expect(await fleet.rollOutEdit(2)).toBe(first + 1);
    await applySitePdps(3);
    all = await sitePods(3);
    const answers = await Promise.all(all.map((pod) => ask(podTarget(pod), editQuestion(2))));
    expect(answers.map(({ status, revision, allow }) => [status, revision, allow])).toEqual(
      all.map(() => [200, first, false]),
    );
    await waitFor('the hub to miss the site', async () => (await siteStatus())?.connected === false);
    process.stderr.write(`    ${JSON.stringify(await siteStatus())}\n`);
    // The minute is what is under test: that nothing runs out in it.
    await delay(Math.max(0, CUT_MS - (epochMs() - cutAt)));
    expect(new Set(load.answers.map(({ revision }) => revision))).toEqual(new Set([first]));
  } finally {
    await heal();
  }
  const healedAt = epochMs();
  await waitFor('the site to serve what the hub decided', async () => {
    const answers = await Promise.all(all.map((pod) => ask(podTarget(pod), editQuestion(2))));
    return answers.every(({ revision, allow }) => revision === first + 1 && allow === true);
  });
  const caughtUp = epochMs() - healedAt;
  await waitFor('the hub to know', async () => {
    const site = await siteStatus();
    return site?.connected === true && site.revision === first + 1 && site.pdpsActive === '3/3';
  });
  const answers = await load.stop();
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  expect((await sitePods(3)).map(restartsOf)).toEqual([0, 0, 0]);
  // And from now on it is as before.
  await fleet.applyEdit(3);
  await waitForPhase(fleet, first + 2, 'Completed');
  await waitFor('the site to follow', async () => (await siteStatus())?.revision === first + 2);
  printFigures('relay cut off', {
    for: `${((healedAt - cutAt) / 1000).toFixed(0)} s`,
    'healed to caught up': `${(caughtUp / 1000).toFixed(1)} s`,
    decisions: answers.length,
  });
});

test('a relay whose pod is killed is followed by the one that stands by, and no decision is lost', async () => {
  const first = (await fleet.set())?.status?.committedRevision ?? Number.NaN;
  const pods = await sitePods(3);
  load = startLoad(pods.map(podTarget), 20, () => editQuestion(1));
  const { metadata } = await activeRelay();
  const killedAt = epochMs();
  await cluster.kubectl('-n', RELAY_NAMESPACE, 'delete', 'pod', metadata.name, '--grace-period=0', '--force');
  await activeRelay(metadata.name);
  const takenOver = epochMs() - killedAt;
  await fleet.applyEdit(4);
  await waitForPhase(fleet, first + 1, 'Completed');
  await waitFor('the site to follow the hub', async () => {
    const site = await siteStatus();
    return site?.revision === first + 1 && site.pdpsActive === '3/3';
  });
  const answers = await load.stop();
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  printFigures('relay killed', {
    'another is elected after': `${(takenOver / 1000).toFixed(1)} s`,
    'a new revision is served in the site after': `${((epochMs() - killedAt) / 1000).toFixed(1)} s`,
  });
});

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findCondition, MANETU_CRD_NAME, type PolicyDomain } from '@edict/crds';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, startLoad } from '../support/load-generator.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { installChart } from './install.ts';
import { getEdict } from './objects.ts';
import { refusalsByRights } from './operator-pods.ts';

const environment = readEnvironment();
const EXAMPLES = path.resolve(import.meta.dirname, '../../docs/examples/manetu');
const MANETU = 'iamlite.manetu.io/v1beta1';
const RESOURCE = 'policydomain.iamlite.manetu.io';
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'manetu-files', 2);
});
afterAll(async () => {
  await installChart(environment);
  // As helm/README.md says that the group's remains go.
  await cluster.tryKubectl(['delete', 'crd', MANETU_CRD_NAME, '--ignore-not-found', '--timeout=180s']);
  const { release, operatorNamespace } = environment;
  await cluster.kubectl('-n', operatorNamespace, 'delete', 'secret', `${release}-conversion-certificate`);
  await fleet.remove();
});

const crd = (): Promise<AnyObject | undefined> =>
  cluster.get<AnyObject>({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    name: MANETU_CRD_NAME,
  });
const theirs = (name: string): Promise<PolicyDomain | undefined> =>
  cluster.get<PolicyDomain & AnyObject>({ apiVersion: MANETU, kind: 'PolicyDomain', namespace: fleet.namespace, name });
const inNamespace = (...args: readonly string[]): Promise<string> => cluster.kubectl('-n', fleet.namespace, ...args);

/** Questions that the examples grant, and ones that they deny for the value of an annotation or of an attribute alone. */
const QUESTIONS: readonly (readonly [file: string, granted: object, denied: object])[] = [
  ['books', question('books', 'reader', { shelf: 3 }), question('books', 'reader', { shelf: 4 })],
  ['loans', question('loans', 'borrower', { day: 'tuesday' }), question('loans', 'borrower', { day: 'sunday' })],
  ['fines', question('fines', 'clerk', { amount: 20 }), question('fines', 'clerk', { amount: 21 })],
];

function question(domain: string, role: string, context: object): object {
  const principal = { sub: 'ann', mroles: [`mrn:iam:${domain}:role:${role}`] };
  return { principal, operation: `${domain}:do`, resource: `mrn:${domain}:thing:1`, context };
}

test('the chart refuses to install over the CRD of another operator, and does not touch it', async () => {
  const foreign = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: MANETU_CRD_NAME },
    spec: {
      group: 'iamlite.manetu.io',
      names: { kind: 'PolicyDomain', plural: 'policydomains', singular: 'policydomain', listKind: 'PolicyDomainList' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1beta1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
  await cluster.apply(foreign);
  await cluster.kubectl('wait', '--for=condition=Established', `crd/${MANETU_CRD_NAME}`, '--timeout=180s');
  const before = await crd();
  const refused = await installChart(environment, { 'manetuGroup.enabled': 'true' }).then(
    () => 'installed',
    (error: unknown) => String((error as Error).cause),
  );
  expect(refused).toContain('another operator serves the group');
  expect(refused).toContain('manetuGroup.enabled=false');
  expect(await crd()).toEqual(before);
  await cluster.kubectl('delete', 'crd', MANETU_CRD_NAME, '--timeout=180s');
});

test('switched on, kubectl applies files of all three versions as they are; PDPs decide by them; the status says so', async () => {
  const enabled = epochMs();
  await installChart(environment, { 'manetuGroup.enabled': 'true' });
  await waitFor('the authority of the conversion webhook', async () =>
    JSON.stringify(await crd()).includes('"caBundle"'),
  );
  const applied = epochMs();
  await waitFor('the files to be applied', async () => {
    await inNamespace('apply', '-f', EXAMPLES);
    return true;
  });
  await inNamespace('wait', '--for=condition=Ready', RESOURCE, '--all', '--timeout=180s');
  printFigures("Manetu's group", {
    enabled: `${((applied - enabled) / 1000).toFixed(1)} s`,
    'applied to Ready': `${((epochMs() - applied) / 1000).toFixed(1)} s`,
  });
  const pods = await fleet.waitForReadyPods(2);
  for (const [, granted, denied] of QUESTIONS) {
    for (const pod of pods) {
      expect(await ask(podTarget(pod), granted)).toMatchObject({ status: 200, allow: true });
      expect(await ask(podTarget(pod), denied)).toMatchObject({ status: 200, allow: false });
    }
  }
  for (const [name] of QUESTIONS) {
    const found = await theirs(name);
    expect(found?.status).toMatchObject({ set: 'main', observedGeneration: found?.metadata.generation });
    expect(found?.status?.revision).toMatch(/^main@/);
  }
  expect(await inNamespace('get', RESOURCE)).toMatch(/NAME +SET +REVISION +READY/);
  // A second apply of the same file changes nothing, in its own version.
  expect(await inNamespace('apply', '-f', path.join(EXAMPLES, 'books.yaml'))).toContain('unchanged');
});

test('a broken file is refused by name, row and column; a mirror is not edited by hand', async () => {
  const text = await readFile(path.join(EXAMPLES, 'books.yaml'), 'utf8');
  const broken = text.replace('default allow = true', 'allow = ]');
  const refused = await cluster.tryKubectl(['-n', fleet.namespace, 'apply', '-f', '-'], broken);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/mrn:iam:books:policy:anything.*rego 3:9/s);
  const deleted = await cluster.tryKubectl(['-n', fleet.namespace, 'delete', 'policydomain.edict.dev', 'books']);
  expect(deleted.stderr).toContain(`${RESOURCE}/books`);
});

test('without the conversion webhook old versions fail with its name, and not one decision does', async () => {
  const [pod] = await fleet.pods();
  if (pod === undefined) throw new Error('the fleet has no pods');
  const [[, granted] = []] = QUESTIONS;
  const load = startLoad([podTarget(pod)], 50, () => granted ?? {});
  const namespace = environment.operatorNamespace;
  const scale = (count: number): Promise<string> =>
    cluster.kubectl('-n', namespace, 'scale', 'deployment/edict-conversion', `--replicas=${count}`);
  await scale(0);
  await waitFor('its pods to be gone', async () => {
    const pods = await cluster.list<AnyObject>('v1', 'Pod', namespace, 'app.kubernetes.io/component=conversion');
    return pods.length === 0;
  });
  const old = await cluster.tryKubectl([
    '-n',
    fleet.namespace,
    'get',
    `policydomains.v1alpha3.iamlite.manetu.io/books`,
  ]);
  expect(old.stderr).toMatch(/conversion webhook for iamlite\.manetu\.io.*edict-conversion/s);
  const fines = await readFile(path.join(EXAMPLES, 'fines.yaml'), 'utf8');
  const edited = fines.replace('waive: 20', 'waive: 30');
  await cluster.kubectlWithInput(edited, '-n', fleet.namespace, 'apply', '-f', '-');
  await inNamespace('wait', '--for=condition=Ready', `${RESOURCE}/fines`, '--timeout=180s');
  // A PDP that was just without its operator is not among those that Ready speaks of.
  await waitFor('the edit to be served', async () => {
    return (await ask(podTarget(pod), question('fines', 'clerk', { amount: 30 }))).allow === true;
  });
  await scale(2);
  await waitFor('old versions to be read again', () =>
    inNamespace('get', `policydomains.v1alpha3.iamlite.manetu.io/books`).then(() => true),
  );
  const answers = await load.stop();
  expect(answers.filter(({ status, allow }) => status !== 200 || allow !== true)).toEqual([]);
});

test('a deleted file is withdrawn before its object is gone', async () => {
  const started = epochMs();
  await inNamespace('delete', '-f', path.join(EXAMPLES, 'loans.yaml'), '--timeout=180s');
  printFigures('file of Manetu deleted', { took: `${((epochMs() - started) / 1000).toFixed(1)} s` });
  expect(await getEdict(cluster, 'PolicyDomain', fleet.namespace, 'loans')).toBeUndefined();
  const [, granted] = QUESTIONS.find(([name]) => name === 'loans') ?? [];
  for (const pod of await fleet.pods()) expect((await ask(podTarget(pod), granted ?? {})).allow).toBe(false);
});

test('in all of this the operator lacked no right that the chart should have given it', async () => {
  expect(await refusalsByRights(cluster, environment)).toEqual([]);
});

test('switched off, what was said last serves on, the objects say so and hold nothing back, and the CRD stays', async () => {
  await installChart(environment);
  const left = await waitFor('the objects to be let go', async () => {
    const books = await theirs('books');
    const ready = findCondition(books?.status?.conditions, 'Ready');
    return ready?.reason === 'GroupDisabled' && books?.metadata.finalizers === undefined ? books : undefined;
  });
  expect(left.metadata.deletionTimestamp).toBeUndefined();
  const deployments = await cluster.list<AnyObject>('apps/v1', 'Deployment', environment.operatorNamespace);
  expect(deployments.map(({ metadata }) => metadata?.name)).toEqual(['edict-operator']);
  const [[, granted] = []] = QUESTIONS;
  for (const pod of await fleet.pods()) expect(await ask(podTarget(pod), granted ?? {})).toMatchObject({ allow: true });
  await inNamespace('delete', RESOURCE, '--all', '--timeout=180s');
  await waitFor(
    'the mirrors to be withdrawn',
    async () => (await getEdict(cluster, 'PolicyDomain', fleet.namespace, 'books')) === undefined,
  );
  expect(await crd()).toBeDefined();
  expect(await refusalsByRights(cluster, environment)).toEqual([]);
});

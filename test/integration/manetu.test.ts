import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { domainFromObject, KEPT_ANNOTATION, readDomain, type DomainModel } from '@edict/bundle';
import { findCondition, MANETU_CRD_NAME, type PolicyDomain } from '@edict/crds';
import { systemClock, type Operator } from '@edict/operator';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { load } from 'js-yaml';
import { Registry } from 'prom-client';
import { settleCertificates } from '../../operator/src/certificates/rotate.ts';
import { trustBundle, type CertificateState } from '../../operator/src/certificates/plan.ts';
import { createConversionMetrics } from '../../operator/src/conversion/conversion-metrics.ts';
import { startConversionServer, type ConversionServer } from '../../operator/src/conversion/conversion-server.ts';
import { startManetuController, type ManetuController } from '../../operator/src/kube/manetu-controller.ts';
import { OWNED_BY_ANNOTATION, watchManetuCrd } from '../../operator/src/kube/manetu-crd.ts';
import type { ManetuMode } from '../../operator/src/controllers/manetu-domain/observed.ts';
import {
  aLog,
  connectPdp,
  regoPermitting,
  startOperator,
  type ConnectedPdp,
} from '../../operator/src/testing/fixtures.ts';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { tryCommand } from '../../scripts/run-command.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, refusal, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

const CONFORMANCE = process.env['EDICT_CONFORMANCE'] ?? path.join(import.meta.dirname, '../../../shared/conformance');
const RESOURCE = 'policydomains.iamlite.manetu.io';
const OWNER = 'edict-system/edict-conversion';
const CRD = RESOURCES.CustomResourceDefinition;
const HOST = 'localhost';

let cluster: Cluster;
let certificates: CertificateState;
let conversion: ConversionServer | undefined;
let conversionPort = 0;

interface Crd extends KubeObject {
  readonly spec: {
    readonly conversion: {
      readonly webhook: { readonly clientConfig?: { readonly caBundle?: string }; readonly [member: string]: unknown };
    };
    readonly [member: string]: unknown;
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function startConversion(): Promise<void> {
  conversion = await startConversionServer({
    host: '127.0.0.1',
    port: conversionPort,
    ...certificates.serving,
    metrics: createConversionMetrics(new Registry()),
    onError: (error) => {
      throw error;
    },
  });
  conversionPort = conversion.port;
}

async function stopConversion(): Promise<void> {
  await conversion?.close();
  conversion = undefined;
}

/** The CRD that the chart takes, with this process as its webhook; without an authority if `owner` is to write that. */
async function crdOwnedBy(owner: string, caBundle?: string): Promise<Crd> {
  const file = path.join(import.meta.dirname, '../../helm/optional/iamlite.manetu.io_policydomains.yaml');
  const crd = load(await readFile(file, 'utf8')) as Crd;
  const clientConfig = {
    url: `https://${HOST}:${String(conversionPort)}/convert`,
    ...(caBundle === undefined ? {} : { caBundle: Buffer.from(caBundle).toString('base64') }),
  };
  return {
    ...crd,
    metadata: { ...crd.metadata, annotations: { [OWNED_BY_ANNOTATION]: owner } },
    spec: {
      ...crd.spec,
      conversion: { ...crd.spec.conversion, webhook: { ...crd.spec.conversion.webhook, clientConfig } },
    },
  };
}

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  certificates = await settleCertificates(undefined, [HOST], Date.now());
  await startConversion();
  await cluster.objects.create(CRD, await crdOwnedBy(OWNER, trustBundle(certificates)));
  await waitFor('the CRD to be served', async () => {
    const crd = await cluster.objects.get<Crd>(CRD, { name: MANETU_CRD_NAME });
    return crd?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  });
});
afterAll(async () => {
  try {
    await cluster.objects.delete(CRD, { name: MANETU_CRD_NAME });
    await waitFor(
      'the CRD to be gone',
      async () => (await cluster.objects.get(CRD, { name: MANETU_CRD_NAME })) === undefined,
    );
  } finally {
    await stopConversion();
    await cluster.close();
  }
});

const pathOf = (namespace: string, version: string, name = ''): string =>
  `/apis/iamlite.manetu.io/${version}/namespaces/${namespace}/policydomains${name === '' ? '' : `/${name}`}`;
const read = async (namespace: string, version: string, name: string): Promise<KubeObject> =>
  (await cluster.client.request({ method: 'GET', path: pathOf(namespace, version, name) })) as KubeObject;
const create = async (
  namespace: string,
  version: string,
  name: string,
  spec: unknown,
  metadata = {},
): Promise<KubeObject> =>
  (await cluster.client.request({
    method: 'POST',
    path: pathOf(namespace, version),
    body: {
      apiVersion: `iamlite.manetu.io/${version}`,
      kind: 'PolicyDomain',
      metadata: { namespace, name, ...metadata },
      spec,
    },
  })) as KubeObject;

test('the apiserver takes the schemas of all versions as structural ones', async () => {
  const crd = await cluster.objects.get<Crd>(CRD, { name: MANETU_CRD_NAME });
  expect(crd?.status?.conditions?.filter(({ type }) => type === 'NonStructuralSchema')).toEqual([]);
});

test.each<[string, string, unknown, string]>([
  ['a list for text', 'v1alpha3', { roles: [{ mrn: ['x'] }] }, 'spec.roles[0].mrn'],
  ['an empty list for text', 'v1beta1', { roles: [{ mrn: [] }] }, 'spec.roles[0].mrn'],
  ['an empty map for text', 'v1beta1', { roles: [{ mrn: {} }] }, 'spec.roles[0].mrn'],
  ['a map for a list', 'v1alpha4', { policies: { a: {} } }, 'spec.policies'],
  [
    'a map as value before v1beta1',
    'v1alpha4',
    { roles: [{ annotations: [{ name: 'a', value: { b: 1 } }] }] },
    'value',
  ],
  ['a word that is no boolean', 'v1beta1', { 'resource-groups': [{ mrn: 'g', default: 'perhaps' }] }, 'default'],
  ['text for an entity', 'v1beta1', { scopes: ['x'] }, 'spec.scopes[0]'],
])('%s in %s is refused by the schema, with its place', async (_name, version, spec, place) => {
  const namespace = await cluster.namespace();
  const error = await refusal(create(namespace, version, 'wrong', spec));
  expect([error.code, error.message]).toEqual(['Invalid', expect.stringContaining(place)]);
});

test('what v1alpha3 reads over may have any shape; unknown keys stay, also under strict validation', async () => {
  const namespace = await cluster.namespace();
  const spec = {
    resources: 'x',
    unknown: { a: [1] },
    roles: [{ mrn: 42, default: 'off', extra: true, policy: null }, null],
  };
  const answer = (await cluster.client.request({
    method: 'POST',
    path: pathOf(namespace, 'v1alpha3'),
    query: { fieldValidation: 'Strict' },
    body: { apiVersion: 'iamlite.manetu.io/v1alpha3', kind: 'PolicyDomain', metadata: { name: 'odd' }, spec },
  })) as KubeObject;
  expect(answer['spec']).toEqual(spec);
  expect((await read(namespace, 'v1alpha3', 'odd'))['spec']).toEqual(spec);
  expect((await read(namespace, 'v1beta1', 'odd'))['spec']).not.toHaveProperty('resources');
});

interface FileOfTheirs {
  readonly label: string;
  readonly file: string;
  readonly model: DomainModel;
}

/** Files of the reference engine that its loader accepts and Kubernetes has a name for. */
async function theirFiles(): Promise<readonly FileOfTheirs[]> {
  const folder = path.join(CONFORMANCE, 'porc/domains');
  const found: FileOfTheirs[] = [];
  for (const label of (await readdir(folder).catch(() => [])).toSorted()) {
    for (const name of (await readdir(path.join(folder, label))).filter((one) => /\.ya?ml$/.test(one))) {
      const file = path.join(folder, label, name);
      const result = readDomain(await readFile(file), file);
      if (!result.ok || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(result.domain.name)) continue;
      found.push({ label: `${label}/${name}`, file, model: result.domain });
    }
  }
  return found;
}

/** Files that kubectl changes before it sends them, or cannot send; docs/manetu-files.md has the causes. */
const BY_KUBECTL: readonly string[] = [
  // A name that is n without quotes: YAML 1.1 takes it for a boolean.
  ...['c10-resource-routing', 'c14-identity-hierarchy', 'c45-expected-annotations-by-policy'],
  ...['c46-broken-entity-loses-annotations', 'c47-group-annotations-without-roles-array'],
  // Text without quotes that is a number, a date or a boolean; more documents than one.
  ...['c16-union-dedup', 'c17-annotation-native-v1beta1', 'c18b-annotation-json-v1alpha3'],
  ...['c30-yaml-details', 'c40-annotation-values-in-rego'],
  // Numbers that JSON cannot hold, and keys that are no text.
  ...[
    'c19-unmarshalable-boolkeys',
    'c19-unmarshalable-inf',
    'c19-unmarshalable-nan',
    'c19-unmarshalable-nestedintkeys',
  ],
  // A key of metadata that Kubernetes does not know.
  ...['cli-v0-mapper', 'contract-map-v0'],
];

test('kubectl applies every file that the reference engine accepts, and each means what it says', async () => {
  const files = await theirFiles();
  if (files.length === 0) return; // the material is not part of a checkout
  const { kubectl } = await requireAssets(['kubectl']);
  // One namespace holds a name once.
  const rounds: FileOfTheirs[][] = [];
  for (const one of files) {
    const round = rounds.find((others) => others.every(({ model }) => model.name !== one.model.name));
    if (round === undefined) rounds.push([one]);
    else round.push(one);
  }
  const differing: string[] = [];
  for (const round of rounds) {
    const namespace = await cluster.namespace();
    const args = round.flatMap(({ file }) => ['-f', file]);
    const said = await tryCommand(kubectl, ['--kubeconfig', sharedKubeconfig(), '-n', namespace, 'apply', ...args]);
    for (const { label, model } of round) {
      const stored = await read(namespace, 'v1beta1', model.name).catch(() => undefined);
      const result = stored === undefined ? undefined : domainFromObject(stored);
      try {
        expect(result?.ok === true ? result.domain : said.stderr).toEqual(model);
      } catch (error) {
        differing.push(`${label}: ${String(error).slice(0, 600)}`);
      }
    }
  }
  process.stdout.write(
    `${String(files.length)} files applied in ${String(rounds.length)} rounds, ${String(differing.length)} known to differ\n`,
  );
  // Operators of other tests would serve them.
  const all = ['delete', RESOURCE, '--all', '--all-namespaces'];
  const { code } = await tryCommand(kubectl, ['--kubeconfig', sharedKubeconfig(), ...all]);
  expect(code).toBe(0);
  expect(differing.filter((line) => !BY_KUBECTL.includes(line.split('/')[0] ?? ''))).toEqual([]);
  expect(differing.map((line) => line.split('/')[0]).toSorted()).toEqual(BY_KUBECTL.toSorted());
});

const REGO = (who: string) => ({
  policies: [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting(who) }],
  operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:main' }],
});

/** An operator with the controller of the group, and PDPs of the default set. */
async function serving(namespace: string, mode: ManetuMode = 'Serve') {
  const { operator, events } = await startOperator(cluster.store);
  const log = aLog();
  const controller = startManetuController({
    store: cluster.store,
    client: cluster.client,
    objects: cluster.objects,
    world: operator.world(),
    mode,
    events: { emit: () => undefined },
    metrics: operator.metrics,
    log,
    clock: systemClock,
    random: Math.random,
  });
  controller.setActive(true);
  const pdps = connectPdps(operator, namespace, 2);
  return {
    events,
    pdps,
    /** Deletes what is there and waits until it is gone, so that nothing is left for the operators of other tests. */
    clear: async () => {
      await cluster.client.request({ method: 'DELETE', path: pathOf(namespace, 'v1beta1') });
      await waitFor('everything to be gone', async () => {
        const list = (await cluster.client.request({ method: 'GET', path: pathOf(namespace, 'v1beta1') })) as {
          readonly items: readonly unknown[];
        };
        return list.items.length === 0;
      });
    },
    stop: async () => {
      for (const { client } of pdps) await client.close();
      await controller.stop();
      await operator.stop();
    },
  } satisfies { readonly pdps: readonly ConnectedPdp[]; readonly [member: string]: unknown };
}

function connectPdps(operator: Operator, namespace: string, count: number): readonly ConnectedPdp[] {
  return Array.from({ length: count }, (_, index) =>
    connectPdp(operator, `${namespace}/default`, index, {}, namespace),
  );
}

const mirror = (namespace: string, name: string) => cluster.store.get('PolicyDomain', { namespace, name });

/** Waits until condition Ready of the object speaks of its newest generation with that reason. */
const until = (namespace: string, name: string, reason: string): Promise<PolicyDomain> =>
  waitFor(`${name} to be ${reason}`, async () => {
    const found = (await read(namespace, 'v1beta1', name)) as unknown as PolicyDomain;
    const ready = findCondition(found.status?.conditions, 'Ready');
    if (ready?.observedGeneration !== found.metadata.generation || ready?.reason !== reason) {
      throw new Error(JSON.stringify(found.status));
    }
    return found;
  });

test('an object of each version is served, edited, refused, and withdrawn, and its status says so', async () => {
  const namespace = await cluster.namespace();
  const running = await serving(namespace);
  try {
    for (const version of ['v1alpha3', 'v1alpha4', 'v1beta1']) {
      await create(
        namespace,
        version,
        `from-${version}`,
        { ...REGO('ann'), unknown: version },
        { labels: { team: 'x' } },
      );
    }
    for (const version of ['v1alpha3', 'v1alpha4', 'v1beta1']) {
      const { status } = await until(namespace, `from-${version}`, 'Converged');
      expect(status).toMatchObject({ set: 'default', entities: { policies: 1, operations: 1 } });
      expect((await read(namespace, version, `from-${version}`))['spec']).toEqual({ ...REGO('ann'), unknown: version });
    }
    expect([...(running.pdps[0]?.domains() ?? [])].toSorted()).toEqual([
      'from-v1alpha3',
      'from-v1alpha4',
      'from-v1beta1',
    ]);
    const before = await mirror(namespace, 'from-v1alpha3');
    expect(before?.metadata.labels).toEqual({ team: 'x', 'edict.dev/mirror-of': 'iamlite.manetu.io' });

    // An edit in an old version; then one that is wrong: what was served is served on.
    const patch = (spec: unknown): Promise<unknown> =>
      cluster.client.request({
        method: 'PATCH',
        path: pathOf(namespace, 'v1alpha3', 'from-v1alpha3'),
        contentType: 'application/merge-patch+json',
        body: { spec },
      });
    await patch(REGO('bob'));
    const edited = await until(namespace, 'from-v1alpha3', 'Converged');
    expect(edited.status?.digest).not.toBe(before?.status?.digest);
    await patch({ policies: [{ mrn: 'mrn:policy:main', rego: 'package authz\n\nallow = {' }] });
    const refused = await until(namespace, 'from-v1alpha3', 'Invalid');
    expect(findCondition(refused.status?.conditions, 'Accepted')?.message).toMatch(/mrn:policy:main.*rego 3:/);
    expect(refused.status?.digest).toBe(edited.status?.digest);
    await patch({ operations: [{ name: 'all', selector: ['('] }] });
    const unreadable = await waitFor('the selector to be named', async () => {
      const found = await until(namespace, 'from-v1alpha3', 'Invalid');
      return findCondition(found.status?.conditions, 'Accepted')?.message.includes('operation all') === true
        ? found
        : undefined;
    });
    expect(unreadable.status?.digest).toBe(edited.status?.digest);

    // Deleted: gone once no PDP serves it.
    await cluster.client.request({ method: 'DELETE', path: pathOf(namespace, 'v1beta1', 'from-v1alpha3') });
    await waitFor('the object to be gone', async () => {
      const left = await read(namespace, 'v1beta1', 'from-v1alpha3').catch(() => undefined);
      return left === undefined;
    });
    expect(await mirror(namespace, 'from-v1alpha3')).toBeUndefined();
    for (const pdp of running.pdps) expect(pdp.domains()).not.toContain('from-v1alpha3');
    await running.clear();
  } finally {
    await running.stop();
  }
});

test('the status follows every edit, however the watches are late to each other', async () => {
  const namespace = await cluster.namespace();
  const running = await serving(namespace);
  try {
    await create(namespace, 'v1beta1', 'shop', REGO('ann'));
    await until(namespace, 'shop', 'Converged');
    for (let edit = 0; edit < 40; edit += 1) {
      const rego = `package authz\n\nallow = {${String(edit)}`;
      await cluster.client.request({
        method: 'PATCH',
        path: pathOf(namespace, 'v1beta1', 'shop'),
        contentType: 'application/merge-patch+json',
        body: { spec: { policies: [{ mrn: 'mrn:policy:main', name: 'main', rego }] } },
      });
      await until(namespace, 'shop', 'Invalid');
    }
    // And is never that of an edit before, said of the one after.
    const digests = new Set<string | undefined>();
    for (let edit = 0; edit < 10; edit += 1) {
      await cluster.client.request({
        method: 'PATCH',
        path: pathOf(namespace, 'v1beta1', 'shop'),
        contentType: 'application/merge-patch+json',
        body: { spec: REGO(`caller-${String(edit)}`) },
      });
      digests.add((await until(namespace, 'shop', 'Converged')).status?.digest);
    }
    expect(digests.size).toBe(10);
    await running.clear();
  } finally {
    await running.stop();
  }
});

test('a domain of ours with the name stays as it is until it goes', async () => {
  const namespace = await cluster.namespace();
  const running = await serving(namespace);
  try {
    const spec = REGO('carol');
    await cluster.store.create({
      apiVersion: 'edict.dev/v1beta1',
      kind: 'PolicyDomain',
      metadata: { namespace, name: 'shop' },
      spec,
    });
    await create(namespace, 'v1beta1', 'shop', REGO('ann'));
    const { status } = await until(namespace, 'shop', 'NameConflict');
    expect(findCondition(status?.conditions, 'Stalled')?.message).toContain('PolicyDomain shop of edict.dev');
    expect((await mirror(namespace, 'shop'))?.spec).toEqual(spec);
    expect((await mirror(namespace, 'shop'))?.metadata.ownerReferences).toBeUndefined();
    await waitFor('ours to be served', async () => {
      const found = await mirror(namespace, 'shop');
      return findCondition(found?.status?.conditions, 'Ready')?.status === 'True';
    });
    await cluster.store.delete('PolicyDomain', { namespace, name: 'shop' });
    await until(namespace, 'shop', 'Converged');
    expect((await mirror(namespace, 'shop'))?.spec).toEqual(REGO('ann'));
    await running.clear();
  } finally {
    await running.stop();
  }
});

test('while the conversion webhook is away, old versions fail with its name, v1beta1 works, and what is served is served on', async () => {
  const namespace = await cluster.namespace();
  const running = await serving(namespace);
  try {
    await create(namespace, 'v1alpha3', 'shop', REGO('ann'));
    await until(namespace, 'shop', 'Converged');
    await stopConversion();
    const error = await refusal(create(namespace, 'v1alpha3', 'other', REGO('ann')));
    expect(error.message).toMatch(/conversion webhook for iamlite\.manetu\.io\/v1alpha3.*\/convert/);
    await cluster.client.request({
      method: 'PATCH',
      path: pathOf(namespace, 'v1beta1', 'shop'),
      contentType: 'application/merge-patch+json',
      body: { spec: REGO('bob') },
    });
    await until(namespace, 'shop', 'Converged');
    expect(running.pdps.map((pdp) => pdp.domains())).toEqual([['shop'], ['shop']]);
    await startConversion();
    const old = await waitFor('the old version to be read again', () =>
      read(namespace, 'v1alpha3', 'shop').catch(() => undefined),
    );
    expect(old['spec']).toEqual(REGO('bob'));
    await running.clear();
  } finally {
    if (conversion === undefined) await startConversion();
    await running.stop();
  }
});

test('when the group is switched off, objects are let go and what they said is served on', async () => {
  const namespace = await cluster.namespace();
  const running = await serving(namespace);
  await create(namespace, 'v1beta1', 'shop', REGO('ann'));
  await until(namespace, 'shop', 'Converged');
  await running.stop();
  const released = await serving(namespace, 'Release');
  try {
    const { metadata } = await waitFor('the finalizer to be gone', async () => {
      const found = await until(namespace, 'shop', 'GroupDisabled');
      return (found.metadata.finalizers ?? []).length === 0 ? found : undefined;
    });
    expect(metadata.deletionTimestamp).toBeUndefined();
    expect((await mirror(namespace, 'shop'))?.spec).toEqual(REGO('ann'));
    await waitFor('the PDPs to serve it', () => released.pdps.every((pdp) => pdp.domains().includes('shop')));
    // The garbage collector takes the mirror with the object, and the mirror is withdrawn as any domain.
    await cluster.client.request({ method: 'DELETE', path: pathOf(namespace, 'v1beta1', 'shop') });
    await waitFor('the mirror to be gone', async () => (await mirror(namespace, 'shop')) === undefined);
    for (const pdp of released.pdps) expect(pdp.domains()).not.toContain('shop');
  } finally {
    await released.stop();
  }
});

test('there and back through the apiserver is the same object, digit for digit', async () => {
  const namespace = await cluster.namespace();
  const text = `{"apiVersion":"iamlite.manetu.io/v1beta1","kind":"PolicyDomain","metadata":{"name":"exact"},"spec":{"roles":[{"mrn":"r","annotations":[{"name":"n","merge":"union","value":[9007199254740993,"x"]}]}],"resources":[{"name":"all","selector":[".*"]}]}}`;
  const { kubectl } = await requireAssets(['kubectl']);
  const run = async (args: readonly string[], input?: string): Promise<string> => {
    const base = ['--kubeconfig', sharedKubeconfig(), '-n', namespace];
    const { code, stdout, stderr } = await tryCommand(
      kubectl,
      [...base, ...args],
      input === undefined ? {} : { input },
    );
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  await run(['create', '-f', '-'], text);
  const old = await run(['get', 'policydomains.v1alpha3.iamlite.manetu.io/exact', '-o', 'json']);
  expect(old).toContain('[9007199254740993,\\"x\\"]');
  expect(old).toContain(KEPT_ANNOTATION);
  expect(JSON.parse(old)).toMatchObject({ spec: { roles: [{ mrn: 'r' }] } });
  expect((JSON.parse(old) as { spec: object }).spec).not.toHaveProperty('resources');
  await run(['replace', '-f', '-'], old);
  const back = await run(['get', 'policydomains.v1beta1.iamlite.manetu.io/exact', '-o', 'json']);
  expect(back).toContain('9007199254740993,');
  expect((JSON.parse(back) as { spec: unknown }).spec).toEqual((JSON.parse(text) as { spec: unknown }).spec);
  expect(back).not.toContain(KEPT_ANNOTATION);
});

test('the authority is written into a CRD of ours, and never into one of another operator', async () => {
  const states: string[] = [];
  const log = aLog();
  const watch = (owner: string) => {
    const watched = watchManetuCrd({
      objects: cluster.objects,
      owner,
      clock: systemClock,
      log,
      onState: (state) => states.push(state),
    });
    watched.keep(`${trustBundle(certificates)}\n`);
    return watched;
  };
  const crdNow = async (): Promise<Crd | undefined> => await cluster.objects.get<Crd>(CRD, { name: MANETU_CRD_NAME });
  const before = await crdNow();
  const foreign = watch('other/edict-conversion');
  await waitFor('it to be taken for foreign', () => states.includes('Foreign'));
  foreign.stop();
  expect(await crdNow()).toEqual(before);
  expect(log.lines.filter((line) => line.startsWith('error'))).toEqual([
    expect.stringContaining('manetuGroup.enabled=false'),
  ]);
  const owned = watch(OWNER);
  await waitFor('the authority to be written', async () => {
    const caBundle = (await crdNow())?.spec.conversion.webhook.clientConfig?.caBundle;
    return caBundle !== before?.spec.conversion.webhook.clientConfig?.caBundle;
  });
  // It is written before its writer has the answer.
  await waitFor('it to be taken for ours', () => states.at(-1) === 'Owned');
  owned.stop();
});

test('objects of a group that is not ours are neither read nor written', async () => {
  const namespace = await cluster.namespace();
  const { operator } = await startOperator(cluster.store);
  const controller: ManetuController = startManetuController({
    store: cluster.store,
    client: cluster.client,
    objects: cluster.objects,
    world: operator.world(),
    mode: 'Serve',
    events: { emit: () => undefined },
    metrics: operator.metrics,
    log: aLog(),
    clock: systemClock,
    random: Math.random,
  });
  try {
    const created = await create(namespace, 'v1beta1', 'shop', REGO('ann'));
    // Whoever reads it would have written a finalizer long before another object has gone its whole way.
    await cluster.store.create({
      apiVersion: 'edict.dev/v1beta1',
      kind: 'PolicyDomain',
      metadata: { namespace, name: 'ours' },
      spec: REGO('ann'),
    });
    await waitFor('ours to be accepted', async () => {
      const found = await mirror(namespace, 'ours');
      return findCondition(found?.status?.conditions, 'Accepted')?.status === 'True';
    });
    expect((await read(namespace, 'v1beta1', 'shop')).metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    expect(await mirror(namespace, 'shop')).toBeUndefined();
  } finally {
    await controller.stop();
    await operator.stop();
  }
});

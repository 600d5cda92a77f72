import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { PolicyDomainSpec } from '@edict/crds';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { findOpa } from '../fuzz/opa-server.ts';
import { startNameProxy, startStockOpa, type StockOpa } from '../support/stock-opa.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';
import { startOperatorProcess, type OperatorProcess } from './operator-process.ts';
import { requestToken } from './running-pod.ts';

/** A real OPA, a real operator and a real apiserver: what OPA pulls, how it is let in, and how it is counted. */
let cluster: Cluster;
let home: string;
let namespace: string;
let folder: string;
let operator: OperatorProcess;
let proxy: Awaited<ReturnType<typeof startNameProxy>>;
let opaKey: string;
const opas: StockOpa[] = [];

beforeAll(async () => {
  // Built where it is not there yet, which takes minutes.
  findOpa(process.env['EDICT_OPA']);
  cluster = await connectCluster(sharedKubeconfig());
  home = await cluster.namespace();
  namespace = await cluster.namespace();
  folder = await mkdtemp(path.join(tmpdir(), 'edict-opa-'));
  operator = await startOperatorProcess({ kubeconfig: sharedKubeconfig(), namespace: home, name: 'operator-0' });
  proxy = await startNameProxy(() => operator.bundlesPort);
  await applySet({});
  // What two printers of JSON could write in two ways: OPA hashes its own print of it.
  await cluster.store.create<'PolicyDomain'>({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
    metadata: key('odd'),
    spec: {
      data: {
        odd: { '\u2028': '\u0007\b\u007f <&>', '\ue000': 1e21, '😀': -0.5, é: [null, true, 1e-7, {}, []], '': 0.1 },
      },
    },
  });
  await applyDomain(1);
  await committed(1);
  const trust = await waitFor('the trust', () => cluster.objects.get<ConfigMap>(RESOURCES.ConfigMap, key('edict-ca')));
  await writeFile(path.join(folder, 'ca.crt'), trust.data?.['ca.crt'] ?? '');
  opaKey = trust.data?.['opa.pem'] ?? '';
  await grant('reader', 'main');
});
afterEach(async () => {
  for (const opa of opas.splice(0)) await opa.stop();
});
afterAll(async () => {
  await proxy.close();
  await operator.end('SIGKILL');
  await cluster.close();
  await rm(folder, { recursive: true });
});

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const key = (name: string) => ({ namespace, name });

async function applySet(spec: object): Promise<void> {
  await cluster.store.apply<'PolicySet'>(
    {
      apiVersion: 'edict.dev/v1beta1',
      kind: 'PolicySet',
      metadata: key('main'),
      spec: { serving: { documents: {} }, ...spec },
    },
    { fieldManager: 'user', force: true },
  );
}

/** A domain with a policy, a library and data, each of which says which edit it is of. */
async function applyDomain(edit: number): Promise<void> {
  const spec: PolicyDomainSpec = {
    policies: [
      {
        mrn: 'mrn:policy:read',
        name: 'read',
        rego: `package authz\n\ndefault allow = false\n\nallow { input.edit <= ${edit} }\n`,
      },
    ],
    'policy-libraries': [
      { mrn: 'mrn:library:rooms', name: 'rooms', rego: 'package rooms\n\nopen { data.limits.edit >= input.edit }\n' },
    ],
    operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:read' }],
    data: { limits: { edit } },
  };
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: key('shop'), spec: { ...spec } },
    { fieldManager: 'user', force: true },
  );
}

async function committed(n: number): Promise<void> {
  await waitFor(`revision ${n} to be committed`, async () => {
    const set = await cluster.store.get('PolicySet', key('main'));
    return set?.status?.committedRevision === n;
  });
}

/** As `kubectl annotate`. */
async function approve(revision: string, waves: string): Promise<void> {
  await waitFor('the approval to be written', async () => {
    const found = await cluster.store.get('PolicyRevision', key(revision));
    if (found === undefined) return undefined;
    const annotations = { ...found.metadata.annotations, 'edict.dev/approve-wave': waves };
    return await cluster.store.update<'PolicyRevision'>({ ...found, metadata: { ...found.metadata, annotations } });
  });
}

/** As an administrator would: who has this name may get the bundle of that set. */
async function grant(account: string, set: string): Promise<void> {
  const rbac = (kind: string, plural: string) =>
    ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind, plural, isNamespaced: true }) as const;
  const metadata = key(`bundle-of-${set}`);
  await cluster.objects.create(RESOURCES.ServiceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: key(account),
  });
  await cluster.objects.create(rbac('Role', 'roles'), {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata,
    rules: [{ apiGroups: ['edict.dev'], resources: ['policysets/bundle'], resourceNames: [set], verbs: ['get'] }],
  });
  await cluster.objects.create(rbac('RoleBinding', 'rolebindings'), {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  });
}

const tokenOf = (account: string, audience = 'edict-bundles'): Promise<string> =>
  requestToken(cluster, { namespace, account, audience });

interface OpaSettings {
  readonly account: string;
  readonly audience?: string;
  /** PEM that it verifies with. */
  readonly publicKey?: string;
  readonly scope?: string;
}

async function startOpa({ account, audience, publicKey = opaKey, scope }: OpaSettings): Promise<StockOpa> {
  const name = `opa-${String(opas.length)}-${account}`;
  const tokenFile = path.join(folder, `${name}.token`);
  await writeFile(tokenFile, await tokenOf(account, audience));
  const config = {
    labels: { app: 'stock' },
    services: {
      edict: {
        url: `https://edict-distribution.${home}.svc:9445/v1`,
        tls: { ca_cert: path.join(folder, 'ca.crt') },
        credentials: { bearer: { token_path: tokenFile } },
      },
    },
    keys: { edict: { algorithm: 'ES256', key: publicKey } },
    bundles: {
      main: {
        service: 'edict',
        resource: `bundles/${namespace}/main`,
        signing: { keyid: 'edict', scope: scope ?? `${namespace}/main` },
        polling: { long_polling_timeout_seconds: 2 },
      },
    },
    status: { service: 'edict' },
  };
  const opa = await startStockOpa(path.join(folder, `${name}.json`), config, { HTTPS_PROXY: proxy.url });
  opas.push(opa);
  return opa;
}

async function query(opa: StockOpa, place: string, input: unknown = {}): Promise<unknown> {
  const response = await fetch(`${opa.url}/v1/data/${place}`, { method: 'POST', body: JSON.stringify({ input }) });
  return ((await response.json()) as { readonly result?: unknown }).result;
}

/** Where OPA finds the answer of the domain's policy. */
const POLICY = `edict/shop/policies/${encodeURIComponent('mrn:policy:read')}/authz/allow`;

async function untilEdit(opa: StockOpa, edit: number): Promise<void> {
  await waitFor(`OPA to decide by edit ${edit}`, async () => {
    const answers = [await query(opa, POLICY, { edit }), await query(opa, 'rooms/open', { edit })];
    if (answers.every((answer) => answer === true)) return true;
    const set = await cluster.store.get('PolicySet', key('main'));
    const log = opa
      .log()
      .split('\n')
      .filter((line) => !line.includes('client_addr'));
    throw new Error(`${JSON.stringify(set?.status)}\n${log.slice(-8).join('\n')}`);
  });
}

async function metric(pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${operator.httpUrl}/metrics`)).text();
  return Number(pattern.exec(text)?.[1] ?? 0);
}

test('a stock OPA verifies and serves the committed revision, and gets an edit by long poll', async () => {
  const opa = await startOpa({ account: 'reader' });
  await untilEdit(opa, 1);
  expect(await query(opa, POLICY, { edit: 2 })).toBe(false);
  // What PORC decisions are made of is there as data, and the numbers of base documents as they were written.
  expect(await query(opa, 'limits')).toEqual({ edit: 1 });
  expect(await query(opa, 'odd')).toMatchObject({ '\ue000': 1e21, '😀': -0.5 });
  expect(await query(opa, 'edict/shop/model/operations/0/name')).toBe('all');
  const unmodified = /operator_opa_bundle_requests_total\{outcome="unmodified"\} ([0-9]+)/;
  const before = await metric(unmodified);
  await waitFor('a 304', async () => (await metric(unmodified)) > before);
  await waitFor('OPA to wait', async () => (await metric(/operator_opa_bundle_waiters ([0-9]+)/)) > 0);
  await applyDomain(2);
  await untilEdit(opa, 2);
});

test('what is decided for some is not served, and arrives once it is decided for everyone', async () => {
  const opa = await startOpa({ account: 'reader' });
  await untilEdit(opa, 2);
  await applySet({ rollout: { approval: 'Required', waves: [{ principals: '5%' }, { all: true }] } });
  await applyDomain(3);
  const open = await waitFor('the revision to be open', async () => {
    const { desiredRevision = 0, committedRevision = 0 } =
      (await cluster.store.get('PolicySet', key('main')))?.status ?? {};
    return desiredRevision > committedRevision ? `main-${desiredRevision}` : undefined;
  });
  await approve(open, '0');
  await waitFor('its first wave to be decided', async () => {
    const revision = await cluster.store.get('PolicyRevision', key(open));
    return revision?.status?.waves?.some(({ decision }) => decision === 'Commit');
  });
  const sent = /operator_opa_bundle_requests_total\{outcome="unmodified"\} ([0-9]+)/;
  const before = await metric(sent);
  await waitFor('two long polls to end without news', async () => (await metric(sent)) >= before + 2);
  expect(await query(opa, POLICY, { edit: 3 })).toBe(false);
  await approve(open, '0,1');
  await untilEdit(opa, 3);
});

test('an OPA that reports is counted as unmanaged and never as required', async () => {
  await untilEdit(await startOpa({ account: 'reader' }), 3);
  const set = await waitFor('it to be counted', async () => {
    const found = await cluster.store.get('PolicySet', key('main'));
    return (found?.status?.pdps?.unmanaged ?? 0) > 0 ? found : undefined;
  });
  expect(set.status?.pdps).toMatchObject({ required: 0, active: 0, missing: 0 });
});

test.each<[string, Partial<OpaSettings>, RegExp]>([
  ['whose account has no right to the set', { account: 'default' }, /Forbidden/],
  ['whose token is meant for PDPs', { account: 'reader', audience: 'edict-distribution' }, /Unauthorized/],
  ['that expects another set', { account: 'reader', scope: 'other/main' }, /scope mismatch/],
])('an OPA %s gets nothing', async (_what, settings, logged) => {
  const opa = await startOpa({ account: 'reader', ...settings });
  await waitFor('OPA to say so', () => {
    if (logged.test(opa.log())) return true;
    throw new Error(opa.log().slice(-4000));
  });
  expect(await query(opa, POLICY, { edit: 1 })).toBeUndefined();
});

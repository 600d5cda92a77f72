import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseTrustedKeys } from '@edict/bundle';
import { findCondition } from '@edict/crds';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import {
  createArtifactClient,
  dialGrpc,
  dialTunnel,
  StreamConnection,
  systemClock,
  type StreamClose,
} from '@edict/protocol';
import { createLogger, startPdp, type Pdp } from '@edict/server';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { domainOfEdit, editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';
import { startOperatorProcess, type OperatorProcess } from './operator-process.ts';
import { makeAccount, makeRunningPod } from './running-pod.ts';

/** Two replicas as in a cluster, each on an address of its own, whose follower carries streams; tokens by the API server. */
const REPLICAS = [
  { name: 'operator-0', host: '127.0.0.2' },
  { name: 'operator-1', host: '127.0.0.3' },
] as const;
const ACCOUNT = 'edict-operator';

let cluster: Cluster;
let home: string;
let namespace: string;
let folder: string;
let streamPort: number;
let leader: OperatorProcess;
let follower: OperatorProcess;
let pdp: Pdp | undefined;
const replicas: OperatorProcess[] = [];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  home = await cluster.namespace();
  namespace = await cluster.namespace();
  folder = await mkdtemp(path.join(tmpdir(), 'edict-followers-'));
  [streamPort = 0] = await freePorts(1);
  await makeAccount(cluster, home, ACCOUNT);
  await makeAccount(cluster, home, 'other');
  await makeAccount(cluster, namespace, 'default');
  for (const { name, host } of REPLICAS) {
    const audience = 'edict-replica';
    const token = await makeRunningPod(cluster, { namespace: home, name, account: ACCOUNT, address: host, audience });
    const env = { EDICT_OPERATOR_FOLLOWERS: 'Tunnel', EDICT_OPERATOR_REPLICA_TOKEN_FILE: await tokenFile(name, token) };
    const options = { kubeconfig: sharedKubeconfig(), namespace: home, name, host, streamPort, env };
    replicas.push(await startOperatorProcess(options));
  }
  const holder = await waitFor('a leader', leaseHolder);
  [leader, follower] = replicas.toSorted((a) => (a.name === holder ? -1 : 1)) as [OperatorProcess, OperatorProcess];
  await waitFor('the tunnel', async () => (await metric(follower, 'operator_tunnel_connected')) === 1);
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.end('SIGKILL')));
  await pdp?.drain(0, 1000);
  await cluster.close();
  await rm(folder, { recursive: true });
});

async function tokenFile(name: string, token: string): Promise<string> {
  const file = path.join(folder, `${name}.token`);
  await writeFile(file, token);
  return file;
}

interface Lease extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string };
}

async function leaseHolder(): Promise<string | undefined> {
  const lease = await cluster.objects.get<Lease>(RESOURCES.Lease, { namespace: home, name: 'edict-operator' });
  return lease?.spec?.holderIdentity;
}

async function metric({ httpUrl }: OperatorProcess, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

async function trust(): Promise<{ readonly ca: string; readonly keys: string }> {
  const found = await waitFor('the trust', () =>
    cluster.objects.get<ConfigMap>(RESOURCES.ConfigMap, { namespace, name: 'edict-ca' }),
  );
  return { ca: found.data?.['ca.crt'] ?? '', keys: found.data?.['keys.json'] ?? '' };
}

/** A real PDP that knows of no replica but the one at `host`; what it fetches comes by its stream's connection or not at all. */
async function startPdpAt(host: string): Promise<Pdp> {
  const name = 'pdp-0';
  const labels = { 'app.kubernetes.io/component': 'pdp' };
  const pod = { namespace, name, labels, account: 'default', audience: 'edict-distribution' };
  const own = await tokenFile(name, await makeRunningPod(cluster, pod));
  const { ca, keys } = await trust();
  const caFile = path.join(folder, 'ca.crt');
  await writeFile(caFile, ca);
  const dataDir = path.join(folder, name);
  await mkdir(dataDir);
  const connection = new StreamConnection();
  const reached = { caFile, serverName: `edict-distribution.${home}.svc`, connection, clock: systemClock };
  const artifacts = createArtifactClient({ url: 'https://127.0.0.1:1', ...reached, random: Math.random });
  return await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    maxBodyBytes: 1_048_576,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    writeRecords: (_chunk, done) => done(null),
    logger: createLogger('error', () => undefined),
    dial: dialGrpc({ address: `${host}:${String(streamPort)}`, tokenFile: own, ...reached }),
    fetchArtifact: artifacts.fetch,
    trustedKeys: () => Promise.resolve(parseTrustedKeys(keys)),
  });
}

async function applyEdit(edit: number): Promise<void> {
  const { metadata, spec } = domainOfEdit(namespace, 'notes', edit);
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: { ...metadata }, spec },
    { fieldManager: 'user', force: true },
  );
}

async function untilDecidedBy(edit: number): Promise<void> {
  await waitFor(`decisions by edit ${String(edit)}`, async () => {
    const response = await fetch(`${pdp?.url ?? ''}/decision`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(editQuestion(edit)),
    });
    return response.status === 200 && ((await response.json()) as { readonly allow?: boolean }).allow === true;
  });
}

test('a PDP that dials the follower serves what is decided, and the leader counts it by name', async () => {
  await applyEdit(1);
  pdp = await startPdpAt(REPLICAS.find(({ name }) => name === follower.name)?.host ?? '');
  await untilDecidedBy(1);
  await waitFor('the domain to be ready', async () => {
    const found = await cluster.store.get('PolicyDomain', { namespace, name: 'notes' });
    return findCondition(found?.status?.conditions, 'Ready')?.status === 'True';
  });
  const set = await cluster.store.get('PolicySet', { namespace, name: 'default' });
  expect(set?.status).toMatchObject({ pdpsActive: '1/1', pdps: { missing: 0, nacked: 0 } });
  expect(await metric(follower, 'operator_tunnel_streams')).toBe(1);
  expect(await metric(leader, 'operator_tunnel_pdps')).toBe(1);
  // Gauges are set twice a second.
  await waitFor('the stream to be counted', async () => (await metric(leader, 'operator_pdp_streams')) === 1);
  expect(await metric(follower, 'operator_artifact_requests_total\\{kind="bundle",outcome="sent"\\}')).toBeGreaterThan(
    0,
  );
});

test.each([
  { whose: 'a PDP', account: 'default', audience: 'edict-distribution' },
  { whose: 'a PDP that asked for a replica', account: 'default', audience: 'edict-replica' },
  { whose: 'another program in the namespace of the operator', account: 'other', audience: 'edict-replica' },
  { whose: 'the operator, for something else', account: ACCOUNT, audience: 'edict-distribution' },
])('a tunnel with a token of $whose is refused', async ({ account, audience }) => {
  const name = `forger-${account}-${audience}`;
  const at = account === 'default' ? namespace : home;
  const token = await makeRunningPod(cluster, { namespace: at, name, account, audience });
  const { promise, resolve } = Promise.withResolvers<StreamClose>();
  const heard: unknown[] = [];
  dialTunnel({
    address: `${REPLICAS.find((replica) => replica.name === leader.name)?.host ?? ''}:${String(streamPort)}`,
    ca: (await trust()).ca,
    serverName: `edict-distribution.${home}.svc`,
    tokenFile: await tokenFile(name, token),
    clock: systemClock,
  })({
    onOpen: () => heard.push('open'),
    onMessage: (frame) => heard.push(frame),
    onDrain: () => undefined,
    onClose: resolve,
  });
  expect(await promise).toMatchObject({ code: 'Unauthenticated' });
  expect(heard).toEqual([]);
  expect(await metric(leader, 'operator_tunnel_followers')).toBe(1);
});

test('the leader is killed: the follower leads, and its PDPs come back to it and get the next edit', async () => {
  await leader.end('SIGKILL');
  await applyEdit(2);
  await untilDecidedBy(2);
  expect(await leaseHolder()).toBe(follower.name);
  expect(await metric(follower, 'operator_tunnel_connected')).toBe(0);
  await waitFor('the stream to be counted', async () => (await metric(follower, 'operator_pdp_streams')) === 1);
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseTrustedKeys } from '@edict/bundle';
import { findCondition, type PolicyDomain } from '@edict/crds';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { createArtifactClient, dialGrpc, systemClock } from '@edict/protocol';
import { createLogger, startPdp, type Pdp } from '@edict/server';
import { domainOfEdit, domainWithRego, editQuestion, type DomainManifest } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';
import { startOperatorProcess, type OperatorProcess } from './operator-process.ts';
import { requestToken, type WantedToken } from './running-pod.ts';

/**
 * Everything but the node: the operator's process, PDPs over gRPC with TLS and tokens of real pods, bundles by HTTPS,
 * decisions over HTTP.
 */
let cluster: Cluster;
let home: string;
let namespace: string;
let folder: string;
let operator: OperatorProcess;
const operators: OperatorProcess[] = [];

interface Connected {
  readonly pdp: Pdp;
  readonly pod: string;
  readonly dataDir: string;
  /** Types of the messages that it got from operators, in order. */
  readonly told: string[];
}
const connected: Connected[] = [];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  home = await cluster.namespace();
  namespace = await cluster.namespace();
  folder = await mkdtemp(path.join(tmpdir(), 'edict-distribution-'));
  operator = await startReplica('operator-0');
});

afterAll(async () => {
  await Promise.all(connected.map(({ pdp }) => pdp.drain(0, 1000)));
  await Promise.all(operators.map((replica) => replica.end('SIGKILL')));
  await cluster.close();
  await rm(folder, { recursive: true });
});

async function startReplica(name: string): Promise<OperatorProcess> {
  const replica = await startOperatorProcess({ kubeconfig: sharedKubeconfig(), namespace: home, name });
  operators.push(replica);
  return replica;
}

const key = (name: string) => ({ namespace, name });

async function apply({ metadata, spec }: DomainManifest): Promise<void> {
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: { ...metadata }, spec },
    { fieldManager: 'user', force: true },
  );
}

async function makePod(name: string, labels: Readonly<Record<string, string>>): Promise<string> {
  const pod = await cluster.objects.create(RESOURCES.Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...key(name), labels },
    spec: { serviceAccountName: 'default', containers: [{ name: 'pdp', image: 'example.test/pdp' }] },
  });
  // There is no kubelet to start its container and say so.
  await cluster.objects.replace(RESOURCES.Pod, { ...pod, status: { phase: 'Running' } }, 'status');
  return pod.metadata.uid ?? '';
}

/** A token as the kubelet would project it into the pod. */
const tokenOf = (pod: WantedToken['pod'], audience = 'edict-distribution'): Promise<string> =>
  requestToken(cluster, { namespace, account: 'default', audience, pod });

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What the operator publishes for its PDPs, as files. */
async function mountTrust(): Promise<{ readonly caFile: string; readonly keys: string }> {
  const trust = await waitFor('the trust', () => cluster.objects.get<ConfigMap>(RESOURCES.ConfigMap, key('edict-ca')));
  const caFile = path.join(folder, 'ca.crt');
  await writeFile(caFile, trust.data?.['ca.crt'] ?? '');
  return { caFile, keys: trust.data?.['keys.json'] ?? '' };
}

/** Starts a PDP with that token. It runs as in a pod; only its addresses are this machine's. */
async function startPdpWith(name: string, token: string): Promise<Pdp> {
  const { caFile, keys } = await mountTrust();
  const tokenFile = path.join(folder, `${name}.token`);
  const dataDir = path.join(folder, name);
  await writeFile(tokenFile, token);
  await mkdir(dataDir, { recursive: true });
  const serverName = `edict-distribution.${home}.svc`;
  const artifacts = createArtifactClient({
    url: `https://127.0.0.1:${String(operator.bundlesPort)}`,
    caFile,
    serverName,
    clock: systemClock,
    random: Math.random,
  });
  const told: string[] = [];
  const dial = dialGrpc({
    // The Service of a cluster leads to whoever runs: here the newest replica.
    get address() {
      return `127.0.0.1:${String(operator.streamPort)}`;
    },
    caFile,
    tokenFile,
    serverName,
    clock: systemClock,
  });
  const pdp = await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    maxBodyBytes: 1_048_576,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    writeRecords: (_chunk, done) => done(null),
    logger: createLogger('error', () => undefined),
    dial: (handlers) =>
      dial({
        ...handlers,
        onMessage: (message) => {
          told.push(message.type);
          handlers.onMessage(message);
        },
      }),
    fetchArtifact: artifacts.fetch,
    trustedKeys: () => Promise.resolve(parseTrustedKeys(keys)),
  });
  connected.push({ pdp, pod: name, dataDir, told });
  return pdp;
}

async function startPdpOfPod(name: string, labels = { 'app.kubernetes.io/component': 'pdp' }): Promise<Pdp> {
  const uid = await makePod(name, labels);
  return startPdpWith(name, await tokenOf({ name, uid }));
}

interface Answer {
  readonly status: number;
  readonly revision: number;
  readonly allow: boolean | undefined;
}

async function ask(pdp: Pdp, edit: number): Promise<Answer> {
  const response = await fetch(`${pdp.url}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(editQuestion(edit)),
  });
  const body = (await response.json()) as { readonly allow?: boolean };
  return { status: response.status, revision: Number(response.headers.get('policy-revision')), allow: body.allow };
}

async function untilReady(name: string): Promise<PolicyDomain> {
  return waitFor(`${name} to be ready`, async () => {
    const found = await cluster.store.get('PolicyDomain', key(name));
    const condition = findCondition(found?.status?.conditions, 'Ready');
    const isCurrent = condition?.observedGeneration === found?.metadata.generation;
    return isCurrent && condition?.status === 'True' ? found : undefined;
  });
}

test('a domain reaches real PDPs, and their decisions name the revision', async () => {
  await apply(domainOfEdit(namespace, 'notes', 1));
  const pdps = [await startPdpOfPod('pdp-0'), await startPdpOfPod('pdp-1')];
  const { status } = await untilReady('notes');
  expect(status?.revision).toMatch(/^default@\d+$/);
  // A PDP that came after the rollout had begun is counted a moment later.
  const set = await waitFor('both PDPs to be counted', async () => {
    const found = await cluster.store.get('PolicySet', key('default'));
    return found?.status?.pdpsActive === '2/2' ? found : undefined;
  });
  expect(set.status).toMatchObject({ pdps: { missing: 0, nacked: 0 } });
  for (const pdp of pdps) {
    expect(await ask(pdp, 1)).toStrictEqual({ status: 200, revision: set.status?.committedRevision, allow: true });
    expect(await ask(pdp, 2)).toMatchObject({ status: 200, allow: false });
  }
});

test('edits reach them by swap, and no answer is ever of an undecided revision', async () => {
  const [first] = connected;
  if (first === undefined) throw new Error('no PDP');
  const times: number[] = [];
  for (let edit = 2; edit <= 11; edit += 1) {
    const startedAt = performance.now();
    await apply(domainOfEdit(namespace, 'notes', edit));
    const revision = await waitFor(
      'every PDP to answer by it',
      async () => {
        const answers = await Promise.all(connected.map(({ pdp }) => ask(pdp, edit)));
        return answers.every(({ allow }) => allow === true) ? answers[0]?.revision : undefined;
      },
      { intervalMs: 5 },
    );
    times.push(performance.now() - startedAt);
    const decided = await cluster.store.get('PolicyRevision', key(`default-${String(revision)}`));
    expect(decided?.status?.waves?.[0]?.decision).toBe('Commit');
  }
  times.sort((a, b) => a - b);
  const rollouts = (await cluster.store.list('PolicyRevision', { namespace }))
    .map(({ status }) => status?.convergenceMilliseconds)
    .filter((ms) => ms !== undefined)
    .sort((a, b) => a - b);
  process.stdout.write(
    `over gRPC: revision made to active on all, median ${String(rollouts[Math.floor(rollouts.length / 2)])} ms\n`,
  );
  process.stdout.write(
    `over gRPC: apply to answered by all, median ${String(Math.round(times[5] ?? 0))} ms, worst ${String(Math.round(times.at(-1) ?? 0))} ms\n`,
  );
});

test('broken Rego is refused by line, and the PDPs answer on by what was good', async () => {
  const before = connected[0] === undefined ? undefined : await ask(connected[0].pdp, 11);
  await untilReady('notes');
  await apply(domainWithRego(namespace, 'notes', 'package authz\n\nallow if { x == }\n'));
  const refused = await waitFor('the refusal', async () => {
    const found = await cluster.store.get('PolicyDomain', key('notes'));
    const condition = findCondition(found?.status?.conditions, 'Accepted');
    return condition?.status === 'False' ? condition : undefined;
  });
  expect(refused.message).toMatch(/\[policy mrn:iam:policy:reader\].*rego 3:/s);
  for (const { pdp } of connected) expect(await ask(pdp, 11)).toStrictEqual(before);
  await apply(domainOfEdit(namespace, 'notes', 11));
  await untilReady('notes');
});

test('a replica that is killed is replaced by another, and rollouts go on', async () => {
  await operator.end('SIGKILL');
  for (const { pdp } of connected) expect((await ask(pdp, 11)).allow).toBe(true);
  operator = await startReplica('operator-1');
  await apply(domainOfEdit(namespace, 'notes', 12));
  await waitFor('every PDP to answer by the next edit', async () => {
    const answers = await Promise.all(connected.map(({ pdp }) => ask(pdp, 12)));
    return answers.every(({ allow }) => allow === true);
  });
  await untilReady('notes');
});

test('a leader that stops tells its PDPs to come back, none fails a question, and the next leader has them all', async () => {
  const leaving = operator;
  operator = await startReplica('operator-2');
  for (const { told } of connected) told.length = 0;
  const answers: Answer[] = [];
  let asking = true;
  const askers = connected.map(async ({ pdp }) => {
    while (asking) answers.push(await ask(pdp, 12));
  });
  expect(await leaving.end('SIGTERM')).toBe(0);
  await waitFor('every PDP to be with the next leader', () =>
    connected.every(
      ({ told }) => told.includes('Reconnect') && told.lastIndexOf('Welcome') > told.indexOf('Reconnect'),
    ),
  );
  asking = false;
  await Promise.all(askers);
  expect(answers.length).toBeGreaterThan(connected.length);
  expect(answers.filter(({ status, allow }) => status !== 200 || allow !== true)).toEqual([]);
  await apply(domainOfEdit(namespace, 'notes', 13));
  await waitFor('every PDP to answer by the next edit', async () => {
    const next = await Promise.all(connected.map(({ pdp }) => ask(pdp, 13)));
    return next.every(({ allow }) => allow === true);
  });
  await untilReady('notes');
});

test.each<[string, () => Promise<string>]>([
  ['of no pod', () => tokenOf(undefined)],
  [
    'for another audience',
    async () =>
      tokenOf(
        { name: 'other-audience', uid: await makePod('other-audience', { 'app.kubernetes.io/component': 'pdp' }) },
        'elsewhere',
      ),
  ],
  ['of a pod that is no PDP', async () => tokenOf({ name: 'no-pdp', uid: await makePod('no-pdp', {}) })],
  ['that nobody signed', () => Promise.resolve('eyJhbGciOiJub25lIn0.e30.')],
  [
    'of a pod that is gone',
    async () => {
      const uid = await makePod('gone', { 'app.kubernetes.io/component': 'pdp' });
      const token = await tokenOf({ name: 'gone', uid });
      await cluster.objects.delete(RESOURCES.Pod, key('gone'));
      await waitFor(
        'the pod to be gone',
        async () => (await cluster.objects.get(RESOURCES.Pod, key('gone'))) === undefined,
      );
      return token;
    },
  ],
])('a token %s gets no policy, and the PDP says so instead of answering', async (name, token) => {
  const refusals = (): number => operator.log().split('a stream was refused').length;
  const before = refusals();
  const pdp = await startPdpWith(`refused ${name}`, await token());
  await waitFor('the operator to refuse it', () => refusals() > before);
  expect(pdp.status()).toMatchObject({ ready: false, connected: false, sets: [] });
  expect(await ask(pdp, 1)).toMatchObject({ status: 503, allow: undefined });
  connected.splice(
    connected.findIndex((entry) => entry.pdp === pdp),
    1,
  );
  await pdp.drain(0, 1000);
});

test('the domain is deleted: it goes, and the PDPs answer without it', async () => {
  // Pods that are selected and have no PDP would be waited for.
  for (const name of ['other-audience', 'no-pdp']) await cluster.objects.delete(RESOURCES.Pod, key(name));
  await cluster.store.delete('PolicyDomain', key('notes'));
  await waitFor('it to be gone', async () => (await cluster.store.get('PolicyDomain', key('notes'))) === undefined);
  for (const { pdp } of connected) expect((await ask(pdp, 1)).allow).not.toBe(true);
});

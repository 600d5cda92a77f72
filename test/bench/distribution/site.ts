import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PolicyRevision } from '@edict/crds';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { connectCluster, type Cluster } from '../../integration/cluster.ts';
import { makeAccount, makeRunningPod } from '../../integration/running-pod.ts';
import { startControlPlane, type ControlPlaneParts } from '../../support/control-plane.ts';
import { domainOfEdit } from '../../support/policy-fixture.ts';
import { waitFor } from '../../support/wait-for.ts';
import { createAuditLog, type AuditLog } from './audit-log.ts';
import type { PdpSeed } from './fleet-messages.ts';

/** The operator's own user at the API server, by which its writes are told from ours. */
export const OPERATOR_USER = 'edict-operator';

/** A control plane of its own with our kinds, a namespace for the operator and one for PDPs. */
export interface Site {
  readonly audit: AuditLog;
  /** Namespace of the operator. */
  readonly home: string;
  /** Kubeconfig of {@link OPERATOR_USER}. */
  readonly operatorKubeconfig: string;
  /** Makes pods that run, as far as the API server knows, and writes their tokens to files. */
  readonly makePods: (count: number, onProgress: (made: number) => void) => Promise<readonly PdpSeed[]>;
  /** Makes the pod of a replica with that address, and writes the token by which the others know it; answers its file. */
  readonly makeReplicaPod: (name: string, address: string) => Promise<string>;
  /** Edits the PolicyDomain; resolves when the API server has it. */
  readonly edit: () => Promise<void>;
  /** Every revision as the watch shows it now, by n. */
  readonly revisions: () => ReadonlyMap<number, PolicyRevision>;
  /** What the operator publishes for PDPs. */
  readonly trust: () => Promise<{ readonly caFile: string; readonly keys: string }>;
  readonly leader: () => Promise<string | undefined>;
  readonly stop: () => Promise<void>;
}

/** Objects made at a time. */
const MAKERS = 16;

/** Starts etcd and the API server, installs the kinds. */
export async function startSite(): Promise<Site> {
  const directory = await mkdtemp(path.join(tmpdir(), 'edict-bench-distribution-'));
  await mkdir(path.join(directory, 'tokens'));
  const audit = await createAuditLog(directory);
  const plane = await startControlPlane({
    directory: path.join(directory, 'control-plane'),
    apiServerFlags: audit.flags,
  });
  const cleanUp = async (): Promise<void> => {
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    return await furnish(plane, directory, audit, cleanUp);
  } catch (thrown) {
    await cleanUp();
    throw thrown;
  }
}

async function furnish(
  plane: ControlPlaneParts,
  directory: string,
  audit: AuditLog,
  cleanUp: () => Promise<void>,
): Promise<Site> {
  const cluster = await connectCluster(plane.kubeconfig);
  const home = await cluster.namespace();
  const namespace = await cluster.namespace();
  await makeAccount(cluster, namespace, 'default');
  const revisions = new Map<number, PolicyRevision>();
  cluster.store.watch('PolicyRevision', { namespace }, ({ object }) => revisions.set(object.spec.n, object));
  let edits = 0;
  return {
    audit,
    home,
    operatorKubeconfig: await plane.credentials('operator', `/O=system:masters/CN=${OPERATOR_USER}`),
    makePods: (count, onProgress) => makePods({ cluster, namespace, directory, count, onProgress }),
    makeReplicaPod: (name, address) => makeReplicaPod({ cluster, namespace: home, directory }, name, address),
    edit: async () => {
      edits += 1;
      const { metadata, spec } = domainOfEdit(namespace, 'notes', edits);
      await cluster.store.apply<'PolicyDomain'>(
        { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: { ...metadata }, spec },
        { fieldManager: 'user', force: true },
      );
    },
    revisions: () => revisions,
    trust: () => mountTrust(cluster, namespace, directory),
    leader: async () => {
      const lease = await cluster.objects.get<Lease>(RESOURCES.Lease, { namespace: home, name: 'edict-operator' });
      return lease?.spec?.holderIdentity;
    },
    stop: async () => {
      await cluster.close();
      await cleanUp();
    },
  };
}

interface Lease extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string };
}

interface PodPlace {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly directory: string;
}

interface PodsToMake extends PodPlace {
  readonly count: number;
  readonly onProgress: (made: number) => void;
}

async function makePods(wanted: PodsToMake): Promise<readonly PdpSeed[]> {
  const names = Array.from({ length: wanted.count }, (_, index) => `pdp-${index}`);
  const queue = [...names];
  const seeds: PdpSeed[] = [];
  const make = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      seeds.push(await makePod(wanted, name));
      wanted.onProgress(seeds.length);
    }
  };
  await Promise.all(Array.from({ length: MAKERS }, make));
  return seeds;
}

async function makePod({ cluster, namespace, directory }: PodsToMake, name: string): Promise<PdpSeed> {
  const labels = { 'app.kubernetes.io/component': 'pdp' };
  const token = await makeRunningPod(cluster, {
    namespace,
    name,
    labels,
    account: 'default',
    audience: 'edict-distribution',
  });
  return { name, tokenFile: await writeToken(directory, name, token) };
}

/** Service account of the operator, as its configuration has it by default. */
const OPERATOR_ACCOUNT = 'edict-operator';

async function makeReplicaPod(
  { cluster, namespace, directory }: PodPlace,
  name: string,
  address: string,
): Promise<string> {
  await makeAccount(cluster, namespace, OPERATOR_ACCOUNT);
  const account = OPERATOR_ACCOUNT;
  const token = await makeRunningPod(cluster, { namespace, name, account, address, audience: 'edict-replica' });
  return await writeToken(directory, name, token);
}

async function writeToken(directory: string, name: string, token: string): Promise<string> {
  const tokenFile = path.join(directory, 'tokens', name);
  await writeFile(tokenFile, token, { mode: 0o600 });
  return tokenFile;
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

async function mountTrust(
  cluster: Cluster,
  namespace: string,
  directory: string,
): Promise<{ readonly caFile: string; readonly keys: string }> {
  const trust = await waitFor('the operator to publish its trust', () =>
    cluster.objects.get<ConfigMap>(RESOURCES.ConfigMap, { namespace, name: 'edict-ca' }),
  );
  const caFile = path.join(directory, 'ca.crt');
  await writeFile(caFile, trust.data?.['ca.crt'] ?? '');
  return { caFile, keys: trust.data?.['keys.json'] ?? '' };
}

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { API_VERSION } from '@edict/crds';
import { describeStoreContract } from '../../operator/src/store/store-contract.ts';
import { startControlPlane, type ControlPlaneParts } from '../support/control-plane.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';
import { restartApiserver, stopApiserver } from './restart-apiserver.ts';

let cluster: Cluster;
let namespace: string;

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  namespace = await cluster.namespace();
});
afterAll(() => cluster.close());

describe('the contract of stores', () => {
  describeStoreContract(
    { test, expect, eventually: (what, look) => waitFor(what, look) },
    { store: () => cluster.store, namespace: () => namespace },
  );
});

test('a watch leaves out the bytes of bundles, a read has them', async () => {
  const watcher = cluster.store.watch('PolicyBundle', { namespace }, () => undefined);
  await watcher.synced;
  const digest = `sha256:${'a'.repeat(64)}`;
  const name = `sha256-${'a'.repeat(64)}`;
  const data = Buffer.from('some bytes').toString('base64');
  const spec = {
    digest,
    domain: 'd',
    domainUid: 'u',
    generation: 1,
    rendererVersion: 1,
    size: 10,
    gzSize: 10,
    policies: 0,
    data,
  };
  await cluster.store.create({ apiVersion: API_VERSION, kind: 'PolicyBundle', metadata: { namespace, name }, spec });
  expect(watcher.get({ namespace, name })?.spec.data).toBe('');
  expect((await cluster.store.get('PolicyBundle', { namespace, name }))?.spec.data).toBe(data);
  await watcher.stop();
});

describe('with a control plane of its own', () => {
  let plane: ControlPlaneParts;
  let own: Cluster;
  const restarts: string[] = [];

  beforeAll(async () => {
    plane = await startControlPlane();
    own = await connectCluster(plane.kubeconfig, { inactivityMs: 60_000, onRestart: (cause) => restarts.push(cause) });
  });
  afterAll(async () => {
    await own.close();
    await plane.stop();
  });

  test('a watch outlives the apiserver: what happened meanwhile and afterwards arrives', async () => {
    const space = await own.namespace();
    const make = (name: string) =>
      own.store.create({
        apiVersion: API_VERSION,
        kind: 'PolicyDomain',
        metadata: { namespace: space, name },
        spec: { policies: [{ mrn: 'p', rego: 'package authz\n' }] },
      });
    await make('before');
    const watcher = own.store.watch('PolicyDomain', { namespace: space }, () => undefined);
    await watcher.synced;
    const command = await stopApiserver(plane.directory);
    await waitFor('the watch notices', () => restarts.length > 0);
    await expect(own.store.get('PolicyDomain', { namespace: space, name: 'before' })).rejects.toMatchObject({
      code: 'Unavailable',
      retryable: true,
    });
    expect(watcher.get({ namespace: space, name: 'before' })?.metadata.name).toBe('before');
    await restartApiserver(plane.directory, command);
    await waitFor('the apiserver answers', () => own.store.get('PolicyDomain', { namespace: space, name: 'before' }));
    await make('after');
    // A watcher's own store tells it of its own writes: another client's are what the watch must bring.
    const other = await connectCluster(plane.kubeconfig);
    await other.store.delete('PolicyDomain', { namespace: space, name: 'before' });
    await other.close();
    await waitFor('the deletion arrives', () => watcher.get({ namespace: space, name: 'before' }) === undefined);
    expect(watcher.list(space).map(({ metadata }) => metadata.name)).toStrictEqual(['after']);
    await watcher.stop();
  });
});

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { API_VERSION, DECISIONS_METRIC, findCondition, type PolicyDecisionPoint } from '@edict/crds';
import { systemClock } from '@edict/operator';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { load, loadAll } from 'js-yaml';
import { Counter, Gauge } from 'prom-client';
import { Contests } from '../../operator/src/controllers/policy-decision-point/contests.ts';
import { createFleetObjects } from '../../operator/src/controllers/policy-decision-point/fleet-objects.ts';
import { reconcileFleet } from '../../operator/src/controllers/policy-decision-point/reconcile.ts';
import { isStoreError } from '../../operator/src/store/errors.ts';
import { FLEET_DEFAULTS } from '../../operator/src/testing/fleet-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

const NAME = 'main';

let cluster: Cluster;
let namespace: string;

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  namespace = await cluster.namespace();
});
afterAll(() => cluster.close());

interface Deployment extends KubeObject {
  readonly spec: { readonly replicas: number };
}

const key = (name = NAME): { readonly namespace: string; readonly name: string } => ({ namespace, name });
const podsWithoutPdp = new Gauge({ name: 'pods', help: 'Pods.', labelNames: ['fleet'], registers: [] });
const statusWrites = new Counter({ name: 'writes', help: 'Writes.', labelNames: ['kind'], registers: [] });

/** Applies the spec as its user, and has the operator look at it as often as its own writes would make it. */
async function apply(spec: Readonly<Record<string, unknown>>): Promise<PolicyDecisionPoint> {
  await cluster.store.apply<'PolicyDecisionPoint'>(
    { apiVersion: API_VERSION, kind: 'PolicyDecisionPoint', metadata: key(), spec },
    { fieldManager: 'user' },
  );
  return reconcile();
}

async function reconcileOnce(): Promise<void> {
  await reconcileFleet(`${namespace}/${NAME}`, {
    store: cluster.store,
    objects: createFleetObjects(cluster.objects),
    defaults: FLEET_DEFAULTS,
    setsOf: () => [],
    events: { emit: () => undefined },
    contests: new Contests(),
    metrics: { statusWrites, podsWithoutPdp },
    sidecars: { rollOf: () => undefined, problemOf: () => undefined },
    clock: systemClock,
  });
}

/** As its queue does: the cluster's own controllers write Deployments too, and whoever has read an older one looks again. */
async function reconcile(): Promise<PolicyDecisionPoint> {
  for (let looks = 0, conflicts = 0; looks < 2;) {
    try {
      await reconcileOnce();
      looks += 1;
    } catch (error) {
      conflicts += 1;
      if (!isStoreError(error, 'Conflict') || conflicts > 10) throw error;
    }
  }
  const fleet = await cluster.store.get('PolicyDecisionPoint', key());
  if (fleet === undefined) throw new Error('the fleet is gone');
  return fleet;
}

async function replicas(): Promise<number | undefined> {
  return (await cluster.objects.get<Deployment>(RESOURCES.Deployment, key()))?.spec.replicas;
}

const autoscaler = (name = NAME): Promise<KubeObject | undefined> =>
  cluster.objects.get(RESOURCES.HorizontalPodAutoscaler, key(name));

/** What an autoscaler does. */
async function scaleTo(count: number): Promise<void> {
  await cluster.client.request({
    method: 'PATCH',
    path: `/apis/apps/v1/namespaces/${namespace}/deployments/${NAME}/scale`,
    contentType: 'application/merge-patch+json',
    body: { spec: { replicas: count } },
  });
}

test('the number of pods is the autoscaler’s from when it is there until it goes, and never jumps in between', async () => {
  const autoscaling = { minReplicas: 2, maxReplicas: 8 };
  await apply({ replicas: 3 });
  expect([await replicas(), await autoscaler()]).toStrictEqual([3, undefined]);

  const on = await apply({ replicas: 3, autoscaling });
  expect(await replicas()).toBe(3);
  expect(on.status).toMatchObject({ desiredReplicas: 3, ready: '0/3' });
  expect(await autoscaler()).toMatchObject({ spec: { scaleTargetRef: { name: NAME }, ...autoscaling } });

  await scaleTo(5);
  // The cluster's own controller counts them a moment later.
  const scaled = await waitFor('the pods to be counted', async () => {
    const found = await reconcile();
    return (found.status?.replicas ?? 0) >= 3 ? found : undefined;
  });
  expect(await replicas()).toBe(5);
  expect(scaled.status).toMatchObject({ desiredReplicas: 5, ready: '0/5' });
  expect(findCondition(scaled.status?.conditions, 'ScalingActive')).toBeDefined();

  // What whoever scales the PolicyDecisionPoint itself reads.
  const scale = `/apis/${API_VERSION}/namespaces/${namespace}/policydecisionpoints/${NAME}/scale`;
  expect(await cluster.client.request({ method: 'GET', path: scale })).toMatchObject({
    spec: { replicas: 3 },
    // Those that a new template brings beside the old ones are among them.
    status: { replicas: scaled.status?.replicas, selector: expect.stringContaining(`edict.dev/pdp=${NAME}`) },
  });

  // The autoscaler of this cluster has no metrics, but bounds it keeps without.
  await apply({ replicas: 3, autoscaling: { ...autoscaling, minReplicas: 6 } });
  await waitFor('the autoscaler to scale to its least', async () => (await replicas()) === 6);
  expect((await reconcile()).status).toMatchObject({ desiredReplicas: 6 });
  expect(await replicas()).toBe(6);

  const off = await apply({ replicas: 3 });
  expect([await replicas(), await autoscaler()]).toStrictEqual([3, undefined]);
  expect(off.status).toMatchObject({ desiredReplicas: 3 });
  expect(findCondition(off.status?.conditions, 'ScalingActive')).toBeUndefined();

  await apply({ replicas: 3, autoscaling });
  expect(await replicas()).toBe(3);
});

test('a fleet that is autoscaled is turned off and on by its replicas', async () => {
  const autoscaling = { minReplicas: 2, maxReplicas: 8 };
  await apply({ replicas: 4, autoscaling });
  await scaleTo(7);
  const off = await apply({ replicas: 0, autoscaling });
  expect(await replicas()).toBe(0);
  expect(off.status).toMatchObject({ desiredReplicas: 0, ready: '0/0' });
  await apply({ replicas: 20, autoscaling });
  expect(await replicas()).toBe(8);
  // And from then on the number is the autoscaler's again.
  await scaleTo(5);
  await reconcile();
  expect(await replicas()).toBe(5);
});

test('a fleet takes only its own autoscaler away, and owns it', async () => {
  const other = { namespace, name: 'other' };
  const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' }, maxReplicas: 2 };
  await cluster.objects.create(RESOURCES.HorizontalPodAutoscaler, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: other,
    spec,
  });
  const fleet = await apply({ autoscaling: { maxReplicas: 4 } });
  const objects = createFleetObjects(cluster.objects);
  await objects.remove('HorizontalPodAutoscaler', { ...fleet, metadata: { ...fleet.metadata, name: 'other' } });
  expect(await autoscaler('other')).toBeDefined();

  // Deleted with the fleet by the garbage collector, as everything that it owns.
  expect((await autoscaler())?.metadata.ownerReferences).toMatchObject([{ uid: fleet.metadata.uid, controller: true }]);
});

const example = (name: string): Promise<string> =>
  readFile(path.join(import.meta.dirname, '../../docs/examples', name), 'utf8');

test('the example of an autoscaled fleet is taken as it is', async () => {
  const objects = loadAll(await example('fleet-autoscaled.yaml')) as readonly KubeObject[];
  for (const object of objects) {
    const plural = `${object.kind.toLowerCase()}s`;
    // Strict: a member that the kind does not have is refused, not dropped.
    const query = { fieldValidation: 'Strict' };
    const collection = `/apis/${API_VERSION}/namespaces/${namespace}/${plural}`;
    await cluster.client.request({ method: 'POST', path: collection, query, body: object });
  }
  expect(objects.map(({ kind }) => kind)).toStrictEqual(['PolicySet', 'PolicyDecisionPoint']);
});

test('the example of an adapter makes the metric that autoscalers ask for', async () => {
  const { rules } = load(await example('prometheus-adapter.yaml')) as {
    readonly rules: {
      readonly custom: readonly { readonly seriesQuery: string; readonly name: { matches: string; as: string } }[];
    };
  };
  const [rule] = rules.custom;
  const series = /^[a-z_]+/.exec(rule?.seriesQuery ?? '')?.[0] ?? '';
  expect(await readFile(path.join(import.meta.dirname, '../../docs/metrics.md'), 'utf8')).toContain(`\`${series}\``);
  const named = series.replace(
    new RegExp(rule?.name.matches ?? ''),
    rule?.name.as.replaceAll(/\$\{(\d)\}/g, '$$$1') ?? '',
  );
  expect(named).toBe(DECISIONS_METRIC);
});

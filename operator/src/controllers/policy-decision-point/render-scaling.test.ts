import { expect, test } from '@jest/globals';
import { PolicyDecisionPointSpec } from '@edict/crds';
import fc from 'fast-check';
import { aFleet, FLEET_DEFAULTS } from '../../testing/fleet-fixtures.ts';
import { AutoscalerNews } from './autoscaler-news.ts';
import { autoscalerSpec, replicasToSet } from './fleet-autoscaler.ts';
import { selectorLabels } from './fleet-labels.ts';
import { renderFleet, type RenderedObject } from './render.ts';

const specOf = (spec: object): PolicyDecisionPointSpec => PolicyDecisionPointSpec.parse(spec);
const rendered = (kind: RenderedObject['kind'], spec: object, live?: Parameters<typeof renderFleet>[2]): unknown =>
  renderFleet(aFleet(spec), FLEET_DEFAULTS, live).find((object) => object.kind === kind)?.['spec'];
const podSpec = (spec: object): object =>
  (rendered('Deployment', spec) as { readonly template: { readonly spec: object } }).template.spec;

const autoscaling = { minReplicas: 3, maxReplicas: 8 };

test('a fleet without autoscaling has no autoscaler', () => {
  expect(rendered('HorizontalPodAutoscaler', {})).toBeUndefined();
  expect(autoscalerSpec('main', specOf({}))).toBeUndefined();
});

test.each([
  ['nothing', {}, [['ContainerResource', { type: 'Utilization', averageUtilization: 70 }]]],
  [
    'a share of CPU',
    { targetCPUUtilizationPercentage: 55 },
    [['ContainerResource', { type: 'Utilization', averageUtilization: 55 }]],
  ],
  ['decisions', { targetDecisionsPerSecond: 900 }, [['Pods', { type: 'AverageValue', averageValue: '900' }]]],
  [
    'both, and a metric of its own',
    {
      targetCPUUtilizationPercentage: 55,
      targetDecisionsPerSecond: 900,
      metrics: [{ type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '3' } } }],
    },
    [
      ['ContainerResource', { type: 'Utilization', averageUtilization: 55 }],
      ['Pods', { type: 'AverageValue', averageValue: '900' }],
      ['External', { type: 'Value', value: '3' }],
    ],
  ],
])('a fleet that names %s is scaled by that', (_name, targets, expected) => {
  const spec = rendered('HorizontalPodAutoscaler', { autoscaling: { ...autoscaling, ...targets } }) as {
    readonly metrics: readonly (Record<string, { readonly target: object }> & { readonly type: string })[];
  };
  expect(spec).toMatchObject({
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'main' },
    ...autoscaling,
  });
  expect(
    spec.metrics.map((metric) => [metric.type, Object.values(metric).find((part) => typeof part === 'object')?.target]),
  ).toStrictEqual(expected);
});

test('it goes up at once and down slowly, unless the fleet says otherwise for one of both', () => {
  const behaviorOf = (behavior?: object): unknown =>
    (autoscalerSpec('main', specOf({ autoscaling: { ...autoscaling, behavior } })) as { readonly behavior: unknown })
      .behavior;
  const slow = { stabilizationWindowSeconds: 900 };
  expect(behaviorOf()).toMatchObject({
    scaleUp: { stabilizationWindowSeconds: 0 },
    scaleDown: { stabilizationWindowSeconds: 300 },
  });
  expect(behaviorOf({ scaleDown: slow })).toMatchObject({ scaleUp: { stabilizationWindowSeconds: 0 } });
  expect((behaviorOf({ scaleDown: slow }) as { readonly scaleDown: object }).scaleDown).toStrictEqual(slow);
});

test.each([
  ['without autoscaling, whatever the Deployment says', { replicas: 4 }, { wanted: 9, isWantedByUs: false }, 4],
  ['autoscaled and not there yet, what the spec says', { replicas: 4, autoscaling }, undefined, 4],
  ['autoscaled and not there yet, no fewer than the least', { replicas: 1, autoscaling }, undefined, 3],
  ['autoscaled and not there yet, no more than the most', { replicas: 50, autoscaling }, undefined, 8],
  ['autoscaled and at nothing', { replicas: 4, autoscaling }, { wanted: 0, isWantedByUs: true }, 4],
  ['turned off', { replicas: 0, autoscaling }, { wanted: 5, isWantedByUs: false }, 0],
  ['turned off before it is there', { replicas: 0, autoscaling }, undefined, 0],
])('the operator sets the pods of a fleet: %s', (_name, spec, live, expected) => {
  expect(replicasToSet(specOf(spec), live)).toBe(expected);
  expect(rendered('Deployment', spec, live)).toMatchObject({ replicas: expected });
});

test('the operator does not name the pods of a fleet that the autoscaler scales', () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.integer({ min: 1, max: 5000 }), fc.boolean(), (replicas, wanted, isWantedByUs) => {
      const named = replicasToSet(specOf({ replicas, autoscaling }), { wanted, isWantedByUs });
      expect(named).toBe(replicas === 0 ? 0 : undefined);
    }),
  );
  const deployment = rendered('Deployment', { autoscaling }, { wanted: 5, isWantedByUs: true });
  expect(deployment).not.toHaveProperty('replicas');
});

test.each([
  ['is scaled by CPU', { autoscaling }, '250m'],
  ['is scaled by CPU, with workers', { workers: 2, autoscaling }, '750m'],
  ['is scaled by decisions alone', { autoscaling: { ...autoscaling, targetDecisionsPerSecond: 100 } }, '50m'],
  ['is not scaled', {}, '50m'],
])('the CPU that a PDP asks for when its fleet %s', (_name, spec, cpu) => {
  expect(podSpec(spec)).toMatchObject({ containers: [{ resources: { requests: { cpu } } }] });
});

test('pods are spread over zones and nodes, and run where that cannot be', () => {
  const labelSelector = { matchLabels: selectorLabels('main') };
  const constraint = {
    maxSkew: 1,
    whenUnsatisfiable: 'ScheduleAnyway',
    matchLabelKeys: ['pod-template-hash'],
    labelSelector,
  };
  expect(podSpec({})).toMatchObject({
    topologySpreadConstraints: [
      { ...constraint, topologyKey: 'topology.kubernetes.io/zone' },
      { ...constraint, topologyKey: 'kubernetes.io/hostname' },
    ],
  });
  const theirs = { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' };
  const labelled = { ...theirs, labelSelector: { matchLabels: { app: 'all' } } };
  expect(podSpec({ topologySpreadConstraints: [theirs, labelled] })).toMatchObject({
    topologySpreadConstraints: [{ ...theirs, labelSelector }, labelled],
  });
  expect(podSpec({ topologySpreadConstraints: [] })).toMatchObject({ topologySpreadConstraints: [] });
});

test.each([
  ['a share by default', {}, '25%', 5],
  ['a number', { rollingUpdate: { maxSurge: '3', minReadySeconds: 0 } }, 3, 0],
  ['all at once', { rollingUpdate: { maxSurge: '100%' } }, '100%', 5],
])('an update takes no pod away before another serves: surge %s', (_name, spec, maxSurge, minReadySeconds) => {
  expect(rendered('Deployment', spec)).toMatchObject({
    minReadySeconds,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge } },
  });
});

test('a pod that serves nothing does not hold up the drain of its node', () => {
  expect(rendered('PodDisruptionBudget', { podDisruptionBudget: { maxUnavailable: 2 } })).toMatchObject({
    maxUnavailable: 2,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  });
});

test('PDPs may reach the fallback sources that their settings name', () => {
  const settings = { EDICT_PDP_FALLBACK_SOURCES: 'https://policy.example, http://site.shop.svc:8080' };
  const { egress } = rendered('NetworkPolicy', { settings }) as { readonly egress: readonly object[] };
  expect(egress.slice(2)).toStrictEqual([
    { ports: [{ port: 443, protocol: 'TCP' }] },
    { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } }] },
  ]);
});

test('of an autoscaler only what it concludes is news, not what it measures', () => {
  const news = new AutoscalerNews();
  const anAutoscaler = (status: object, uid = 'a') => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace: 'shop', name: 'main', uid, generation: 1 },
    status,
  });
  const active = { conditions: [{ type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound' }] };
  expect(news.isNews(anAutoscaler({ desiredReplicas: 3 }))).toBe(true);
  expect(news.isNews(anAutoscaler({ desiredReplicas: 3, currentMetrics: [{ type: 'Pods' }] }))).toBe(false);
  expect(news.isNews(anAutoscaler({ desiredReplicas: 4 }))).toBe(true);
  expect(news.isNews(anAutoscaler({ desiredReplicas: 4, ...active }))).toBe(true);
  expect(news.isNews(anAutoscaler({ desiredReplicas: 4, ...active }))).toBe(false);
  expect(news.isNews(anAutoscaler({ desiredReplicas: 4, ...active }, 'b'))).toBe(true);
  news.forget(anAutoscaler({}));
  expect(news.isNews(anAutoscaler({ desiredReplicas: 4, ...active }, 'b'))).toBe(true);
});

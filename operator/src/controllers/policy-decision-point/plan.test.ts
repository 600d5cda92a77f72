import { expect, test } from '@jest/globals';
import { API_VERSION, findCondition, PolicyDecisionPointSpec } from '@edict/crds';
import { planFleetStatus, type AutoscalerFacts, type DeploymentFacts, type FleetObservation } from './plan.ts';

const aDeployment = (over: Partial<DeploymentFacts> = {}): DeploymentFacts => ({
  replicas: 2,
  readyReplicas: 2,
  updatedReplicas: 2,
  isObserved: true,
  wanted: 2,
  isWantedByUs: true,
  resourceVersion: '7',
  ...over,
});
const observed = (over: Partial<FleetObservation> = {}): FleetObservation => ({
  fleet: {
    apiVersion: API_VERSION,
    kind: 'PolicyDecisionPoint',
    metadata: { name: 'main', namespace: 'shop', generation: 3 },
    spec: PolicyDecisionPointSpec.parse({ replicas: 2 }),
  },
  deployment: aDeployment(),
  autoscaler: undefined,
  sets: ['default'],
  applyError: undefined,
  contest: undefined,
  now: '2026-01-01T00:00:00Z',
  ...over,
});

test.each([
  ['all pods serve', {}, 'True', 'Available', false],
  ['no Deployment yet', { deployment: undefined }, 'False', 'Unavailable', true],
  ['a pod is not ready', { deployment: aDeployment({ readyReplicas: 1 }) }, 'False', 'Unavailable', true],
  ['old pods still serve', { deployment: aDeployment({ updatedReplicas: 1 }) }, 'False', 'Unavailable', true],
  ['the Deployment is not observed', { deployment: aDeployment({ isObserved: false }) }, 'False', 'Unavailable', true],
  ['no set selects the pods', { deployment: aDeployment({ readyReplicas: 0 }), sets: [] }, 'False', 'NoSet', true],
  ['another controller wants an object otherwise', { contest: 'Deployment' }, 'False', 'Contested', false],
  ['an object was refused', { applyError: 'forbidden' }, 'False', 'ApplyFailed', false],
])('%s', (_name, over, ready, reason, reconciling) => {
  const status = planFleetStatus(observed(over));
  expect(findCondition(status.conditions, 'Ready')).toMatchObject({ status: ready, reason, observedGeneration: 3 });
  expect(findCondition(status.conditions, 'Reconciling') !== undefined).toBe(reconciling);
  expect(findCondition(status.conditions, 'Stalled') !== undefined).toBe(
    reason === 'ApplyFailed' || reason === 'Contested',
  );
});

test('autoscalers get a selector and counts', () => {
  expect(planFleetStatus(observed())).toMatchObject({
    replicas: 2,
    desiredReplicas: 2,
    ready: '2/2',
    selector: 'app.kubernetes.io/name=edict-pdp,app.kubernetes.io/component=pdp,edict.dev/pdp=main',
    sets: 'default',
  });
});

const autoscaled = (spec: object = {}): Partial<FleetObservation> => ({
  fleet: {
    ...observed().fleet,
    spec: PolicyDecisionPointSpec.parse({ replicas: 2, autoscaling: { minReplicas: 2, maxReplicas: 10 }, ...spec }),
  },
});
const anAutoscaler = (...conditions: AutoscalerFacts['conditions']): AutoscalerFacts => ({
  desiredReplicas: 5,
  conditions: [{ type: 'AbleToScale', status: 'True' }, ...conditions],
});
const ACTIVE = { type: 'ScalingActive', status: 'True' };

test.each([
  ['the autoscaler wants more than there are', aDeployment({ wanted: 5, replicas: 5 }), 5, 'False', '2/5'],
  [
    'there are as many as the autoscaler wants',
    aDeployment({ wanted: 5, replicas: 5, readyReplicas: 5, updatedReplicas: 5 }),
    5,
    'True',
    '5/5',
  ],
  ['there is no Deployment yet', undefined, 2, 'False', '0/2'],
  ['the Deployment was at 0', aDeployment({ wanted: 0, readyReplicas: 0 }), 2, 'False', '0/2'],
])('while a fleet is autoscaled and %s, its status says so', (_name, deployment, desired, ready, column) => {
  const status = planFleetStatus(observed({ ...autoscaled(), deployment, autoscaler: anAutoscaler(ACTIVE) }));
  expect(status).toMatchObject({ desiredReplicas: desired, ready: column });
  expect(findCondition(status.conditions, 'Ready')?.status).toBe(ready);
});

test.each([
  ['has just been made', undefined, 'Unknown', 'Progressing', 'no metric yet'],
  ['scales', anAutoscaler(ACTIVE), 'True', 'Autoscaling', 'wants 5 pods, of 2 to 10'],
  [
    'is at its most',
    anAutoscaler(ACTIVE, { type: 'ScalingLimited', status: 'True', reason: 'TooManyReplicas' }),
    'True',
    'Autoscaling',
    'more than maxReplicas',
  ],
  [
    'lacks a metric',
    anAutoscaler({ type: 'ScalingActive', status: 'False', reason: 'FailedGetPodsMetric', message: 'no such metric' }),
    'False',
    'AutoscalerFailing',
    'the number of pods stays: no such metric',
  ],
  [
    'cannot scale',
    { desiredReplicas: 2, conditions: [{ type: 'AbleToScale', status: 'False', reason: 'FailedUpdateScale' }, ACTIVE] },
    'False',
    'AutoscalerFailing',
    'FailedUpdateScale',
  ],
])('an autoscaler that %s is told of', (_name, autoscaler, expected, reason, message) => {
  const { conditions } = planFleetStatus(observed({ ...autoscaled(), autoscaler }));
  const condition = findCondition(conditions, 'ScalingActive');
  expect(condition).toMatchObject({ status: expected, reason });
  expect(condition?.message).toContain(message);
});

test.each([
  ['has no autoscaler any more', {}],
  ['is turned off', autoscaled({ replicas: 0 })],
])('a fleet that %s has no condition of scaling', (_name, over) => {
  const before = planFleetStatus(observed({ ...autoscaled(), autoscaler: anAutoscaler(ACTIVE) }));
  const { fleet } = observed(over);
  const after = planFleetStatus(observed({ fleet: { ...fleet, status: before } }));
  expect(findCondition(before.conditions, 'ScalingActive')).toBeDefined();
  expect(findCondition(after.conditions, 'ScalingActive')).toBeUndefined();
});

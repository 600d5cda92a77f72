import { expect, test } from '@jest/globals';
import { API_VERSION, findCondition, PolicyDecisionPointSpec } from '@edict/crds';
import { planFleetStatus, type DeploymentFacts, type FleetObservation } from './plan.ts';

const aDeployment = (over: Partial<DeploymentFacts> = {}): DeploymentFacts => ({
  replicas: 2,
  readyReplicas: 2,
  updatedReplicas: 2,
  isObserved: true,
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
  sets: ['default'],
  applyError: undefined,
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
  ['an object was refused', { applyError: 'forbidden' }, 'False', 'ApplyFailed', false],
])('%s', (_name, over, ready, reason, reconciling) => {
  const status = planFleetStatus(observed(over));
  expect(findCondition(status.conditions, 'Ready')).toMatchObject({ status: ready, reason, observedGeneration: 3 });
  expect(findCondition(status.conditions, 'Reconciling') !== undefined).toBe(reconciling);
  expect(findCondition(status.conditions, 'Stalled') !== undefined).toBe(reason === 'ApplyFailed');
});

test('autoscalers get a selector and counts', () => {
  expect(planFleetStatus(observed())).toMatchObject({
    replicas: 2,
    ready: '2/2',
    selector: 'app.kubernetes.io/name=edict-pdp,app.kubernetes.io/component=pdp,edict.dev/pdp=main',
    sets: 'default',
  });
});

import { expect, test } from '@jest/globals';
import { fleetOfMember, isSidecarReady, isSidecarRunning, memberLabels } from './member-pod.ts';
import type { PodShape } from './pod-shape.ts';
import { aPod } from './testing/injection-fixtures.ts';

const LABELS = { app: 'web', 'edict.dev/pdp': 'main' };
const token = (audience = 'edict-distribution') => ({
  name: 'edict-token',
  projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] },
});
const mounts = [{ name: 'edict-token', mountPath: '/var/run/secrets/edict' }];
const sidecar = { name: 'edict-pdp', restartPolicy: 'Always', volumeMounts: mounts };
const member = (metadata: object = {}, spec: object = {}): PodShape =>
  aPod({ labels: LABELS, ...metadata }, { initContainers: [sidecar], volumes: [token()], ...spec });

test('a pod with a sidecar that names its fleet is a member of it, injected or by hand', () => {
  expect(fleetOfMember(member())).toBe('main');
});

test.each<[string, PodShape]>([
  ['names no fleet', member({ labels: { app: 'web' } })],
  ['has no sidecar', member({}, { initContainers: undefined })],
  ['has a sidecar that ends', member({}, { initContainers: [{ ...sidecar, restartPolicy: undefined }] })],
  ['has it among its containers', member({}, { initContainers: undefined, containers: [sidecar] })],
  ['has a sidecar without a token', member({}, { initContainers: [{ ...sidecar, volumeMounts: undefined }] })],
  ['has a token for somebody else', member({}, { volumes: [token('vault')] })],
  ['has a volume of that name which is no token', member({}, { volumes: [{ name: 'edict-token', emptyDir: {} }] })],
  ['lets its application have the token', member({}, { containers: [{ name: 'web', volumeMounts: mounts }] })],
  [
    'says that it is a PDP itself',
    member({ labels: { ...LABELS, 'app.kubernetes.io/name': 'edict-pdp', 'app.kubernetes.io/component': 'pdp' } }),
  ],
])('a pod that %s is no member', (_name, pod) => {
  expect(fleetOfMember(pod)).toBeUndefined();
});

test('sets choose it by its own labels and those of its fleet', () => {
  expect(memberLabels({ app: 'web', 'app.kubernetes.io/component': 'shop' }, 'main')).toStrictEqual({
    app: 'web',
    'app.kubernetes.io/name': 'edict-pdp',
    'app.kubernetes.io/component': 'pdp',
    'edict.dev/pdp': 'main',
  });
});

test.each([
  ['is not there', undefined, false, false],
  ['starts', { name: 'edict-pdp', ready: false, state: { running: {} } }, true, false],
  ['serves', { name: 'edict-pdp', ready: true, state: { running: {} } }, true, true],
  ['has ended', { name: 'edict-pdp', ready: false, state: { terminated: {} } }, false, false],
  ['is another', { name: 'mesh', ready: true, state: { running: {} } }, false, false],
])('a sidecar that %s', (_name, status, running, ready) => {
  const pod = aPod({}, {}, { phase: 'Pending', ...(status === undefined ? {} : { initContainerStatuses: [status] }) });
  expect([isSidecarRunning(pod), isSidecarReady(pod)]).toStrictEqual([running, ready]);
});

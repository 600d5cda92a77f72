import { expect, test } from '@jest/globals';
import { EVERYTHING, SIDECARS } from '../../../crds/src/testing/fleet-specs.ts';
import { FLEET_DEFAULTS } from '../testing/fleet-fixtures.ts';
import { renderSidecar, sidecarProblem } from './sidecar.ts';
import { someSidecars } from './testing/injection-fixtures.ts';

interface Rendered {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
const rendered = (spec: object = {}) => renderSidecar(someSidecars('main', spec), FLEET_DEFAULTS);
const partsOf = (spec: object = {}): Rendered => rendered(spec).container as unknown as Rendered;
const valueOf = (name: string, spec: object = {}) => partsOf(spec).env.find((entry) => entry.name === name)?.value;

test('it is a native sidecar that has started once a policy is active', () => {
  expect(rendered().container).toMatchObject({
    name: 'edict-pdp',
    restartPolicy: 'Always',
    image: 'edict-pdp:1',
    startupProbe: { httpGet: { path: '/readyz', port: 'edict-health' }, periodSeconds: 1, failureThreshold: 600 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'edict-health' } },
    livenessProbe: { httpGet: { path: '/healthz', port: 'edict-health' } },
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
  });
});

test('it is not root and names no user, writes nothing but its volumes, and has neither rights nor the token of its pod', () => {
  const { container, volumes } = rendered();
  expect(container['securityContext']).toStrictEqual({
    runAsNonRoot: true,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  });
  expect(volumes).toContainEqual(
    expect.objectContaining({
      name: 'edict-token',
      projected: { sources: [{ serviceAccountToken: expect.objectContaining({ audience: 'edict-distribution' }) }] },
    }),
  );
  expect(volumes).toContainEqual({ name: 'edict-trust', configMap: { name: 'edict-ca' } });
  expect(volumes).toContainEqual({ name: 'edict-data', emptyDir: { sizeLimit: '256Mi' } });
  expect(partsOf().volumeMounts).toContainEqual({
    name: 'edict-no-account',
    mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
    readOnly: true,
  });
});

test('names of its volumes and ports are its own, whatever the spec asks for', () => {
  const { form: _form, ...members } = SIDECARS;
  const { audit, tls, volumes: further, volumeMounts } = EVERYTHING;
  const { volumes, container } = rendered({ audit, tls, volumes: further, volumeMounts, ...members });
  expect(volumes.map(({ name }) => name)).toStrictEqual([
    ...['edict-data', 'edict-token', 'edict-trust', 'edict-files', 'edict-audit', 'records', 'edict-no-account'],
  ]);
  expect(container.ports).toStrictEqual([
    { name: 'edict-http', containerPort: 9181, protocol: 'TCP' },
    { name: 'edict-grpc', containerPort: 9191, protocol: 'TCP' },
    { name: 'edict-health', containerPort: 9282, protocol: 'TCP' },
  ]);
  const mounted = (container as unknown as Rendered).volumeMounts.map(({ name }) => name);
  expect(new Set(mounted)).toStrictEqual(new Set(volumes.map(({ name }) => name)));
});

test.each([
  ['HTTP', 'EDICT_PDP_LISTEN_HOST', {}, '127.0.0.1'],
  ['HTTP by settings elsewhere', 'EDICT_PDP_LISTEN_HOST', { settings: { EDICT_PDP_LISTEN_HOST: '::' } }, '::'],
  ['gRPC', 'EDICT_PDP_GRPC_LISTEN', { ports: { grpc: 9191 } }, '127.0.0.1:9191'],
  ['health, which the kubelet asks for,', 'EDICT_PDP_HEALTH_LISTEN', {}, ':8282'],
  ['nobody after the application ended', 'EDICT_PDP_DRAIN_DELAY_MS', {}, '0'],
  ['somebody after it', 'EDICT_PDP_DRAIN_DELAY_MS', { settings: { EDICT_PDP_DRAIN_DELAY_MS: '500' } }, '500'],
  ['its operator', 'EDICT_PDP_OPERATOR_ADDRESS', {}, 'edict-distribution.edict-system.svc:9444'],
])('it serves %s', (_name, variable, spec, value) => {
  expect(valueOf(variable, spec)).toBe(value);
});

test('the application finds it where it listens, by a name where certificates have names', () => {
  expect(rendered().url).toBe('http://127.0.0.1:8181');
  expect(rendered({ ports: { http: 9000 }, tls: { secretName: 'tls' } }).url).toBe('https://localhost:9000');
});

test('the hash changes with whatever is put into pods, and with nothing else', () => {
  const { hash } = rendered();
  expect(rendered().hash).toBe(hash);
  expect(renderSidecar(someSidecars('main', {}, { generation: 7 }), FLEET_DEFAULTS).hash).toBe(hash);
  expect(rendered({ logLevel: 'debug' }).hash).not.toBe(hash);
  expect(rendered({ imagePullSecrets: [{ name: 'registry' }] }).hash).not.toBe(hash);
  expect(renderSidecar(someSidecars(), { ...FLEET_DEFAULTS, image: 'edict-pdp:2' }).hash).not.toBe(hash);
});

test.each([
  [
    'too little memory',
    { resources: { limits: { memory: '32Mi' } } },
    '"32Mi" is too little: a PDP with 1 worker needs 128Mi at least',
  ],
  ['too little for its workers', { workers: 2, resources: { limits: { memory: '256Mi' } } }, '2 workers needs 384Mi'],
  ['memory in thousandths', { resources: { limits: { memory: '256m' } } }, '"256m" is too little'],
  ['memory that is no quantity', { resources: { limits: { memory: '1 GB' } } }, '"1 GB" is no quantity such as 256Mi'],
])('no pod can have one with %s', (_name, spec, problem) => {
  expect(sidecarProblem(someSidecars('main', spec))).toContain(problem);
});

test.each([
  ['says nothing', {}],
  ['has no limit', { resources: { requests: { memory: '64Mi' } } }],
  ['has enough', { resources: { limits: { memory: '0.25Gi' } } }],
])('pods can have one that %s', (_name, spec) => {
  expect(sidecarProblem(someSidecars('main', spec))).toBeUndefined();
});

test('no pod can name one whose name is no label', () => {
  expect(sidecarProblem(someSidecars('a'.repeat(64)))).toContain('longer than the 63 characters');
});

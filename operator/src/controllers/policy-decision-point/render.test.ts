import { expect, test } from '@jest/globals';
import { API_VERSION, PolicyDecisionPointSpec, type PolicyDecisionPoint } from '@edict/crds';
import { renderFleet, selectorLabels, type FleetDefaults, type RenderedObject } from './render.ts';

const DEFAULTS: FleetDefaults = {
  image: 'edict-pdp:1',
  imagePullPolicy: 'IfNotPresent',
  operatorAddress: 'edict-distribution.edict-system.svc:9444',
  bundlesUrl: 'https://edict-distribution.edict-system.svc:9445',
  trustConfigMap: 'edict-ca',
  operatorNamespace: 'edict-system',
  allowedBuiltins: [],
};

const aFleet = (spec: object = {}): PolicyDecisionPoint => ({
  apiVersion: API_VERSION,
  kind: 'PolicyDecisionPoint',
  metadata: { name: 'main', namespace: 'shop', uid: 'u1' },
  spec: PolicyDecisionPointSpec.parse(spec),
});

interface PodSpec {
  readonly containers: readonly [
    {
      readonly image: string;
      readonly securityContext: object;
      readonly resources: object;
      readonly env: readonly { readonly name: string; readonly value?: string }[];
    },
  ];
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
}
const podOf = (objects: readonly RenderedObject[]): { readonly labels: object; readonly spec: PodSpec } => {
  const { template } = objects.find(({ kind }) => kind === 'Deployment')?.['spec'] as {
    readonly template: { readonly metadata: { readonly labels: object }; readonly spec: PodSpec };
  };
  return { labels: template.metadata.labels, spec: template.spec };
};

test('a fleet is five objects, all owned by it and all in its namespace', () => {
  const objects = renderFleet(aFleet(), DEFAULTS);
  expect(objects.map(({ kind }) => kind)).toStrictEqual([
    'ServiceAccount',
    'Deployment',
    'Service',
    'PodDisruptionBudget',
    'NetworkPolicy',
  ]);
  for (const { metadata } of objects) {
    expect(metadata).toMatchObject({
      namespace: 'shop',
      name: 'main',
      ownerReferences: [{ uid: 'u1', controller: true }],
    });
  }
});

test('the pods run without privileges and without a token for the apiserver', () => {
  const { spec } = podOf(renderFleet(aFleet(), DEFAULTS));
  expect(spec.automountServiceAccountToken).toBe(false);
  expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(spec.containers[0].securityContext).toStrictEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('pod labels of the user cannot take away the labels that select the pods', () => {
  const { labels } = podOf(renderFleet(aFleet({ podLabels: { 'edict.dev/pdp': 'other', zone: 'a' } }), DEFAULTS));
  expect(labels).toMatchObject({ ...selectorLabels('main'), zone: 'a' });
});

test.each([
  ['the image', { image: 'mine:2' }, (pod: PodSpec) => pod.containers[0].image, 'mine:2'],
  [
    'the resources',
    { resources: { limits: { cpu: 1 } } },
    (pod: PodSpec) => pod.containers[0].resources,
    { limits: { cpu: 1 } },
  ],
])('%s is the one of the spec', (_name, spec, read, expected) => {
  expect(read(podOf(renderFleet(aFleet(spec), DEFAULTS)).spec)).toStrictEqual(expected);
});

test('a NetworkPolicy is made only when asked for', () => {
  const kinds = renderFleet(aFleet({ networkPolicy: { enabled: false } }), DEFAULTS).map(({ kind }) => kind);
  expect(kinds).not.toContain('NetworkPolicy');
});

test('a fleet has its settings, but not those that the operator decides', () => {
  const settings = {
    EDICT_PDP_MAX_BATCH: '7',
    EDICT_PDP_ALLOWED_HOSTS: 'api.example',
    EDICT_PDP_OPERATOR_ADDRESS: 'elsewhere:1',
    EDICT_PDP_ALLOWED_BUILTINS: 'net.lookup_ip_addr',
  };
  const { spec } = podOf(renderFleet(aFleet({ settings }), { ...DEFAULTS, allowedBuiltins: ['http.send'] }));
  const values = Object.fromEntries(spec.containers[0].env.map(({ name, value }) => [name, value]));
  expect(values).toMatchObject({
    EDICT_PDP_MAX_BATCH: '7',
    EDICT_PDP_ALLOWED_HOSTS: 'api.example',
    EDICT_PDP_OPERATOR_ADDRESS: DEFAULTS.operatorAddress,
    EDICT_PDP_ALLOWED_BUILTINS: 'http.send',
  });
});

test('a fleet may reach whom it names', () => {
  const egress = [{ to: [{ ipBlock: { cidr: '192.0.2.7/32' } }], ports: [{ port: 443 }] }];
  const policy = renderFleet(aFleet({ networkPolicy: { egress } }), DEFAULTS).find(
    ({ kind }) => kind === 'NetworkPolicy',
  );
  expect((policy?.['spec'] as { readonly egress: readonly object[] }).egress.slice(2)).toStrictEqual(egress);
});

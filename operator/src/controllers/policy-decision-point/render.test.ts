import { expect, test } from '@jest/globals';
import { EVERYTHING } from '../../../../crds/src/testing/fleet-specs.ts';
import { aFleet, FLEET_DEFAULTS } from '../../testing/fleet-fixtures.ts';
import { selectorLabels } from './fleet-labels.ts';
import { renderFleet, type RenderedObject } from './render.ts';

interface PodSpec {
  readonly containers: readonly [
    {
      readonly image: string;
      readonly securityContext: object;
      readonly resources: object;
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
      readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
      readonly [probe: string]: unknown;
    },
  ];
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly volumes: readonly { readonly name: string; readonly projected?: Projected; readonly emptyDir?: object }[];
}
interface Projected {
  readonly sources: readonly {
    readonly secret?: { readonly name: string; readonly items: readonly { readonly path: string }[] };
    readonly configMap?: { readonly name: string; readonly items: readonly { readonly path: string }[] };
  }[];
}
const podOf = (objects: readonly RenderedObject[]): { readonly labels: object; readonly spec: PodSpec } => {
  const { template } = objects.find(({ kind }) => kind === 'Deployment')?.['spec'] as {
    readonly template: { readonly metadata: { readonly labels: object }; readonly spec: PodSpec };
  };
  return { labels: template.metadata.labels, spec: template.spec };
};

const valuesOf = ({ containers: [{ env }] }: PodSpec): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(env.map(({ name, value }) => [name, value]));
const specOf = (kind: RenderedObject['kind'], spec: object): unknown =>
  renderFleet(aFleet(spec), FLEET_DEFAULTS).find((object) => object.kind === kind)?.['spec'];

test('a fleet is five objects, all owned by it and all in its namespace', () => {
  const objects = renderFleet(aFleet(), FLEET_DEFAULTS);
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
  const { spec } = podOf(renderFleet(aFleet(), FLEET_DEFAULTS));
  expect(spec.automountServiceAccountToken).toBe(false);
  expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(spec.containers[0].securityContext).toStrictEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('pod labels of the user cannot take away the labels that select the pods', () => {
  const { labels } = podOf(renderFleet(aFleet({ podLabels: { 'edict.dev/pdp': 'other', zone: 'a' } }), FLEET_DEFAULTS));
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
  expect(read(podOf(renderFleet(aFleet(spec), FLEET_DEFAULTS)).spec)).toStrictEqual(expected);
});

test('a NetworkPolicy is made only when asked for', () => {
  const kinds = renderFleet(aFleet({ networkPolicy: { enabled: false } }), FLEET_DEFAULTS).map(({ kind }) => kind);
  expect(kinds).not.toContain('NetworkPolicy');
});

test('a fleet has its settings, but not those that the operator decides', () => {
  // Admission refuses the second; it can have been stored before there was one.
  const settings = {
    EDICT_PDP_MAX_BATCH: '7',
    EDICT_PDP_ALLOWED_HOSTS: 'api.example',
    EDICT_PDP_OPERATOR_ADDRESS: 'elsewhere:1',
    EDICT_PDP_ALLOWED_BUILTINS: 'net.lookup_ip_addr',
  };
  const fleet = aFleet();
  const { spec } = podOf(
    renderFleet({ ...fleet, spec: { ...fleet.spec, settings } }, { ...FLEET_DEFAULTS, allowedBuiltins: ['http.send'] }),
  );
  expect(valuesOf(spec)).toMatchObject({
    EDICT_PDP_MAX_BATCH: '7',
    EDICT_PDP_ALLOWED_HOSTS: 'api.example',
    EDICT_PDP_OPERATOR_ADDRESS: FLEET_DEFAULTS.operatorAddress,
    EDICT_PDP_ALLOWED_BUILTINS: 'http.send',
  });
});

test('a fleet may reach whom it names', () => {
  const egress = [{ to: [{ ipBlock: { cidr: '192.0.2.7/32' } }], ports: [{ port: 443 }] }];
  const policy = renderFleet(aFleet({ networkPolicy: { egress } }), FLEET_DEFAULTS).find(
    ({ kind }) => kind === 'NetworkPolicy',
  );
  expect((policy?.['spec'] as { readonly egress: readonly object[] }).egress.slice(2)).toStrictEqual(egress);
});

test('what members of the spec say, the pods are told by settings', () => {
  expect(valuesOf(podOf(renderFleet(aFleet(EVERYTHING), FLEET_DEFAULTS)).spec)).toMatchObject({
    EDICT_PDP_LISTEN_PORT: '8181',
    EDICT_PDP_HEALTH_LISTEN: ':8282',
    EDICT_PDP_GRPC_LISTEN: ':9191',
    EDICT_PDP_WORKERS: '2',
    EDICT_PDP_TLS_CERT_FILE: '/etc/edict/files/tls/tls.crt',
    EDICT_PDP_TLS_KEY_FILE: '/etc/edict/files/tls/tls.key',
    EDICT_PDP_TLS_CLIENT_CA_FILE: '/etc/edict/files/tls/client-ca.crt',
    EDICT_PDP_AUTHENTICATION: 'CertificateOrBearer',
    EDICT_PDP_CALLERS: 'spiffe://shop.example/*,checkout',
    EDICT_PDP_JWKS: 'https://id.identity.svc:8443/jwks.json',
    EDICT_PDP_JWKS_CA_FILE: '/etc/edict/files/authentication/jwks-ca.crt',
    EDICT_PDP_TOKEN_ISSUER: 'https://id.example',
    EDICT_PDP_TOKEN_AUDIENCES: 'pdp',
    EDICT_PDP_PUBLIC_URL: 'https://pdp.shop.example',
    EDICT_PDP_PAGE_TOKEN_KEY_FILE: '/etc/edict/files/authzen/page-token.key',
    EDICT_PDP_METADATA_KEY_FILE: '/etc/edict/files/authzen/signing.pem',
    EDICT_PDP_TRACES_URL: 'http://192.0.2.4:4318/v1/traces',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.05',
    EDICT_PDP_MAX_BATCH: '50',
  });
});

test('a fleet that says nothing has no settings but those of its ports, log level, operator and decisions', () => {
  const names = Object.keys(valuesOf(podOf(renderFleet(aFleet(), FLEET_DEFAULTS)).spec));
  expect(names.sort()).toStrictEqual([
    'EDICT_PDP_BUNDLES_URL',
    'EDICT_PDP_DECISIONS',
    'EDICT_PDP_HEALTH_LISTEN',
    'EDICT_PDP_LISTEN_PORT',
    'EDICT_PDP_LOG_LEVEL',
    'EDICT_PDP_NODE_ID',
    'EDICT_PDP_OPERATOR_ADDRESS',
  ]);
});

test('every file that a setting names is mounted from the Secret or ConfigMap that the spec names', () => {
  const { spec } = podOf(renderFleet(aFleet(EVERYTHING), FLEET_DEFAULTS));
  const sources = spec.volumes.find(({ name }) => name === 'files')?.projected?.sources ?? [];
  const mounted = sources.map(({ secret, configMap }) => [
    secret === undefined ? `configMap ${configMap?.name ?? ''}` : `secret ${secret.name}`,
    (secret ?? configMap)?.items[0]?.path,
  ]);
  expect(mounted).toStrictEqual([
    ['secret pdp-tls', 'tls/tls.crt'],
    ['secret pdp-tls', 'tls/tls.key'],
    ['configMap client-authorities', 'tls/client-ca.crt'],
    ['secret id-ca', 'authentication/jwks-ca.crt'],
    ['secret pdp-keys', 'authzen/page-token.key'],
    ['secret pdp-keys', 'authzen/signing.pem'],
    ['secret pdp-keys', 'audit/hash-key'],
    ['secret siem', 'audit/siem/token'],
    ['configMap siem-ca', 'audit/siem/ca.crt'],
  ]);
  const { env, volumeMounts } = spec.containers[0];
  expect(volumeMounts).toContainEqual({ name: 'files', mountPath: '/etc/edict/files', readOnly: true });
  const named = JSON.stringify(env).match(/\/etc\/edict\/files\/[\w./-]+/g) ?? [];
  expect([...named].sort()).toStrictEqual(mounted.map(([, path]) => `/etc/edict/files/${path ?? ''}`).sort());
});

test('records go where the spec says, by the document that PDPs read, and lie in a volume that holds them all', () => {
  const { spec } = podOf(renderFleet(aFleet(EVERYTHING), FLEET_DEFAULTS));
  const document = JSON.parse(valuesOf(spec)['EDICT_PDP_AUDIT_SETTINGS'] ?? '') as {
    readonly sinks: readonly object[];
  };
  expect(document).toMatchObject({ labels: { cluster: 'eu-1' }, hashKeyFile: '/etc/edict/files/audit/hash-key' });
  expect(document.sinks[2]).toMatchObject({
    name: 'siem',
    tokenFile: '/etc/edict/files/audit/siem/token',
    caFile: '/etc/edict/files/audit/siem/ca.crt',
  });
  expect(document.sinks[2]).not.toHaveProperty('tokenFrom');
  // Two workers, each with a journal of 64 MiB and three files of 1 MiB; 256 MiB to spare.
  expect(spec.volumes).toContainEqual({ name: 'audit', emptyDir: { sizeLimit: '390Mi' } });
  expect(spec.containers[0].volumeMounts).toContainEqual({ name: 'audit', mountPath: '/var/lib/edict/audit' });
});

test.each([
  ['standard output', { name: 'a', type: 'Stdout' }],
  ['a file in a volume of the fleet', { name: 'a', type: 'File', path: '/records/a' }],
])('records on %s need no volume of ours', (_name, sink) => {
  const volumeMounts = [{ name: 'records', mountPath: '/records' }];
  const { spec } = podOf(renderFleet(aFleet({ audit: { sinks: [sink] }, volumeMounts }), FLEET_DEFAULTS));
  expect(spec.volumes.map(({ name }) => name)).not.toContain('audit');
});

test('probes ask the port that needs no certificate', () => {
  const [container] = podOf(renderFleet(aFleet(EVERYTHING), FLEET_DEFAULTS)).spec.containers;
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    expect(container[probe]).toMatchObject({ httpGet: { port: 'health' } });
  }
  expect(container.ports.map(({ name, containerPort }) => [name, containerPort])).toStrictEqual([
    ['http', 8181],
    ['grpc', 9191],
    ['health', 8282],
  ]);
});

test.each([
  ['HTTP alone', {}, [{ name: 'http', port: 8181, targetPort: 'http' }]],
  [
    'gRPC too',
    { ports: { grpc: 9191 }, service: { port: 80, grpcPort: 81 } },
    [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'grpc', port: 81, targetPort: 'grpc', appProtocol: 'kubernetes.io/h2c' },
    ],
  ],
  [
    'both with TLS',
    { ports: { grpc: 9191 }, tls: { secretName: 't' } },
    [
      { name: 'http', port: 8181, targetPort: 'http' },
      { name: 'grpc', port: 9191, targetPort: 'grpc' },
    ],
  ],
])('the Service has the ports of %s', (_name, spec, ports) => {
  expect(specOf('Service', spec)).toMatchObject({ ports });
  expect((specOf('Service', spec) as { readonly ports: readonly object[] }).ports).toStrictEqual(
    ports.map((port) => ({ ...port, protocol: 'TCP' })),
  );
});

test('callers reach the ports of decisions, and who reads metrics that of health', () => {
  const monitoring = [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }];
  const from = [{ podSelector: { matchLabels: { app: 'shop' } } }];
  expect(
    specOf('NetworkPolicy', { ports: { grpc: 9191 }, networkPolicy: { from, metricsFrom: monitoring } }),
  ).toMatchObject({
    ingress: [
      { from, ports: [{ port: 'http' }, { port: 'grpc' }] },
      { from: monitoring, ports: [{ port: 'health' }] },
    ],
  });
});

test.each([
  [
    'a Service of another namespace',
    'https://id.identity.svc.cluster.local:8443/keys',
    { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'identity' } } }] },
  ],
  ['a Service of its namespace', 'http://id/keys', { to: [{ podSelector: {} }] }],
  [
    'an address',
    'http://192.0.2.7/keys',
    { to: [{ ipBlock: { cidr: '192.0.2.7/32' } }], ports: [{ port: 80, protocol: 'TCP' }] },
  ],
  [
    'an IPv6 address',
    'https://[2001:db8::7]:8443/keys',
    { to: [{ ipBlock: { cidr: '2001:db8::7/128' } }], ports: [{ port: 8443, protocol: 'TCP' }] },
  ],
  ['a name of the world', 'https://id.example.com/keys', { ports: [{ port: 443, protocol: 'TCP' }] }],
])('PDPs may reach the keys of tokens at %s', (_name, jwksUrl, rule) => {
  const authentication = { mode: 'Bearer', bearer: { jwksUrl, issuer: 'a', audiences: ['b'] } };
  const policy = specOf('NetworkPolicy', { authentication }) as { readonly egress: readonly object[] };
  expect(policy.egress.slice(2)).toStrictEqual([rule]);
});

test('resources that are left to us grow with the workers, and time to end with that to drain', () => {
  expect(podOf(renderFleet(aFleet({ workers: 3 }), FLEET_DEFAULTS)).spec.containers[0].resources).toStrictEqual({
    requests: { cpu: '200m', memory: '384Mi' },
    limits: { memory: '1024Mi' },
  });
  const graceOf = (settings: object): number =>
    podOf(renderFleet(aFleet({ settings }), FLEET_DEFAULTS)).spec.terminationGracePeriodSeconds;
  expect(graceOf({})).toBe(33);
  expect(graceOf({ EDICT_PDP_DRAIN_DELAY_MS: '2000', EDICT_PDP_DRAIN_TIMEOUT_MS: '60000' })).toBe(75);
});

test('volumes, variables, Secrets of registries and the annotations of the Service are as the fleet says', () => {
  const objects = renderFleet(aFleet(EVERYTHING), FLEET_DEFAULTS);
  const { spec } = podOf(objects);
  expect(spec).toMatchObject({ imagePullSecrets: [{ name: 'registry' }] });
  expect(spec.volumes).toContainEqual({ name: 'records', emptyDir: { sizeLimit: '1Gi' } });
  expect(spec.containers[0].volumeMounts).toContainEqual({ name: 'records', mountPath: '/records' });
  expect(spec.containers[0].env.at(-1)).toStrictEqual(EVERYTHING.env[0]);
  expect(objects.find(({ kind }) => kind === 'Service')?.metadata.annotations).toStrictEqual({
    'example.com/scheme': 'internal',
  });
});

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { PolicyDecisionPointSpec, PolicySetSpec } from '@edict/crds';
import { loadConfig, type Config } from '../../operator/src/config.ts';
import { KUBERNETES_VERSION, requireAssets } from '../../scripts/kube-assets.ts';
import { CHART, GOLDEN, helm, objectsOf, PRESETS, RELAY, render, RENDERINGS, type Rendered } from './renderings.ts';
import { RIGHTS_FILE, rightsFile } from './rights-file.ts';

/** What each rendering is now. */
const rendered = new Map<string, string>();
const BUILD_MS = 600_000;

beforeAll(async () => {
  // Built once where it is missing, which takes longer than any test.
  await requireAssets(['helm']);
  for (const [name, args] of Object.entries(RENDERINGS)) rendered.set(name, await render(...args));
}, BUILD_MS);

const objects = (name: string): readonly Rendered[] => objectsOf(rendered.get(name) ?? '');
const names = Object.keys(RENDERINGS);

test.each(names)('%s renders as it is kept: "npm run golden" renews what is meant to change', async (name) => {
  expect(rendered.get(name)).toBe(await readFile(path.join(GOLDEN, `${name}.yaml`), 'utf8'));
});

test('nothing else is kept', async () => {
  expect((await readdir(GOLDEN)).sort()).toEqual(names.map((name) => `${name}.yaml`).sort());
});

test('every preset is rendered', async () => {
  expect((await readdir(path.join(CHART, 'presets'))).sort()).toEqual(PRESETS.map((name) => `${name}.yaml`));
});

test('the rights that "edict doctor" asks about are those of the chart', async () => {
  expect(await rightsFile(rendered.get('default') ?? '')).toBe(await readFile(RIGHTS_FILE, 'utf8'));
});

test.each([[[]], ...PRESETS.map((name) => [['-f', path.join(CHART, `presets/${name}.yaml`)]])])(
  'helm lint with %j finds nothing',
  async (args) => {
    const said = await helm('lint', CHART, '--strict', '--kube-version', KUBERNETES_VERSION, ...args);
    expect(said).toContain('0 chart(s) failed');
    expect(said).not.toMatch(/WARNING|ERROR/);
  },
);

test.each([
  ['no operator at all', 'operator.replicas=0', "at '/operator/replicas': minimum: got 0, want 1"],
  ['a value that nobody reads', 'operator.replica=2', "additional properties 'replica' not allowed"],
  ['a text for a number', 'operator.replicas=two', "at '/operator/replicas': got string, want integer"],
  ['a value that is taken away', 'operator.replicas=null', "missing property 'replicas'"],
  ['a group of values that is taken away', 'webhook=null', "missing property 'webhook'"],
  ['an unknown failure policy', 'webhook.failurePolicy=Perhaps', "at '/webhook/failurePolicy'"],
  ['a name that Kubernetes refuses', 'firstPolicyDecisionPoint.name=Not_A_Name', "at '/firstPolicyDecisionPoint/name'"],
  ['a member that no fleet has', 'firstPolicyDecisionPoint.replica=3', "additional properties 'replica' not allowed"],
  ['a built-in that there is not', 'operator.allowedBuiltins={http.get}', "at '/operator/allowedBuiltins/0'"],
  ['an interval that is no duration', 'metrics.serviceMonitor.interval=often', "at '/metrics/serviceMonitor/interval'"],
  [
    'a share that is none',
    'operator.podDisruptionBudget.maxUnavailable=most',
    "'/operator/podDisruptionBudget/maxUnav",
  ],
  ['a variable without a name', 'operator.env[0].value=x', "missing property 'name'"],
  ['a relay account without its namespace', 'operator.relays.eu=relay', "at '/operator/relays/eu'"],
  ['bundles over clear text', 'relay.upstream.bundlesUrl=http://hub', "at '/relay/upstream/bundlesUrl'"],
  ['a relay without sets', 'relay.enabled=true', "at '/relay/sets': minItems: got 0, want 1"],
  ['a relay with an operator beside it', `${RELAY},firstPolicyDecisionPoint.create=true`, 'a release of its own'],
  [
    'sidecars for the pods beside the operator, which get none',
    'firstPolicyDecisionPoint.create=true,firstPolicyDecisionPoint.form=Sidecar',
    'firstPolicyDecisionPoint.namespace must name the namespace of the applications',
  ],
  [
    'a key that is older than trust',
    'operator.signingKey.overlapMinutes=0',
    "at '/operator/signingKey/overlapMinutes'",
  ],
  ['an authority of hours', 'operator.certificates.authorityDays=0', "at '/operator/certificates/authorityDays'"],
  ['an overlap without an end', 'operator.certificates.authorityDays=5', 'more than a sixth of authorityDays'],
  ['a certificate that outlives its authority', 'operator.certificates.servingDays=400', 'longer than its authority'],
  ['a relay with a console', `${RELAY},console.enabled=true`, 'the release of the operator'],
  ['a relay that does not say where', 'relay.enabled=true,relay.sets[0]=a/b', 'relay.site is the name of this site'],
  [
    'the rights of the operator for every pod',
    'serviceAccount.create=false',
    'serviceAccount.name must say which account',
  ],
  ['names of certificates that nobody checks', 'console.proxy.names={proxy}', 'console.proxy.caConfigMap must name'],
  [
    'a budget that no drain can keep',
    'operator.replicas=1,operator.podDisruptionBudget.maxUnavailable=0',
    'could ever be drained',
  ],
  [
    'a rule that nobody enforces',
    'console.enabled=true,networkPolicy.enabled=false,console.from[0].podSelector.matchLabels.app=x',
    'enforced by a NetworkPolicy',
  ],
])('%s is refused, and it says where', async (_what, setting, message) => {
  await expect(render('--set', setting)).rejects.toThrow(message);
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Verbs that make more of a right than it seems. */
const ESCALATING = ['*', 'escalate', 'bind', 'impersonate', 'proxy'];
/** Resources that hold or run what is others'. */
const OTHERS = [
  '*',
  'pods/exec',
  'pods/attach',
  'pods/ephemeralcontainers',
  'nodes',
  'nodes/proxy',
  'serviceaccounts/token',
];

test.each(names)('%s gives no wildcard, no way to more rights, and nobody cluster-admin', (name) => {
  const roles = objects(name).filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
  for (const role of roles) {
    for (const { apiGroups, resources, verbs } of (role['rules'] ?? []) as readonly Rule[]) {
      expect(apiGroups).not.toContain('*');
      for (const verb of ESCALATING) expect(verbs).not.toContain(verb);
      for (const resource of OTHERS) expect(resources).not.toContain(resource);
      expect(apiGroups).not.toContain('rbac.authorization.k8s.io');
      // What is secret, and who leads, is in the operator's own namespace.
      if (role.kind === 'ClusterRole') expect(resources).not.toEqual(expect.arrayContaining(['secrets']));
      if (role.kind === 'ClusterRole') expect(resources).not.toEqual(expect.arrayContaining(['leases']));
    }
  }
  const made = new Set(roles.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
  for (const binding of objects(name).filter(({ kind }) => kind.endsWith('Binding'))) {
    const { kind, name: role } = binding['roleRef'] as { readonly kind: string; readonly name: string };
    expect(made).toContain(`${kind}/${role}`);
    for (const subject of binding['subjects'] as readonly { readonly kind: string }[]) {
      expect(subject.kind).toBe('ServiceAccount');
    }
  }
});

interface PodSpec {
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly securityContext?: object;
    readonly resources?: object;
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
  }[];
}

const podsOf = (name: string): readonly PodSpec[] => podsIn(objects(name));

function podsIn(all: readonly Rendered[]): readonly PodSpec[] {
  return all.flatMap((object) => {
    if (object.kind === 'Pod') return [object['spec'] as PodSpec];
    if (object.kind !== 'Deployment') return [];
    return [(object['spec'] as { readonly template: { readonly spec: PodSpec } }).template.spec];
  });
}

test.each(names)('pods of %s keep to the standard "restricted" of Pod Security', (name) => {
  expect(podsOf(name).length).toBeGreaterThanOrEqual(2);
  for (const { securityContext, containers } of podsOf(name)) {
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const container of containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources).toMatchObject({
        requests: { memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    }
  }
});

test.each(names.filter((name) => name !== 'everything-on'))(
  'pods of %s name no user, so that OpenShift may give one',
  (name) => {
    for (const { securityContext = {} } of podsOf(name)) {
      expect(Object.keys(securityContext)).not.toEqual(expect.arrayContaining(['runAsUser']));
      expect(Object.keys(securityContext)).not.toEqual(expect.arrayContaining(['runAsGroup']));
      if (name === 'relay') continue;
      expect(Object.keys(securityContext)).not.toEqual(expect.arrayContaining(['fsGroup']));
    }
  },
);

test.each(names)('every object of %s says whose it is', (name) => {
  for (const { kind, metadata } of objects(name)) {
    expect([kind, metadata.labels]).toEqual([
      kind,
      expect.objectContaining({ 'app.kubernetes.io/instance': 'edict', 'helm.sh/chart': 'edict-0.1.0' }),
    ]);
    if (name === 'everything-on') expect(metadata.labels).toMatchObject({ team: 'platform' });
  }
});

test.each(['all-in-one', 'standalone'])('the first fleet of %s stays when the release goes', (name) => {
  const kept = objects(name).filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep');
  expect(kept.map(({ kind }) => kind).sort()).toEqual(['PolicyDecisionPoint', 'PolicySet']);
});

test.each(['all-in-one', 'standalone', 'everything-on', 'first-sidecars'])(
  'the first fleet of %s is one that the API server takes, in the namespace of its set',
  (name) => {
    const [set, fleet] = ['PolicySet', 'PolicyDecisionPoint'].map((kind) =>
      objects(name).find((object) => object.kind === kind),
    );
    expect(PolicyDecisionPointSpec.safeParse(fleet?.['spec'])).toMatchObject({ success: true });
    expect(PolicySetSpec.safeParse(set?.['spec'])).toMatchObject({ success: true });
    expect(fleet?.metadata.namespace).toBe(name === 'first-sidecars' ? 'shop' : 'edict-system');
    expect(set?.metadata.namespace).toBe(fleet?.metadata.namespace);
  },
);

test('pods that are given the users of a platform name no group for their files either', async () => {
  const all = ['-f', path.join(CHART, 'presets/ha.yaml'), '--set', 'manetuGroup.enabled=true'];
  const text = await render(...all, '--api-versions', 'security.openshift.io/v1');
  for (const { securityContext = {} } of podsIn(objectsOf(text))) {
    for (const member of ['runAsUser', 'runAsGroup', 'fsGroup']) expect(securityContext).not.toHaveProperty(member);
  }
});

/** What the operator of a rendering takes from its environment; what a pod says of itself is left out. */
function operatorConfig(text: string): Config {
  const deployment = objectsOf(text).filter(
    ({ kind, metadata }) => kind === 'Deployment' && /-operator$/.test(metadata.name),
  );
  const variables = podsIn(deployment).flatMap(({ containers }) => containers.flatMap(({ env = [] }) => env));
  expect(new Set(variables.map(({ name }) => name)).size).toBe(variables.length);
  return loadConfig(Object.fromEntries(variables.map(({ name, value }) => [name, value ?? 'x'])));
}

const keyTimes = (config: Config): object => ({
  signingOverlapMs: config.EDICT_OPERATOR_SIGNING_KEY_OVERLAP_MS,
  rotateAfterDays: config.EDICT_OPERATOR_SIGNING_KEY_ROTATE_DAYS,
  authorityMs: config.EDICT_OPERATOR_AUTHORITY_LIFETIME_MS,
  servingMs: config.EDICT_OPERATOR_CERTIFICATE_LIFETIME_MS,
  overlapMs: config.EDICT_OPERATOR_CERTIFICATE_OVERLAP_MS,
});

test('what the chart says of keys and certificates the operator does, by default as by itself, and operator.env before all', async () => {
  const needed = ['NAMESPACE', 'POD_NAME', 'POD_IP', 'PDP_IMAGE'].map((name) => [`EDICT_OPERATOR_${name}`, 'x']);
  expect(keyTimes(operatorConfig(rendered.get('default') ?? ''))).toEqual(
    keyTimes(loadConfig(Object.fromEntries(needed) as Record<string, string>)),
  );
  const said = [
    'operator.signingKey.overlapMinutes=30,operator.signingKey.rotateAfterDays=90',
    'operator.certificates.authorityDays=3650,operator.certificates.servingDays=30,operator.certificates.overlapHours=48',
  ].join(',');
  const own = ['operator.env[0].name=EDICT_OPERATOR_CERTIFICATE_LIFETIME_MS', 'operator.env[0].value=40000'].join(',');
  expect(keyTimes(operatorConfig(await render('--set', said, '--set-string', own)))).toEqual({
    signingOverlapMs: 30 * 60_000,
    rotateAfterDays: 90,
    authorityMs: 3650 * 86_400_000,
    servingMs: 40_000,
    overlapMs: 48 * 3_600_000,
  });
});

test('alerts link to their runbooks', () => {
  const rule = objects('everything-on').find(({ kind }) => kind === 'PrometheusRule');
  const { groups } = rule?.['spec'] as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly annotations: object }[] }[];
  };
  for (const { alert, annotations } of groups.flatMap(({ rules }) => rules)) {
    expect(annotations).toMatchObject({
      runbook_url: `https://wiki.example.com/edict/runbooks#${alert.toLowerCase()}`,
    });
  }
});
